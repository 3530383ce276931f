"""A reuse dataflow walked one iteration at a time, with the coordinates of every word a tile, a pass and a PE needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from accsim.mapping.reuse.dataflow import ReuseDataflow
from accsim.mapping.reuse.tiling import Tiling
from accsim.workload.layer import Geometry, Operand

Ranges = dict[str, range]
Word = tuple[int, ...]
INDEXED_BY = {Operand.WEIGHT: "MCRS", Operand.IFMAP: "NCPQRS", Operand.PSUM: "NMPQ"}


def word(g: Geometry, operand: Operand, at: dict[str, int]) -> Word:
    """By the definition of the layer: ofmap[n, m, p, q] += ifmap[n, c, U p + D r, U q + D s] * weight[m, c, r, s]."""
    if operand is Operand.WEIGHT:
        return at["M"], at["C"], at["R"], at["S"]
    if operand is Operand.PSUM:
        return at["N"], at["M"], at["P"], at["Q"]
    row = g.stride_h * at["P"] + g.dilation_h * at["R"]
    return at["N"], at["C"], row, g.stride_w * at["Q"] + g.dilation_w * at["S"]


def points(ranges: Ranges, order: tuple[str, ...]) -> Iterator[dict[str, int]]:
    """All iterations, in the order of the loops named, outermost first, then of the others."""
    dims = (*order, *(dim for dim in ranges if dim not in order))
    for values in product(*(ranges[dim] for dim in dims)):
        yield dict(zip(dims, values, strict=True))


def words(g: Geometry, operand: Operand, ranges: Ranges) -> set[Word]:
    return {word(g, operand, at) for at in points(ranges, ())}


def cut(whole: range, step: int) -> list[range]:
    pieces = []
    while whole:
        pieces.append(whole[:step])
        whole = whole[step:]
    return pieces


@dataclass
class Pass:
    """One pass: the loop that moved on (-1 at the start), the tile it is in, its own ranges and those of every PE."""

    moved: int
    tile: Ranges
    ranges: Ranges
    shares: list[tuple[Word, Ranges]]


@dataclass
class Walk:
    """What was seen on a walk through a whole group of a layer."""

    g: Geometry
    flow: ReuseDataflow
    tiling: Tiling
    passes: list[Pass] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loops = [*(("tile", dim) for dim in self.flow.tiles), *(("pass", dim) for dim in self.flow.passes)]
        bounds = {split_dim: range(self.tiling[split_dim].bound) for split_dim in "NMCPQRS"}
        self.trips = [1] * len(self.loops)
        self._enter(bounds, bounds, 0, [])
        before: list[int] = []
        for one, at in self.passes_at:
            moved = next((i for i, (a, b) in enumerate(zip(before, at, strict=True)) if a != b), -1) if before else -1
            one.moved = moved
            before = at
            self.passes.append(one)

    passes_at: list[tuple[Pass, list[int]]] = field(default_factory=list)

    def _enter(self, ranges: Ranges, tile: Ranges, depth: int, at: list[int]) -> None:
        if depth == len(self.flow.tiles):
            tile = ranges
        if depth == len(self.loops):
            self.passes_at.append((Pass(0, tile, ranges, list(self._deal(ranges))), at))
            return
        level, dim = self.loops[depth]
        split = self.tiling[dim]
        step = split.tile if level == "tile" else split.in_pass
        pieces = cut(ranges[dim], step)
        self.trips[depth] = max(self.trips[depth], len(pieces))
        for i, piece in enumerate(pieces):
            self._enter({**ranges, dim: piece}, tile, depth + 1, [*at, i])

    def _deal(self, ranges: Ranges) -> Iterator[tuple[Word, Ranges]]:
        """The pass dealt to PEs: which PE (its place along every unrolled dimension), and its ranges."""
        dims = self.flow.unrolled
        runs = [list(enumerate(cut(ranges[dim], self.tiling[dim].pe))) for dim in dims]
        for combination in product(*runs):
            share = {**ranges, **{dim: run for dim, (_, run) in zip(dims, combination, strict=True)}}
            yield tuple(i for i, _ in combination), share

    def innermost(self, operand: Operand, depth: int) -> int:
        """The innermost of the first ``depth`` loops that indexes the operand and ever has a second turn; else -1."""
        return max(
            (i for i in range(depth) if self.loops[i][1] in INDEXED_BY[operand] and self.trips[i] > 1), default=-1
        )

    def reused(self, operand: Operand) -> bool:
        """Whether some PE uses a word twice in one pass."""
        return any(
            len(words(self.g, operand, share)) < len(list(points(share, ())))
            for one in self.passes
            for _, share in one.shares
        )

    def live(self, operand: Operand) -> int:
        """The most words of one PE that have been used and will be used again, or are in use, at one time."""
        share = self.passes[0].shares[0][1]
        used = [word(self.g, operand, at) for at in points(share, self.flow.pe)]
        first: dict[Word, int] = {}
        last: dict[Word, int] = {}
        for time, one in enumerate(used):
            first.setdefault(one, time)
            last[one] = time
        return max(sum(first[one] <= time <= last[one] for one in first) for time in range(len(used)))

    def kept(self, operand: Operand) -> bool:
        """Whether PEs hold all their words of the operand at once, and so have them for the next pass."""
        share = self.passes[0].shares[0][1]
        return self.reused(operand) and self.live(operand) == len(words(self.g, operand, share))

    def moves(self, operand: Operand) -> list[Pass]:
        """The passes that move the operand."""
        if not self.kept(operand):
            return self.passes
        last = self.innermost(operand, len(self.loops))
        return [one for one in self.passes if one.moved <= last]

    def fetched(self, operand: Operand) -> int:
        """Words fetched into the buffer, a tile at a time."""
        last = self.innermost(operand, len(self.flow.tiles))
        starts = [one for one in self.passes if one.moved <= last]
        return sum(len(words(self.g, operand, one.tile)) for one in starts)

    def to_array(self, operand: Operand) -> int:
        """Words read from the buffer: once per pass, whoever needs them."""
        return sum(len(words(self.g, operand, one.ranges)) for one in self.moves(operand))

    def to_pes(self, operand: Operand) -> int:
        """Words that PEs take, each on its own; for psums: sums that leave them."""
        return sum(len(words(self.g, operand, share)) for one in self.moves(operand) for _, share in one.shares)

    def sums_to_buffer(self) -> int:
        """Sums that leave the array; what is made apart leaves apart."""
        places = [i for i, dim in enumerate(self.flow.unrolled) if dim in self.flow.apart]
        return sum(
            len(
                {
                    (s, tuple(pe[i] for i in places))
                    for pe, share in one.shares
                    for s in words(self.g, Operand.PSUM, share)
                }
            )
            for one in self.moves(Operand.PSUM)
        )

    def macs(self) -> int:
        return sum(len(list(points(share, ()))) for one in self.passes for _, share in one.shares)
