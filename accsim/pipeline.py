"""The pipeline as functions: network and accelerator in, result out.

``estimate`` is the whole way; ``simulate_network`` is its middle, for those who want to change something before or
after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from accsim.compress.compressed import FASTER_NOTHING, NOT_DECODED, NOT_PACKED
from accsim.energy.estimate import LayerEstimate
from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.energy.table import EnergyTable
from accsim.engines import Engine, Job, Stepping, check_numbers, parse_engine, parse_overflow, step_layers
from accsim.errors import AccsimError, InputError, MappingError, in_layer
from accsim.hardware.accelerator import Accelerator
from accsim.inputs import load_inputs
from accsim.mapper import Mapped, Mapper, Search, parse_effort, parse_objective
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.mapping.search.effort import Effort
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.memo import Memo
from accsim.result import Result
from accsim.simulate.activity import Activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import Progress, simulate_other, tasks
from accsim.simulate.residency import WORKING_SHARES, Plan, plan
from accsim.simulate.scalesim_layers import scalesim_layers
from accsim.simulate.stepped.operands import require_integers
from accsim.simulate.values import Array, Tensors
from accsim.workload.layer import Layer, Operand
from accsim.workload.network import Network
from accsim.workload.operands import names_of

if TYPE_CHECKING:
    from accsim.compress.compressed import Compressed
    from accsim.compress.recipe import Recipe
    from accsim.trace.recorder import Recorder


def simulate_network(
    network: Network,
    accelerator: Accelerator,
    dataflow: Dataflow,
    table: EnergyTable,
    *,
    search: Search | None = None,
    given: Mapping[str, LayerMapping] | None = None,
    tensors: Tensors | None = None,
    stepping: Stepping | None = None,
    recorder: Recorder | None = None,
    progress: Progress | None = None,
    memo: Memo | None = None,
) -> tuple[list[Activity], list[Mapped | None], Plan]:
    """Map and simulate every layer; layers follow each other without overlap.

    Where the tiles of a layer do not fit beside tensors that stay on chip, a larger share of the buffer is left for
    tiles and the network is planned again; at last every tensor goes to DRAM. Mappings are searched with the counted
    engine, whichever runs the layers. The first Ctrl-C ends only the search: layers get the best mapping found by then.

    Args:
        search: what is minimised, and how; energy, where no mapping is published, if not given.
        stepping: how the stepped engine runs the layers with MACs; they are counted if not given.
        recorder: is told of every layer, in order, as the stepped engine has run it.
        memo: what earlier runs have come to; none of it changes a result.

    Raises:
        MappingError: a layer fits under no plan.
        AccsimError: an overflow that is an error, an operand that is no integer of its width.
    """
    values, how, memo = tensors or {}, search or Search(), memo or Memo()
    patience = Patience(how.time_limit)
    for share in WORKING_SHARES:
        planned = plan(network, accelerator, share)
        mapper = Mapper(network, accelerator, dataflow, table, given or {}, how, patience, memo)
        work = tasks(network, accelerator, planned, values)
        try:
            with patience if any(mapper.searches(task) for task in work.values()) else nullcontext():
                mappings = _map(work, mapper, progress, counts=stepping is None)
        except MappingError:
            if planned.level is None:
                raise
            continue
        if stepping is None:
            activities = _count(work, mappings, planned, mapper)
        else:
            activities = _step(work, mappings, planned, mapper, values, stepping, recorder, progress)
        return [_warned(activity, m) for activity, m in zip(activities, mappings, strict=True)], mappings, planned
    raise AccsimError("no share of the buffer was left to plan with")


def _warned(activity: Activity, mapped: Mapped | None) -> Activity:
    """The activity with what there is to warn of in its mapping."""
    if mapped is None or not mapped.warnings:
        return activity
    return replace(activity, warnings=(*mapped.warnings, *activity.warnings))


def _map(
    work: Mapping[str, MacTask], mapper: Mapper, progress: Progress | None, *, counts: bool
) -> list[Mapped | None]:
    """The mapping of every layer with MACs, which takes the time of the counted engine."""
    layers, mappings = mapper.network.layers, list[Mapped | None]()
    for i, layer in enumerate(layers):
        watch = _watch(progress, i if counts else 0, len(layers), layer.name)
        task = work.get(layer.name)
        with in_layer(layer.name):
            mappings.append(None if task is None else mapper.map(task, watch))
    if progress is not None and counts:
        progress(len(layers), len(layers), "")
    return mappings


def _watch(progress: Progress | None, done: int, total: int, name: str) -> Callable[[int], None]:
    """Tells ``progress`` how far the search for a layer's mapping is; it is told at once that it begins."""

    def watch(scored: int) -> None:
        if progress is not None:
            progress(done, total, f"{name}, {scored:,} mappings scored" if scored else name)

    watch(0)
    return watch


def _count(
    work: Mapping[str, MacTask], mappings: Sequence[Mapped | None], planned: Plan, mapper: Mapper
) -> list[Activity]:
    """Every layer, counted."""
    network, activities, clock = mapper.network, list[Activity](), 0
    for layer, mapped in zip(network.layers, mappings, strict=True):
        with in_layer(layer.name):
            if mapped is None:
                activity = simulate_other(layer, network, mapper.accelerator, planned)
            else:
                activity = mapper.simulate(work[layer.name], mapped)
        activities.append(replace(activity, start_cycle=clock))
        clock += activity.cycles.total
    return activities


def _step(
    work: Mapping[str, MacTask],
    mappings: Sequence[Mapped | None],
    planned: Plan,
    mapper: Mapper,
    tensors: Tensors,
    how: Stepping,
    recorder: Recorder | None,
    progress: Progress | None,
) -> list[Activity]:
    """Every layer, those with MACs stepped."""
    network, activities, clock = mapper.network, list[Activity](), 0
    require_integers(network.mac_layers, mapper.accelerator, tensors)
    if recorder is not None:
        recorder.begin(network, mapper.accelerator, mapper.dataflow)
        how = replace(how, wanted=recorder.wanted)
    jobs = [
        Job(work[layer.name], mapper.accelerator, m.mapping, m.notes, tensors.get(layer.name, {}), how)
        for layer, m in zip(network.layers, mappings, strict=True)
        if m is not None
    ]
    with closing(step_layers(jobs, how, progress)) as stepped:
        for layer, mapped in zip(network.layers, mappings, strict=True):
            if mapped is not None:
                activity, seen = next(stepped)
            else:
                with in_layer(layer.name):
                    activity, seen = simulate_other(layer, network, mapper.accelerator, planned), None
            activity = replace(activity, start_cycle=clock)
            activities.append(activity)
            clock += activity.cycles.total
            if recorder is not None:
                recorder.layer(activity, seen)
    return activities


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
    search: bool = False,
    time_limit: float | None = None,
    mapping: str | Path | Mapping[str, LayerMapping] | None = None,
    overrides: Sequence[str] = (),
    energy_overrides: Sequence[str] = (),
    search_table: str | EnergyTable | None = None,
    effort: str | Effort = Effort.FULL,
    tensors: str | Path | Tensors | None = None,
    inputs: str | Path | Array | None = None,
    engine: str | Engine = Engine.COUNTED,
    seed: int = 0,
    jobs: int = 1,
    overflow: str = "error",
    recorder: Recorder | None = None,
    compare_scalesim: bool = False,
    compress: str | Path | Recipe | None = None,
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
        objective: what the search for mappings minimises: ``energy``, ``latency``, ``edp`` or ``traffic``.
        search: search for mappings even where the accelerator has published ones.
        time_limit: seconds for the search for mappings of all layers; each gets the best found by then.
        mapping: a mapping file, or mappings by layer name.
        tensors: values of ifmaps, weights and ofmaps, by layer, or an ``.npz`` archive of them. Zeros and run lengths
            are counted from them, and the stepped engine computes with them.
        inputs: what a model with trained parameters is given, [N, *input shape], or an ``.npy`` file of it; the
            tensors are then what the reference executor computes.
        overrides: changes to the accelerator, such as ``array.rows=24``.
        energy_overrides: changes to the energy table, such as ``entries.pe/multiplier.points.0.mac=0.3``.
        search_table: the energy table whose prices the search for mappings works with, where it is another: the network
            is mapped for one set of prices and charged at another.
        effort: ``full``, or ``quick`` for the best of a few mappings per layer, in milliseconds.
        engine: ``counted`` (closed form) or ``stepped`` (clock edge by clock edge, with real operands).
        seed: of the operands that the stepped engine makes up where no tensor is given.
        jobs: layers stepped at the same time, each in a process of its own. The result is the same.
        overflow: what the stepped engine does about sums that wrap around in their accumulators: ``error`` or
            ``report``, which makes it a warning.
        recorder: is told what happened when; needs the stepped engine.
        compare_scalesim: also report what SCALE-Sim 3.0.0 gives for each layer of a systolic array.
        compress: a recipe's name, a file or a ``Recipe``: the compressed network is what runs. Its passes work on the
            weights among ``tensors``, and on made-up ones where there are none.
        progress: called with layers done, layers in all and the layer's name.
        command: the command that is written into the result.

    Raises:
        AccsimError: a mistake in what was given, or a layer that does not fit the machine.
    """
    goal, runner, policy = parse_objective(objective), parse_engine(engine), parse_overflow(overflow)
    how = Search(goal, search, time_limit, parse_effort(effort))
    check_numbers(seed, jobs)
    if time_limit is not None and not time_limit > 0:
        raise InputError([f"time_limit must be more than 0 seconds, got {time_limit}"])
    if recorder is not None and runner is not Engine.STEPPED:
        raise InputError(["a trace shows what the stepped engine does; the counted engine does nothing step by step"])
    loaded = load_inputs(
        workload,
        hardware,
        dataflow=dataflow,
        energy_table=energy_table,
        batch=batch,
        bindings=bindings,
        layers=layers,
        mapping=mapping,
        overrides=overrides,
        energy_overrides=energy_overrides,
        tensors=tensors,
        compress=compress,
        integer_weights=runner is Engine.STEPPED,
        inputs=inputs,
    )
    network, machine, flow, table = loaded.network, loaded.accelerator, loaded.dataflow, loaded.table
    if runner is Engine.STEPPED and loaded.tensors:
        require_integers(network.mac_layers, machine, loaded.tensors)
    prices = load_table(search_table) if isinstance(search_table, str) else search_table or table
    compared = scalesim_layers(network, machine, flow) if compare_scalesim else ()
    activities, mappings, _ = simulate_network(
        network,
        machine,
        flow,
        prices,
        search=how,
        given=loaded.mappings,
        tensors=loaded.tensors,
        stepping=Stepping(seed, jobs, policy) if runner is Engine.STEPPED else None,
        recorder=recorder,
        progress=progress,
    )
    if loaded.compressed is not None and machine.array.sparse is None:
        activities = [as_stored(activity, loaded.compressed) for activity in activities]
    return Result(
        network=network,
        accelerator=machine,
        dataflow=flow,
        table=table,
        estimates=price_all(activities, machine, table),
        mappings_used=tuple(m.mapping if m else None for m in mappings),
        objective=goal.value,
        command=command,
        scalesim=compared,
        engine=runner.value,
        values=_values(network, activities, loaded.tensors, runner, loaded.made_up),
        compressed=_on(machine, loaded.compressed),
        seed=seed if runner is Engine.STEPPED else None,
    )


def as_stored(activity: Activity, compressed: Compressed) -> Activity:
    """The activity with its weights reported as they are stored."""
    stored = compressed.stored.get(activity.layer)
    if stored is None:
        return activity
    tensors = tuple(
        replace(
            tensor,
            bits=stored.bits,
            encoding=stored.encoding,
            stored_bits=stored.stored_bits,
            metadata_bits=stored.overhead_bits,
            density=stored.density,
        )
        if tensor.operand is Operand.WEIGHT
        else tensor
        for tensor in activity.tensors
    )
    return replace(activity, tensors=tensors)


def _on(machine: Accelerator, compressed: Compressed | None) -> Compressed | None:
    """The compressed network with what an estimate on this machine leaves out of it."""
    if compressed is None:
        return None
    follows, decodes = machine.follows_widths, machine.dram.weight_decoder is not None
    settled = {FASTER_NOTHING, NOT_PACKED} if follows else set()
    settled |= {NOT_DECODED, NOT_PACKED} if decodes else set()
    return replace(compressed, not_modelled=tuple(s for s in compressed.not_modelled if s not in settled))


def _values(network: Network, activities: Sequence[Activity], tensors: Tensors, engine: Engine, made_up: bool) -> str:
    """What value-dependent figures rest on.

    ``real`` if the tensors that decide them were given for every layer with MACs, and no weights were made up to be
    compressed; else ``synthetic`` for the stepped engine, and ``expected`` for the counted one.
    """
    stepped = engine is Engine.STEPPED
    by_name = {activity.layer: activity for activity in activities}
    given = bool(network.mac_layers) and all(
        _deciding(layer, by_name[layer.name], stepped) <= tensors.get(layer.name, {}).keys()
        for layer in network.mac_layers
    )
    if given and not made_up and not any(activity.expected for activity in activities):
        return "real"
    return "synthetic" if stepped else "expected"


def _deciding(layer: Layer, activity: Activity, stepped: bool) -> set[str]:
    """Names of the tensors that decide what an engine finds of a layer."""
    first, second, last = names_of(layer)
    coded = any(t.operand is Operand.OFMAP and t.encoding == "run_length" for t in activity.tensors)
    return {first, *([second] if stepped else []), *([last] if coded else [])}
