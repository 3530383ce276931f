"""Simulating a network, layer by layer: mapping -> activity, with tensors that stay on chip."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as StrMapping
from dataclasses import dataclass, replace
from math import prod

from accsim.hardware.accelerator import Accelerator, ArrayFamily, RunLength
from accsim.mapping.capacity import Reserved
from accsim.mapping.mapping import Mapping
from accsim.simulate.activity import Action, Activity, Count, Cycles, ExpectedCount, TensorReport
from accsim.simulate.coding import coded_bits_per_word, whole_words
from accsim.simulate.ledger import PE, Ledger
from accsim.simulate.mac_layer import Occupancy, count_layer, valid_macs
from accsim.simulate.residency import NETWORK_INPUT, Plan, home_of, stored_as
from accsim.simulate.schedule import Schedule
from accsim.simulate.storage import Place, Residency
from accsim.simulate.values import Array, Values, measure
from accsim.simulate.vector import Role, count_passing, count_vector
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from accsim.workload.network import Network


@dataclass(frozen=True, slots=True)
class Densities:
    """Expected fraction of non-zero words of a layer's tensors; ``None`` where nothing is known."""

    ifmap: float | None = None
    weight: float | None = None
    ofmap: float | None = None


@dataclass(frozen=True, slots=True)
class MacTask:
    """A layer with MACs, where its tensors live, and what is known of their values."""

    layer: Layer
    geometry: Geometry
    residency: Residency
    reserved: tuple[Reserved, ...]
    densities: Densities
    coded: frozenset[Operand]
    values: Values | None = None

    @property
    def weight_name(self) -> Operand:
        """``weight``, or ``ifmap2`` when the second operand is an activation."""
        return Operand.IFMAP2 if self.layer.kind is LayerKind.MATMUL else Operand.WEIGHT


Tensors = StrMapping[str, StrMapping[str, Array]]
"""Values by layer and tensor (``ifmap``, ``weight``, ``ofmap``)."""


def tasks(network: Network, accelerator: Accelerator, plan: Plan, tensors: Tensors) -> dict[str, MacTask]:
    """The layers with MACs, ready to be mapped; values, where given, replace densities."""
    stored = stored_as(network, plan.roles)
    known = _output_densities(network, stored)
    out: dict[str, MacTask] = {}
    for layer in network.mac_layers:
        if layer.geometry is None:
            continue
        homes = [home_of(plan, source) for source in layer.inputs]
        residency = Residency(
            ifmap=homes[0],
            ifmap2=homes[1] if layer.kind is LayerKind.MATMUL and len(homes) > 1 else None,
            ofmap=home_of(plan, stored[layer.name]),
        )
        values = measure(layer, tensors[layer.name], accelerator.dram.run_length) if layer.name in tensors else None
        densities = Densities(
            _first(values.ifmap_density if values else None, layer.ifmap_statistics.density),
            _first(values.weight_density if values else None, layer.weight_statistics.density),
            _first(values.ofmap_density if values else None, known.get(stored[layer.name])),
        )
        out[layer.name] = MacTask(
            layer=layer,
            geometry=layer.geometry,
            residency=residency,
            reserved=_reserved(plan, layer.name, residency),
            densities=densities,
            coded=_coded(accelerator, layer, densities),
            values=values,
        )
    return out


def _first(value: float | None, otherwise: float | None) -> float | None:
    return otherwise if value is None else value


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
    """Operands that are run-length coded off chip: those the chip codes and whose density is known."""
    code = accelerator.dram.run_length
    if code is None:
        return frozenset()
    out = set()
    from_outside = layer.inputs[0] == NETWORK_INPUT
    if Operand.IFMAP in code.operands and densities.ifmap is not None and (code.first_layer_input or not from_outside):
        out.add(Operand.IFMAP)
    if Operand.OFMAP in code.operands and densities.ofmap is not None:
        out.add(Operand.OFMAP)
    return frozenset(out)


def simulate_mac(task: MacTask, accelerator: Accelerator, mapping: Mapping, notes: tuple[str, ...] = ()) -> Activity:
    """Activity of one layer with MACs under a mapping; it starts at cycle 0."""
    nest = mapping.nest(task.geometry, accelerator.dram.fetch_padding)
    place = Place(accelerator, mapping, nest, task.residency, task.weight_name)
    ledger = Ledger(accelerator)
    code = accelerator.dram.run_length

    def off_chip(operand: Operand, words: int) -> int:
        if code is not None and operand in task.coded:
            return whole_words(code, words * _coded_width(task, operand, code))
        return words * place.bits(operand)

    timing, occupancy = count_layer(place, ledger, off_chip)
    counts = ledger.counts()
    expected = _expected(counts, task, accelerator)
    return Activity(
        layer=task.layer.name,
        start_cycle=0,
        cycles=timing.cycles,
        processing_cycles=timing.processing_cycles,
        macs=task.geometry.macs,
        effectual_macs=_effectual(task),
        counts=counts,
        expected=expected,
        pe_active_max=occupancy.most,
        pe_active_average=occupancy.average,
        idle_slots=_idle_slots(task.geometry, accelerator, timing, occupancy),
        tensors=_tensors(task, accelerator),
        mapping=mapping.describe(),
        notes=notes + _coding_notes(task, accelerator),
    )


def _coded_width(task: MacTask, operand: Operand, code: RunLength) -> float:
    """Off-chip bits per word of a coded operand: measured where its values are known, else expected."""
    ifmap = operand is Operand.IFMAP
    measured = None
    if task.values is not None:
        measured = task.values.ifmap_bits if ifmap else task.values.ofmap_bits
    density = task.densities.ifmap if ifmap else task.densities.ofmap
    return coded_bits_per_word(code, 1.0 if density is None else density) if measured is None else measured


def _effectual(task: MacTask) -> int | float:
    """MACs with no zero operand: counted from values, else expected from densities; padding is always zero."""
    if task.values is not None and task.values.effectual_macs is not None:
        return task.values.effectual_macs
    effectual: int | float = valid_macs(task.geometry)
    for density in (task.densities.ifmap, task.densities.weight):
        effectual = effectual if density is None else effectual * density
    return effectual


def _ungated(task: MacTask) -> float:
    """Share of the MACs on pixels whose ifmap word is not zero."""
    valid = valid_macs(task.geometry)
    if task.values is not None and task.values.ifmap_macs is not None and valid:
        return task.values.ifmap_macs / valid
    return 1.0 if task.densities.ifmap is None else task.densities.ifmap


def _expected(counts: tuple[Count, ...], task: MacTask, accelerator: Accelerator) -> tuple[ExpectedCount, ...]:
    """Expectations of the counters under independent zeros: run-length coding off chip and gated MACs."""
    gates = accelerator.pe.zero_gating and task.densities.ifmap is not None
    if not task.coded and not gates:
        return ()
    code, dram = accelerator.dram.run_length, accelerator.dram.name
    density = _ungated(task) if gates else 1.0
    out: list[ExpectedCount] = []
    moved_to_gated: dict[str, float] = {}
    for c in counts:
        scale = 1.0
        if c.level == dram and c.operand in task.coded and code is not None:
            scale = _coded_width(task, c.operand, code) / accelerator.bits(c.operand)
            action = Action.DECODE if c.action is Action.READ else Action.ENCODE
            words = c.bits / accelerator.bits(c.operand)
            out.append(ExpectedCount(c.level, c.operand, action, words, float(c.bits)))
        elif (c.action is Action.MAC and c.level == PE) or _feeds_mac(c, task, accelerator):
            scale = density
            moved_to_gated[c.level] = c.accesses * (1 - density)
        out.append(ExpectedCount(c.level, c.operand, c.action, c.accesses * scale, c.bits * scale, c.peer))
    return tuple(_with_gated(out, moved_to_gated, task))


def _feeds_mac(count: Count, task: MacTask, accelerator: Accelerator) -> bool:
    """Whether a counter is the filter scratchpad's read for a MAC, which a zero ifmap word stops."""
    if count.action is not Action.READ or count.operand is not task.weight_name or count.peer is not None:
        return False
    return any(level.name == count.level and level.kind.value == "rf" for level in accelerator.levels)


def _with_gated(rows: list[ExpectedCount], gated: dict[str, float], task: MacTask) -> list[ExpectedCount]:
    """Add what gating moved away to the gated counters, which may exist already for padding."""
    kinds = {Action.GATED_MAC, Action.GATED_READ}
    out = []
    for row in rows:
        extra = gated.pop(row.level, 0.0) if row.action in kinds and row.level in gated else 0.0
        out.append(replace(row, accesses=row.accesses + extra))
    for level, extra in gated.items():
        if extra > 0:
            action = Action.GATED_MAC if level == PE else Action.GATED_READ
            operand = Operand.COMPUTE if level == PE else task.weight_name
            out.append(ExpectedCount(level, operand, action, extra, 0.0))
    return out


def _idle_slots(
    geometry: Geometry, accelerator: Accelerator, timing: Schedule, occupancy: Occupancy
) -> tuple[tuple[str, int], ...]:
    """PE slots without a MAC by cause; with the MACs they add up to PEs x cycles."""
    pes, cycles = accelerator.array.pes, timing.cycles
    if accelerator.array.family is ArrayFamily.ROW_STATIONARY:
        unmapped = pes * occupancy.steps - occupancy.slots
        ramps = pes * cycles.compute - geometry.macs - unmapped
        inside = (("unmapped", unmapped), ("psum_add_shift_and_imbalance", ramps))
    else:
        unmapped = pes * occupancy.steps - occupancy.slots
        inside = (("unmapped", unmapped), ("skew", pes * cycles.compute - geometry.macs - unmapped))
    outside = [("fill", pes * cycles.fill), ("drain", pes * cycles.drain)]
    outside += [(f"stall_{cause}", pes * n) for cause, n in cycles.stalls]
    return (*inside, *outside)


def _tensors(task: MacTask, accelerator: Accelerator) -> tuple[TensorReport, ...]:
    g, dram, code = task.geometry, accelerator.dram.name, accelerator.dram.run_length
    second = task.residency.ifmap2 if task.weight_name is Operand.IFMAP2 else None
    rows = (
        (task.weight_name, g.weight_words, second, task.densities.weight),
        (Operand.IFMAP, g.ifmap_words, task.residency.ifmap, task.densities.ifmap),
        (Operand.OFMAP, g.ofmap_words, task.residency.ofmap, task.densities.ofmap),
    )
    out = []
    for operand, words, home, density in rows:
        bits, coded = accelerator.bits(operand), operand in task.coded and home is None
        stored: int = words * bits
        metadata: int | float = 0
        if coded and code is not None and density is not None:
            stored = whole_words(code, words * _coded_width(task, operand, code))
            metadata = max(0.0, stored - words * density * bits)
        out.append(
            TensorReport(operand, bits, "run_length" if coded else "dense", stored, metadata, density, home or dram)
        )
    return tuple(out)


def _coding_notes(task: MacTask, accelerator: Accelerator) -> tuple[str, ...]:
    code = accelerator.dram.run_length
    if code is None:
        return ()
    unknown = [
        operand.value
        for operand, density in ((Operand.IFMAP, task.densities.ifmap), (Operand.OFMAP, task.densities.ofmap))
        if operand in code.operands and density is None
    ]
    if not unknown:
        return ()
    return (f"run-length coding left out for {' and '.join(unknown)}: nothing is known of the density",)


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
