"""The vector unit behind an array, cycle by cycle: it does what its lanes can of the operations that are waiting."""

from __future__ import annotations


def cycles(array: int, operations: int, lanes: int) -> int:
    """Cycles until both the array and the unit are done; operations wait in the unit from the start."""
    cycle, left = 0, operations
    while cycle < array or left > 0:
        left -= min(left, lanes)
        cycle += 1
    return cycle
