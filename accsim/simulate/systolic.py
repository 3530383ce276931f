"""The systolic array, counted: cycles and edge traffic of every fold, in closed form.

The machine (one PE shown; ``T`` stream steps, ``a`` of ``R`` rows and ``b`` of ``C`` columns used)::

             preload / psum in (top edge)            every arrow is a register: one clock edge
                      |                              PE(i, j) does stream step t at edge  t + i*sr + j*sc
       hop in    +----v----+   hop out               sr = 1 if anything moves PE to PE along the rows
      ---------->| w  a  s |---------->              sc = 1 if anything moves PE to PE along the columns
      (left edge)+----|----+                         (multicast operands and adder trees move in no time)
                      v  psum chain, or drain shift

One fold, stationary operand in a single register, nothing overlapped::

      load          stream and skew                     leave
      |<-- L -->|<-- T + (a-1)*sr + (b-1)*sc -->|<-- D -->|

* ``L`` is a for a preload, because the words for row i pass rows 0 .. i-1, and 1 for a stationary operand that is
  multicast, unicast or hops: its wave stays one edge ahead of the stream. It is 0 when psums are stationary. A word
  that is preloaded for several columns enters all of them on the same edge.
* The last MAC is at edge T-1 + (a-1)*sr + (b-1)*sc, so the middle part is a count of edges, not an index.
* ``D`` counts the edges after the last MAC until the last output is in the edge register. Chain: the R - a inactive
  rows are crossed. Sums kept in the PEs: the top row needs a - 1 shifts to the last used row and R - a to the edge.
  An adder tree takes ceil(log2 R) levels after the PEs' registers. With edge taps outputs leave at the last used row,
  and a tree has ceil(log2 a) levels.
* Folds that share a stationary operand, or go on adding to the same sums, are a group: the loops inside the innermost
  fold loop that changes it. With a shadow register (``stationary_buffers: 2``) folds follow each other every T edges
  and groups of n folds every max(n*T, L) edges, or, for sums kept in the PEs, every max(n*T, a) edges because a drain
  register is free again a edges after it was filled; if all rows finish on the same edge (sr = 0, no taps), a taller
  group that follows waits until the sums have crossed its rows too. Only the first load and the last skew and D are
  seen. The tiles of the buffers follow each other in the same way, a load waiting for its tile to be in the buffer;
  without a shadow register the array is empty when the tile changes.
* Sums that come back are added where the chain leaves the array (or as they drain), so folds do not wait for them.
* A PE whose datapath takes k edges for a MAC (serial, unary) holds its words for k edges and hands them on one edge
  after it took them, so neighbours stay one edge apart: it does step t from edge t*k + i*sr + j*sc on, takes a part of
  the product in on each, and adds what comes from the PE above on the last. T stands for T*k edges everywhere here;
  words are as many as before. uSystolic (HPCA 2022) counts T*k + b + a for such a fold; the last MAC ends on the edge
  that T*k + (a-1) + (b-1) counts, two less, and L and D are counted apart.
* A port or link slower than the array stops all of it: each load, stream and drain takes as many edges more as the
  port needs for its words. Transfers that overlap share the port.

Cycles are attributed in the order compute (some PE does a MAC), fill (before it), drain (after it), stall (an edge port
or link is slower than the array).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

from accsim.mapping.dataflow import Axis, Delivery, Drain, Reduction
from accsim.mapping.nest import Piece
from accsim.simulate.edge_ports import ALL, INPUTS, EdgePort
from accsim.simulate.overlap import Distance, Group, Overlapped, Sizes, Walk
from accsim.simulate.phase import Phase, Spent
from accsim.simulate.systolic_folds import Fold, SystolicFolds
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand

Members = tuple[tuple[Fold, int, int], ...]
"""Classes of folds in a group: the fold, edges to the start of its last one, and how many there are."""


class SystolicArray(SystolicFolds):
    """The cycles of a dataflow's folds on a systolic array."""

    @property
    def ramp_at(self) -> int:
        """Ramps are part of every tile's own cycles."""
        return 0

    def ramp(self, _sizes: Mapping[str, Piece]) -> Phase:
        """No ramp outside the tiles."""
        return Phase(0, 0, 0, ())

    @property
    def waits_as_drain(self) -> bool:
        """Whether edges between groups without a MAC wait for sums to leave; else for the next load."""
        return self.stationary is Operand.PSUM

    def step(self, sizes: Mapping[str, Piece], loads: bool) -> Phase:
        """Cycles of one tile on the array; ``loads`` says whether it brings a new stationary operand."""
        return self.phase({dim: piece.size for dim, piece in sizes.items()}, loads)

    def _leave(self, fold: Fold) -> int:
        """Edges from the last MAC to the last output in the edge register."""
        d, taps = self.dataflow, self.accelerator.array.edge_taps
        if d.reduction is Reduction.ADDER_TREE:
            rows, cols = (fold.rows, fold.cols) if taps else (self.rows, self.cols)
            return sum((n - 1).bit_length() for axis, n in ((Axis.ROWS, rows), (Axis.COLS, cols)) if self.reduces(axis))
        if d.reduction is Reduction.CHAIN:
            across = 0 if taps else self.rows - fold.rows
            along = 0 if taps else self.cols - fold.cols
            return (across if self.reduces(Axis.ROWS) else 0) + (along if self.reduces(Axis.COLS) else 0)
        if not fold.changed:
            return 0
        if d.drain is Drain.DIRECT:
            return 1
        return (fold.rows - 1) if taps else self.rows - 1

    def _bits(self, port: EdgePort, fold: Fold, operands: frozenset[Operand]) -> int:
        """Bits of ``operands`` that pass a port in one fold."""
        return sum(self.fed(o, fold) * self.accelerator.bits(o) for o in port.operands & operands)

    def _bound(self, fold: Fold, cycles: int, operands: frozenset[Operand]) -> tuple[int, str | None]:
        """Cycles a transfer takes once the edge ports are counted, and the port that bounds it."""
        worst, name = cycles, None
        for port in self.ports:
            needed = -(-self._bits(port, fold, operands) // port.bits_per_cycle)
            if needed > worst:
                worst, name = needed, port.name
        return worst, name

    def _skewed(self, fold: Fold) -> int:
        """Edges between the first and the last PE's turn."""
        return (fold.rows - 1) * self.row_skew + (fold.cols - 1) * self.col_skew

    def _stream(self, fold: Fold) -> tuple[int, str | None]:
        """Cycles to stream one fold, and the port that bounds it."""
        return self._bound(fold, self.stream_edges(fold), ALL - {self.stationary})

    def _load_edges(self, fold: Fold) -> int:
        """Edges from the first stationary word at the array's edge until the stream may start."""
        if self.stationary is Operand.PSUM or not fold.changed:
            return 0
        return fold.rows if self.delivery(self.stationary) is Delivery.PRELOAD else 1

    def _load(self, fold: Fold) -> tuple[int, str | None]:
        """Cycles to load one fold, and the port that bounds it."""
        edges = self._load_edges(fold)
        return self._bound(fold, edges, frozenset({self.stationary})) if edges else (0, None)

    def _out(self, fold: Fold) -> tuple[int, str | None]:
        """Cycles from the last MAC to the last output in the edge register, and the port that bounds them.

        Sums kept in the PEs leave on as many edges as there are used rows. The first of them may be the edge of the
        last MAC, when a port that streams inputs too is not free yet.
        """
        leave = self._leave(fold)
        worst, name = leave, None
        if self.stationary is Operand.PSUM and fold.changed:
            edges = 1 if self.dataflow.drain is Drain.DIRECT else fold.rows
            for port in self.ports:
                free = min(edges, leave) if port.operands.intersection(INPUTS) else edges
                needed = leave - free - (-self._bits(port, fold, frozenset({Operand.PSUM})) // port.bits_per_cycle)
                if needed > worst:
                    worst, name = needed, port.name
        return worst, name

    @property
    def overlaps(self) -> bool:
        """Whether loads and drains overlap streams, of the next tile too."""
        return self.accelerator.array.stationary_buffers > 1

    def run(self, sizes: Mapping[str, Piece], loads: bool, _starts: bool) -> Run:
        """How the array runs one tile; ``loads`` says whether it brings a new stationary operand."""
        plain = {dim: piece.size for dim, piece in sizes.items()}
        return self.overlap(plain, loads).run if self.overlaps else Run.alone(self.phase(plain, loads).total)

    def phase(self, sizes: Mapping[str, int], loaded: bool) -> Phase:
        """Cycles of one tile on the array when nothing is before or after it.

        Args:
            sizes: length of every dimension inside the tile.
            loaded: whether the tile brings a new stationary operand.
        """
        if self.overlaps:
            return self.overlap(sizes, loaded).alone(in_place=self.stationary is Operand.PSUM)
        spent = Spent()
        for fold, count in self.folds(sizes, loaded):
            stream, load, out = self._stream(fold), self._load(fold), self._out(fold)
            preload = self._load_edges(fold)
            spent.compute += (self.stream_edges(fold) + self._skewed(fold)) * count
            spent.fill += preload * count
            spent.drain += self._leave(fold) * count
            spent.stall(stream[1], (stream[0] - self.stream_edges(fold)) * count)
            spent.stall(load[1], (load[0] - preload) * count)
            spent.stall(out[1], (out[0] - self._leave(fold)) * count)
        return spent.phase()

    def overlap(self, sizes: Mapping[str, int], loaded: bool, tail: int = 0) -> Overlapped:
        """One tile when a shadow register lets a fold's load or drain overlap its neighbour's stream.

        Args:
            sizes: length of every dimension inside the tile.
            loaded: whether the tile brings a new stationary operand.
            tail: cycles for which the tiles before it still do MACs.
        """
        members = {}
        loops = self._loops(sizes)
        outer, inner = loops[: self._changes], loops[self._changes :]
        steps, changed = self.extent(Axis.STREAM, sizes), loaded or self._changes > 0

        def group(chosen: Sizes) -> Members:
            if chosen not in members:
                around = {name: used for (name, _), used in zip(outer, chosen, strict=True)}
                members[chosen] = self._members(around, inner, steps, changed)
            return members[chosen]

        def extent(chosen: Sizes) -> Group:
            parts = group(chosen)
            ends = [(at + self.stream_edges(fold) + self._skewed(fold), self._leave(fold)) for fold, at, _ in parts]
            return Group(max(macs for macs, _ in ends), max(macs + leave for macs, leave in ends))

        opening = group(tuple(runs[0][0] for _, runs in outer))
        first = opening[0][0]
        last, passed = Walk(
            len(outer),
            lambda chosen: tuple(outer[len(chosen)][1]),
            extent,
            lambda before, after: self._distance(group(before), group(after)[0][0]),
            tail,
        ).run()
        final = group(last.last)
        streams = Spent()
        for fold, _, count in final:
            stream, slow = self._stream(fold)
            streams.stall(slow, (stream - self.stream_edges(fold)) * count)
        ended = replace(final[0][0], changed=True)
        in_place = self.stationary is Operand.PSUM
        return Overlapped(
            load=self._load(first),
            load_edges=self._load_edges(first),
            uses_shadow=changed,
            to_last=passed,
            last=last,
            streamed=max(self._cycles(final), self._port_cycles(final) if in_place else 0),
            shadow_busy=self._cycles(final) + self._busy(ended, replace(ended, rows=self.rows))
            if in_place
            else self._port_cycles(final),
            first_ends=self._cycles(opening) if in_place else 0,
            stream_stalls=streams.phase().stalls,
            out=self._out(final[0][0]),
            out_edges=self._leave(final[0][0]),
            drained=max(last.outputs, extent(last.last).macs + self._out(ended)[0]),
        )

    def _port_cycles(self, final: Members) -> int:
        """Cycles that a tile's last group keeps a port busy which the next load, or its own drain, needs too.

        The next load comes after the streams on such a port; a drain shares it with them.
        """
        ended = replace(final[0][0], changed=True)
        worst = 0
        for port in self.ports:
            if self.stationary not in port.operands:
                continue
            bits = sum(self._bits(port, fold, ALL - {self.stationary}) * count for fold, _, count in final)
            if self.stationary is Operand.PSUM:
                bits += self._bits(port, ended, frozenset({Operand.PSUM}))
            worst = max(worst, -(-bits // port.bits_per_cycle))
        return worst

    def _cycles(self, members: Members) -> int:
        """Cycles of a group's streams."""
        return sum(count * self._stream(fold)[0] for fold, _, count in members)

    def _members(
        self, around: Mapping[str, int], inner: list[tuple[str, list[tuple[int, int]]]], steps: int, changed: bool
    ) -> Members:
        """The folds of one group, a class each: start of the class's last fold in the group, and how many there are."""
        out = []
        for chosen in product(*(range(len(runs)) for _, runs in inner)):
            position, count, used = 0, 1, dict(around)
            for k, (name, runs) in zip(chosen, inner, strict=True):
                position = position * sum(n for _, n in runs) + sum(n for _, n in runs[: k + 1]) - 1
                count *= runs[k][1]
                used[name] = runs[k][0]
            out.append((Fold(used["rows"], used["cols"], steps, changed), position * steps * self.mac_cycles, count))
        return tuple(out)

    def _distance(self, before: Members, after: Fold) -> Distance:
        """From the start of one group to the start of the next."""
        fold = before[0][0]
        folds = sum(count for _, _, count in before)
        if self.stationary is Operand.PSUM:
            edges, moves = self._busy(fold, after), fold
        else:
            edges, moves = self._load_edges(after), after
        edges = max(edges, folds * self.stream_edges(fold))
        worst, cause = edges, None
        streams = [(self._stream(one), count) for one, _, count in before]
        needed = sum(cycles * count for (cycles, _), count in streams)
        if needed > worst:
            worst, cause = needed, next(name for (_, name), _ in streams if name is not None)
        for port in self.ports:
            bits = self._bits(port, moves, frozenset({self.stationary}))
            bits += sum(self._bits(port, one, ALL - {self.stationary}) * count for one, _, count in before)
            needed = -(-bits // port.bits_per_cycle)
            if needed > worst:
                worst, cause = needed, port.name
        return Distance(edges, worst - edges, cause)

    def _busy(self, fold: Fold, after: Fold) -> int:
        """Edges from the last MAC of one set of sums to that of the next, so that no drain register holds two."""
        if self.dataflow.drain is Drain.DIRECT:
            return 1
        together = not self.row_skew and not self.accelerator.array.edge_taps
        return max(fold.rows, after.rows) if together else fold.rows
