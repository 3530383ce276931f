"""A tiling: how long every loop is in the buffer, on the array and in a PE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accsim.mapping.reuse.dataflow import DIMENSIONS
from accsim.workload.layer import Geometry


@dataclass(frozen=True, slots=True)
class Split:
    """The sizes of one dimension.

    Attributes:
        bound: the dimension's length.
        tile: its length in one tile of the buffer.
        unrolled: PEs it is spread over.
        pe: its length in one PE; a pass covers ``unrolled * pe`` of a tile, dealt to the PEs in runs of ``pe``.
    """

    bound: int
    tile: int
    unrolled: int
    pe: int

    @property
    def in_pass(self) -> int:
        """Its length in one pass."""
        return min(self.unrolled * self.pe, self.tile)

    @property
    def tiles(self) -> int:
        """Tiles of the buffer it is cut into."""
        return ceil_div(self.bound, self.tile)

    @property
    def passes(self) -> int:
        """Passes, over all tiles."""
        return sum(times * ceil_div(size, self.in_pass) for size, times in runs(self.bound, self.tile))

    @property
    def shares(self) -> int:
        """Runs dealt to PEs, over all passes."""
        return sum(
            many * times * ceil_div(length, self.pe)
            for size, many in runs(self.bound, self.tile)
            for length, times in runs(size, self.in_pass)
        )


@dataclass(frozen=True, slots=True)
class Tiling:
    """A split of every dimension, in the order of ``DIMENSIONS``."""

    splits: tuple[Split, ...]

    def __getitem__(self, dim: str) -> Split:
        return self.splits[DIMENSIONS.index(dim)]

    @property
    def active_pes(self) -> float:
        """PEs at work in a pass, on average."""
        average = 1.0
        for split in self.splits:
            average *= split.shares / split.passes
        return average

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Sizes by level, of the dimensions that are longer than 1 there."""
        levels = {"tile": "tile", "array": "unrolled", "pe": "pe"}
        return {
            level: {dim: n for dim, s in zip(DIMENSIONS, self.splits, strict=True) if (n := getattr(s, key)) > 1}
            for level, key in levels.items()
        }


def bounds(geometry: Geometry) -> Mapping[str, int]:
    """The loop bounds of one group of a layer."""
    g = geometry
    sizes = (g.N, g.filters_per_group, g.channels_per_group, g.P, g.Q, g.R, g.S)
    return dict(zip(DIMENSIONS, sizes, strict=True))


def runs(length: int, size: int) -> list[tuple[int, int]]:
    """Pieces of ``size`` that make up ``length``, as (piece, how many), the rest last."""
    full, rest = divmod(length, size)
    return [piece for piece in ((size, full), (rest, 1)) if piece[0] and piece[1]]


def ceil_div(a: int, b: int) -> int:
    """A / b rounded up."""
    return -(-a // b)
