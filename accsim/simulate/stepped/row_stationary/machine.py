"""The stepped row-stationary machine: passes in order, and what was seen."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError
from accsim.hardware.accelerator import InitialPsum
from accsim.simulate.flows import Occupancy, RowStationaryFlows
from accsim.simulate.phase import Phase
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Registers, Step
from accsim.simulate.stepped.operands import accumulator_of
from accsim.simulate.stepped.row_stationary import array, controller, dumps, pe, sums
from accsim.simulate.stepped.row_stationary.chunks import chunks
from accsim.simulate.stepped.row_stationary.passes import Passes, Slots, Table
from accsim.simulate.stepped.row_stationary.recorder import Recorder
from accsim.simulate.storage import Place
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand

NEVER = 2**62

Integers = npt.NDArray[np.int64]


class SteppedRowStationary:
    """A row-stationary array that runs one layer's passes edge by edge with real values."""

    def __init__(self, place: Place, operands: Operands) -> None:
        self.place, self.operands = place, operands
        self.passes = Passes(place)

    def run(self, steps: Iterable[Step], probe: Probe | None = None) -> Observed:
        """Run the steps of one layer, in order.

        Raises:
            AccsimError: a word was not where the schedule of the networks needs it, which is a mistake of accsim.
        """
        return _Layer(self.place, self.operands, self.passes, probe or Probe()).run(steps)


class _Layer:
    """One layer on its way through the array.

    Passes are worked on in chunks: the controller walks the edges of a chunk, then the PEs run its passes. Where
    registers or words are asked for a chunk is a burst, and the PEs follow one burst behind, because a PE keeps its
    registers until it begins the next one.
    """

    def __init__(self, place: Place, operands: Operands, passes: Passes, probe: Probe) -> None:
        self.passes, self.probe = passes, probe
        self.probing = probe.asks
        g = place.nest.geometry
        shape = g.N, g.M, g.P, g.Q
        exact, visited = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
        self.tensors = array.Tensors(operands.ifmap, operands.weight, exact, visited)
        self.layout, self.networks = _layout(place, passes), _networks(place, passes)
        self.memory, self.returns = _memory(place, passes), _returns(place, passes)
        self.state = np.zeros(controller.STATE, np.int64)
        self.counts = np.zeros(array.COUNTS, np.int64)
        self.first = np.zeros(2, np.int64)
        self.recorder = Recorder(probe.edges or probe.waits, self.layout, g.H, g.W)
        self.asked = np.array(probe.cycles, np.int64)
        self.ticks = np.zeros(self.asked.size, np.int64)
        self.dump = _dump(place, passes, self.asked.size)
        self.spent = np.zeros(controller.STALLS + len(passes.paced), np.int64)
        self.totals: list[Integers] = []

    def run(self, steps: Iterable[Step]) -> Observed:
        """Run all steps and say what was seen."""
        waiting: tuple[Table, Integers] | None = None
        for table, slots in chunks(self.passes.of(steps), self.probing):
            begins = self._walk(table, slots)
            if waiting is not None:
                self._run_pes(*waiting, array.Following(int(begins[0]), *_first(table)))
            waiting = table, begins
        if waiting is not None:
            self._run_pes(*waiting, array.Following(NEVER, 0, 0, 0, 0))
        self._report()
        return self._observed()

    def _walk(self, table: Table, slots: Slots) -> Integers:
        """Let the controller walk a chunk; returns the tick on which each pass begins."""
        begins = np.zeros(table.size, np.int64)
        spent = np.zeros((table.size, self.spent.size), np.int64)
        words = self.recorder.words(table, slots, self.state, self.networks, self.returns)
        wrong = controller.walk(
            table, slots, self.networks, self.state, self.asked, self.ticks, begins, spent, words, self.returns
        )  # fmt: skip
        if wrong:
            what = "used before it arrived" if wrong == controller.LATE else "sent to a PE that had no room for it"
            raise AccsimError(f"a word was {what}: this is a mistake of accsim's row-stationary machine")
        self.spent += spent.sum(axis=0)
        self.totals.append(np.stack([table["step"], table["starts"], spent.sum(axis=1), spent[:, controller.DRAIN]]))
        return begins

    def _run_pes(self, table: Table, begins: Integers, following: array.Following) -> None:
        known = self.ticks[: self.state[controller.DUMP]]
        array.run_passes(
            table, begins, self.layout, self.tensors, self.memory, self.counts, self.first, following,
            self.dump._replace(ticks=known),
        )  # fmt: skip

    def _report(self) -> None:
        """Put what was asked for into the probe."""
        shared = self.dump
        for d in range(int(self.state[controller.DUMP])):
            values = {"ifmap_window": shared.window[d], "filter_spad": shared.filters[d], "psum_spad": shared.psum[d]}
            valid = {
                "ifmap_window": shared.window_valid[d], "filter_spad": shared.filters_valid[d],
                "psum_spad": shared.psum_valid[d],
            }  # fmt: skip
            if shared.pipeline_stages > 1:
                values["product"], valid["product"] = shared.product[d], shared.product_valid[d]
            self.probe.registers.append(Registers(int(self.asked[d]), values, valid))
        if self.probe.edges:
            self.probe.edge_words.update(self.recorder.edge_words(self.state))
        if self.probe.edges or self.probe.waits:
            names = [one.name for one in self.passes.paced]
            self.probe.stalls.extend((names[k], first, end) for k, first, end in self.recorder.stalls(self.state))

    def _observed(self) -> Observed:
        counts = [int(count) for count in self.counts]
        spent = [int(edges) for edges in self.spent]
        stalls: dict[str, int] = {}
        for one, edges in zip(self.passes.paced, spent[controller.STALLS :], strict=True):
            if edges:
                stalls[one.name] = stalls.get(one.name, 0) + edges
        fill = spent[controller.FILL] + spent[controller.OPEN]
        return Observed(
            phase=Phase(spent[controller.COMPUTE], fill, spent[controller.DRAIN], tuple(stalls.items())),
            runs=self._runs(),
            sums=self.tensors.sums,
            flows=RowStationaryFlows(
                ifmap_read=counts[array.READ],
                ifmap_sent=int(self.state[controller.SENT]),
                ifmap_delivered=counts[array.DELIVERED],
                weight_sent=counts[array.WEIGHTS],
                weight_delivered=counts[array.WEIGHTS_IN],
                psum_out=counts[array.SUMS_OUT],
                psum_in=counts[array.SUMS_IN],
                psum_hops=counts[pe.HOPPED],
                psum_kept=counts[pe.KEPT],
            ),
            macs=counts[pe.MACS],
            zero_ifmap_macs=counts[pe.ZERO_MACS],
            zero_ifmap_kept=counts[pe.ZERO_KEPT],
            register_updates=sum(counts[i] for i in (pe.MACS, pe.ADDED, array.DELIVERED, array.WEIGHTS_IN)),
            occupancy=Occupancy(counts[array.MOST], counts[array.SLOTS], counts[array.STEPS]),
        )

    def _runs(self) -> tuple[Run, ...]:
        """Edges of every step; those at the end of a burst belong to the step that began it."""
        if not self.totals:
            return ()
        step, starts, edges, drain = np.concatenate(self.totals, axis=1)
        total = np.zeros(int(step.max()) + 1, np.int64)
        np.add.at(total, step, edges - drain)
        np.add.at(total, np.maximum.accumulate(np.where(starts, step, 0)), drain)
        known = {edges: Run.alone(edges) for edges in {int(edges) for edges in total}}
        return tuple(known[int(edges)] for edges in total)


def _first(table: Table) -> tuple[int, int, int, int]:
    one = table[0]
    return int(one["sets_t"]), int(one["sets_r"]), int(one["taps_r"]), int(one["rows"])


def _layout(place: Place, passes: Passes) -> array.Layout:
    g, acc, mapping = place.nest.geometry, place.accelerator, passes.mapping
    return array.Layout(
        g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.pad_top, g.pad_left, place.nest.fetch_padding,
        acc.array.initial_psum is InitialPsum.READ, acc.pe.window_shift_cycles, acc.pe.psum_add_cycles,
        accumulator_of(acc.pe).rule, mapping.r, mapping.e, acc.array.rows, acc.array.cols, passes.runs_r[0][1],
    )  # fmt: skip


def _networks(place: Place, passes: Passes) -> controller.Networks:
    acc = place.accelerator
    links = [acc.link(operand, "in") for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)]
    paced = {one.operands[0][0]: i for i, one in enumerate(passes.paced) if one.inward and not one.port}
    ifmap_width, weight_width, psum_width = (link.width_bits or 0 if link else 0 for link in links)
    return controller.Networks(
        acc.bits(Operand.IFMAP), acc.bits(Operand.WEIGHT), acc.bits(Operand.PSUM),
        ifmap_width, weight_width, psum_width, paced.get(Operand.IFMAP, -1), paced.get(Operand.PSUM, -1),
        acc.pe.pipeline_stages, acc.pe.psum_add_cycles,
    )  # fmt: skip


def _returns(place: Place, passes: Passes) -> sums.Returns:
    acc, m = place.accelerator, passes.mapping
    out, back = (link.width_bits or 0 if link else 0 for link in (acc.link(Operand.PSUM, way) for way in ("out", "in")))
    size = (m.m, m.n * m.f) if passes.sums_return else (0, 0)
    groups = np.zeros(size, np.int64), np.zeros(size, np.int64)
    bits, pe_ = acc.bits(Operand.PSUM), acc.pe
    left = np.zeros((2, 2), np.int64)
    if not passes.sums_return:
        return sums.Returns(bits, out, back, pe_.psum_add_cycles, pe_.pipeline_stages, 1, True, 0, left, *groups)
    table, slots = passes.kinds()
    slowest = np.maximum(table["steps"], slots.max(axis=1, initial=0))
    keeps_up = bool((passes.psum_slots(slots) <= table["steps"][:, None]).all())
    longest = int((-(-slowest // table["steps"])).max())
    returns = sums.Returns(
        bits, out, back, pe_.psum_add_cycles, pe_.pipeline_stages, longest, keeps_up, 0, left, *groups,
    )  # fmt: skip
    sums.measure(table, slowest, returns)
    if not passes.bursts_add:
        return returns
    chain = int((table["sets_r"] * table["taps_r"]).max())
    return returns._replace(between=int(sums.between_bursts(chain, returns)))


def _memory(place: Place, passes: Passes) -> array.Memory:
    g, m = place.nest.geometry, passes.mapping
    height, taps = passes.runs_r[0][1], passes.runs_s[0][1]
    span = (taps - 1) * g.dilation_w + 1
    rows = min(m.e * height, (m.e - 1) * g.stride_h + (height - 1) * g.dilation_h + 1)
    words = (m.f - 1) * min(g.stride_w, span) + span
    channels = min(m.q * m.r, g.channels_per_group)
    return array.Memory(
        filters=np.zeros((m.r, height, m.t, m.p * m.q * taps), np.int32),
        rows=np.zeros((channels, m.n, words, rows), np.int32),
        panel=np.zeros((m.q * taps, max(m.e, min(pe.WIDE, m.n * m.f * m.e))), np.int32),
        chain=np.zeros((m.t, m.p, m.n * m.f * m.e), np.int64),
        psum=np.zeros((m.t, m.p, m.e), np.int64),
    )


def _dump(place: Place, passes: Passes, count: int) -> dumps.Dump:
    g, m, acc = place.nest.geometry, passes.mapping, place.accelerator
    taps = passes.runs_s[0][1]
    pes = count, acc.array.rows, acc.array.cols
    sizes = ((m.q * ((taps - 1) * g.dilation_w + 1),), (m.p * m.q * taps,), (m.p,), ())
    return dumps.Dump(
        np.zeros(0, np.int64), acc.pe.pipeline_stages,
        *(np.zeros((*pes, *size), np.int64) for size in sizes),
        *(np.zeros((*pes, *size), np.bool_) for size in sizes),
    )  # fmt: skip
