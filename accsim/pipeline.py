"""The pipeline as functions: network and accelerator in, result out.

``estimate`` is the whole way; ``map_network`` and ``simulate_network`` are its two middle steps, for those who want to
change something in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from accsim.energy.estimate import LayerEstimate
from accsim.energy.price import price
from accsim.energy.prices import price_list
from accsim.energy.table import EnergyTable, TransferRule
from accsim.errors import AccsimError, InputError, MappingError, suggest
from accsim.hardware.accelerator import Accelerator, LevelKind
from accsim.mapping.choose import Task, published, search, violations
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.mapping.prices import Prices
from accsim.result import Result
from accsim.simulate.activity import Action, Activity
from accsim.simulate.comparison import compare
from accsim.simulate.network import MacTask, Progress, Tensors, simulate_mac, simulate_other, tasks
from accsim.simulate.residency import WORKING_SHARES, Plan, plan
from accsim.simulate.values import load_tensors, tensor_mistakes
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
            notes = (mapped.note,) if mapped.note else ()
            self._simulated[key] = simulate_mac(task, self.accelerator, mapped.mapping, notes)
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


def simulate_network(
    network: Network,
    accelerator: Accelerator,
    dataflow: Dataflow,
    table: EnergyTable,
    *,
    objective: Objective = Objective.ENERGY,
    given: Mapping[str, LayerMapping] | None = None,
    tensors: Tensors | None = None,
    progress: Progress | None = None,
) -> tuple[list[Activity], list[Mapped | None], Plan]:
    """Map and simulate every layer; layers follow each other without overlap.

    Where the tiles of a layer do not fit beside tensors that stay on chip, a larger share of the buffer is left for
    tiles and the network is planned again; at last every tensor goes to DRAM.

    Raises:
        MappingError: a layer fits under no plan.
    """
    for share in WORKING_SHARES:
        planned = plan(network, accelerator, share)
        mapper = Mapper(network, accelerator, dataflow, table, objective, given or {})
        try:
            activities, mappings = _run(tasks(network, accelerator, planned, tensors or {}), planned, mapper, progress)
        except MappingError:
            if planned.level is None:
                raise
            continue
        return activities, mappings, planned
    raise AccsimError("no share of the buffer was left to plan with")


def _run(
    work: Mapping[str, MacTask], planned: Plan, mapper: Mapper, progress: Progress | None
) -> tuple[list[Activity], list[Mapped | None]]:
    network, accelerator = mapper.network, mapper.accelerator
    activities: list[Activity] = []
    mappings: list[Mapped | None] = []
    clock = 0
    for i, layer in enumerate(network.layers):
        if progress is not None:
            progress(i, len(network.layers), layer.name)
        mapped = None
        try:
            task = work.get(layer.name)
            if task is None:
                activity = simulate_other(layer, network, accelerator, planned)
            else:
                mapped = mapper.map(task)
                activity = mapper.simulate(task, mapped)
        except MappingError:
            raise
        except AccsimError as error:
            raise AccsimError(f"layer {layer.name!r}: {error}") from None
        mappings.append(mapped)
        activities.append(replace(activity, start_cycle=clock))
        clock += activity.cycles.total
    if progress is not None:
        progress(len(network.layers), len(network.layers), "")
    return activities, mappings


def price_all(
    activities: Sequence[Activity], accelerator: Accelerator, table: EnergyTable
) -> tuple[LayerEstimate, ...]:
    """Price every layer; layers that share their counters and their time (equal layers) are priced once."""
    known: dict[tuple[int, int], LayerEstimate] = {}
    out: list[LayerEstimate] = []
    for activity in activities:
        key = id(activity.counts), activity.cycles.total
        if key not in known:
            known[key] = price(activity, accelerator, table)
        out.append(replace(known[key], activity=activity))
    return tuple(out)


def estimate(
    workload: str | Path | Network,
    hardware: str | Path | Accelerator = "eyeriss",
    *,
    dataflow: str | Dataflow | None = None,
    energy_table: str | EnergyTable | None = None,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
    objective: str | Objective = Objective.ENERGY,
    mapping: str | Path | Mapping[str, LayerMapping] | None = None,
    overrides: Sequence[str] = (),
    tensors: str | Path | Tensors | None = None,
    compare_scalesim: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    command: str | None = None,
) -> Result:
    """Estimate cycles, energy and area of a network on an accelerator.

    Args:
        workload: a network's name, a file, or a ``Network``.
        hardware: an accelerator's name, a file, or an ``Accelerator``.
        dataflow: the dataflow's name or a file; the accelerator's own if not given.
        energy_table: the energy table's name or a file; the accelerator's own if not given.
        batch: batch entries N.
        bindings: values of the network's free sizes, such as ``{"sequence": 128}``.
        layers: names or patterns of the layers to run; all if not given.
        objective: what the search for mappings minimises.
        mapping: a mapping file, or mappings by layer name.
        tensors: values of ifmaps, weights and ofmaps, by layer, or an ``.npz`` archive of them; zeros and run lengths
            are then counted from them.
        overrides: changes to the accelerator, such as ``array.rows=24``.
        compare_scalesim: also report what SCALE-Sim 3.0.0 gives for each layer of a systolic array.
        progress: called with layers done, layers in all and the layer's name.
        command: the command that is written into the result.

    Raises:
        AccsimError: a mistake in what was given, or a layer that does not fit the machine.
    """
    from accsim.energy.reader import load_table  # noqa: PLC0415
    from accsim.hardware.reader import load_accelerator  # noqa: PLC0415
    from accsim.mapping.dataflow_reader import load_dataflow, require_family  # noqa: PLC0415
    from accsim.mapping.files import load_mappings  # noqa: PLC0415
    from accsim.workload.reader import load_network  # noqa: PLC0415

    goal = parse_objective(objective)
    network = (
        workload
        if isinstance(workload, Network)
        else load_network(str(workload), batch=batch, bindings=dict(bindings or {}), layers=layers)
    )
    machine = hardware if isinstance(hardware, Accelerator) else load_accelerator(str(hardware), tuple(overrides))
    flow = load_dataflow(dataflow or machine.dataflow) if isinstance(dataflow, str | None) else dataflow
    require_family(flow, machine)
    table = energy_table if isinstance(energy_table, EnergyTable) else load_table(energy_table or machine.energy_table)
    values = load_tensors(tensors, network) if isinstance(tensors, str | Path) else tensors or {}
    wrong = tensor_mistakes(values, network)
    if wrong:
        raise InputError(wrong)
    compared = compare(network, machine, flow) if compare_scalesim else ()
    given: Mapping[str, LayerMapping] = (
        load_mappings(mapping, network, machine, flow) if isinstance(mapping, str | Path) else mapping or {}
    )
    activities, mappings, _ = simulate_network(
        network, machine, flow, table, objective=goal, given=given, tensors=values, progress=progress
    )
    estimates = price_all(activities, machine, table)
    return Result(
        network=network,
        accelerator=machine,
        dataflow=flow,
        table=table,
        estimates=estimates,
        mappings_used=tuple(m.mapping if m else None for m in mappings),
        objective=goal.value,
        command=command,
        scalesim=compared,
        valued=frozenset(name for name, arrays in values.items() if "ifmap" in arrays),
    )
