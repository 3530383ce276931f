"""Matrix products and convolutions of packed operands: what is asked, checked, and called."""

from __future__ import annotations

from typing import Any, Final, Unpack

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bits.code import PlaneCode, Reading, ternary
from accsim.kernels.bits.operands import PANEL, Columns, Filters, Rows, fill, places, room
from accsim.kernels.bits.plan import plan, readable, result_type
from accsim.kernels.shapes import Slide, Sliding, check_depths, slide

# Columns are packed and used up in strips of 256 KiB of words, which a second-level cache holds, or of 256 columns.
PACKED: Final = 2**16
STRIP: Final = 256


def gemm(a: Rows, b: NDArray[Any] | Columns, code: PlaneCode | None = None) -> NDArray[Any]:
    """The product of packed rows and a matrix, by counting bits.

    Args:
        a: [rows, K], packed.
        b: integers [K, columns], packed on the way a strip at a time; or packed already.
        code: what the integers of ``b`` stand for; for packed columns, leave it out.

    Returns:
        [rows, columns], the product of what the operands stand for. Exact, as int32 if K products of the largest
        numbers of both codes fit, else as int64; float64 if a base is not an integer, each sum then being that of the
        integer counts times the products of bases, in the order of planes. Any size may be zero.

    Raises:
        TypeError: an array that does not hold integers, or no code for it.
        ValueError: depths that differ, an integer that the code does not have, sums that may leave 64 bits.
    """
    if isinstance(b, Columns):
        if code is not None:
            raise TypeError("packed columns have a code; leave code out")
        code, depth, columns = b.code, b.depth, b.columns
    else:
        if code is None:
            raise TypeError("code says what the integers of b stand for; it is missing")
        if b.ndim != 2:
            raise ValueError(f"b must have 2 dimensions, got shape {b.shape}")
        depth, columns = b.shape
    check_depths((a.rows, a.depth), (depth, columns))
    kind = result_type(a.code, code, depth)
    stored = None if isinstance(b, Columns) else code.checked("b", b)
    if not (a.rows and depth and columns):
        return np.zeros((a.rows, columns), kind)
    out = np.empty((a.rows, columns), kind)
    job, words = plan(a.code, code, depth), readable(a, a.rows)
    if isinstance(b, Columns):
        _multiply(job, words, a.rows, 0, np.ascontiguousarray(b.words), out, 0, columns)
    elif stored is not None:
        most = max(STRIP, PACKED // room(code, depth, 1).size * PANEL)
        packed = room(code, depth, min(most, columns))
        for first in range(0, columns, most):
            width = min(most, columns - first)
            part = packed if width == min(most, columns) else room(code, depth, width)
            fill(stored, code, first, width, part)
            _multiply(job, words, a.rows, 0, part, out, first, width)
    return out


def _multiply(
    job: Any, words: NDArray[np.uint32], all_rows: int, first: int, packed: NDArray[np.uint32], out: NDArray[Any],
    column: int, columns: int,
) -> None:  # fmt: skip
    """Rows from ``first`` on, as many as ``out`` has, times packed columns, into its columns from ``column`` on."""
    from accsim.kernels.bits import products  # noqa: PLC0415

    none = np.empty((0, 0), np.int32 if out.dtype != np.int32 else job.factors.dtype)
    narrow, sums = (out, none) if out.dtype == np.int32 else (none, out)
    products.products(job, words, all_rows, first, out.shape[0], packed, 0, columns, narrow, sums, column)


def convolve(
    ifmap: NDArray[Any], weight: Filters, code: PlaneCode, *, pad: int | None = None, **how: Unpack[Sliding]
) -> NDArray[Any]:
    """The convolution of :func:`accsim.kernels.convolve` with packed filters, by counting bits.

    Args:
        ifmap: integers [N, C, H, W]; N may be zero.
        weight: packed filters [M, C / groups, R, S].
        code: what the integers of ``ifmap`` stand for.
        pad: the integer that padding holds; if not given, padding adds nothing to a sum. The -1 and +1 of ``binary()``
            then become ternary, whose masks hide it, and cost no more; a machine without masks pads with -1 or 1.
        how: see :class:`accsim.kernels.shapes.Sliding`.

    Returns:
        [N, M, P, Q], of the same type and exactness as :func:`gemm` gives.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: shapes that do not match, a window larger than the padded input, an integer that the code does not
            have, sums that may leave 64 bits; padding that should add nothing in a code whose 0 is not zero.
    """
    if ifmap.ndim != 4:
        raise ValueError(f"ifmap must have 4 dimensions, got shape {ifmap.shape}")
    at = slide(ifmap.shape, weight.shape, how)
    stored = code.checked("ifmap", ifmap)
    if any(at.padding):
        stored, code, at = _padded(stored, code, pad, at)
    batch, filters, depth = ifmap.shape[0], weight.shape[0], weight.rows.depth
    out = np.empty((filters, batch * at.p * at.q), result_type(weight.rows.code, code, depth))
    if batch:
        from accsim.kernels.bits import panels  # noqa: PLC0415
        from accsim.kernels.windows import Window  # noqa: PLC0415

        each = filters // at.groups
        job, rows = plan(weight.rows.code, code, depth), readable(weight.rows, each)
        for g in range(at.groups):
            columns = room(code, depth, out.shape[1])
            panels.pack_windows(
                stored, g * weight.shape[1], Window(*at.window), depth, places(code), code.reading is Reading.TERNARY,
                columns.reshape(-1),
            )  # fmt: skip
            _multiply(job, rows, filters, g * each, columns, out[g * each : (g + 1) * each], 0, out.shape[1])
    return np.ascontiguousarray(out.reshape(filters, batch, at.p, at.q).transpose(1, 0, 2, 3))


def _padded(stored: NDArray[Any], code: PlaneCode, pad: int | None, at: Slide) -> tuple[NDArray[Any], PlaneCode, Slide]:
    """Operands whose padding, if any is left, is the integer 0."""
    if pad is None and code.reading is Reading.SIGN:
        return np.where(stored < 0, np.int8(-1), np.int8(1)), ternary(), at
    if pad is None and code.decode(np.zeros((), np.int64)) != 0:
        raise ValueError("padding adds nothing to a sum only where 0 stands for zero; say with pad what it holds")
    if not pad:
        return stored, code, at
    fill = code.checked("pad", np.array(pad))
    top, bottom, left, right = at.padding
    edges = ((0, 0), (0, 0), (top, bottom), (left, right))
    return np.pad(stored, edges, constant_values=fill), code, at._replace(padding=(0, 0, 0, 0))
