"""The activity of a layer with MACs, put together from what either engine found."""

from __future__ import annotations

from dataclasses import replace

from accsim.hardware.accelerator import Accelerator, ArrayFamily, RegisterFile
from accsim.hardware.datapath import DatapathKind
from accsim.hardware.mac_cycles import mac_cycles
from accsim.mapping.mapping import Mapping
from accsim.simulate.activity import Action, Activity, Count, ExpectedCount, TensorReport
from accsim.simulate.coding import whole_words
from accsim.simulate.flows import Occupancy
from accsim.simulate.ledger import PE
from accsim.simulate.mac_task import MacTask
from accsim.simulate.padding import pixel_share
from accsim.simulate.phase import Schedule
from accsim.simulate.residual import residual_count
from accsim.workload.layer import Operand
from accsim.workload.operands import names_of


def mac_activity(
    task: MacTask,
    accelerator: Accelerator,
    mapping: Mapping,
    timing: Schedule,
    occupancy: Occupancy,
    counts: tuple[Count, ...],
    macs: int,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    idle: tuple[tuple[str, int], ...] | None = None,
    macs_per_pe: int = 1,
    begun: int | None = None,
    expected_compute: float | None = None,
) -> Activity:
    """The activity of a layer that starts at cycle 0.

    Args:
        timing, occupancy, counts, macs: what an engine found.
        notes, warnings: what the reader must know.
        idle: slots without a MAC by cause, where the array says; else they follow from the cycles.
        macs_per_pe: MACs that a PE can begin in a cycle.
        begun: MACs that took a slot, where the machine skips others.
        expected_compute: cycles of the array that densities alone let expect, beside those counted from values.
    """
    left = residual_count(task.layer, accelerator)
    if left:
        said = ", ".join(f"{n} x {what}" for what, n in task.layer.residual)
        counts = (*counts, *left)
        notes = (*notes, f"operations of its codes in the vector unit, as outputs leave the array: {said}")
        waits = dict(timing.cycles.stalls).get(left[0].level, 0)
        if waits:
            notes = (*notes, f"bound by the vector unit: {waits} cycles more than array and DRAM channel take")
    return Activity(
        layer=task.layer.name,
        start_cycle=0,
        cycles=timing.cycles,
        processing_cycles=timing.processing_cycles,
        macs=macs,
        effectual_macs=task.effectual_macs,
        counts=counts,
        expected=_expected(counts, task, accelerator),
        pe_active_max=occupancy.most,
        pe_active_average=occupancy.average,
        idle_slots=_idle_slots(macs, accelerator, timing, occupancy) if idle is None else idle,
        macs_per_pe=macs_per_pe,
        begun_macs=begun,
        expected_compute_cycles=expected_compute,
        bit_operations=macs * task.weight_bits(accelerator) * task.activation_bits(accelerator),
        tensors=_tensors(task, accelerator),
        mapping=mapping.describe(),
        notes=notes + _coding_notes(task, accelerator),
        warnings=warnings,
    )


def _expected(counts: tuple[Count, ...], task: MacTask, accelerator: Accelerator) -> tuple[ExpectedCount, ...]:
    """Expectations of the counters under independent zeros: run-length coding off chip and gated MACs.

    Empty when nothing depends on values, or when the values that decide are known.
    """
    density, on_weights = 1.0, _expected_zero_weights(task, accelerator)
    gates = accelerator.pe.zero_gating and task.densities.ifmap is not None and task.zero_macs is None
    if gates and task.densities.ifmap is not None:
        density = task.densities.ifmap
    if on_weights is not None:
        gates, density = True, on_weights
    coded = task.coded - task.counted_codes
    if not coded and not gates:
        return ()
    code, dram = accelerator.dram.run_length, accelerator.dram.name
    out: list[ExpectedCount] = []
    moved_to_gated: dict[tuple[str, Operand], float] = {}
    for c in counts:
        scale = 1.0
        if c.level == dram and c.operand in coded and code is not None:
            scale = task.coded_width(c.operand, accelerator.dram) / accelerator.bits(c.operand)
            action = Action.DECODE if c.action is Action.READ else Action.ENCODE
            words = c.bits / accelerator.bits(c.operand)
            out.append(ExpectedCount(c.level, c.operand, action, words, float(c.bits)))
        elif (gates and c.action is Action.MAC and c.level == PE) or (
            gates and on_weights is None and _feeds_mac(c, task, accelerator)
        ):
            scale = density
            if c.action is not Action.WRITE:
                moved_to_gated[c.level, c.operand] = c.accesses * (1 - density)
        out.append(ExpectedCount(c.level, c.operand, c.action, c.accesses * scale, c.bits * scale, c.peer))
    return tuple(_with_gated(out, moved_to_gated))


def _expected_zero_weights(task: MacTask, accelerator: Accelerator) -> float | None:
    """Density of the weights, where zero ones gate adds and only their density is known."""
    density = task.known_densities.weight
    known = names_of(task.layer)[1] in task.tensors
    ternary = accelerator.pe.datapath.kind is DatapathKind.TERNARY
    return density if ternary and not known and density is not None and density < 1 else None


def _feeds_mac(count: Count, task: MacTask, accelerator: Accelerator) -> bool:
    """Whether a counter is a scratchpad's access for a MAC that a zero ifmap word stops: a filter's, or a sum's."""
    filters = count.operand is task.weight_name and count.action is Action.READ
    sums = count.operand is Operand.PSUM and count.action in (Action.READ, Action.WRITE) and accelerator.pe.psum_gating
    if not (filters or sums) or count.peer is not None:
        return False
    return any(isinstance(level, RegisterFile) and level.name == count.level for level in accelerator.levels)


def _with_gated(rows: list[ExpectedCount], gated: dict[tuple[str, Operand], float]) -> list[ExpectedCount]:
    """Add what gating moved away to the gated counters, which may exist already for padding."""
    kinds = {Action.GATED_MAC, Action.GATED_READ}
    out = []
    for row in rows:
        extra = gated.pop((row.level, row.operand), 0.0) if row.action in kinds else 0.0
        out.append(replace(row, accesses=row.accesses + extra))
    for (level, operand), extra in gated.items():
        if extra > 0:
            action = Action.GATED_MAC if level == PE else Action.GATED_READ
            out.append(ExpectedCount(level, operand, action, extra, 0.0))
    return out


def _idle_slots(
    macs: int, accelerator: Accelerator, timing: Schedule, occupancy: Occupancy
) -> tuple[tuple[str, int], ...]:
    """PE slots without a MAC by cause; with the MACs they add up to PEs x cycles."""
    pes, cycles = accelerator.array.pes, timing.cycles
    unmapped = pes * occupancy.steps - occupancy.slots
    further = macs * (mac_cycles(accelerator.pe) - 1) if accelerator.array.family is ArrayFamily.SYSTOLIC else 0
    ramps = pes * cycles.compute - macs - further - unmapped
    rows = accelerator.array.family is ArrayFamily.ROW_STATIONARY
    inside = (("unmapped", unmapped), ("psum_add_shift_and_imbalance" if rows else "skew", ramps))
    more = (("further_edges", further),) if further else ()
    outside = [("fill", pes * cycles.fill), ("drain", pes * cycles.drain)]
    outside += [(f"stall_{cause}", pes * n) for cause, n in cycles.stalls]
    return (*inside, *more, *outside)


def _tensors(task: MacTask, accelerator: Accelerator) -> tuple[TensorReport, ...]:
    g, dram, code = task.geometry, accelerator.dram.name, accelerator.dram.run_length
    second = task.residency.ifmap2 if task.weight_name is Operand.IFMAP2 else None
    known = task.known_densities
    rows = (
        (task.weight_name, g.weight_words, second, known.weight),
        (Operand.IFMAP, g.ifmap_words, task.residency.ifmap, known.ifmap),
        (Operand.OFMAP, g.ofmap_words, task.residency.ofmap, known.ofmap),
    )
    out = []
    for operand, words, home, density in rows:
        bits, coded = accelerator.bits(operand), operand in task.coded and home is None
        stored: int = words * bits
        metadata: int | float = 0
        exact = task.code_of(operand) if coded else None
        if exact is not None:
            stored, metadata = exact.bits, max(0, exact.bits - exact.nonzero * bits)
        elif coded and code is not None and density is not None:
            padded = operand is Operand.IFMAP and accelerator.dram.fetch_padding
            moved = words / pixel_share(g) if padded else float(words)
            stored = whole_words(code, moved * task.coded_width(operand, accelerator.dram))
            metadata = max(0.0, stored - words * density * bits)
        how = "run_length" if coded else "dense"
        if coded and operand is Operand.WEIGHT:
            how = task.layer.weight_statistics.encoding or how
        out.append(TensorReport(operand, bits, how, stored, metadata, density, home or dram))
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
