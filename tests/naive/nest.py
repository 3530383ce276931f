"""The loops over tiles, walked one iteration at a time, with the coordinates of every input pixel a tile needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from accsim.mapping.nest import Loop
from accsim.workload.layer import Geometry, Operand

DIMENSIONS = ("N", "G", "M", "C", "P", "Q", "R", "S")
INDEXED_BY = {Operand.IFMAP: "NGCPQRS", Operand.WEIGHT: "GMCRS", Operand.PSUM: "NGMPQ"}
"""By the definition of the layer: ofmap[n, g, m, p, q] += ifmap[n, g, c, p + r, q + s] * weight[g, m, c, r, s]."""

Ranges = dict[str, range]
Sizes = tuple[tuple[int, int], ...]
"""(length, input rows or columns) of the piece of each dimension; the length twice where there is no input axis."""


def bounds(g: Geometry) -> Ranges:
    """Every dimension whole; one group's filters and channels."""
    lengths = {"N": g.N, "G": g.G, "M": g.M // g.G, "C": g.C // g.G, "P": g.P, "Q": g.Q, "R": g.R, "S": g.S}
    return {dim: range(lengths[dim]) for dim in DIMENSIONS}


def pixels(outputs: range, taps: int, stride: int, dilation: int, before: int, length: int, padding: bool) -> set[int]:
    """Rows (or columns) from the first to the last tap of each output's window; padding only if it is fetched."""
    needed: set[int] = set()
    for output in outputs:
        first_tap = output * stride - before
        last_tap = first_tap + (taps - 1) * dilation
        needed |= set(range(first_tap, last_tap + 1))
    return needed if padding else needed & set(range(length))


def cut(whole: range, step: int) -> list[range]:
    """Pieces of ``step`` in order, the last one as it comes."""
    pieces = []
    while whole:
        pieces.append(whole[:step])
        whole = whole[step:]
    return pieces


@dataclass(frozen=True)
class Step:
    """One iteration of the innermost loop.

    ``ranges[d]`` is what ``loops[:d]`` select; ``advanced`` is the outermost loop that moved on (-1 at the start);
    ``firsts`` and ``lasts`` say for each loop whether it is at its first and at its last piece.
    """

    ranges: tuple[Ranges, ...]
    advanced: int
    firsts: tuple[bool, ...]
    lasts: tuple[bool, ...]


class NaiveNest:
    def __init__(self, geometry: Geometry, loops: tuple[Loop, ...], padding: bool = False) -> None:
        self.g, self.loops, self.padding = geometry, loops, padding
        self.steps = list(self._walk((bounds(geometry),), (), ()))
        self._memo: dict[object, int] = {}

    def _walk(self, ranges: tuple[Ranges, ...], firsts: tuple[bool, ...], lasts: tuple[bool, ...]) -> Iterator[Step]:
        depth = len(ranges) - 1
        if depth == len(self.loops):
            moved = [i for i, first in enumerate(firsts) if not first]
            # the loops inside the one that moved are at their first piece again
            advanced = moved[-1] if moved else -1
            yield Step(ranges, advanced, firsts, lasts)
            return
        dim, step = self.loops[depth].dim, self.loops[depth].step
        pieces = cut(ranges[-1][dim], step)
        for i, piece in enumerate(pieces):
            inner = {**ranges[-1], dim: piece}
            yield from self._walk((*ranges, inner), (*firsts, i == 0), (*lasts, i == len(pieces) - 1))

    def extent(self, dim: str, piece: range) -> int:
        """Input rows or columns of a piece."""
        g, key = self.g, (dim, piece)
        if key not in self._memo:
            if dim == "P":
                at = pixels(piece, g.R, g.stride_h, g.dilation_h, g.pad_top, g.H, self.padding)
            elif dim == "Q":
                at = pixels(piece, g.S, g.stride_w, g.dilation_w, g.pad_left, g.W, self.padding)
            else:
                at = set(piece)
            self._memo[key] = len(at)
        return self._memo[key]

    def sizes(self, ranges: Ranges) -> Sizes:
        return tuple((len(ranges[dim]), self.extent(dim, ranges[dim])) for dim in DIMENSIONS)

    def words(self, operand: Operand, ranges: Ranges) -> int:
        """Words of one tile."""
        if operand is Operand.IFMAP:
            return prod(self.extent(dim, ranges[dim]) for dim in "NGCPQ")
        return prod(len(ranges[dim]) for dim in INDEXED_BY[operand])

    def tile(self, operand: Operand, ranges: Ranges) -> tuple[range, ...]:
        """What identifies a tile: the piece of every dimension that indexes the operand."""
        return tuple(ranges[dim] for dim in INDEXED_BY[operand])

    def innermost_index(self, operand: Operand, depth: int) -> int:
        """Depth of the innermost of ``loops[:depth]`` that indexes the operand and ever has a second piece; else 0."""
        found = 0
        for index, loop in enumerate(self.loops[:depth]):
            if loop.dim in INDEXED_BY[operand] and any(not step.firsts[index] for step in self.steps):
                found = index + 1
        return found

    def loaded(self, operand: Operand, depth: int) -> list[Ranges]:
        """The tiles in the order they are loaded: at the start, and whenever that loop or one around it moves on."""
        changes = self.innermost_index(operand, depth)
        return [step.ranges[depth] for step in self.steps if step.advanced < changes]

    def changed(self, operand: Operand, depth: int) -> list[Ranges]:
        """The tiles that differ from the one before: the fewest loads any level of one tile can do."""
        out: list[Ranges] = []
        held = None
        for step in self.steps:
            tile = self.tile(operand, step.ranges[depth])
            if tile != held:
                out.append(step.ranges[depth])
            held = tile
        return out

    def visited(self, depth: int) -> list[Ranges]:
        """What ``loops[:depth]`` select, one entry per iteration of the innermost of them."""
        return [step.ranges[depth] for step in self.steps if step.advanced < depth]

    def pieces(self, dim: str, depth: int) -> list[range]:
        """The pieces of one dimension in one pass over it, in order."""
        out: list[range] = []
        for ranges in self.visited(depth):
            if ranges[dim] not in out:
                out.append(ranges[dim])
        return out
