"""Golden convolution and matrix product: what the compiled kernels are asked, checked, and called with."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Accumulator
from accsim.kernels.shapes import check_array, check_depths, slide

SMALLEST: Final = -(2**31)
LARGEST: Final = 2**32 - 1
MOST_PRODUCTS: Final = 2**30 - 1


class Sums(NamedTuple):
    """What comes out of the accumulators.

    Attributes:
        values: int64, each as a number of the accumulator's width.
        overflows: outputs whose exact sum did not fit the accumulator.
    """

    values: NDArray[np.int64]
    overflows: int


def gemm(a: NDArray[Any], b: NDArray[Any], accumulator: Accumulator) -> Sums:
    """The matrix product of integers, ``a`` @ ``b``.

    Args:
        a: [rows, K], any integer dtype, values of at most 32 bits, signed or unsigned.
        b: [K, columns], likewise.
        accumulator: width, product shift, rounding and overflow.

    Returns:
        values [rows, columns] and the number of them that overflowed. Any size may be zero; a sum of nothing is 0.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: shapes that do not match, a value of more than 32 bits, more than 2**30 - 1 products in a sum.
    """
    check_array("a", a, 2)
    check_array("b", b, 2)
    check_depths(a.shape, b.shape)
    (rows, depth), columns = a.shape, b.shape[1]
    if not (rows and depth and columns):
        return Sums(np.zeros((rows, columns), np.int64), 0)
    sums = convolve(b.reshape(1, depth, 1, columns), a.reshape(rows, depth, 1, 1), accumulator)
    return Sums(sums.values.reshape(rows, columns), sums.overflows)


def convolve(
    ifmap: NDArray[Any],
    weight: NDArray[Any],
    accumulator: Accumulator,
    *,
    groups: int = 1,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Sums:
    """The convolution of a layer (a correlation: the filter is not flipped), Sze et al., Proc. IEEE 2017, equation 1.

    With ``groups`` equal to C it is depthwise; with a 1x1 filter on a 1x1 input fully connected; a product of two
    activations for G heads is ``ifmap`` [N, G * K, rows, 1] and ``weight`` [G * columns, K, 1, 1] in G groups.

    Args:
        ifmap: [N, C, H, W], any integer dtype, values of at most 32 bits, signed or unsigned. N may be zero.
        weight: [M, C / groups, R, S], likewise. Filters 0 to M / groups - 1 read the first C / groups channels.
        accumulator: width, product shift, rounding and overflow.
        groups: parts the channels and the filters are split in.
        stride: pixels from one window to the next, down and across.
        dilation: pixels from one tap to the next, down and across.
        padding: rows or columns of zeros at the top, bottom, left and right.

    Returns:
        values [N, M, P, Q] and the number of them that overflowed, with
        P = floor((H + top + bottom - dilation (R - 1) - 1) / stride) + 1 and Q likewise.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: shapes that do not match, a window larger than the padded input, a value of more than 32 bits, more
            than 2**30 - 1 products in a sum.
    """
    check_array("ifmap", ifmap, 4)
    check_array("weight", weight, 4)
    at = slide(
        ifmap.shape, weight.shape, {"groups": groups, "stride": stride, "dilation": dilation, "padding": padding}
    )
    batch, (filters, depth, r, s) = ifmap.shape[0], weight.shape
    taps = depth * r * s
    if taps > MOST_PRODUCTS:
        raise ValueError(f"a sum of {taps} products; at most {MOST_PRODUCTS} are exact")

    from accsim.kernels import blocks  # noqa: PLC0415
    from accsim.kernels.windows import Window  # noqa: PLC0415

    largest = _magnitude("ifmap", ifmap) * _magnitude("weight", weight)
    window = Window(*at.window)
    split = weight.reshape(groups, filters // groups, taps)
    outputs = np.empty((batch, groups, filters // groups, at.p * at.q), np.int64)
    if accumulator.exact_in_64_bits(taps, largest) and _signed_32_bits(ifmap) and _signed_32_bits(weight):
        overflows = blocks.convolve(
            np.ascontiguousarray(ifmap, np.int32), np.ascontiguousarray(split, np.int32),
            window, accumulator.rule, outputs,
        )  # fmt: skip
    else:
        overflows = blocks.convolve_limbs(
            np.ascontiguousarray(ifmap, np.int64), np.ascontiguousarray(split, np.int64),
            window, accumulator.rule, outputs,
        )  # fmt: skip
    return Sums(outputs.reshape(batch, filters, at.p, at.q), int(overflows))


def _magnitude(what: str, array: NDArray[Any]) -> int:
    """The largest absolute value, 0 for an empty array."""
    if not array.size:
        return 0
    least, most = int(array.min()), int(array.max())
    if least < SMALLEST or most > LARGEST:
        raise ValueError(f"{what} holds {least if least < SMALLEST else most}, which does not fit 32 bits")
    return max(-least, most)


def _signed_32_bits(array: NDArray[Any]) -> bool:
    return array.dtype.itemsize < 4 or array.dtype == np.int32 or not array.size or int(array.max()) < 2**31
