"""Choosing the mapping of each layer with MACs, and counting what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from accsim.energy.price import price
from accsim.energy.prices import price_list
from accsim.energy.table import EnergyTable, TransferRule
from accsim.errors import AccsimError, InputError, MappingError, suggest
from accsim.hardware.accelerator import Accelerator, LevelKind
from accsim.mapping.choose import Task, published, search, violations
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.mapping.prices import Prices
from accsim.simulate.activity import Action, Activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import simulate_mac
from accsim.workload.layer import Operand
from accsim.workload.network import Network

GIVEN = "mapping given by the user"


class Objective(StrEnum):
    """What the search for a mapping minimises, per layer: energy, cycles with DRAM, or their product."""

    ENERGY = "energy"
    LATENCY = "latency"
    EDP = "edp"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A layer's mapping and where it comes from."""

    mapping: LayerMapping
    note: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The note, if there is one."""
        return (self.note,) if self.note else ()


def parse_objective(name: str) -> Objective:
    """The objective called ``name``.

    Raises:
        InputError: there is none.
    """
    try:
        return Objective(name)
    except ValueError:
        known = [o.value for o in Objective]
        raise InputError(
            [f"unknown objective {name!r}: must be one of {', '.join(known)}{suggest(name, known)}"]
        ) from None


class Mapper:
    """Maps layers with MACs; equal layers are mapped and simulated once."""

    def __init__(
        self,
        network: Network,
        accelerator: Accelerator,
        dataflow: Dataflow,
        table: EnergyTable,
        objective: Objective,
        given: Mapping[str, LayerMapping],
    ) -> None:
        self.network, self.accelerator, self.dataflow = network, accelerator, dataflow
        self.table, self.objective, self.given = table, objective, given
        self._searched: dict[object, LayerMapping] = {}
        self._simulated: dict[object, Activity] = {}
        self._legal: set[object] = set()

    def _key(self, task: MacTask) -> tuple[object, ...]:
        return (task.geometry, task.weight_name, task.residency, task.reserved, task.densities, task.coded, task.values)

    def map(self, task: MacTask) -> Mapped:
        """The mapping of a layer.

        Raises:
            MappingError: a given mapping is illegal, or none is legal.
        """
        given = self.given.get(task.layer.name)
        if given is not None and (self._key(task), given) in self._legal:
            return Mapped(given, GIVEN)
        job = Task(
            name=task.layer.name,
            geometry=task.geometry,
            accelerator=self.accelerator,
            dataflow=self.dataflow,
            reserved=task.reserved,
            weight_bits=self.accelerator.bits(task.weight_name),
        )
        if given is not None:
            wrong = violations(job, given)
            if wrong:
                raise MappingError(f"the mapping given for layer {task.layer.name!r} is illegal: {'; '.join(wrong)}")
            self._legal.add((self._key(task), given))
            return Mapped(given, GIVEN)
        mapping_, note = published(job, self.network.name)
        if mapping_ is not None:
            return Mapped(mapping_, note)
        key = self._key(task)
        if key not in self._searched:
            self._searched[key] = search(job, self._prices(), lambda m: self._cost(task, m))
        return Mapped(self._searched[key], note)

    def simulate(self, task: MacTask, mapped: Mapped) -> Activity:
        """The activity of a layer under its mapping."""
        key = (*self._key(task), mapped.mapping, mapped.note)
        if key not in self._simulated:
            self._simulated[key] = simulate_mac(task, self.accelerator, mapped.mapping, mapped.notes)
        return replace(self._simulated[key], layer=task.layer.name)

    def _prices(self) -> Prices:
        acc, prices = self.accelerator, price_list(self.accelerator, self.table)
        both = self.table.transfer_rule is TransferRule.BOTH_ENDS

        def unit(level: str | None, action: Action) -> float:
            try:
                return prices.price(level, action).unit_per_bit if level else 0.0
            except AccsimError:  # an action that no layer may need; one that happens is refused when it is priced
                return 0.0

        def link(operand: Operand, direction: str) -> str | None:
            found = acc.link(operand, direction)
            return found.name if found else None

        def spad(operand: Operand) -> str | None:
            held = [level.name for level in acc.chain(operand) if level.kind is LevelKind.RF]
            return held[-1] if held else None

        def moved(near: float, far: float) -> float:
            return near + far if both else max(near, far)

        def received(operand: Operand) -> float:
            return moved(unit(link(operand, "in"), Action.DELIVER), unit(spad(operand), Action.FILL))

        psum_in, psum_out = link(Operand.PSUM, "in"), link(Operand.PSUM, "out")
        buffer = unit(acc.buffers[-1].name if acc.buffers else None, Action.READ)
        return Prices(
            dram=moved(unit(acc.dram.name, Action.READ), buffer),
            buffer=buffer + unit(link(Operand.IFMAP, "in"), Action.SEND),
            sum_in=moved(buffer, unit(psum_in, Action.DELIVER)) + unit(psum_in, Action.SEND),
            sum_out=buffer + unit(psum_out, Action.DELIVER) + unit(psum_out, Action.SEND),
            ifmap=received(Operand.IFMAP),
            weight=received(Operand.WEIGHT),
            hop=unit(link(Operand.PSUM, "local"), Action.HOP),
            psum=unit(spad(Operand.PSUM), Action.READ),
        )

    def _cost(self, task: MacTask, mapping: LayerMapping) -> tuple[float, float]:
        """The objective, and the other figure to break ties."""
        activity = simulate_mac(task, self.accelerator, mapping)
        energy, cycles = price(activity, self.accelerator, self.table).energy, float(activity.cycles.total)
        match self.objective:
            case Objective.ENERGY:
                return energy, cycles
            case Objective.LATENCY:
                return cycles, energy
            case Objective.EDP:
                return energy * cycles, energy
