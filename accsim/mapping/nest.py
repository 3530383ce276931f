"""The loop nest outside the array: which tile of each operand is held, how often it changes, and how big it is.

A nest is a list of loops, outermost first, each of which cuts a dimension into pieces of ``step``; the last piece may
be smaller, and a dimension may be cut twice. A level that holds an operand *at depth d* keeps the tile that
``loops[:d]`` select, and loads the next one whenever the loops that select it move on (see ``Nest.loads``)::

    M 64          depth 0: the whole operand        ifmap held at depth 2:  N x C x rows x cols of one (M, P) step;
      P 14        depth 1                           M does not index an ifmap, so only P and what P is nested in
        C 32      depth 2                           decide when it changes.
                  depth 3: the innermost tile

Everything here is exact and closed form: no loop is walked, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod

from accsim.mapping.dataflow import DIMENSIONS, RELEVANT
from accsim.workload.layer import Geometry, Operand


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop: ``dim`` is cut into pieces of ``step``."""

    dim: str
    step: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of one dimension: where it starts, its length, and the input rows or columns it needs (P and Q only)."""

    start: int
    size: int
    extent: int


Shape = tuple[int, int, int, int, Piece, Piece]
"""Lengths of N, G, M and C, and the pieces of P and Q, of a tile."""


def window_span(taps: int, dilation: int) -> int:
    """Pixels from the first to the last tap of a window."""
    return (taps - 1) * dilation + 1


def input_extent(size: int, stride: int, span: int) -> int:
    """Input rows (or columns) that ``size`` neighbouring outputs need; rows between their windows are skipped."""
    return (size - 1) * min(stride, span) + span


def covered(first: int, windows: int, stride: int, span: int, length: int) -> int:
    """Pixels of an axis of ``length`` pixels that neighbouring windows cover; the first window starts at ``first``."""
    if stride <= span:
        return max(0, min(first + (windows - 1) * stride + span, length) - max(first, 0))
    inside = min(max(0, -(first // stride)), windows)
    outside = min(max(inside, (length - span - first) // stride + 1), windows)
    starts = (first + i * stride for i in {inside - 1, outside} if 0 <= i < windows)
    edges = sum(max(0, min(at + span, length) - max(at, 0)) for at in starts)
    return (outside - inside) * span + edges


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops over the tiles of one layer.

    Attributes:
        geometry: the layer; M and C are cut per group.
        loops: outermost first.
        fetch_padding: whether padded pixels are moved like any other.
    """

    geometry: Geometry
    loops: tuple[Loop, ...]
    fetch_padding: bool = False
    _pieces: dict[tuple[str, int], list[tuple[Piece, int]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def bound(self, dim: str) -> int:
        """Length of a dimension; M and C per group."""
        g = self.geometry
        match dim:
            case "M":
                return g.filters_per_group
            case "C":
                return g.channels_per_group
            case _:
                return int(getattr(g, dim))

    def _extent(self, dim: str, start: int, size: int) -> tuple[int, bool]:
        """Input rows or columns of a piece, and whether padding clips it."""
        g = self.geometry
        if dim == "P":
            stride, span, length, before = g.stride_h, window_span(g.R, g.dilation_h), g.H, g.pad_top
        elif dim == "Q":
            stride, span, length, before = g.stride_w, window_span(g.S, g.dilation_w), g.W, g.pad_left
        else:
            return size, False
        whole = input_extent(size, stride, span)
        first, last = start * stride - before, (start + size - 1) * stride - before + span
        if self.fetch_padding or (first >= 0 and last <= length):
            return whole, False
        return covered(first, size, stride, span, length), True

    def piece(self, dim: str, start: int, size: int) -> Piece:
        """The piece of ``dim`` that starts at ``start``."""
        return Piece(start, size, self._extent(dim, start, size)[0])

    def clipped(self, dim: str, piece: Piece) -> bool:
        """Whether padding that is not fetched takes away some of the input rows or columns of a piece."""
        g = self.geometry
        if dim == "P":
            return piece.extent < input_extent(piece.size, g.stride_h, window_span(g.R, g.dilation_h))
        if dim == "Q":
            return piece.extent < input_extent(piece.size, g.stride_w, window_span(g.S, g.dilation_w))
        return False

    def alike(self, dim: str, piece: Piece) -> Piece:
        """The piece moved to the start, unless padding clips it: pieces that need the same become equal."""
        return piece if self.clipped(dim, piece) else Piece(0, piece.size, piece.extent)

    def shape(self, sizes: Mapping[str, Piece]) -> Shape:
        """What counts of an innermost tile: tiles of one shape cost the same."""
        place = self.alike("P", sizes["P"]), self.alike("Q", sizes["Q"])
        return sizes["N"].size, sizes["G"].size, sizes["M"].size, sizes["C"].size, *place

    def split(self, dim: str, whole: Piece, step: int) -> list[tuple[Piece, int]]:
        """Cut a piece into pieces of ``step``: runs of equal pieces in order, each with its repeat count."""
        full, rest = divmod(whole.size, step)
        runs: list[tuple[Piece, int]] = []
        low, high = 0, full
        edges_after: list[tuple[Piece, int]] = []
        if rest:
            edges_after.append((self.piece(dim, whole.start + full * step, rest), 1))
        if dim in ("P", "Q"):
            while low < high and self._extent(dim, whole.start + low * step, step)[1]:
                runs.append((self.piece(dim, whole.start + low * step, step), 1))
                low += 1
            while high > low and self._extent(dim, whole.start + (high - 1) * step, step)[1]:
                high -= 1
                edges_after.insert(0, (self.piece(dim, whole.start + high * step, step), 1))
        if high > low:
            runs.append((self.piece(dim, whole.start + low * step, step), high - low))
        return runs + edges_after

    def pieces(self, dim: str, depth: int) -> list[tuple[Piece, int]]:
        """All pieces of ``dim`` that ``loops[:depth]`` select, as runs; within one pass over the dimension."""
        if (dim, depth) not in self._pieces:
            if depth == 0:
                runs = [(self.piece(dim, 0, self.bound(dim)), 1)]
            else:
                runs, loop = self.pieces(dim, depth - 1), self.loops[depth - 1]
                if loop.dim == dim:
                    runs = [(p, n * many) for whole, many in runs for p, n in self.split(dim, whole, loop.step)]
            self._pieces[dim, depth] = runs
        return self._pieces[dim, depth]

    def count(self, dim: str, depth: int) -> int:
        """Number of pieces of ``dim`` at ``depth``."""
        return sum(n for _, n in self.pieces(dim, depth))

    def extent(self, dim: str, depth: int) -> int:
        """Input rows (P) or columns (Q) summed over the pieces at ``depth``: halos are counted once per piece."""
        return sum(p.extent * n for p, n in self.pieces(dim, depth))

    def iterations(self, depth: int) -> int:
        """How often the body of ``loops[:depth]`` runs."""
        return prod(self.count(dim, depth) for dim in DIMENSIONS)

    def change_depth(self, operand: Operand, depth: int) -> int:
        """Depth of the innermost loop that changes the tile of ``operand`` held at ``depth``."""
        relevant = RELEVANT[operand]
        for index in range(depth, 0, -1):
            loop = self.loops[index - 1]
            if loop.dim in relevant and self.count(loop.dim, index) > self.count(loop.dim, index - 1):
                return index
        return 0

    def loads(self, operand: Operand, depth: int) -> int:
        """How often a level that holds ``operand`` at ``depth`` loads a tile.

        The address generator steps with the loops, so a tile is loaded once per iteration of the innermost loop that
        indexes it and has more than one trip; loops inside that one reuse the tile, loops without it repeat it.
        """
        return self.iterations(self.change_depth(operand, depth))

    def words(self, operand: Operand, depth: int) -> int:
        """Words of ``operand`` loaded by a level that holds it at ``depth``, halos counted once per tile."""
        at = self.change_depth(operand, depth)
        total = 1
        for dim in DIMENSIONS:
            if dim not in RELEVANT[operand]:
                total *= self.count(dim, at)
            elif operand is not Operand.IFMAP:
                total *= self.bound(dim)
            elif dim in "PQ":
                total *= self.extent(dim, at)
            elif dim not in "RS":
                total *= self.bound(dim)
        return total

    def tiles(self, operand: Operand, depth: int) -> Iterator[tuple[int, int]]:
        """The tiles loaded, as (words, how many) classes; their sum is ``words``."""
        at = self.change_depth(operand, depth)
        repeats = prod(self.count(dim, at) for dim in DIMENSIONS if dim not in RELEVANT[operand])
        for words, n in self.distinct_tiles(operand, at):
            yield words, repeats * n

    def distinct_tiles(self, operand: Operand, depth: int) -> Iterator[tuple[int, int]]:
        """The tiles that ``loops[:depth]`` select, each once, as (words, how many) classes."""
        relevant = [d for d in DIMENSIONS if d in RELEVANT[operand] and not (operand is Operand.IFMAP and d in "RS")]
        for combination in product(*(self.pieces(dim, depth) for dim in relevant)):
            words = prod(p.extent if operand is Operand.IFMAP else p.size for p, _ in combination)
            yield words, prod(n for _, n in combination)

    def blocks(self, depth: int) -> Iterator[tuple[dict[str, Piece], int]]:
        """Innermost tiles reached right after a loop of ``loops[:depth]`` advanced, as (pieces, how many) classes.

        ``depth = len(loops)`` gives every innermost tile; a smaller depth only those where all deeper loops are at
        their first piece, which are the ones that load an operand whose change depth it is.
        """
        runs: list[list[tuple[Piece, int]]] = []
        for dim in DIMENSIONS:
            here = self.pieces(dim, depth)
            for loop in self.loops[depth:]:
                if loop.dim == dim:
                    here = [(self.split(dim, whole, loop.step)[0][0], n) for whole, n in here]
            runs.append(here)
        for combination in product(*runs):
            yield (
                dict(zip(DIMENSIONS, (piece for piece, _ in combination), strict=True)),
                prod(n for _, n in combination),
            )

    def tile_words(self, operand: Operand, depth: int) -> int:
        """Words of the largest tile of ``operand`` at ``depth``: what a buffer must hold."""
        return prod(
            max(p.extent if operand is Operand.IFMAP else p.size for p, _ in self.pieces(dim, depth))
            for dim in RELEVANT[operand]
            if not (operand is Operand.IFMAP and dim in "RS")
        )
