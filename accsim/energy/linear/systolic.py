"""The exact engine and the energy table as linear terms, for the search for a systolic mapping.

A layer's counters are recorded and priced by the code that every result goes through, at one set of words moved and,
for each kind of word, at another; the difference is what a word of that kind costs. The terms leave out that accesses
are rounded up, so they are never above the exact figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import lcm

from accsim.energy.linear.channel import channel_bits
from accsim.energy.price import price
from accsim.energy.prices import price_list
from accsim.energy.table import EnergyTable
from accsim.hardware.accelerator import Accelerator, Dram, InitialPsum, Link, Sram
from accsim.hardware.datapath import DatapathKind
from accsim.mapping.dataflow import SystolicDataflow
from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping, shared_levels
from accsim.mapping.search.systolic.terms import FLOWS, Linear, Port, Slot, Terms, Transfer
from accsim.simulate.activity import Activity, Count, Cycles, ExpectedCount
from accsim.simulate.channel import fetched, returned
from accsim.simulate.edge_ports import edge_ports
from accsim.simulate.flows import Flow, Occupancy, SystolicFlows, Zeros
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_activity import mac_activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.movement import record
from accsim.simulate.padding import valid_macs
from accsim.simulate.phase import Schedule
from accsim.simulate.storage import Place, Traffic
from accsim.workload.layer import Geometry, Operand


def systolic_terms(task: MacTask, accelerator: Accelerator, table: EnergyTable, dataflow: SystolicDataflow) -> Terms:
    """The terms of a layer on a machine.

    Raises:
        AccsimError: the table has no entry for an action that every mapping needs.
    """
    probe = _Probe.of(task, accelerator, dataflow)

    def figures(activity: Activity) -> tuple[float, float]:
        return price(activity, accelerator, table).energy, channel_bits(activity, accelerator)

    return _terms(probe, *probe.linear(figures), _leak(accelerator, table))


@dataclass(frozen=True, slots=True)
class Probes:
    """What layers of one kind move and how long a cycle is, for terms without the constant.

    Attributes:
        terms: the terms, but for what a word costs in energy.
        base: words of every flow and slot at which ``at`` was recorded.
        step: words by which each of ``more`` has one flow or slot larger than it.
    """

    terms: Terms
    at: Activity
    more: tuple[Activity, ...]
    step: int


STANDARD = Geometry(N=1, G=1, M=64, C=64, H=8, W=8, R=1, S=1, P=8, Q=8)
"""The layer whose words are priced for all layers of a kind: what a word costs does not depend on the layer's sizes."""


def standard_probes(task: MacTask, accelerator: Accelerator, dataflow: SystolicDataflow) -> Probes:
    """Probes of the layers with this one's residency, densities and operands, whatever their sizes.

    Not for tensors that are coded off chip, whose words are the shorter the more padding is fetched.
    """
    probe = _Probe.of(replace(task, geometry=STANDARD), accelerator, dataflow)
    base, step = probe.base()
    more = [[words + step if i == j else words for j, words in enumerate(base)] for i in range(len(base))]
    traffic, _ = probe.linear(lambda activity: (channel_bits(activity, accelerator), 0.0))
    terms = _terms(probe, Linear(0.0, (), ()), traffic, 0.0)
    return Probes(terms, probe.activity(base), tuple(probe.activity(words) for words in more), step)


def standard_terms(probes: Probes, accelerator: Accelerator, table: EnergyTable) -> Terms:
    """The terms of all layers that share probes; the energy's constant is 0."""
    at = price(probes.at, accelerator, table).energy
    each = [(price(one, accelerator, table).energy - at) / probes.step for one in probes.more]
    energy = Linear(0.0, tuple(each[: len(FLOWS)]), tuple(each[len(FLOWS) :]))
    return replace(probes.terms, energy=energy, leak_per_cycle=_leak(accelerator, table))


def with_constant(
    terms: Terms, task: MacTask, accelerator: Accelerator, table: EnergyTable, dataflow: SystolicDataflow
) -> Terms:
    """The terms with the constant of a layer's energy."""
    probe = _Probe.of(task, accelerator, dataflow)
    base, _ = probe.base()
    at = price(probe.activity(base), accelerator, table).energy
    prices = (*terms.energy.flows, *terms.energy.slots)
    constant = at - sum(each * words for each, words in zip(prices, base, strict=True))
    return replace(terms, energy=replace(terms.energy, constant=constant))


def _leak(accelerator: Accelerator, table: EnergyTable) -> float:
    return sum(one.per_access for _, _, one in price_list(accelerator, table).standing())


def _terms(probe: _Probe, energy: Linear, traffic: Linear, leak: float) -> Terms:
    place, accelerator = probe.place, probe.place.accelerator
    returns = accelerator.array.initial_psum is InitialPsum.READ
    ports = tuple(Port(p.name, p.operands, p.bits_per_cycle) for p in edge_ports(accelerator, returns))
    inputs = tuple(
        Transfer(one.operand, one.level, one.slots, probe.off_chip_bits(one.operand)) for one in fetched(place)
    )
    out = returned(place)
    return Terms(
        slots=probe.slots,
        energy=energy,
        traffic=traffic,
        leak_per_cycle=leak,
        ports=ports,
        fetched=inputs,
        output=Transfer(Operand.PSUM, out.level, out.slots, place.bits(Operand.PSUM)),
        finished_bits=0.0 if probe.task.residency.ofmap is not None else probe.off_chip_bits(Operand.OFMAP),
    )


@dataclass(frozen=True, slots=True)
class _Probe:
    """A layer whose words can be set at will."""

    task: MacTask
    place: Place
    slots: tuple[Slot, ...]
    loaded: frozenset[Slot]
    unit: int

    @classmethod
    def of(cls, task: MacTask, accelerator: Accelerator, dataflow: SystolicDataflow) -> _Probe:
        accelerator = task.follows(accelerator)
        slots = tuple((name, operand) for operand in NEST_OPERANDS for name in shared_levels(accelerator, operand))
        place = task.place(accelerator, SystolicMapping(dataflow, (), tuple((*slot, 0) for slot in slots)))
        loaded = {
            (inner.name, operand)
            for operand in (Operand.IFMAP, Operand.WEIGHT)
            for _, inner in pairwise(place.path(operand))
        }
        widths = [level.width_bits for level in accelerator.levels if isinstance(level, Sram | Link)]
        codes = [code.words for o in task.counted_codes if (code := task.code_of(o)) is not None]
        unit = lcm(accelerator.dram.width_bits, *(width for width in widths if width), *codes)
        return cls(task, place, slots, frozenset(loaded), unit)

    def off_chip_bits(self, operand: Operand) -> float:
        """Bits of a word off chip, at least."""
        code, run_length = self.task.code_of(operand), self.place.accelerator.dram.run_length
        if code is not None:
            return code.bits / code.words
        if operand in self.task.coded and run_length is not None:
            return self.task.coded_width(operand, self.place.accelerator.dram)
        return float(self.place.bits(operand))

    def base(self) -> tuple[list[int], int]:
        """Words of every flow and slot, and a step to add to them."""
        finished = self.task.geometry.ofmap_words
        step = self.unit * max(1, finished // self.unit)
        sums = [i for i, (operand, name) in enumerate(FLOWS) if operand == "psum" and name == "edge"]
        base = [step] * (len(FLOWS) + len(self.slots))
        for i in sums:  # more than what leaves the buffers, as it is for every mapping
            base[i] = step * (len(self.slots) + 2) + finished
        return base, step

    def linear(self, figures: Callable[[Activity], tuple[float, float]]) -> tuple[Linear, Linear]:
        """The terms of two figures of an activity."""
        base, step = self.base()
        at = figures(self.activity(base))
        more = [
            figures(self.activity([words + step if i == j else words for j, words in enumerate(base)]))
            for i in range(len(base))
        ]
        energy, traffic = (self._linear(base, step, at[k], [one[k] for one in more]) for k in range(2))
        return energy, traffic

    def _linear(self, base: list[int], step: int, at: float, more: list[float]) -> Linear:
        """The terms of a figure that is ``at``, and ``more`` with a step more of each kind of word."""
        each = [(one - at) / step for one in more]
        constant = at - sum(price * words for price, words in zip(each, base, strict=True))
        return Linear(constant, tuple(each[: len(FLOWS)]), tuple(each[len(FLOWS) :]))

    def activity(self, words: list[int]) -> Activity:
        """The activity of a layer that moves so many words and takes no time."""
        task, place = self.task, self.place
        accelerator, geometry = place.accelerator, task.geometry
        flows, ledger = SystolicFlows(Flow(), Flow(), Flow()), Ledger(accelerator)
        for (operand, name), n in zip(FLOWS, words, strict=False):
            setattr(getattr(flows, operand), name, n)
        zero = accelerator.array.initial_psum is InitialPsum.ZERO
        flows.psum_in = flows.psum.edge - (geometry.ofmap_words if zero else 0)
        traffic = Traffic(finished=geometry.ofmap_words)
        for slot, n in zip(self.slots, words[len(FLOWS) :], strict=True):
            level, operand = slot
            if operand is Operand.PSUM:
                traffic.spilled[level] = traffic.returned[level] = n
            elif slot in self.loaded:
                traffic.loads[slot] = n
                self._code(traffic, operand, n)
        self._code(traffic, Operand.OFMAP, geometry.ofmap_words)
        zeros = task.zero_macs
        if zeros is None:
            zeros = geometry.macs - valid_macs(geometry)
        if accelerator.pe.datapath.kind is DatapathKind.TERNARY:
            zeros = task.on_zero_weights
        record(place, flows, traffic, geometry.macs, Zeros(zeros), ledger)
        nothing = Schedule(Cycles(0), 0)
        activity = mac_activity(
            task, accelerator, place.mapping, nothing, Occupancy(0, 0, 0), ledger.counts(), geometry.macs
        )
        return replace(activity, expected=tuple(self._unrounded(count) for count in activity.priced))

    def _unrounded(self, count: Count | ExpectedCount) -> ExpectedCount:
        """A counter with a part of an access where sums fill one in part; other words are whole accesses."""
        width, accesses = self._width(count.level), float(count.accesses)
        if count.operand is Operand.PSUM and width and count.accesses == -(-int(count.bits) // width):
            accesses = count.bits / width
        return ExpectedCount(count.level, count.operand, count.action, accesses, float(count.bits), count.peer)

    def _width(self, level: str) -> int | None:
        """Bits of an access of a level that packs words into accesses."""
        found = [lv for lv in self.place.accelerator.levels if lv.name == level]
        return found[0].width_bits if found and isinstance(found[0], Dram | Sram | Link) else None

    def _code(self, traffic: Traffic, operand: Operand, words: int) -> None:
        """Code the words of a tensor whose values are known, as one transfer."""
        home = self.place.residency.ofmap if operand is Operand.OFMAP else self.place.home(operand)
        code = self.task.code_of(operand) if operand in self.task.counted_codes else None
        if code is not None and home is None and operand not in traffic.coded_bits:
            traffic.coded_bits[operand] = code.transfer(words)
