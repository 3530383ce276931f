"""The pass timeline: one DRAM channel, buffers with one or two slots, and the array, in max-plus algebra.

Every step of the loop nest does, in this fixed order::

    1  fetch the weight, ifmap tiles that changed      channel free, and a slot of that operand free
    2  write back the output tile that is done with    channel free, array done with it
    3  read back a partial output tile                 channel free, and an output slot free
    4  run the array                                   array free, every tile there, an output slot free

With shadow registers the array runs on from step to step: the stationary operand of the next step is loaded as soon as
its tile is there and this step's last group of folds has started.

A tile may come in parts: the ifmaps of a row-stationary pass, which it works on one after another. Then each part has
a slot. The transfer of a tile waits with the part for which no slot is free and goes on when there is one; a step
starts when it can run through, with every part there before the part ahead of it is begun; and a part's slot is free as
soon as the last step on its tile has gone through it.

Slots are used in turn. A slot is free when the array is done with the tile it held, and an output slot when that tile
is written back, if it is: with one slot that is the tile just before, with two the tile before that. A transfer of no
cycles waits for nothing. Each time is a maximum of sums of earlier times, so a step is a matrix over (max, +) acting on
the vector of "free at" times, and n equal steps are that matrix to the n-th power: the makespan of any number of
repeated passes is exact and costs a logarithm. A longer transfer never makes an entry smaller: more bandwidth adds no
cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError
from accsim.mapping.dataflow import DIMENSIONS, REDUCED
from accsim.mapping.nest import Nest, Piece
from accsim.workload.layer import Operand

Vector = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.int64]
NEVER = -(2**61)
LIMIT = 2**60
ARRAY, CHANNEL, SLOT, SHADOW, DONE, STREAMS = range(6)
"""When the array may stream, the channel, an output slot and the shadow registers are free, and all outputs are out."""

Sizes = Mapping[str, Piece]
Trail = tuple[dict[str, Piece], ...]
"""Pieces selected at every depth so far, from depth 0."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An operand fetched over the channel.

    Attributes:
        depth: loops outside the tile that is fetched.
        slots: parts of tiles the buffer holds at once; two tiles' worth lets the next fetch overlap the array.
        cycles: core cycles to fetch the tile, given the pieces selected at ``depth``.
        parts: parts of the tile, given the same pieces.
        pace: cycles that a step takes at least for each part, given its pieces; not asked of tiles in one part.
    """

    operand: Operand
    depth: int
    slots: int
    cycles: Callable[[Sizes], int]
    parts: Callable[[Sizes], int] = lambda _: 1
    pace: Callable[[Sizes], int] = lambda _: 0


@dataclass(frozen=True, slots=True)
class Output:
    """The output tile; ``write`` takes the pieces at ``depth`` and whether the sums are final, ``read`` the pieces."""

    depth: int
    slots: int
    write: Callable[[Sizes, bool], int]
    read: Callable[[Sizes], int]


@dataclass(frozen=True, slots=True)
class Run:
    """One step on the array. All but ``load`` count from the start of its stream.

    Attributes:
        load: cycles from when the shadow registers are free, and the tile is there, to the stream; negative if they are
            needed only later; ``None`` if the step does not use them.
        last: when the shadow registers are free for the next step; ``None`` if that stays as it was.
        next: when the next step's stream may start.
        done: when its last output is out.
    """

    load: int | None
    last: int | None
    next: int
    done: int

    @classmethod
    def alone(cls, cycles: int) -> Run:
        """A step that overlaps with no other."""
        return cls(None, None, cycles, cycles)


def shares(whole: int, parts: int) -> list[int]:
    """``whole`` in ``parts`` shares, as equal as can be, larger ones first."""
    each, more = divmod(whole, parts)
    return [each + 1] * more + [each] * (parts - more)


def begun_before(part: int, pace: int) -> int:
    """Cycles from the start of a step to when a part of its tile must be there: as the part ahead of it is begun."""
    return max(0, part - 1) * pace


def left_after(part: int, parts: int, pace: int) -> int:
    """Cycles by which a step is at least through with a part of its tile before it is done."""
    return (parts - 1 - part) * pace


def _bounded(cycles: int, what: str) -> int:
    """``cycles`` if sums of them cannot wrap around."""
    if cycles > LIMIT:
        raise AccsimError(f"a {what} of {cycles} cycles is too long to be represented; split the layer")
    return cycles


def _compose(after: Matrix, before: Matrix) -> Matrix:
    """Matrix of ``before`` followed by ``after``."""
    out: Matrix = np.maximum(np.max(after[:, :, None] + before[None, :, :], axis=1), NEVER)
    if out.max() > LIMIT:
        raise AccsimError("the schedule of a layer is too long to be represented in 64-bit cycles; split the layer")
    return out


def _power(matrix: Matrix, times: int) -> Matrix:
    """``matrix`` applied ``times`` times, ``times`` >= 1."""
    result: Matrix | None = None
    while times > 1:
        if times & 1:
            result = matrix if result is None else _compose(matrix, result)
        matrix = _compose(matrix, matrix)
        times >>= 1
    return matrix if result is None else _compose(matrix, result)


class Timeline:
    """Makespan of a nest; build once per layer, then call ``makespan``."""

    def __init__(
        self,
        nest: Nest,
        streams: list[Stream],
        output: Output | None,
        array: Callable[[Trail, int], Run],
        array_depths: tuple[int, ...] = (),
    ) -> None:
        """Describe the layer.

        Args:
            nest: loops over steps.
            streams: operands fetched over the channel, in service order.
            output: the output tile, or ``None`` when outputs stay on chip.
            array: how the array runs one step, given the pieces at every depth and the index of the loop that advanced
                (-1 for the first step). Pieces of a dimension that is not cut again may have moved to its start.
            array_depths: depths with which ``array`` compares that index (it may only ask whether it is smaller).
        """
        self.nest, self.streams, self.output, self.array = nest, streams, output, array
        self._at = [nest.change_depth(s.operand, s.depth) for s in streams]
        self._out_at = nest.change_depth(Operand.PSUM, output.depth) if output else 0
        depths = {-1, 0, *self._at, self._out_at, *array_depths}
        self._alike = [max(d for d in depths if d <= i) for i in range(len(nest.loops))]
        self._slots_from = [STREAMS + sum(one.slots for one in streams[:i]) for i in range(len(streams))]
        self._width = STREAMS + sum(one.slots for one in streams)
        self._never: Vector = np.full(self._width, NEVER, dtype=np.int64)
        self._unchanged: Matrix = np.where(np.eye(self._width, dtype=np.bool_), 0, NEVER).astype(np.int64)
        self._memo: dict[object, tuple[Matrix, int]] = {}
        self._recut = [any(later.dim == loop.dim for later in nest.loops[i + 1 :]) for i, loop in enumerate(nest.loops)]

    def makespan(self) -> int:
        """Cycles from the first fetch to the last write-back.

        Raises:
            AccsimError: the schedule is too long to be represented.
        """
        whole = {dim: self.nest.pieces(dim, 0)[0][0] for dim in DIMENSIONS}
        matrix, pending = self._run((whole,), -1, True, True, 0)
        free = matrix.max(axis=1)
        end = max(int(free[DONE]), int(free[CHANNEL]))
        if self.output is not None:
            end += pending
        if end >= LIMIT:
            raise AccsimError(f"a schedule of {end} cycles is too long to be represented; split the layer")
        return end

    def _run(self, trail: Trail, carried: int, first: bool, last: bool, pending: int) -> tuple[Matrix, int]:
        """Matrix of everything inside the loops of ``trail``, and the write-back still due at its end."""
        depth = len(trail) - 1
        if depth == len(self.nest.loops):
            return self._step(trail, carried, first, last, pending)
        chosen = tuple(trail[i + 1][loop.dim] for i, loop in enumerate(self.nest.loops[:depth]))
        key = (chosen, carried, first, last, pending)
        if key not in self._memo:
            self._memo[key] = self._loop(trail, carried, first, last, pending)
        return self._memo[key]

    def _loop(self, trail: Trail, carried: int, first: bool, last: bool, pending: int) -> tuple[Matrix, int]:
        """All iterations of the next loop: equal ones are one matrix to the power of their number."""
        depth = len(trail) - 1
        loop = self.nest.loops[depth]
        runs = self.nest.split(loop.dim, trail[-1][loop.dim], loop.step)
        reduces = loop.dim in REDUCED and depth < self._out_at
        total, done = sum(n for _, n in runs), 0
        matrix: Matrix | None = None
        for piece, n in runs:
            held = piece if self._recut[depth] else self.nest.alike(loop.dim, piece)
            inner = (*trail, {**trail[-1], loop.dim: held})
            left = n
            while left:
                starts, ends = done == 0, done == total - 1
                step, due = self._run(
                    inner,
                    carried if starts else self._alike[depth],
                    first and (starts or not reduces),
                    last and (ends or not reduces),
                    pending,
                )
                ends_here = reduces and done + left == total
                many = 1 if starts or ends or due != pending else left - ends_here
                step = _power(step, many)
                matrix = step if matrix is None else _compose(step, matrix)
                pending, left, done = due, left - many, done + many
        if matrix is None:
            raise AccsimError(f"the loop over {loop.dim} has no iterations")
        return matrix, pending

    def _step(self, trail: Trail, carried: int, first: bool, last: bool, pending: int) -> tuple[Matrix, int]:
        """One step, as a matrix over the times that ``ARRAY`` to ``STREAMS`` name, then the slots of every stream.

        A stream's slots stand in the order in which they were taken; the last ones are those of the tile in work.
        """
        free: list[Vector] = list(self._unchanged)
        ready = self._never
        for i, stream in enumerate(self.streams):
            if carried >= self._at[i]:
                continue
            cycles = _bounded(stream.cycles(trail[stream.depth]), "transfer")
            at, parts = self._slots_from[i], stream.parts(trail[stream.depth])
            pace = stream.pace(trail[-1]) if parts > 1 else 0
            if cycles:
                for part, share in enumerate(shares(cycles, parts)):
                    free[CHANNEL] = np.maximum(free[CHANNEL], free[at + part]) + share
                    ready = np.maximum(ready, free[CHANNEL] - begun_before(part, pace))
            end = at + stream.slots
            free[at:end] = free[at + parts : end] + free[at : at + parts]
        if self.output is not None and carried < self._out_at:
            left = free[DONE]
            if pending:
                left = free[CHANNEL] = np.maximum(free[CHANNEL], free[DONE]) + pending
            slot = left if self.output.slots == 1 else free[SLOT]
            free[SLOT] = left
            ready = np.maximum(ready, slot)
            back = 0 if first else _bounded(self.output.read(trail[self.output.depth]), "transfer")
            if back:
                free[CHANNEL] = np.maximum(free[CHANNEL], slot) + back
                ready = np.maximum(ready, free[CHANNEL])
            pending = _bounded(self.output.write(trail[self.output.depth], last), "transfer")
        run = self.array(trail, carried)
        start = np.maximum(free[ARRAY], ready)
        if run.load is not None:
            start = np.maximum(start, np.maximum(free[SHADOW], ready) + run.load)
        free[ARRAY] = start + _bounded(run.next, "step of the array")
        if run.last is not None:
            free[SHADOW] = start + run.last
        free[DONE] = np.maximum(free[DONE], start + _bounded(run.done, "step of the array"))
        for stream, at in zip(self.streams, self._slots_from, strict=True):
            parts, end = stream.parts(trail[stream.depth]), at + stream.slots
            pace = stream.pace(trail[-1]) if parts > 1 else 0
            free[end - parts : end] = [free[DONE] - left_after(part, parts, pace) for part in range(parts)]
        return np.maximum(np.stack(free), NEVER), pending
