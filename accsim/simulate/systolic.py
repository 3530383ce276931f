"""The systolic array, counted: cycles and edge traffic of every fold, in closed form.

The machine (one PE shown; ``T`` stream steps, ``a`` of ``R`` rows and ``b`` of ``C`` columns used)::

             preload / psum in (top edge)            every arrow is a register: one clock edge
                      |                              PE(i, j) does stream step t at edge  t + i*sr + j*sc
       hop in    +----v----+   hop out               sr = 1 if anything moves PE to PE along the rows
      ---------->| w  a  s |---------->              sc = 1 if anything moves PE to PE along the columns
      (left edge)+----|----+                         (multicast operands and adder trees move in no time)
                      v  psum chain, or drain shift

One fold, stationary operand in a single register, nothing overlapped::

      preload        stream and skew                     leave
      |<-- a -->|<-- T + (a-1)*sr + (b-1)*sc -->|<-- D -->|

* ``a`` preload cycles, because the words for row i pass rows 0 .. i-1; none when psums are stationary.
* The last MAC is at edge T-1 + (a-1)*sr + (b-1)*sc, so the middle part is a count of edges, not an index.
* ``D`` counts the edges after the last MAC until the last output is in the edge register. Chain: the R - a inactive
  rows are crossed. Sums kept in the PEs: the top row needs a - 1 shifts to the last used row and R - a to the edge.
  With edge taps outputs leave at the last used row. An adder tree takes ceil(log2 a) levels.
* With a shadow register (``stationary_buffers: 2``) folds follow each other every max(T, preload) edges, or, for
  sums kept in the PEs, every max(T, a) edges because a drain register is free again a edges after it was filled; only
  the first preload and the last skew and D are seen. Buffer tiles follow each other without overlap: the array is empty
  when the tile changes.
* Sums that come back are added where the chain leaves the array (or as they drain), so folds do not wait for them.

Cycles are attributed in the order compute (some PE does a MAC), fill (before it), drain (after it), stall (an edge port
or link is slower than the array).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

from accsim.hardware.accelerator import Accelerator, Sram
from accsim.mapping.dataflow import REDUCED, RELEVANT, Axis, Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.nest import Nest, Piece
from accsim.workload.layer import Operand

INPUTS = (Operand.IFMAP, Operand.WEIGHT)
ALL = frozenset((*INPUTS, Operand.PSUM))


@dataclass(frozen=True, slots=True)
class Fold:
    """One kind of fold inside a tile.

    Attributes:
        rows, cols: used rows and columns.
        steps: stream length.
        changed: it brings a new stationary operand (or, when sums stay in the PEs, starts new sums).
    """

    rows: int
    cols: int
    steps: int
    changed: bool


@dataclass(frozen=True, slots=True)
class Phase:
    """Cycles of a tile on the array."""

    compute: int
    fill: int
    drain: int
    stalls: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """All cycles of the tile."""
        return self.compute + self.fill + self.drain + sum(n for _, n in self.stalls)


@dataclass(frozen=True, slots=True)
class EdgePort:
    """A port or link at the array's edge: ``bits_per_cycle`` shared by the operands that use it."""

    name: str
    operands: frozenset[Operand]
    bits_per_cycle: int


class Spent:
    """Cycles of a tile while they are added up."""

    def __init__(self) -> None:
        self.compute = self.fill = self.drain = 0
        self.stalls: dict[str, int] = {}

    def stall(self, cause: str | None, cycles: int) -> None:
        """Add stalled cycles under their cause."""
        if cause is not None and cycles > 0:
            self.stalls[cause] = self.stalls.get(cause, 0) + cycles

    def phase(self) -> Phase:
        """The sums as a value."""
        return Phase(self.compute, self.fill, self.drain, tuple(self.stalls.items()))


class SystolicArray:
    """A dataflow on a systolic array, for one nest of tiles."""

    def __init__(self, accelerator: Accelerator, dataflow: SystolicDataflow, nest: Nest) -> None:
        self.accelerator, self.dataflow, self.nest = accelerator, dataflow, nest
        self.rows, self.cols = accelerator.array.rows, accelerator.array.cols
        self.stationary = dataflow.stationary
        self.row_skew, self.col_skew = self._skew(Axis.ROWS), self._skew(Axis.COLS)
        self.ports = tuple(self._ports())
        self._largest = {dim: max(p.size for p, _ in nest.pieces(dim, len(nest.loops))) for dim in "NGMCPQRS"}
        self._changes = self._change_index()

    def _skew(self, axis: Axis) -> int:
        d = self.dataflow
        hops = any(
            delivery is Delivery.HOP and not d.depends(operand, axis)
            for operand, delivery in ((Operand.IFMAP, d.ifmap), (Operand.WEIGHT, d.weight))
        )
        chained = d.reduction is Reduction.CHAIN and self.reduces(axis)
        return int(hops or chained)

    def reduces(self, axis: Axis) -> bool:
        """Whether psums are added along ``axis``."""
        return not REDUCED.isdisjoint(self.dataflow.axis(axis))

    def _ports(self) -> Iterator[EdgePort]:
        acc = self.accelerator
        moving = ALL
        for level in acc.buffers:
            inner = frozenset(o for o in moving if self._edge_level(o) == level)
            if inner and level.read_bits_per_cycle:
                yield EdgePort(level.name, inner, level.read_bits_per_cycle)
            if Operand.PSUM in inner and level.write_bits_per_cycle:
                yield EdgePort(level.name, frozenset({Operand.PSUM}), level.write_bits_per_cycle)
        for operand in moving:
            for direction in ("in", "out"):
                link = acc.link(operand, direction)
                if link is not None and link.width_bits and (operand is Operand.PSUM or direction == "in"):
                    yield EdgePort(link.name, frozenset({operand}), link.width_bits)

    def _edge_level(self, operand: Operand) -> Sram | None:
        held = [level for level in self.accelerator.buffers if operand in level.operands]
        return held[-1] if held else None

    def _change_index(self) -> int:
        """Number of fold loops up to the innermost one that changes the stationary operand (0: none does)."""
        trips = dict(self._trips(self._largest))
        changed = 0
        for i, name in enumerate(self.dataflow.folds):
            if trips[name] > 1 and self._indexes(name):
                changed = i + 1
        return changed

    def _indexes(self, fold: str) -> bool:
        """Whether a fold loop indexes the stationary operand."""
        if fold in ("rows", "cols"):
            return self.dataflow.depends(self.stationary, Axis(fold))
        return fold in RELEVANT[self.stationary]

    def extent(self, axis: Axis, sizes: Mapping[str, int]) -> int:
        """Length of the flattened loop on ``axis``."""
        return prod(sizes[dim] for dim in self.dataflow.axis(axis))

    def _trips(self, sizes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        for name in self.dataflow.folds:
            if name == "rows":
                yield name, -(-self.extent(Axis.ROWS, sizes) // self.rows)
            elif name == "cols":
                yield name, -(-self.extent(Axis.COLS, sizes) // self.cols)
            else:
                yield name, sizes[name]

    @property
    def load_at(self) -> int:
        """Depth of the tile loop that brings a new stationary operand; every tile does if its folds change it."""
        if self._changes:
            return len(self.nest.loops)
        return self.nest.change_depth(self.stationary, len(self.nest.loops))

    @property
    def ramp_at(self) -> int:
        """Ramps are part of every tile's own cycles."""
        return 0

    def ramp(self, _sizes: Mapping[str, Piece]) -> Phase:
        """No ramp outside the tiles."""
        return Phase(0, 0, 0, ())

    def step(self, sizes: Mapping[str, Piece], loads: bool) -> Phase:
        """Cycles of one tile on the array; ``loads`` says whether it brings a new stationary operand."""
        return self.phase({dim: piece.size for dim, piece in sizes.items()}, loads)

    def _loops(self, sizes: Mapping[str, int]) -> list[tuple[str, list[tuple[int, int]]]]:
        """Fold loops, outermost first: name and runs of (used PEs, how many); (1, trips) for a left-over dimension."""
        return [
            (name, self._kinds(self.extent(Axis(name), sizes), self.rows if name == "rows" else self.cols))
            if name in ("rows", "cols")
            else (name, [(1, sizes[name])])
            for name in self.dataflow.folds
        ]

    def _fold(self, chosen: Mapping[str, int], steps: int, changed: bool) -> Fold:
        return Fold(chosen["rows"], chosen["cols"], steps, changed)

    def folds(self, sizes: Mapping[str, int], loaded: bool) -> list[tuple[Fold, int]]:
        """The folds of one tile as classes with their number.

        Args:
            sizes: length of every dimension inside the tile.
            loaded: whether the tile brings a new stationary operand (always so if the folds change it).
        """
        first, pairs, _ = self._sequence(sizes, loaded)
        classes = {first: 1}
        for _, after, count in pairs:
            classes[after] = classes.get(after, 0) + count
        return list(classes.items())

    def _sequence(self, sizes: Mapping[str, int], loaded: bool) -> tuple[Fold, list[tuple[Fold, Fold, int]], int]:
        """The first fold, every kind of succession (fold, next fold, how often), and the number of folds."""
        loops, steps = self._loops(sizes), self.extent(Axis.STREAM, sizes)
        firsts = {name: runs[0][0] for name, runs in loops}
        lasts = {name: runs[-1][0] for name, runs in loops}
        start = self._fold(firsts, steps, loaded or self._changes > 0)
        pairs: list[tuple[Fold, Fold, int]] = []
        for k, (name, runs) in enumerate(loops):
            steps_of_loop = [(x, x, n - 1) for x, n in runs if n > 1]
            steps_of_loop += [(x, y, 1) for (x, _), (y, _) in pairwise(runs)]
            for outer in product(*(runs for _, runs in loops[:k])):
                fixed = {loops[i][0]: used for i, (used, _) in enumerate(outer)}
                times = prod(n for _, n in outer)
                for x, y, n in steps_of_loop:
                    before = self._fold({**lasts, **fixed, name: x}, steps, False)
                    after = self._fold({**firsts, **fixed, name: y}, steps, k < self._changes)
                    pairs.append((before, after, n * times))
        return start, pairs, 1 + sum(n for _, _, n in pairs)

    def _backwards(self, sizes: Mapping[str, int]) -> Iterator[Fold]:
        """The folds of one tile from the last to the first, one at a time."""
        loops, steps = self._loops(sizes), self.extent(Axis.STREAM, sizes)
        trips = [sum(n for _, n in runs) for _, runs in loops]
        for index in range(prod(trips) - 1, -1, -1):
            chosen, rest = {}, index
            for (name, runs), n in zip(reversed(loops), reversed(trips), strict=True):
                rest, at = divmod(rest, n)
                chosen[name] = runs[0][0] if at < runs[0][1] else runs[-1][0]
            yield self._fold(chosen, steps, True)

    @staticmethod
    def _kinds(extent: int, pes: int) -> list[tuple[int, int]]:
        full, rest = divmod(extent, pes)
        return ([(pes, full)] if full else []) + ([(rest, 1)] if rest else [])

    def fed(self, operand: Operand, fold: Fold) -> int:
        """Words that cross the array's edge for ``operand`` in one fold while it streams."""
        d = self.dataflow
        return (
            (fold.rows if d.depends(operand, Axis.ROWS) else 1)
            * (fold.cols if d.depends(operand, Axis.COLS) else 1)
            * (fold.steps if d.depends(operand, Axis.STREAM) else 1)
        )

    def moved(self, operand: Operand, fold: Fold) -> int:
        """Words that cross the array's edge in one fold: none for a stationary operand that stays."""
        if operand is self.stationary and not fold.changed:
            return 0
        return self.fed(operand, fold)

    def _leave(self, fold: Fold) -> int:
        """Edges from the last MAC to the last output in the edge register."""
        d, taps = self.dataflow, self.accelerator.array.edge_taps
        if d.reduction is Reduction.ADDER_TREE:
            return sum(
                (used - 1).bit_length()
                for axis, used in ((Axis.ROWS, fold.rows), (Axis.COLS, fold.cols))
                if self.reduces(axis)
            )
        if d.reduction is Reduction.CHAIN:
            across = 0 if taps else self.rows - fold.rows
            along = 0 if taps else self.cols - fold.cols
            return (across if self.reduces(Axis.ROWS) else 0) + (along if self.reduces(Axis.COLS) else 0)
        if not fold.changed:
            return 0
        if d.drain is Drain.DIRECT:
            return 1
        return (fold.rows - 1) if taps else self.rows - 1

    def _bound(self, fold: Fold, cycles: int, operands: frozenset[Operand]) -> tuple[int, str | None]:
        """Cycles a phase takes once the edge ports are counted, and the port that bounds it."""
        worst, name = cycles, None
        for port in self.ports:
            moving = port.operands & operands
            bits = sum(self.fed(o, fold) * self.accelerator.bits(o) for o in moving)
            needed = -(-bits // port.bits_per_cycle)
            if needed > worst:
                worst, name = needed, port.name
        return worst, name

    def _skewed(self, fold: Fold) -> int:
        """Edges between the first and the last PE's turn."""
        return (fold.rows - 1) * self.row_skew + (fold.cols - 1) * self.col_skew

    def _stream(self, fold: Fold) -> tuple[int, str | None]:
        """Cycles to stream one fold, and the port that bounds it."""
        return self._bound(fold, fold.steps, ALL - {self.stationary})

    def _load(self, fold: Fold) -> tuple[int, str | None]:
        """Cycles to preload one fold, and the port that bounds it."""
        if self.stationary is Operand.PSUM or not fold.changed:
            return 0, None
        return self._bound(fold, fold.rows, frozenset({self.stationary}))

    def _out(self, fold: Fold) -> tuple[int, str | None]:
        """Edges from the last MAC to the last output in the edge register, and the port that bounds them."""
        leave = self._leave(fold)
        if self.stationary is Operand.PSUM and fold.changed:
            return self._bound(fold, leave, frozenset({Operand.PSUM}))
        return leave, None

    def phase(self, sizes: Mapping[str, int], loaded: bool) -> Phase:
        """Cycles of one tile on the array.

        Args:
            sizes: length of every dimension inside the tile.
            loaded: whether the tile brings a new stationary operand.
        """
        if self.accelerator.array.stationary_buffers > 1:
            return self._overlapped(sizes, loaded)
        spent = Spent()
        for fold, count in self.folds(sizes, loaded):
            stream, load, out = self._stream(fold), self._load(fold), self._out(fold)
            preload = fold.rows if load[0] else 0
            spent.compute += (fold.steps + self._skewed(fold)) * count
            spent.fill += preload * count
            spent.drain += self._leave(fold) * count
            spent.stall(stream[1], (stream[0] - fold.steps) * count)
            spent.stall(load[1], (load[0] - preload) * count)
            spent.stall(out[1], (out[0] - self._leave(fold)) * count)
        return spent.phase()

    def _overlapped(self, sizes: Mapping[str, int], loaded: bool) -> Phase:
        """Cycles of one tile when a shadow register lets a fold's load or drain overlap its neighbour's stream."""
        start, pairs, _ = self._sequence(sizes, loaded)
        spent = Spent()
        preload, slow = self._load(start)
        if preload:
            spent.fill += start.rows
            spent.stall(slow, preload - start.rows)
        waits = "drain" if self.stationary is Operand.PSUM else "fill"
        for before, after, count in pairs:
            stream, slow = self._stream(before)
            moving = self._gap(before, after) - (stream - before.steps)
            active = min(moving, before.steps + self._skewed(before))
            spent.compute += active * count
            setattr(spent, waits, getattr(spent, waits) + (moving - active) * count)
            spent.stall(slow, (stream - before.steps) * count)
        self._tail(sizes, spent)
        return spent.phase()

    def _gap(self, before: Fold, after: Fold) -> int:
        """Edges from the start of one fold to the start of the next."""
        stream = self._stream(before)[0]
        if self.stationary is not Operand.PSUM:
            return max(stream, self._load(after)[0])
        following = self._stream(after)[0]
        ended = Fold(before.rows, before.cols, before.steps, changed=True)
        shifts = 0 if self.dataflow.drain is Drain.DIRECT else before.rows - self._leave(ended)
        busy = self._out(ended)[0] + shifts if after.changed else 0
        return stream + max(0, busy - following)

    def _tail(self, sizes: Mapping[str, int], spent: Spent) -> None:
        """Add what remains after the last fold has started: an earlier, larger fold may end later."""
        mac_end = out_end = 0
        offset, last_stall = 0, 0
        following: Fold | None = None
        reach = self.rows + self.cols + max(self.rows, self.cols)
        for fold in self._backwards(sizes):
            if following is not None:
                offset -= self._gap(fold, following)
            stream, slow = self._stream(fold)
            if following is None:
                spent.stall(slow, stream - fold.steps)
                last_stall = stream - fold.steps
            mac_end = max(mac_end, offset + stream + self._skewed(fold))
            out_end = max(out_end, offset + stream + self._skewed(fold) + self._out(fold)[0])
            following = fold
            if -offset > reach:
                break
        spent.compute += mac_end - last_stall
        spent.drain += out_end - mac_end
