"""Choosing the mapping of each layer with MACs, and counting what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from accsim.energy.linear.channel import channel_bits
from accsim.energy.linear.row_stationary import rates
from accsim.energy.linear.systolic import Probes, standard_probes, standard_terms, systolic_terms, with_constant
from accsim.energy.price import price
from accsim.energy.table import EnergyTable
from accsim.errors import InputError, MappingError, suggest
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.choose import no_mapping, published, smallest
from accsim.mapping.dataflow import Dataflow, SystolicDataflow, TiledDataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.mapping.mapping import RowStationaryMapping, SystolicMapping, TiledMapping
from accsim.mapping.search import row_stationary, systolic, tiled
from accsim.mapping.search.best_first import Cost, Found
from accsim.mapping.search.effort import Effort
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience, Stopped
from accsim.mapping.search.systolic.terms import Terms
from accsim.mapping.search.words import WHAT, percent, sentence
from accsim.mapping.task import Task, violations
from accsim.memo import Memo, without_sizes
from accsim.simulate.activity import Activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import simulate_mac
from accsim.simulate.tiled.families import held_as, misfit
from accsim.workload.network import Network

GIVEN = "mapping given by the user"

Watch = Callable[[int], None]
"""Called with the mappings of a layer scored so far."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A layer's mapping and where it comes from."""

    mapping: LayerMapping
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


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


def parse_effort(name: str) -> Effort:
    """The effort called ``name``.

    Raises:
        InputError: there is none.
    """
    try:
        return Effort(name)
    except ValueError:
        known = [e.value for e in Effort]
        raise InputError([f"unknown effort {name!r}: must be {' or '.join(known)}{suggest(name, known)}"]) from None


@dataclass(frozen=True, slots=True)
class Search:
    """How mappings are searched for.

    Attributes:
        objective: what is minimised.
        always: whether to search where a published mapping exists, too.
        time_limit: seconds for all layers together; ``None`` for no limit.
        effort: how much of the space is tried.
    """

    objective: Objective = Objective.ENERGY
    always: bool = False
    time_limit: float | None = None
    effort: Effort = Effort.FULL


class Mapper:
    """Maps layers with MACs; equal layers are mapped and simulated once.

    Args:
        given: mappings by layer name, which are used as they are.
        how: what to minimise, and how long to search.
        patience: shared by the searches of all layers.
        memo: what layers on other machines have come to; none of it changes a result.
    """

    def __init__(
        self,
        network: Network,
        accelerator: Accelerator,
        dataflow: Dataflow,
        table: EnergyTable,
        given: Mapping[str, LayerMapping],
        how: Search,
        patience: Patience,
        memo: Memo | None = None,
    ) -> None:
        self.network, self.accelerator, self.dataflow, self.table = network, accelerator, dataflow, table
        self.given, self.how, self.patience = given, how, patience
        self._searched: dict[object, Mapped] = {}
        self._simulated: dict[object, Activity] = {}
        self._legal: set[object] = set()
        self._known: dict[object, Terms] = {}
        self.memo = memo or Memo()
        self._timed = self.memo.number(without_sizes(accelerator))
        self._priced = self.memo.number((accelerator, table, dataflow, how))

    def _key(self, task: MacTask) -> tuple[object, ...]:
        same = (*self._what(task), task.reserved)
        if not self._by_value:
            return same
        values = tuple(id(array) for array in task.tensors.values())
        return (*same, self._widths(task), values)

    @property
    def _by_value(self) -> bool:
        """Whether the time of a layer may follow its tensors, which one run alone holds."""
        return isinstance(self.dataflow, TiledDataflow)

    def _what(self, task: MacTask) -> tuple[object, ...]:
        """What a layer is, as far as its activity under a mapping depends on it."""
        layer = task.layer
        known = (layer.weight_statistics, layer.ifmap_statistics, layer.ofmap_statistics)
        return (
            task.geometry, task.weight_name, task.residency, task.densities, task.coded, task.values, known,
            task.layer.residual,
        )  # fmt: skip

    def _widths(self, task: MacTask) -> tuple[int, ...]:
        pe = task.machine(self.accelerator).pe
        return pe.weight_bits, pe.activation_bits, pe.output_bits

    def _job(self, task: MacTask) -> Task:
        tiled = isinstance(self.dataflow, TiledDataflow)
        machine = task.follows(self.accelerator)
        machine = held_as(task, machine) if tiled else machine
        return Task(
            name=task.layer.name,
            geometry=task.geometry,
            accelerator=machine,
            dataflow=self.dataflow,
            reserved=task.reserved,
            weight_bits=machine.bits(task.weight_name),
        )

    def searches(self, task: MacTask) -> bool:
        """Whether the mapping of a layer is searched for."""
        if task.layer.name in self.given:
            return False
        return self.how.always or published(self._job(task), self.network.name)[0] is None

    def map(self, task: MacTask, watch: Watch | None = None) -> Mapped:
        """The mapping of a layer; ``watch`` is told how far the search for it is.

        Raises:
            MappingError: a given mapping is illegal, or none is legal.
        """
        wrong = misfit(task, self.accelerator)
        if wrong is not None:
            raise MappingError(f"layer {task.layer.name!r} cannot run on {self.accelerator.name}: {wrong}")
        given = self.given.get(task.layer.name)
        if given is not None and (self._key(task), given) in self._legal:
            return Mapped(given, (GIVEN,))
        job = self._job(task)
        if given is not None:
            illegal = violations(job, given)
            if illegal:
                raise MappingError(f"the mapping given for layer {task.layer.name!r} is illegal: {'; '.join(illegal)}")
            self._legal.add((self._key(task), given))
            return Mapped(given, (GIVEN,))
        known, note = published(job, self.network.name)
        if known is not None and not self.how.always:
            return Mapped(known, (note,))
        key = (*self._key(task), known)
        if key not in self._searched:
            if self._by_value:
                self._searched[key] = self._search(job, task, known, watch)
            else:
                found = self.memo.searched.get((self._priced, key), lambda: self._search(job, task, known, watch))
                self._searched[key] = cast(Mapped, found)
        found = self._searched[key]
        return replace(found, notes=(note, *found.notes)) if note and known is None else found

    def simulate(self, task: MacTask, mapped: Mapped) -> Activity:
        """The activity of a layer under its mapping."""
        key = (*self._key(task), mapped.mapping, mapped.notes)
        if key not in self._simulated:
            activity = self._activity(task, mapped.mapping)
            self._simulated[key] = replace(activity, notes=mapped.notes + activity.notes)
        return replace(self._simulated[key], layer=task.layer.name)

    def _activity(self, task: MacTask, mapping: LayerMapping) -> Activity:
        """The activity of a layer under a mapping, which machines with other buffer sizes may share."""
        if self._by_value:
            return simulate_mac(task, self.accelerator, mapping)
        held = task.reserved if isinstance(mapping, RowStationaryMapping) else ()
        key = (self._timed, self._what(task), held, mapping)
        return cast(Activity, self.memo.simulated.get(key, lambda: simulate_mac(task, self.accelerator, mapping)))

    def _terms(self, task: MacTask, dataflow: SystolicDataflow) -> Terms:
        """The terms of a layer for a quick search, which layers of one kind share."""
        if task.values is not None or task.coded:
            return systolic_terms(task, self.accelerator, self.table, dataflow)
        follows = task.follows(self.accelerator).pe
        key = (task.residency, task.densities, task.weight_name, task.layer.residual, follows)
        if key not in self._known:
            probes = self.memo.terms.get(
                (self._timed, dataflow, key), lambda: standard_probes(task, self.accelerator, dataflow)
            )
            self._known[key] = standard_terms(cast(Probes, probes), self.accelerator, self.table)
        terms = self._known[key]
        if self.how.objective is Objective.EDP:
            terms = with_constant(terms, task, self.accelerator, self.table, dataflow)
        return terms

    def _search(self, job: Task, task: MacTask, known: RowStationaryMapping | None, watch: Watch | None) -> Mapped:
        costs: dict[LayerMapping, Cost] = {}

        def cost(mapping: LayerMapping) -> Cost:
            if mapping not in costs:
                costs[mapping] = self._cost(task, mapping)
            return costs[mapping]

        if isinstance(job.dataflow, TiledDataflow):
            return self._tiled(job, job.dataflow, task, watch)
        first, goal = smallest(job), self.how.objective
        tell = None if watch is None else lambda scored, _: watch(scored)
        if isinstance(first, SystolicMapping):
            if self.how.effort is Effort.QUICK:
                quick = systolic.quick_search(job, self._terms(task, first.dataflow), goal, cost)
                if quick is None:
                    raise MappingError(no_mapping(job))
                return Mapped(quick.mapping, (f"quick search: {quick.scored:,} mappings scored of {quick.space}",))
            terms = systolic_terms(task, self.accelerator, self.table, first.dataflow)
            best = systolic.search(job, terms, goal, cost, patience=self.patience, watch=tell)
            if best is None:
                raise MappingError(no_mapping(job))
            kept_by = systolic.binding(job, terms, goal, best.mapping, self.patience)
            return self._mapped(best, None, kept_by)
        if not isinstance(first, RowStationaryMapping):
            raise TypeError("arrays that run tiles have a search of their own")
        spent, given = rates(task, self.accelerator, self.table, first), () if known is None else (known,)
        found = row_stationary.search(job, spent, goal, cost, first=given, patience=self.patience, watch=tell)
        if found is None:
            raise MappingError(no_mapping(job))
        binds: Sequence[row_stationary.Binding] = ()
        if found.bound > 0:
            binds = row_stationary.binding(job, spent, goal, found.mapping, found.bound, self.patience)
        return self._mapped(found, None if known is None else cost(known), binds)

    def _tiled(self, job: Task, flow: TiledDataflow, task: MacTask, watch: Watch | None) -> Mapped:
        """The search for tiles. Where values decide how long a tile takes, it goes by what is expected of them."""
        shapes = replace(task, tensors={})
        tell = None if watch is None else lambda scored, _: watch(scored)
        found = tiled.search(job, flow, lambda one: self._cost(shapes, one), patience=self.patience, watch=tell)
        if found is None:
            raise MappingError(no_mapping(job))
        return self._mapped(found, None, ())

    def _mapped(
        self,
        found: Found[RowStationaryMapping] | Found[SystolicMapping] | Found[TiledMapping],
        known: Cost | None,
        binds: Sequence[row_stationary.Binding],
    ) -> Mapped:
        """What was found, in words; ``known`` is the cost of the published mapping."""
        goal, told = self.how.objective, sentence(found, self.how.objective)
        notes = [told]
        if known is not None:
            more = known[0] / found.cost[0] - 1 if found.cost[0] > 0 else 0.0
            gap = f"has {percent(more)} more {WHAT[goal]}" if more > 0 else "is as good"
            notes.append(f"the published mapping of {self.accelerator.name} {gap}")
        if binds:
            each = ", ".join(f"{one.what} ({percent(one.saves)})" for one in binds)
            notes.append(f"less {WHAT[goal]} with twice the {each}, at the same energy per access")
        early = found.stopped in (Stopped.TIME_LIMIT, Stopped.INTERRUPTED)
        return Mapped(found.mapping, tuple(notes), (told,) if early else ())

    def _cost(self, task: MacTask, mapping: LayerMapping) -> tuple[float, float]:
        """The objective, and the other figure to break ties."""
        activity = self._activity(task, mapping)
        energy, cycles = price(activity, self.accelerator, self.table).energy, float(activity.cycles.total)
        match self.how.objective:
            case Objective.ENERGY:
                return energy, cycles
            case Objective.LATENCY:
                return cycles, energy
            case Objective.EDP:
                return energy * cycles, energy
            case Objective.TRAFFIC:
                return channel_bits(activity, self.accelerator), energy
