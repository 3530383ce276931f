"""Simulating a network, layer by layer: mapping -> activity, with tensors that stay on chip."""

from __future__ import annotations

from collections.abc import Callable, Container
from math import prod

from accsim.hardware.accelerator import Accelerator, ArrayFamily
from accsim.hardware.datapath import DatapathKind
from accsim.mapping.capacity import Reserved
from accsim.mapping.mapping import Mapping, TiledMapping
from accsim.simulate.activity import Activity, Cycles, TensorReport
from accsim.simulate.flows import Zeros
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_activity import mac_activity
from accsim.simulate.mac_layer import count_layer
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.movement import record
from accsim.simulate.residency import NETWORK_INPUT, Plan, home_of, stored_as
from accsim.simulate.residual import with_residual
from accsim.simulate.sparse.drawn import completed
from accsim.simulate.storage import Residency, traffic
from accsim.simulate.tiled.count import count_tiled, flows_of
from accsim.simulate.tiled.families import array_of, off_chip_of, reported
from accsim.simulate.tiled.idle import idle_slots
from accsim.simulate.values import Tensors, measure
from accsim.simulate.vector import Role, count_passing, count_vector
from accsim.simulate.vector_rows import rows_note
from accsim.workload.layer import Layer, LayerKind, Operand
from accsim.workload.network import Network


def tasks(
    network: Network, accelerator: Accelerator, plan: Plan, tensors: Tensors, only: Container[str] | None = None
) -> dict[str, MacTask]:
    """The layers with MACs, ready to be mapped; values, where given, replace densities.

    Args:
        only: names of the layers that are asked for; ``None`` for all.
    """
    stored = stored_as(network, plan.roles)
    known = _output_densities(network, stored)
    out: dict[str, MacTask] = {}
    for layer in network.mac_layers:
        if layer.geometry is None or (only is not None and layer.name not in only):
            continue
        homes = [home_of(plan, source) for source in layer.inputs]
        residency = Residency(
            ifmap=homes[0],
            ifmap2=homes[1] if layer.kind is LayerKind.MATMUL and len(homes) > 1 else None,
            ofmap=home_of(plan, stored[layer.name]),
        )
        values = measure(layer, tensors[layer.name], accelerator.dram) if layer.name in tensors else None
        densities = Densities(
            layer.ifmap_statistics.density, layer.weight_statistics.density, known.get(stored[layer.name])
        ).first(values)
        given = tensors.get(layer.name, {})
        drawn: tuple[str, ...] = ()
        if accelerator.array.family is ArrayFamily.SPARSE:
            given, drawn = completed(layer, densities, given)
        out[layer.name] = MacTask(
            layer=layer,
            geometry=layer.geometry,
            residency=residency,
            reserved=_reserved(plan, layer.name, residency),
            densities=densities,
            coded=_coded(accelerator, layer, densities),
            values=values,
            tensors=given,
            drawn=drawn,
        )
    return out


def _reserved(plan: Plan, name: str, residency: Residency) -> tuple[Reserved, ...]:
    if plan.level is None:
        return ()
    whole = {
        operand
        for operand, home in (
            (Operand.IFMAP, residency.ifmap),
            (Operand.WEIGHT, residency.ifmap2),
            (Operand.OFMAP, residency.ofmap),
        )
        if home is not None
    }
    return (Reserved(plan.level, plan.taken_bits.get(name, 0), frozenset(whole)),)


def _output_densities(network: Network, stored: dict[str, str]) -> dict[str, float]:
    """Densities of stored outputs, as far as a layer that reads them states one."""
    out: dict[str, float] = {}
    for layer in network.layers:
        if layer.ofmap_statistics.density is not None:
            out[stored[layer.name]] = layer.ofmap_statistics.density
    for layer in network.mac_layers:
        if layer.ifmap_statistics.density is not None and layer.inputs:
            out.setdefault(layer.inputs[0], layer.ifmap_statistics.density)
    return out


def _coded(accelerator: Accelerator, layer: Layer, densities: Densities) -> frozenset[Operand]:
    """Operands that are run-length coded off chip: those the chip codes, whose density is known.

    An ifmap needs a buffer to be decoded into: the array does not take its words in storage order.
    """
    code, out = accelerator.dram.run_length, _stored_weights(accelerator, layer)
    if code is None:
        return frozenset(out)
    from_outside = layer.inputs[0] == NETWORK_INPUT
    buffered = any(Operand.IFMAP in level.operands for level in accelerator.buffers)
    ours = Operand.IFMAP in code.operands and (code.first_layer_input or not from_outside)
    if ours and buffered and densities.ifmap is not None:
        out.add(Operand.IFMAP)
    if Operand.OFMAP in code.operands and densities.ofmap is not None:
        out.add(Operand.OFMAP)
    return frozenset(out)


def _stored_weights(accelerator: Accelerator, layer: Layer) -> set[Operand]:
    """The weight, if it moves as it is stored: the machine has a decoder for it, and a buffer to decode it into."""
    decoder, known = accelerator.dram.weight_decoder, layer.weight_statistics
    buffered = any(Operand.WEIGHT in level.operands for level in accelerator.buffers)
    if decoder is None or not known.stored_bits or not buffered or layer.kind is LayerKind.MATMUL:
        return set()
    return {Operand.WEIGHT} if decoder.knows(known.encoding or "") else set()


def simulate_mac(task: MacTask, accelerator: Accelerator, mapping: Mapping, notes: tuple[str, ...] = ()) -> Activity:
    """Activity of one layer with MACs under a mapping, counted; it starts at cycle 0."""
    if isinstance(mapping, TiledMapping):
        return _simulate_tiled(task, accelerator, mapping, notes)
    accelerator = task.follows(accelerator)
    place, ledger = task.place(accelerator, mapping), Ledger(accelerator)
    gated = task.on_zero_weights if accelerator.pe.datapath.kind is DatapathKind.TERNARY else None
    timing, occupancy = count_layer(place, ledger, task.off_chip(place), task.counted_codes, task.taps, gated)
    timing = with_residual(timing, task.layer, accelerator)
    return mac_activity(task, accelerator, mapping, timing, occupancy, ledger.counts(), task.geometry.macs, notes=notes)


def _simulate_tiled(task: MacTask, accelerator: Accelerator, mapping: TiledMapping, notes: tuple[str, ...]) -> Activity:
    """The same on an array that runs tiles."""
    machine = task.machine(accelerator)
    place, ledger = task.place(machine, mapping), Ledger(machine)
    (off_chip, exact), array = off_chip_of(task, place), array_of(task, place)
    timing, counted = count_tiled(place, array, off_chip)
    timing = with_residual(timing, task.layer, machine)
    moved, macs = traffic(place, off_chip, exact), task.geometry.macs
    by_weight = machine.pe.datapath.kind is DatapathKind.TERNARY
    gated = task.on_zero_weights if by_weight else array.zero_macs(counted.done)
    record(place, flows_of(place, counted.words), moved, counted.done, Zeros(gated), ledger)
    idle = idle_slots(counted.idle, timing, place, array.macs_per_pe)
    activity = mac_activity(
        task, machine, mapping, timing, counted.occupancy, ledger.counts(), macs,
        notes=(*notes, *array.notes()), idle=idle, macs_per_pe=array.macs_per_pe,
        expected_compute=counted.expected,
        begun=counted.done if counted.done != macs else None,
    )  # fmt: skip
    return reported(task, machine, activity)


def simulate_other(layer: Layer, network: Network, accelerator: Accelerator, plan: Plan) -> Activity:
    """Activity of a layer without MACs; it starts at cycle 0."""
    role = plan.roles[layer.name]
    ledger = Ledger(accelerator)
    cycles, notes = Cycles(0), _role_note(role)
    if role in (Role.FUSED, Role.PASSED):
        cycles = count_passing(layer, accelerator, role, ledger)
    elif role is Role.OWN:
        homes = tuple(home_of(plan, source) for source in layer.inputs)
        cycles = count_vector(layer, accelerator, homes, home_of(plan, layer.name), ledger)
        notes = rows_note(layer, accelerator.vector)
    bits = accelerator.pe.activation_bits
    out = TensorReport(
        Operand.OFMAP,
        bits,
        "dense",
        layer.ofmap_words * bits,
        0,
        layer.ofmap_statistics.density,
        home_of(plan, layer.name) or accelerator.dram.name,
    )
    inside = TensorReport(
        Operand.IFMAP,
        bits,
        "dense",
        layer.batch * sum(prod(shape) for shape in layer.input_shapes) * bits,
        0,
        layer.ifmap_statistics.density,
        (home_of(plan, layer.inputs[0]) if layer.inputs else None) or accelerator.dram.name,
    )
    return Activity(
        layer=layer.name,
        start_cycle=0,
        cycles=cycles,
        processing_cycles=cycles.total - dict(cycles.stalls).get(accelerator.dram.name, 0),
        macs=0,
        effectual_macs=0,
        counts=ledger.counts(),
        idle_slots=(("no_macs", accelerator.array.pes * cycles.total),) if cycles.total else (),
        tensors=(inside, out),
        notes=notes,
    )


def _role_note(role: Role) -> tuple[str, ...]:
    match role:
        case Role.FOLDED:
            return ("folded into the weights and bias of the layer before, which is exact at inference",)
        case Role.FUSED:
            return ("applied to the outputs of the layer before as they leave the array",)
        case Role.PASSED:
            return ("applied in the pass of the layer before, in the vector unit",)
        case Role.VIEW:
            return ("addressing only: no data is moved",)
        case _:
            return ()


Progress = Callable[[int, int, str], None]
"""Called with layers done, layers in all, and the layer's name."""
