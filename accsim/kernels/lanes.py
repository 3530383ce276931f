"""Compiled multiply-accumulate over a panel of inputs, in two lanes: sums in 64 bits, and sums in two limbs.

``sums[m, j] += sum over k of weight[m, k0 + k] * panel[k, j]`` for k < taps and j < width, where each product is first
shifted and rounded by the rule (see :class:`accsim.kernels.accumulator.Rule`). In the two-limb lane a number is
``high * 2**32 + low``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel

LOW = 0xFFFFFFFF


@kernel
def accumulate(
    weight: NDArray[np.int32], k0: int, panel: NDArray[np.int32], taps: int, width: int, sums: NDArray[np.int64]
) -> None:
    """Without a shift. Four taps a time, so that a sum is loaded and stored once for four products."""
    fours = taps - taps % 4
    for m in range(weight.shape[0]):
        for k in range(0, fours, 4):
            w0, w1, w2, w3 = weight[m, k0 + k], weight[m, k0 + k + 1], weight[m, k0 + k + 2], weight[m, k0 + k + 3]
            for j in range(width):
                sums[m, j] += w0 * panel[k, j] + w1 * panel[k + 1, j] + w2 * panel[k + 2, j] + w3 * panel[k + 3, j]
        for k in range(fours, taps):
            w0 = weight[m, k0 + k]
            for j in range(width):
                sums[m, j] += w0 * panel[k, j]


@kernel
def shifted(product: int, rule: Rule) -> int:
    """One product of at most 63 bits, shifted and rounded."""
    return (product + rule.bias + (rule.even & (product >> rule.shift))) >> rule.shift


@kernel
def accumulate_shifted(
    weight: NDArray[np.int32],
    k0: int,
    panel: NDArray[np.int32],
    taps: int,
    width: int,
    rule: Rule,
    sums: NDArray[np.int64],
) -> None:
    """With a shift and a rounding of every product."""
    for m in range(weight.shape[0]):
        for k in range(taps):
            w = weight[m, k0 + k]
            for j in range(width):
                sums[m, j] += shifted(w * panel[k, j], rule)


@kernel
def accumulate_dots(
    weight: NDArray[np.int32], k0: int, columns: NDArray[np.int32], rule: Rule, sums: NDArray[np.int64]
) -> None:
    """For a few columns [width, taps]: the vector runs along the taps, and each weight is read once from memory."""
    width, taps = columns.shape
    for m in range(weight.shape[0]):
        for j in range(width):
            total = 0
            for k in range(taps):
                total += shifted(weight[m, k0 + k] * columns[j, k], rule)
            sums[m, j] += total


@kernel
def limbs(a: int, b: int) -> tuple[int, int]:
    """(high, low) of a * b for a and b of at most 32 bits, signed or unsigned; no step leaves 64 bits."""
    upper = a * (b >> 16)
    rest = ((upper & 0xFFFF) << 16) + a * (b & 0xFFFF)
    return (upper >> 16) + (rest >> 32), rest & LOW


@kernel
def shifted_limbs(high: int, low: int, rule: Rule) -> tuple[int, int]:
    """A product in two limbs, shifted and rounded."""
    s = rule.shift
    kept = low >> s if s < 32 else high >> (s - 32)
    bias = rule.bias + (rule.even & kept)
    low += bias & LOW
    high += (bias >> 32) + (low >> 32)
    low &= LOW
    if s < 32:
        return high >> s, ((high << (32 - s)) & LOW) | (low >> s)
    high >>= s - 32
    return high >> 32, high & LOW


@kernel
def accumulate_limbs(
    weight: NDArray[np.int64],
    k0: int,
    panel: NDArray[np.int64],
    taps: int,
    width: int,
    rule: Rule,
    high_sums: NDArray[np.int64],
    low_sums: NDArray[np.int64],
) -> None:
    """Exact for fewer than 2**30 products of operands of 32 bits; low sums hold their carries until the end."""
    for m in range(weight.shape[0]):
        for k in range(taps):
            w = weight[m, k0 + k]
            for j in range(width):
                high, low = limbs(w, panel[k, j])
                high, low = shifted_limbs(high, low, rule)
                high_sums[m, j] += high
                low_sums[m, j] += low
