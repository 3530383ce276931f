"""The row-stationary array, counted: cycles and array traffic of every pass, in closed form.

A PE holds one row of a filter and slides it over one row of an ifmap; a *set* of R x e PEs makes e rows of an output
(Chen et al., ISCA 2016, section V; JSSC 2017, section IV)::

      filter row i  --> every PE of row i of a set (multicast along the row)
      ifmap row D*i+U*j --> PE (i, j) of every set on that channel (multicast along the diagonal)
      psum            --> up the column: PE (R-1, j) -> ... -> PE (0, j), r sets on top of each other

One pass of one PE, for n ifmaps and f output columns, p filters and q channels interleaved::

      for each output column:  U*q words shifted into the window      (window_shift_cycles each)
                               p*q*S MACs                             (one per cycle)
                               p sums from the PE below added         (psum_add_cycles each; the MAC idles)

* Buses move whole transactions of their own width. Deliveries run beside the MACs through the PEs' FIFOs, so a pass
  takes as long as the slowest of MACs and buses; what a bus adds is a stall named after it. All passes of a layer have
  one schedule: where sums come back in any pass, every pass keeps the time for them, a first one that starts from
  zeros too (its zeros are not counted as traffic).
* Filters of a pass are loaded while its first output column is computed, because the MACs use the words in the order
  they arrive; ``pe.filter_load`` lets them come beside the last column of the pass before, earlier as far as the spads
  have places to spare, or beside all of it but its first column. A network loads for one pass at a time, so a pass of
  one column has only that column for its filters. What does not fit there is fill.
* The first window, and at the end the pipeline and the psum chain, are seen once per output tile (fill and drain).
* A pass that adds to sums of an earlier one waits until they are back: they go up the chain, leave over one network on
  the edge after the top PE wrote them at the earliest, are in the buffer, and come back over the other network on the
  edge after that. Passes longer than the chain hide all of it; what shorter ones do not hide, nor the load of their
  filters, is drain. Where a loop over channels lies around output tiles, each burst waits for the one before it.
  ``returning_sums`` has the rules, ``bursts`` the sums over passes.
* Tall filters are cut into equal runs of rows, wide ones into runs of columns; each run is a pass whose psums
  accumulate through the buffer.
* Where a block of channels does not fill r sets of q, it is spread evenly: ceil(c / r) channels per PE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product

from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.nest import Nest, Piece, input_extent, window_span
from accsim.mapping.row_stationary import cols_read, cut_filter, distinct_rows, rows_read, spad_words, starts
from accsim.simulate.bursts import Bursts
from accsim.simulate.filter_loads import Block, before, pairs
from accsim.simulate.phase import Phase, Spent
from accsim.simulate.returning_sums import Visit, Way, networks
from accsim.simulate.row_stationary_pass import Pass, ceil_div
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand


class RowStationaryArray:
    """A row-stationary machine running one layer's passes."""

    def __init__(self, accelerator: Accelerator, mapping: RowStationaryMapping, nest: Nest) -> None:
        self.accelerator, self.mapping, self.nest = accelerator, mapping, nest
        self.runs_r, self.runs_s = cut_filter(accelerator, nest.geometry, mapping.p, mapping.q)
        reductions = nest.count("C", len(nest.loops)) * len(self.runs_r) * len(self.runs_s)
        self.reads_first = accelerator.array.initial_psum is InitialPsum.READ
        self.psums_return = reductions > 1 or self.reads_first
        self._buses = {
            (operand, way): accelerator.link(operand, way)
            for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)
            for way in ("in", "out")
        }
        self._limited = any(level.read_bits_per_cycle or level.write_bits_per_cycle for level in accelerator.buffers)
        self.weight_at = nest.change_depth(Operand.WEIGHT, len(nest.loops))
        self._waits: dict[tuple[Block | None, Block], int] = {}
        self._ways: list[Way] | None = None
        self.bursts = Bursts(self)
        self.output_at = nest.change_depth(Operand.PSUM, mapping.depth("", Operand.PSUM))
        self.bursts_add = nest.count("C", self.output_at) > 1

    @property
    def weights_stay(self) -> bool:
        """Whether the filter spads can keep their words from one step to the next."""
        return len(self.runs_r) == len(self.runs_s) == 1

    def passes(self, sizes: Mapping[str, Piece]) -> list[Pass]:
        """The passes of one step of the nest: one, unless the filter is cut."""
        m = self.mapping
        filters, channels = sizes["M"].size, sizes["C"].size
        per_p, per_q = ceil_div(filters, m.t), ceil_div(channels, m.r)
        return [
            Pass(
                n=sizes["N"].size,
                filters=filters,
                channels=channels,
                rows=sizes["P"].size,
                cols=sizes["Q"].size,
                first_r=first_r,
                first_s=first_s,
                taps_r=r,
                taps_s=s,
                per_pe_filters=per_p,
                per_pe_channels=per_q,
                sets_t=ceil_div(filters, per_p),
                sets_r=ceil_div(channels, per_q),
            )
            for first_r, r in starts(self.runs_r)
            for first_s, s in starts(self.runs_s)
        ]

    @property
    def sums_begun(self) -> int:
        """How many of a group's channels begin a sum in some PE; ``first_channels`` lists them."""
        block = self.mapping.q * self.mapping.r
        full, rest = divmod(self.nest.bound("C"), block)
        sets = [ceil_div(size, ceil_div(size, self.mapping.r)) if size else 0 for size in (block, rest)]
        return full * sets[0] + sets[1]

    def first_channels(self) -> list[int]:
        """Channels of a group with which PEs begin their sums: the first one of each PE in each block."""
        block, whole = self.mapping.q * self.mapping.r, self.nest.bound("C")
        return [
            first
            for begin in range(0, whole, block)
            for size in (min(block, whole - begin),)
            for first in range(begin, begin + size, ceil_div(size, self.mapping.r))
        ]

    def row_words(self, one: Pass) -> int:
        """Words of one ifmap row that a PE shifts in for one channel."""
        g = self.nest.geometry
        return input_extent(one.cols, g.stride_w, self._span(one))

    def ifmap_rows(self, one: Pass) -> int:
        """Ifmap rows that some PE takes in one pass."""
        g = self.nest.geometry
        return distinct_rows(one.rows, one.taps_r, g.stride_h, g.dilation_h)

    def bus_ifmap_words(self, one: Pass) -> int:
        """Ifmap words on the bus in one pass; padding is made at the bus where it is not fetched."""
        return one.n * one.channels * self.ifmap_rows(one) * self.row_words(one)

    def read_ifmap_words(self, one: Pass, sizes: Mapping[str, Piece]) -> int:
        """Ifmap words read from the buffer in one pass: those on the bus that are pixels."""
        rows = rows_read(self.nest, sizes["P"], one.first_r, one.taps_r)
        cols = cols_read(self.nest, sizes["Q"], one.first_s, one.taps_s)
        return one.n * one.channels * rows * cols

    def _column(self, one: Pass, shifted: int) -> int:
        pe = self.accelerator.pe
        macs = one.per_pe_filters * one.per_pe_channels * one.taps_s
        return macs + one.per_pe_filters * pe.psum_add_cycles + one.per_pe_channels * shifted * pe.window_shift_cycles

    def compute_cycles(self, one: Pass) -> int:
        """Cycles of the PEs for one pass: MACs, psum adds and window shifts."""
        shifts = one.per_pe_channels * self.row_words(one) * self.accelerator.pe.window_shift_cycles
        return one.n * (one.cols * self._column(one, 0) + shifts)

    def ifmap_cycles(self, sizes: Mapping[str, Piece]) -> int:
        """Cycles that every pass of a step takes at least for each of its ifmaps."""
        return min(self.compute_cycles(one) // one.n for one in self.passes(sizes))

    def _bus(self, operand: Operand, direction: str, words: int) -> tuple[int, str]:
        link = self._buses[operand, direction]
        if link is None or link.width_bits is None:
            return 0, ""
        return ceil_div(words * self.accelerator.bits(operand), link.width_bits), link.name

    def _slowest(self, one: Pass, sizes: Mapping[str, Piece], loads: bool) -> tuple[int, str]:
        """Transactions of the network or port with the most of them in a pass, and its name."""
        buses = [self._bus(Operand.IFMAP, "in", self.bus_ifmap_words(one)), self._bus(Operand.PSUM, "out", one.psums)]
        if self.psums_return:
            buses.append(self._bus(Operand.PSUM, "in", one.psums))
        if self._limited:
            buses += self._ports(one, sizes, loads)
        return max(buses, key=lambda bus: bus[0])

    def _add_pass(self, one: Pass, sizes: Mapping[str, Piece], loads: bool, spent: Spent) -> None:
        compute, (slowest, name) = self.compute_cycles(one), self._slowest(one, sizes, loads)
        spent.compute += compute
        spent.stall(name, slowest - compute)

    def _span(self, one: Pass) -> int:
        """Words of one window."""
        return window_span(one.taps_s, self.nest.geometry.dilation_w)

    def _first_column(self, one: Pass) -> int:
        """Cycles of the first output column of a pass, which shifts a whole window."""
        return self._column(one, self._span(one))

    def _beside(self, one: Pass) -> int:
        """Cycles of a pass beside which the filters of the next one are loaded."""
        if one.n * one.cols == 1:
            return 0
        match self.accelerator.pe.filter_load:
            case FilterLoad.FIRST_COLUMN:
                return 0
            case FilterLoad.ADJACENT_COLUMNS:
                new = min(self.nest.geometry.stride_w, self._span(one))
                return self._column(one, new) if one.cols > 1 else self._first_column(one)
            case FilterLoad.SPARE_WORDS:
                g = self.nest.geometry
                new = min(g.stride_w, window_span(one.taps_s, g.dilation_w))
                last = self._column(one, new) if one.cols > 1 else self._first_column(one)
                return min(last + self._spare_cycles(one), self.compute_cycles(one) - self._first_column(one))
            case FilterLoad.WHOLE_PASS:
                return self.compute_cycles(one) - self._first_column(one)

    def _spare_cycles(self, one: Pass) -> int:
        """Cycles of the filter network until the places that a pass leaves empty in the spads are full.

        Words go to all rows of PEs in turn: those of the sets that have as many filters and channels as any. The pass
        of the layer with the fewest such rows decides.
        """
        link, spads = self._buses[Operand.WEIGHT, "in"], spad_words(self.accelerator)
        if link is None or link.width_bits is None or Operand.WEIGHT not in spads:
            return 0
        spad, span = spads[Operand.WEIGHT], window_span(one.taps_s, self.nest.geometry.dilation_w)
        held = {
            Operand.WEIGHT: one.per_pe_filters * one.per_pe_channels * one.taps_s,
            Operand.IFMAP: one.per_pe_channels * span,
            Operand.PSUM: one.per_pe_filters,
        }
        spare = spad.size_words - sum(words for operand, words in held.items() if operand in spad.operands)
        return max(0, spare) * self._fewest_rows * self.accelerator.bits(Operand.WEIGHT) // link.width_bits

    @cached_property
    def _fewest_rows(self) -> int:
        """The fewest rows of PEs with a full share of filters and channels, of any pass."""

        def full(dim: str, sets: int) -> int:
            sizes = (piece.size for piece, _ in self.nest.pieces(dim, len(self.nest.loops)))
            return min(size // ceil_div(size, sets) for size in sizes)

        return min(self.runs_r) * full("M", self.mapping.t) * full("C", self.mapping.r)

    def filter_wait(self, before: Block | None, block: Block) -> int:
        """Cycles a step that brings filters waits for them.

        Args:
            before: the step before it; ``None`` for the first one.
            block: the step.
        """
        if (before, block) not in self._waits:
            first, *others = passes = self._passes_of(block)
            self._waits[before, block] = self.open_load(before, first) + sum(map(self._open_load, passes, others))
        return self._waits[before, block]

    def open_load(self, before: Block | None, first: Pass) -> int:
        """Cycles the first pass of a step waits for its filters, beyond its first column; ``before`` as above."""
        return self._open_load(self._passes_of(before)[-1] if before else None, first)

    def _open_load(self, last: Pass | None, one: Pass) -> int:
        beside = self._first_column(one) + (self._beside(last) if last else 0)
        return max(0, self._bus(Operand.WEIGHT, "in", one.weights)[0] - beside)

    def _passes_of(self, block: Block) -> list[Pass]:
        sizes = {"N": block.n, "M": block.filters, "C": block.channels, "P": 1, "Q": block.cols}
        return self.passes({dim: Piece(0, size, size) for dim, size in sizes.items()})

    def waits(self) -> Iterator[tuple[Phase, int]]:
        """What the steps of the layer wait for their filters: cycles, and how often."""
        for earlier, block, times in pairs(self.nest, self.load_at):
            yield Phase(0, self.filter_wait(earlier, block), 0, ()), times

    def _ports(self, one: Pass, sizes: Mapping[str, Piece], loads: bool) -> list[tuple[int, str]]:
        """Cycles the shared buffers' ports need for one pass."""
        acc = self.accelerator
        out: list[tuple[int, str]] = []
        words = {
            Operand.IFMAP: self.read_ifmap_words(one, sizes),
            Operand.WEIGHT: one.weights if loads else 0,
            Operand.PSUM: one.psums if self.psums_return else 0,
        }
        nearest = {o: [lv for lv in acc.buffers if o in lv.operands] for o in words}
        for level in acc.buffers:
            mine = [o for o, held in nearest.items() if held and held[-1] is level]
            if level.read_bits_per_cycle:
                bits = sum(words[o] * acc.bits(o) for o in mine)
                out.append((ceil_div(bits, level.read_bits_per_cycle), level.name))
            if level.write_bits_per_cycle and Operand.PSUM in mine:
                out.append((ceil_div(one.psums * acc.bits(Operand.PSUM), level.write_bits_per_cycle), level.name))
        return out

    @property
    def load_at(self) -> int:
        """Depth of the loop that brings new filters to the scratchpads."""
        return self.weight_at if self.weights_stay else len(self.nest.loops)

    @property
    def ramp_at(self) -> int:
        """Depth of the loop that starts a new output tile, and with it a new burst of passes."""
        return self.output_at

    @property
    def depths(self) -> tuple[int, ...]:
        """Depths whose loops make a difference to a step when they advance."""
        if self.accelerator.pe.filter_load is FilterLoad.FIRST_COLUMN:
            return self.load_at, self.ramp_at
        return (*range(self.load_at + 1), self.ramp_at)

    def before(self, trail: Sequence[Mapping[str, Piece]], carried: int) -> Block | None:
        """The step before one that brings filters, as far as it matters; see ``filter_loads.before``."""
        return None if self.accelerator.pe.filter_load is FilterLoad.FIRST_COLUMN else before(self.nest, trail, carried)

    def step(self, sizes: Mapping[str, Piece], loads: bool) -> Phase:
        """Cycles of one step of the nest on the array, but for waits for its filters; ``loads``: it brings new ones."""
        spent = Spent()
        for one in self.passes(sizes):
            self._add_pass(one, sizes, loads, spent)
        return spent.phase()

    def run(
        self,
        sizes: Mapping[str, Piece],
        loads: bool,
        starts: bool,
        earlier: Block | None = None,
        burst: Mapping[str, Piece] | None = None,
        *,
        follows: bool = False,
    ) -> Run:
        """How the array runs one step.

        Args:
            sizes: the pieces of the step.
            loads: whether it brings new filters.
            starts: whether it begins a burst.
            earlier: the step before it, if that matters.
            burst: the pieces of the burst that it begins.
            follows: whether it begins a burst after another one.
        """
        cycles = self.step(sizes, loads).total + (self.ramp(sizes).total if starts else 0)
        if burst is not None:
            cycles += self.bursts.drain(burst)
        if starts:
            cycles += self.bursts.wait(earlier, sizes, loads=loads, follows=follows)
        if loads:
            cycles += self.filter_wait(earlier, Block(*(sizes[dim].size for dim in "NMCQ")))
        return Run.alone(cycles)

    def first_window(self, one: Pass) -> int:
        """Cycles in which the first window of a burst comes, given its first pass."""
        return self._bus(Operand.IFMAP, "in", self.ifmap_rows(one) * one.channels * self._span(one))[0]

    def ramp(self, sizes: Mapping[str, Piece]) -> Phase:
        """First window in, last psums out: once per output tile."""
        one, spent = self.passes(sizes)[0], Spent()
        spent.fill += self.first_window(one)
        spent.drain += self.accelerator.pe.pipeline_stages - 1 + one.chain - 1
        return spent.phase()

    def sums_in_time(self, one: Pass) -> bool:
        """Whether the network in has for certain brought the sums of every column by when the first of them is added.

        It has if those of a column need no more edges than there are steps until then, and than a column has.
        """
        link, pe = self._buses[Operand.PSUM, "in"], self.accelerator.pe
        if link is None or link.width_bits is None:
            return True
        bits = one.filters * one.rows * self.accelerator.bits(Operand.PSUM)
        first = self._first_column(one) - (one.per_pe_filters - 1) * max(1, pe.psum_add_cycles)
        column = self._column(one, min(self.nest.geometry.stride_w, self._span(one)))
        return ceil_div(bits, link.width_bits) <= first and bits <= column * link.width_bits

    def ways(self, first: Pass) -> list[Way]:
        """The way of a sum to the buffer and back in a burst, by each reckoning that holds.

        Args:
            first: the first pass of the burst, whose chain is the longest.
        """
        if self._ways is None:
            self._ways = self._ways_of_layer()
        ticks = first.chain - 1 + self.accelerator.pe.pipeline_stages - 1
        return [replace(way, ticks=ticks, climb=ticks * way.climb) for way in self._ways]

    def _ways_of_layer(self) -> list[Way]:
        """The ways of sums, with the longest time of one tick of the way up the chain.

        All passes of a burst that add to each other's sums bring filters; what a burst adds to may be of others.
        """
        kinds = {self.nest.shape(sizes): sizes for sizes, _ in self.nest.blocks(len(self.nest.loops))}
        visits = [
            visit
            for sizes, loads in product(kinds.values(), {True, not self.bursts_add})
            for visit in self.visits(sizes, self.passes(sizes)[0], loads)
        ]
        bits, links = self.accelerator.bits(Operand.PSUM), [self._buses[Operand.PSUM, way] for way in ("out", "in")]
        widths = [link.width_bits if link else None for link in links]
        longest = max(ceil_div(visit.edges, visit.steps) for visit in visits)
        ways = [Way(True, 0, longest, bits, *networks(visits, True, bits, widths))]
        if all(width is None or ceil_div(one.sums * bits, width) <= one.steps for one in visits for width in widths):
            ways.insert(0, Way(False, 0, 1, bits, *networks(visits, False, bits, widths)))
        return ways

    def visits(self, sizes: Mapping[str, Piece], first: Pass, loads: bool = True) -> tuple[Visit, ...]:
        """The passes of a step, as far as sums matter.

        Args:
            sizes: the pieces of the step.
            first: the first pass of the burst.
            loads: whether the step brings filters.
        """
        pe = self.accelerator.pe
        return tuple(
            Visit(
                ifmaps=one.n,
                cols=one.cols,
                first=self._first_column(one),
                column=self._column(one, min(self.nest.geometry.stride_w, self._span(one))),
                adding=max(1, pe.psum_add_cycles),
                groups=tuple(one.rows * sets for sets in one.sets_by_filter),
                edges=max(self.compute_cycles(one), self._slowest(one, sizes, loads)[0]),
                late=(first.sets_r - one.sets_r + 1) * first.taps_r - one.taps_r + pe.pipeline_stages - 1,
                filters=self._bus(Operand.WEIGHT, "in", one.weights)[0] if loads else 0,
                beside=self._beside(one),
            )
            for one in self.passes(sizes)
        )
