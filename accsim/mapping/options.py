"""Values worth trying for a tile size: those that change the number of tiles, thinned to a bounded list."""

from __future__ import annotations


def ceil_div(a: int, b: int) -> int:
    """A / b rounded up."""
    return -(-a // b)


def distinct_tiles(bound: int, most: int, limit: int = 24) -> list[int]:
    """Tile sizes ceil(bound / k) up to ``most``, largest first: smaller tiles with as many pieces are never better.

    Beyond ``limit`` sizes only every k that grows by a quarter is kept.
    """
    out: list[int] = []
    k = max(1, ceil_div(bound, most))
    while True:
        size = ceil_div(bound, k)
        if not out or size < out[-1]:
            out.append(size)
        if size == 1:
            return out
        k = max(k + 1, ceil_div(bound, size - 1)) if len(out) < limit // 2 else k + max(1, k // 4)
