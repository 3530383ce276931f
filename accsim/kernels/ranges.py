"""Compiled end of a sum: is it in the accumulator's range, and what is kept of it when it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel
from accsim.kernels.lanes import LOW


@kernel
def wrap(total: int, bits: int) -> int:
    """The low ``bits`` bits as a two's-complement number."""
    return (total << (64 - bits)) >> (64 - bits)


@kernel
def store(sums: NDArray[np.int64], rule: Rule, outputs: NDArray[np.int64]) -> int:
    """Write exact ``sums`` [M, J] into ``outputs`` [M, J]; returns how many overflowed."""
    overflows = 0
    filters, width = outputs.shape
    for m in range(filters):
        for j in range(width):
            total = sums[m, j]
            clamped = min(max(total, rule.low), rule.high)
            overflows += clamped != total
            outputs[m, j] = clamped if rule.saturate else wrap(total, rule.bits)
    return overflows


@kernel
def store_limbs(
    high_sums: NDArray[np.int64], low_sums: NDArray[np.int64], rule: Rule, outputs: NDArray[np.int64]
) -> int:
    """The same for sums in two limbs."""
    overflows = 0
    filters, width = outputs.shape
    for m in range(filters):
        for j in range(width):
            high = high_sums[m, j] + (low_sums[m, j] >> 32)
            total = (high << 32) | (low_sums[m, j] & LOW)
            clamped = min(max(total, rule.low), rule.high)
            if high != total >> 32:  # more than 64 bits
                clamped = rule.low if high < 0 else rule.high
                overflows += 1
            else:
                overflows += clamped != total
            outputs[m, j] = clamped if rule.saturate else wrap(total, rule.bits)
    return overflows


@kernel
def largest(values: NDArray[Any]) -> int:
    """A bound on the absolute values of integers, at most twice the largest, in one pass."""
    seen = 0
    for n in range(values.size):
        number = int(values[n])
        seen |= number ^ (number >> 63)
    return seen + 1
