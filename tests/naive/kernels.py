"""Golden kernels in exact Python integers, one multiply-accumulate at a time."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import floor

from numpy.typing import NDArray

from accsim.kernels import NEAREST, TRUNCATE, WRAP, Accumulator


def rounded(exact: int, accumulator: Accumulator) -> int:
    """A product as it enters the sum."""
    quotient = Fraction(exact, 2**accumulator.product_shift)
    if accumulator.rounding == TRUNCATE:
        return floor(quotient)
    if accumulator.rounding == NEAREST:
        return floor(quotient + Fraction(1, 2))
    return round(quotient)  # Python rounds a Fraction's ties to even


def finished(total: int, accumulator: Accumulator) -> tuple[int, bool]:
    """What is kept of a sum, and whether it overflowed."""
    least, most = -(2 ** (accumulator.bits - 1)), 2 ** (accumulator.bits - 1) - 1
    if least <= total <= most:
        return total, False
    if accumulator.overflow == WRAP:
        while total > most:
            total -= ((total - most - 1) // 2**accumulator.bits + 1) * 2**accumulator.bits
        while total < least:
            total += ((least - total - 1) // 2**accumulator.bits + 1) * 2**accumulator.bits
        return total, True
    return (least if total < least else most), True


def gemm(a: list[list[int]], b: list[list[int]], columns: int, accumulator: Accumulator) -> tuple[list[list[int]], int]:
    """a [rows][K] times b [K][columns], and the number of overflows."""
    overflows = 0
    values = []
    for row in a:
        values.append([])
        for j in range(columns):
            total = sum(rounded(x * b[k][j], accumulator) for k, x in enumerate(row))
            kept, overflowed = finished(total, accumulator)
            values[-1].append(kept)
            overflows += overflowed
    return values, overflows


def convolve(
    ifmap: NDArray,
    weight: NDArray,
    accumulator: Accumulator,
    groups: int = 1,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> tuple[dict[tuple[int, int, int, int], int], int]:
    """Outputs by (n, m, p, q), and the number of overflows; every position whose window lies in the padded input."""
    batch, channels, height, width = ifmap.shape
    filters, depth, taps_h, taps_w = weight.shape
    top, bottom, left, right = padding
    padded = {
        (n, c, h + top, w + left): int(ifmap[n, c, h, w])
        for n, c, h, w in product(range(batch), range(channels), range(height), range(width))
    }

    def fits(p: int, q: int) -> bool:
        last_row = p * stride[0] + (taps_h - 1) * dilation[0]
        last_column = q * stride[1] + (taps_w - 1) * dilation[1]
        return last_row < top + height + bottom and last_column < left + width + right

    values = {}
    overflows = 0
    for n, m, p, q in product(range(batch), range(filters), range(height + top + bottom), range(width + left + right)):
        if not fits(p, q):
            continue
        group = m // (filters // groups)
        total = 0
        for c, r, s in product(range(depth), range(taps_h), range(taps_w)):
            row, column = p * stride[0] + r * dilation[0], q * stride[1] + s * dilation[1]
            pixel = padded.get((n, group * depth + c, row, column), 0)
            total += rounded(pixel * int(weight[m, c, r, s]), accumulator)
        values[n, m, p, q], overflowed = finished(total, accumulator)
        overflows += overflowed
    return values, overflows
