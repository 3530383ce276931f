"""Convolutions with sparse weights, a sparse ifmap, or both: what is asked, checked, and called."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bounds import sum_type
from accsim.kernels.shapes import Slide, Sliding, slide
from accsim.kernels.sparse.formats import Csr, Folded, compressed_rows


def convolve(ifmap: Folded | NDArray[Any], weight: Folded | NDArray[Any], **how: Unpack[Sliding]) -> NDArray[Any]:
    """The convolution of :func:`accsim.kernels.convolve` of which one operand is sparse, or both.

    Args:
        ifmap: [N, C, H, W], integers or floating-point numbers, dense or folded; N may be zero.
        weight: [M, C / groups, R, S], likewise, of the same sort of numbers.
        how: see :class:`accsim.kernels.shapes.Sliding`.

    Returns:
        [N, M, P, Q]. Integers are exact, int32 if every sum must fit and else int64; floating-point sums are of the
        wider type of the two.

    Raises:
        TypeError: no operand is sparse, integers with floating-point numbers.
        ValueError: shapes that do not match, a window larger than the padded input, integer sums that may
            leave 64 bits.
    """
    if isinstance(ifmap, np.ndarray) and isinstance(weight, np.ndarray):
        raise TypeError("neither operand is sparse; use accsim.kernels.convolve")
    for what, operand in (("ifmap", ifmap), ("weight", weight)):
        if len(operand.shape) != 4:
            raise ValueError(f"{what} must have 4 dimensions, got shape {operand.shape}")
    at = slide(ifmap.shape, weight.shape, how)
    inputs = ifmap if isinstance(ifmap, np.ndarray) else ifmap.matrix.values
    weights = weight if isinstance(weight, np.ndarray) else weight.matrix.values
    kind = sum_type(inputs, weights, int(np.prod(weight.shape[1:])))
    if not isinstance(ifmap, Folded):
        return _over_windows(np.ascontiguousarray(ifmap, kind), weight, at, kind)  # type: ignore[arg-type]
    rows, shape = compressed_rows(ifmap.matrix), ifmap.shape
    if isinstance(weight, Folded):
        return _of_pairs(rows, shape, weight, at, kind)
    return _scattered(rows, shape, weight, at, kind)


def _over_windows(ifmap: NDArray[Any], weight: Folded, at: Slide, kind: Any) -> NDArray[Any]:
    rows, (filters, depth, r, s) = compressed_rows(weight.matrix), weight.shape
    out = np.zeros((ifmap.shape[0], at.groups, filters // at.groups, at.p * at.q), kind)
    if out.size:
        from accsim.kernels.sparse import scatter  # noqa: PLC0415
        from accsim.kernels.windows import Window  # noqa: PLC0415

        values = rows.values.astype(kind, copy=False)
        scatter.sparse_weights(values, rows.places, rows.starts, ifmap, Window(*at.window), depth * r * s, out)
    return out.reshape(-1, filters, at.p, at.q)


def _scattered(rows: Csr, shape: tuple[int, int, int, int], weight: NDArray[Any], at: Slide, kind: Any) -> NDArray[Any]:
    filters, depth, r, s = weight.shape
    out = np.zeros((shape[0], at.p, at.q, at.groups, filters // at.groups), kind)
    if out.size:
        from accsim.kernels.sparse import scatter  # noqa: PLC0415
        from accsim.kernels.windows import Window  # noqa: PLC0415

        split = weight.reshape(at.groups, filters // at.groups, depth, r, s).transpose(0, 2, 3, 4, 1)
        scatter.sparse_inputs(
            rows.values.astype(kind, copy=False), rows.places, rows.starts, shape, np.ascontiguousarray(split, kind),
            Window(*at.window), out,
        )  # fmt: skip
    return np.ascontiguousarray(out.reshape(-1, at.p, at.q, filters).transpose(0, 3, 1, 2))


def _of_pairs(rows: Csr, shape: tuple[int, int, int, int], weight: Folded, at: Slide, kind: Any) -> NDArray[Any]:
    filters, depth, r, s = weight.shape
    out = np.zeros((shape[0], at.p, at.q, filters), kind)
    if out.size:
        from accsim.kernels.sparse import scatter  # noqa: PLC0415
        from accsim.kernels.windows import Window  # noqa: PLC0415

        matrix = compressed_rows(weight.matrix)
        filter_of = np.repeat(np.arange(filters), np.diff(matrix.starts))
        channel, tap = np.divmod(matrix.places.astype(np.int64), r * s)
        channel += filter_of // (filters // at.groups) * depth
        order = np.argsort(channel, kind="stable")
        channels = np.concatenate([[0], np.cumsum(np.bincount(channel, minlength=shape[1]))])
        scatter.sparse_both(
            rows.values.astype(kind, copy=False), rows.places, rows.starts, shape,
            matrix.values.astype(kind, copy=False)[order], filter_of[order], tap[order], channels,
            Window(*at.window), out,
        )  # fmt: skip
    return np.ascontiguousarray(out.transpose(0, 3, 1, 2))
