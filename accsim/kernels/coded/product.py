"""Product codebooks: weights that are codewords of a few channels (Wu et al., Q-CNN, CVPR 2016, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bounds import sum_type
from accsim.kernels.coded.codebook import check_indices
from accsim.kernels.coded.outputs import check_maps, outputs
from accsim.kernels.shapes import Sliding, check_array, check_depths, slide


@dataclass(frozen=True, slots=True, eq=False)
class ProductCodebook:
    """Weights [M, C / groups, R, S] whose channels are split into sub-vectors, each a codeword of its subspace.

    Attributes:
        words: [groups, subspaces, K, d], integers or floating-point numbers, with subspaces * d = C / groups. A
            subspace shares its K codewords over all filters and taps of its group.
        indices: integers [M, subspaces, R, S].

    Raises:
        TypeError: indices that are not integers.
        ValueError: shapes that do not match, an index outside the codewords.
    """

    words: NDArray[Any]
    indices: NDArray[Any]

    def __post_init__(self) -> None:
        check_array("indices", self.indices, 4)
        if self.words.ndim != 4:
            raise ValueError(f"words must have 4 dimensions, got shape {self.words.shape}")
        if self.indices.shape[1] != self.words.shape[1] or self.indices.shape[0] % max(self.words.shape[0], 1):
            raise ValueError(
                f"indices {self.indices.shape} and words {self.words.shape} differ in subspaces, or filters do not "
                f"make {self.words.shape[0]} groups"
            )
        check_indices(self.indices, self.words.shape[2])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(M, C / groups, R, S)."""
        filters, subspaces, r, s = self.indices.shape
        return filters, subspaces * self.words.shape[3], r, s

    def decode(self) -> NDArray[Any]:
        """The weights."""
        filters, subspaces = self.indices.shape[:2]
        group = np.arange(filters)[:, None, None, None] // (filters // self.words.shape[0])
        chosen = self.words[group, np.arange(subspaces)[:, None, None], self.indices]  # [M, subspaces, R, S, d]
        weights: NDArray[Any] = chosen.transpose(0, 1, 4, 2, 3).reshape(self.shape)
        return weights


def gemm(a: ProductCodebook, b: NDArray[Any]) -> NDArray[Any]:
    """The product of coded rows, weights of one tap and one group, and a matrix [K, columns]; see :func:`convolve`."""
    if b.ndim != 2:
        raise ValueError(f"b must have 2 dimensions, got shape {b.shape}")
    if a.shape[2:] != (1, 1) or a.words.shape[0] != 1:
        raise ValueError(f"rows have one tap and one group, got indices {a.indices.shape} and words {a.words.shape}")
    check_depths(a.shape[:2], b.shape)
    if not (a.shape[0] and b.size):
        return np.zeros((a.shape[0], b.shape[1]), sum_type(a.words, b, b.shape[0]))
    return convolve(b.reshape(1, b.shape[0], 1, b.shape[1]), a).reshape(a.shape[0], b.shape[1])


def convolve(ifmap: NDArray[Any], weight: ProductCodebook, **how: Unpack[Sliding]) -> NDArray[Any]:
    """The convolution of :func:`accsim.kernels.convolve` by looking inner products up.

    The inner product of every sub-vector of inputs with every codeword is worked out once, C * K * H * W
    multiplications per image; every output then adds M * subspaces * R * S of them.

    Args:
        ifmap: [N, C, H, W], integers or floating-point numbers as the codewords; N may be zero.
        weight: codewords and indices.
        how: see :class:`accsim.kernels.shapes.Sliding`; groups are the codewords'.

    Returns:
        [N, M, P, Q]. Integers are exact, int32 if every sum must fit and else int64; floating-point sums are of the
        wider type of the two.

    Raises:
        TypeError: integers with floating-point numbers.
        ValueError: shapes that do not match, a window larger than the padded input, integer sums that may
            leave 64 bits.
    """
    check_maps("ifmap", ifmap)
    groups = weight.words.shape[0]
    if how.get("groups", groups) != groups:
        raise ValueError(f"the codewords are of {groups} groups, not {how['groups']}")
    at = slide(ifmap.shape, weight.shape, {**how, "groups": groups})
    filters, depth, r, s = weight.shape
    kind = sum_type(weight.words, ifmap, depth * r * s)
    words = np.ascontiguousarray(weight.words, kind)
    indices = weight.indices.reshape(groups, filters // groups, *weight.indices.shape[1:])

    def compute(inputs: NDArray[Any], window: Any, out: NDArray[Any]) -> None:
        from accsim.kernels.coded import planes  # noqa: PLC0415

        planes.product_codebook(inputs, words, np.ascontiguousarray(indices, np.int32), window, out)

    return outputs(ifmap, filters, at, kind, compute)
