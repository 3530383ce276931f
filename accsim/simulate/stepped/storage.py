"""Tiles moving between DRAM and the buffers, watched step by step.

The address generator of a level steps with the loops, so a level takes its next tile when the loop that selects it
moves on (``Nest.change_depth``). Everything else is seen: which indices a tile covers, which input pixels those need
and how many of them are padding, how much of its buffer the tiles that are there take, whether a tile of sums was
there before, and whether all of its MACs are done when it leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from accsim.errors import MappingError
from accsim.hardware.accelerator import Sram
from accsim.mapping.capacity import Misfit, Reserved, banked, spell
from accsim.mapping.dataflow import DIMENSIONS, RELEVANT
from accsim.mapping.nest import Nest, Piece, window_span
from accsim.simulate.channel import fetched
from accsim.simulate.stepped.machine import Step
from accsim.simulate.storage import OffChipBits, Place, Traffic, way_home
from accsim.workload.layer import Operand

Pieces = tuple[tuple[int, int], ...]
"""First index and length of each dimension that selects a tile."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of an operand.

    Attributes:
        words: its words; of an ifmap, the pixels under its windows.
        first: the first index in each dimension that selects it; M and C count within the group.
    """

    words: int
    first: Mapping[str, int]


OnChip = Callable[[int, str | None, str, Operand, Tile], None]
"""Told of a tile that moves between two levels on the chip: step, from (``None`` for the array), to, operand, tile."""


class Selector:
    """Which tile of an operand the loops outside ``depth`` select."""

    def __init__(self, nest: Nest, operand: Operand, depth: int) -> None:
        self.changes_at = nest.change_depth(operand, depth)
        self._nest, self._pixels = nest, operand is Operand.IFMAP
        self._dims = [d for d in DIMENSIONS if d in RELEVANT[operand] and not (self._pixels and d in "RS")]
        self._cuts = {d: [loop.step for loop in nest.loops[:depth] if loop.dim == d] for d in self._dims}
        self._pieces: list[tuple[str, dict[int, tuple[int, int]]]] = [(dim, {}) for dim in self._dims]
        self._tiles: dict[Pieces, Tile] = {}
        self._covered: dict[tuple[str, int, int], int] = {}

    def tile(self, sizes: Mapping[str, Piece]) -> Tile:
        """The tile that the innermost piece of every dimension lies in; the same object each time."""
        found = []
        for dim, known in self._pieces:
            index = sizes[dim].start
            if index not in known:
                known[index] = self._around(dim, index)
            found.append(known[index])
        pieces = tuple(found)
        if pieces not in self._tiles:
            self._tiles[pieces] = self._new(pieces)
        return self._tiles[pieces]

    def _around(self, dim: str, index: int) -> tuple[int, int]:
        """The piece of a dimension, as cut by the loops outside, that holds ``index``."""
        first, size = 0, self._nest.bound(dim)
        for step in self._cuts[dim]:
            skipped = (index - first) // step * step
            first, size = first + skipped, min(step, size - skipped)
        return first, size

    def _new(self, pieces: Pieces) -> Tile:
        lengths = (
            self._pixels_under(dim, first, size) if self._pixels and dim in "PQ" else size
            for dim, (first, size) in zip(self._dims, pieces, strict=True)
        )
        starts = {dim: first for dim, (first, _) in zip(self._dims, pieces, strict=True)}
        return Tile(prod(lengths), starts)

    def _pixels_under(self, dim: str, first: int, windows: int) -> int:
        """Rows or columns from the first to the last tap of each window; padding only where it is fetched."""
        key = (dim, first, windows)
        if key not in self._covered:
            g = self._nest.geometry
            if dim == "P":
                stride, span, length = g.stride_h, window_span(g.R, g.dilation_h), g.H
                before, after = g.pad_top, g.pad_bottom
            else:
                stride, span, length = g.stride_w, window_span(g.S, g.dilation_w), g.W
                before, after = g.pad_left, g.pad_right
            touched = np.zeros(before + length + after, np.bool_)
            for window in range(first, first + windows):
                touched[window * stride : window * stride + span] = True
            if not self._nest.fetch_padding:
                touched = touched[before : before + length]
            self._covered[key] = int(np.count_nonzero(touched))
        return self._covered[key]


class Room:
    """What the tiles in the shared buffers take, checked as each arrives."""

    def __init__(self, place: Place, layer: str, reserved: Iterable[Reserved]) -> None:
        self._place, self._layer = place, layer
        self._reserved = {one.level: one for one in reserved}
        self._held: dict[tuple[str, Operand], deque[int]] = {}
        self._levels = {level.name: level for level in place.accelerator.buffers}

    def arrive(self, level: str, operand: Operand, words: int, step: int) -> None:
        """Put a tile in the buffer ``level``; the oldest one that has no slot any more leaves.

        Raises:
            MappingError: the partition is too small for the tiles that are in it now.
        """
        bits = words * self._place.bits(operand)
        held = self._held.get((level, operand))
        if held is not None and held.count(bits) == held.maxlen:
            return  # it takes the place of one like it
        buffer = self._levels[level]
        part = buffer.partition(operand)
        if held is None:
            held = self._held[level, operand] = deque(maxlen=part.copies(operand))
        held.append(bits)
        taken = self._reserved.get(level, Reserved(level, 0, frozenset()))
        inside = {o: self._held[level, o] for o in part.operands if (level, o) in self._held and o not in taken.whole}
        demand = sum(banked(sum(tiles), buffer.bank_bits) for tiles in inside.values())
        shares = Operand.IFMAP in part.operands or Operand.OFMAP in part.operands
        free = max(part.size_bits - (taken.bits if shares else 0), 0)
        if demand > free:
            self._refuse(buffer, inside, Misfit("they", demand, free), step)

    def _refuse(self, buffer: Sram, inside: Mapping[Operand, Iterable[int]], misfit: Misfit, step: int) -> None:
        tiles = " and ".join(
            f"{operand} ({' + '.join(map(spell, bits))})" for operand, bits in inside.items() if sum(bits)
        )
        more = spell(misfit.demand_bits - misfit.bound_bits)
        raise MappingError(
            f"layer {self._layer!r}: step {step}: {buffer.name} overflows with tiles of {tiles}: {misfit}; smaller "
            f"steps in the mapping's loops, tiles held inside more of them, or {more} more of {buffer.name} would help"
        )


@dataclass(slots=True)
class Moves:
    """What one step asks of the DRAM channel.

    Attributes:
        fetched: each new input tile, in service order; ``None`` for one that stays.
        output: the output tile that the step begins; ``None`` if it goes on with the one before.
        leaves: the output tile before it, and whether it is finished; ``None`` before the first.
        returns: whether the sums of the new one are unfinished and come back.
    """

    fetched: tuple[Tile | None, ...]
    output: Tile | None = None
    leaves: tuple[Tile, bool] | None = None
    returns: bool = False


class Loaded:
    """A level that loads tiles of an input."""

    def __init__(
        self, place: Place, operand: Operand, level: str | None, depth: int, coded: OffChipBits | None
    ) -> None:
        self.selector = Selector(place.nest, operand, depth)
        self.operand, self.level, self._coded = operand, level, coded
        self.words = self.coded_bits = 0

    def step(self, step: Step, room: Room) -> Tile | None:
        """The tile that is loaded for a step; ``None`` if the one before is used again."""
        if step.carried >= self.selector.changes_at:
            return None
        tile = self.selector.tile(step.sizes)
        self.words += tile.words
        if self._coded is not None:
            self.coded_bits += self._coded(self.operand, tile.words)
        if self.level is not None:
            room.arrive(self.level, self.operand, tile.words, step.index)
        return tile


class Summed:
    """A level that holds a tile of sums; the array itself when none does."""

    def __init__(self, place: Place, level: str | None, depth: int) -> None:
        g = place.nest.geometry
        self.selector, self.level = Selector(place.nest, Operand.PSUM, depth), level
        self._macs_per_output = g.channels_per_group * g.R * g.S
        self._done: dict[int, int] = {}
        self._tile: Tile | None = None
        self._work = 0
        self.spilled = self.returned = self.finished = 0

    def add(self, macs: int) -> None:
        """Do MACs on the tile that is held."""
        self._work += macs

    def leave(self) -> tuple[Tile, bool] | None:
        """Give the tile up, and say whether its sums are finished; ``None`` if there is none."""
        tile = self._tile
        if tile is None:
            return None
        done = self._done.pop(id(tile), 0) + self._work
        whole = done == tile.words * self._macs_per_output
        if whole:
            self.finished += tile.words
        else:
            self._done[id(tile)] = done
            self.spilled += tile.words
        self._tile, self._work = None, 0
        return tile, whole

    def take(self, step: Step, room: Room) -> tuple[Tile, bool]:
        """Hold the step's tile, and say whether its sums were begun before and come back."""
        tile = self._tile = self.selector.tile(step.sizes)
        back = id(tile) in self._done
        self.returned += tile.words if back else 0
        if self.level is not None:
            room.arrive(self.level, Operand.PSUM, tile.words, step.index)
        return tile, back


class Storage:
    """All levels of one layer."""

    def __init__(
        self,
        place: Place,
        layer: str,
        reserved: Iterable[Reserved],
        off_chip: OffChipBits,
        exact: frozenset[Operand] = frozenset(),
        on_chip: OnChip | None = None,
    ) -> None:
        """Start with empty buffers.

        Args:
            place: the layer on its machine.
            layer: its name, for errors.
            reserved: what whole tensors take of the buffers.
            off_chip: bits of a transfer as it is coded off chip.
            exact: tensors whose coded size is known from their values.
            on_chip: is told of moves that the channel has no part in.
        """
        self._place, self._off_chip, self._exact, self._on_chip = place, off_chip, exact, on_chip
        self._room = Room(place, layer, reserved)
        self._coded_output = self._steps = 0
        self._loaded: list[Loaded] = []
        outside: dict[tuple[Operand, str | None], str] = {}
        for operand in (Operand.WEIGHT, Operand.IFMAP):
            for outer, inner in pairwise(place.path(operand)):
                codes = off_chip if outer is place.accelerator.dram and operand in exact else None
                depth = place.mapping.depth(inner.name, operand)
                self._loaded.append(Loaded(place, operand, inner.name, depth, codes))
                outside[operand, inner.name] = outer.name
        self._channel: list[Loaded] = []
        for one in fetched(place):
            mine = [a for a in self._loaded if (a.operand, a.level) == (one.operand, one.level)]
            self._channel += mine or [Loaded(place, one.operand, None, one.depth, None)]
        self._inner = [(one, outside[one.operand, one.level]) for one in self._loaded if one not in self._channel]
        levels = place.psum_levels()
        self._summed = [Summed(place, lv.name, place.mapping.depth(lv.name, Operand.PSUM)) for lv in levels]
        if not levels:
            self._summed = [Summed(place, None, place.output_depth())]
        self._summed_outside = dict(zip(self._summed[1:], (level.name for level in levels), strict=False))
        way = [name for name in way_home(place) if name != place.accelerator.dram.name]
        self._hops_home = list(zip((self._summed[-1].level, *way), way, strict=False))
        self._waiting = [
            level.name
            for level in place.accelerator.buffers
            if Operand.OFMAP in level.operands and Operand.PSUM not in level.operands
        ]

    def walk(self, steps: Iterable[Step]) -> Iterator[tuple[Step, Moves]]:
        """Go through the steps: each with what it asks of the DRAM channel.

        Raises:
            MappingError: tiles that do not fit their buffer.
        """
        room = self._room
        for step in steps:
            for one, outer in self._inner:
                self._move(step.index, outer, one.level, one.operand, one.step(step, room))
            moves = Moves(tuple(one.step(step, room) for one in self._channel))
            macs = prod(piece.size for piece in step.sizes.values())
            for level in self._summed:
                if step.carried < level.selector.changes_at:
                    left = self._leave(level, step.index)
                    tile, back = level.take(step, room)
                    if back and level in self._summed_outside:
                        self._move(step.index, self._summed_outside[level], level.level, Operand.PSUM, tile)
                    if level is self._summed[0]:
                        moves.output, moves.leaves, moves.returns = tile, left, back
                level.add(macs)
            self._steps = step.index + 1
            yield step, moves

    def end(self) -> tuple[Tile, bool] | None:
        """Let the last tiles of sums leave: the outermost one, and whether it is finished."""
        out = [self._leave(level, self._steps) for level in self._summed]
        return out[0]

    def _leave(self, level: Summed, step: int) -> tuple[Tile, bool] | None:
        left = level.leave()
        if left is not None and not left[1] and level in self._summed_outside:
            self._move(step, level.level, self._summed_outside[level], Operand.PSUM, left[0])
        if left is None or not left[1]:
            return left
        if level is self._summed[0] and Operand.OFMAP in self._exact:
            self._coded_output += self._off_chip(Operand.OFMAP, left[0].words)
        if level is self._summed[-1]:
            for source, target in self._hops_home:
                self._move(step, source, target, Operand.OFMAP, left[0])
            for name in self._waiting:
                self._room.arrive(name, Operand.OFMAP, left[0].words, step)
        return left

    def _move(self, step: int, source: str | None, target: str | None, operand: Operand, tile: Tile | None) -> None:
        """Tell of a tile that moves on the chip, if one does."""
        if self._on_chip is not None and tile is not None and target is not None:
            self._on_chip(step, source, target, operand, tile)

    def traffic(self) -> Traffic:
        """The words that moved, once all steps are walked and the end has come."""
        out = Traffic(finished=self._summed[0].finished)
        for one in self._loaded:
            out.loads[str(one.level), one.operand] = one.words
            if one.coded_bits:
                out.coded_bits[one.operand] = one.coded_bits
        for level in self._summed:
            if level.level is not None:
                out.spilled[level.level], out.returned[level.level] = level.spilled, level.returned
        if Operand.OFMAP in self._exact and self._place.residency.ofmap is None:
            out.coded_bits[Operand.OFMAP] = self._coded_output
        return out
