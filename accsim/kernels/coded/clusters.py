"""Kernel clustering: every R x S kernel is one of a few, up to a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bounds import magnitude, sum_type
from accsim.kernels.coded.codebook import check_indices
from accsim.kernels.coded.outputs import check_maps, outputs
from accsim.kernels.shapes import Sliding, check_array, slide


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Weights [M, C / groups, R, S] of which kernel (m, c) is ``scales[m, c] * centroids[indices[m, c]]``.

    Attributes:
        centroids: [K, R, S], integers or floating-point numbers.
        indices: integers [M, C / groups].
        scales: [M, C / groups], numbers as the centroids'.

    Raises:
        TypeError: indices that are not integers.
        ValueError: shapes that do not match, an index outside the centroids.
    """

    centroids: NDArray[Any]
    indices: NDArray[Any]
    scales: NDArray[Any]

    def __post_init__(self) -> None:
        check_array("indices", self.indices, 2)
        if self.centroids.ndim != 3:
            raise ValueError(f"centroids must have 3 dimensions, got shape {self.centroids.shape}")
        if self.scales.shape != self.indices.shape:
            raise ValueError(f"scales {self.scales.shape} and indices {self.indices.shape} differ in shape")
        check_indices(self.indices, self.centroids.shape[0])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(M, C / groups, R, S)."""
        return self.indices.shape[0], self.indices.shape[1], self.centroids.shape[1], self.centroids.shape[2]

    def decode(self) -> NDArray[Any]:
        """The weights; of integers int64."""
        kind = np.float64 if self.centroids.dtype.kind == "f" else np.int64
        weights: NDArray[Any] = self.scales.astype(kind)[:, :, None, None] * self.centroids.astype(kind)[self.indices]
        return weights


def convolve(ifmap: NDArray[Any], weight: Clusters, **how: Unpack[Sliding]) -> NDArray[Any]:
    """The convolution of :func:`accsim.kernels.convolve` by adding input planes per cluster and convolving the sums.

    An output plane takes at most min(C / groups, K) convolutions of one plane instead of C / groups.

    Args:
        ifmap: [N, C, H, W], integers or floating-point numbers as the centroids; N may be zero.
        weight: centroids, indices and scales.
        how: see :class:`accsim.kernels.shapes.Sliding`.

    Returns:
        [N, M, P, Q]. Integers are exact, int32 if every sum must fit and else int64; floating-point sums are of the
        widest type of the three.

    Raises:
        TypeError: integers with floating-point numbers.
        ValueError: shapes that do not match, a window larger than the padded input, integer sums that may
            leave 64 bits.
    """
    check_maps("ifmap", ifmap)
    at = slide(ifmap.shape, weight.shape, how)
    filters, depth, r, s = weight.shape
    kind = _kind(ifmap, weight, depth * r * s)
    split = (at.groups, filters // at.groups, depth)
    centroids, scales = np.ascontiguousarray(weight.centroids, kind), weight.scales.reshape(split)
    indices = np.ascontiguousarray(weight.indices.reshape(split), np.int32)

    def compute(inputs: NDArray[Any], window: Any, out: NDArray[Any]) -> None:
        from accsim.kernels.coded import planes  # noqa: PLC0415

        planes.kernel_clusters(inputs, centroids, indices, np.ascontiguousarray(scales, kind), window, out)

    return outputs(ifmap, filters, at, kind, compute)


def _kind(ifmap: NDArray[Any], weight: Clusters, taps: int) -> Any:
    kind = sum_type(weight.centroids, ifmap, taps)
    scale_kind = sum_type(weight.scales, ifmap, 1)
    if ifmap.dtype.kind == "f":
        return np.result_type(kind, scale_kind).type
    bound = taps * magnitude(ifmap) * magnitude(weight.centroids) * magnitude(weight.scales)
    if bound >= 2**63:
        raise ValueError(f"sums of {taps} products with scaled centroids may leave 64 bits")
    return np.int32 if bound < 2**31 else np.int64
