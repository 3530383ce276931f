"""Counting a layer that runs on the MAC array: every access and every cycle of one mapping."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import Axis, Delivery, Drain, Reduction
from accsim.mapping.mapping import RowStationaryMapping, SystolicMapping
from accsim.simulate.activity import Action
from accsim.simulate.ledger import PE, Ledger
from accsim.simulate.row_stationary import RowStationaryArray
from accsim.simulate.schedule import OffChipBits, Schedule, schedule, step_classes
from accsim.simulate.storage import Edge, Place, count_inputs, count_outputs
from accsim.simulate.systolic import SystolicArray
from accsim.simulate.systolic_folds import Fold
from accsim.workload.layer import Geometry, Operand


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many PEs worked.

    Attributes:
        most: most PEs that work at the same time.
        slots: PE slots of mapped PEs while the array computes.
        steps: cycles over which ``slots`` are counted.
    """

    most: int
    slots: int
    steps: int

    @property
    def average(self) -> float:
        """Average number of mapped PEs."""
        return self.slots / self.steps if self.steps else 0.0


def valid_macs(geometry: Geometry) -> int:
    """MACs whose ifmap word is a pixel and not padding, for the whole batch."""

    def pairs(outputs: int, taps: int, stride: int, dilation: int, before: int, length: int) -> int:
        total = 0
        for tap in range(taps):
            offset = tap * dilation - before
            first = max(0, -(offset // stride))
            last = min(outputs - 1, (length - 1 - offset) // stride)
            total += max(0, last - first + 1)
        return total

    g = geometry
    rows = pairs(g.P, g.R, g.stride_h, g.dilation_h, g.pad_top, g.H)
    cols = pairs(g.Q, g.S, g.stride_w, g.dilation_w, g.pad_left, g.W)
    return g.N * g.M * g.channels_per_group * rows * cols


def count_layer(place: Place, ledger: Ledger, off_chip: OffChipBits) -> tuple[Schedule, Occupancy]:
    """Count one layer with MACs.

    Args:
        place: the layer's nest, its mapping, the machine, and where its tensors live.
        ledger: receives every access, with DRAM in plain words.
        off_chip: bits of a transfer as it is coded off chip, for its duration.
    """
    mapping = place.mapping
    if isinstance(mapping, RowStationaryMapping):
        rs = RowStationaryArray(place.accelerator, mapping, place.nest)
        occupancy = _count_row_stationary(place, rs, ledger)
        timing = schedule(place, rs, off_chip)
    else:
        systolic = SystolicArray(place.accelerator, mapping.dataflow, place.nest)
        occupancy = _count_systolic(place, mapping, systolic, ledger)
        timing = schedule(place, systolic, off_chip)
    _count_macs(place, ledger)
    return timing, occupancy


def _count_macs(place: Place, ledger: Ledger) -> None:
    """MACs and the scratchpad reads that feed them; a zero in the padding gates the MAC and the filter read."""
    geometry, acc = place.nest.geometry, place.accelerator
    gated = geometry.macs - valid_macs(geometry) if acc.pe.zero_gating else 0
    ledger.times(PE, Operand.COMPUTE, Action.MAC, geometry.macs - gated)
    ledger.times(PE, Operand.COMPUTE, Action.GATED_MAC, gated)
    ifmap_rf, weight_rf = place.register_file(Operand.IFMAP), place.register_file(Operand.WEIGHT)
    ledger.per_pe(ifmap_rf, Operand.IFMAP, Action.READ, geometry.macs, place.bits(Operand.IFMAP))
    ledger.per_pe(weight_rf, place.weight_name, Action.READ, geometry.macs - gated, place.bits(Operand.WEIGHT))
    if weight_rf is not None:
        ledger.times(weight_rf, place.weight_name, Action.GATED_READ, gated)


def _count_row_stationary(place: Place, array: RowStationaryArray, ledger: Ledger) -> Occupancy:
    acc, nest = place.accelerator, place.nest
    ifmap = bus = delivered = psums = hops = added = weights = weights_in = 0
    most = slots = steps = 0
    for sizes, loads, count in step_classes(nest, array.load_at):
        for one in array.passes(sizes):
            ifmap += array.read_ifmap_words(one, sizes) * count
            bus += array.bus_ifmap_words(one) * count
            per_pe = one.n * one.channels * array.row_words(one)
            delivered += per_pe * one.taps_r * one.rows * one.sets_t * count
            psums += one.psums * count
            hops += one.psums * (one.chain - 1) * count
            added += one.psums * one.chain * count
            if loads:
                weights += one.weights * count
                weights_in += one.weights * one.rows * count
            cycles = array.compute_cycles(one) * count
            most, slots, steps = max(most, one.pes), slots + one.pes * cycles, steps + cycles
    zeros = nest.geometry.ofmap_words if acc.array.initial_psum is InitialPsum.ZERO else 0
    edge = Edge(ifmap, weights, psums, psums - zeros)
    count_inputs(place, edge, ledger)
    for operand, sent, received in ((Operand.IFMAP, bus, delivered), (Operand.WEIGHT, weights, weights_in)):
        name = place.weight_name if operand is Operand.WEIGHT else operand
        bits, link, spad = place.bits(operand), place.link(operand, "in"), place.register_file(operand)
        ledger.move(link, name, Action.SEND, sent, bits)
        ledger.per_pe(link, name, Action.DELIVER, received, bits, peer=spad)
        ledger.per_pe(spad, name, Action.FILL, received, bits, peer=link)
    wide = place.bits(Operand.PSUM)
    for direction, words in (("in", edge.psum_in), ("out", edge.psum_out)):
        link = place.link(Operand.PSUM, direction)
        ledger.move(link, Operand.PSUM, Action.SEND, words, wide)
        ledger.per_pe(link, Operand.PSUM, Action.DELIVER, words, wide)
    ledger.per_pe(place.link(Operand.PSUM, "local"), Operand.PSUM, Action.HOP, hops, wide)
    spad = place.register_file(Operand.PSUM)
    kept = nest.geometry.macs - added
    ledger.per_pe(spad, Operand.PSUM, Action.READ, kept, wide)
    ledger.per_pe(spad, Operand.PSUM, Action.WRITE, kept, wide)
    count_outputs(place, edge, ledger)
    return Occupancy(most, slots, steps)


@dataclass(slots=True)
class _Flow:
    """Words of one operand at the array: across its edge, from PE to PE, and latched in PE registers."""

    edge: int = 0
    hops: int = 0
    latched: int = 0
    delivered: int = 0


def _count_systolic(place: Place, mapping: SystolicMapping, array: SystolicArray, ledger: Ledger) -> Occupancy:
    nest, dataflow = place.nest, mapping.dataflow
    flows = {Operand.IFMAP: _Flow(), Operand.WEIGHT: _Flow(), Operand.PSUM: _Flow()}
    delivery = {Operand.IFMAP: dataflow.ifmap, Operand.WEIGHT: dataflow.weight}
    most = slots = steps = 0
    for pieces, loads, tiles in step_classes(nest, array.load_at):
        sizes = {dim: piece.size for dim, piece in pieces.items()}
        for fold, n in array.folds(sizes, loads):
            count = n * tiles
            pes = fold.rows * fold.cols
            for operand, how in delivery.items():
                _add_input(array, flows[operand], operand, how, fold, count)
            _add_psums(array, flows[Operand.PSUM], fold, count)
            most, slots, steps = max(most, pes), slots + pes * fold.steps * count, steps + fold.steps * count
    out = flows[Operand.PSUM].edge
    zeros = nest.geometry.ofmap_words if place.accelerator.array.initial_psum is InitialPsum.ZERO else 0
    edge = Edge(flows[Operand.IFMAP].edge, flows[Operand.WEIGHT].edge, out, out - zeros)
    count_inputs(place, edge, ledger)
    for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM):
        _count_flow(place, operand, flows[operand], edge, ledger)
    count_outputs(place, edge, ledger)
    return Occupancy(most, slots, steps)


def _add_input(array: SystolicArray, flow: _Flow, operand: Operand, how: Delivery, fold: Fold, count: int) -> None:
    """Add one operand's words of ``count`` equal folds."""
    words = array.moved(operand, fold) * count
    if not words:
        return
    dataflow = array.dataflow
    across_rows = 1 if dataflow.depends(operand, Axis.ROWS) else fold.rows
    across_cols = 1 if dataflow.depends(operand, Axis.COLS) else fold.cols
    reached = 1 if how is Delivery.UNICAST else across_rows * across_cols
    flow.edge += words
    if how is Delivery.HOP:
        flow.delivered += words
        flow.hops += words * (reached - 1)
        flow.latched += words * reached
    elif how is Delivery.PRELOAD:
        entering = words * across_cols
        shifts = entering * (fold.rows - 1) // (2 if across_rows == 1 else 1)
        flow.delivered += entering
        flow.hops += shifts
        flow.latched += entering + shifts
    else:
        flow.delivered += words * reached
        flow.latched += words * reached


def _add_psums(array: SystolicArray, flow: _Flow, fold: Fold, count: int) -> None:
    """Add the sums' way through the array for ``count`` equal folds."""
    dataflow, pes = array.dataflow, fold.rows * fold.cols
    words = array.moved(Operand.PSUM, fold) * count
    flow.edge += words
    if dataflow.reduction is Reduction.CHAIN:
        crossed = 0
        if not array.accelerator.array.edge_taps:
            crossed += (array.rows - fold.rows) if array.reduces(Axis.ROWS) else 0
            crossed += (array.cols - fold.cols) if array.reduces(Axis.COLS) else 0
        along = pes * fold.steps * count
        flow.hops += along - words + crossed * words
        flow.latched += along + crossed * words
    else:
        flow.latched += pes * fold.steps * count
        if dataflow.reduction is Reduction.IN_PE and words and dataflow.drain is Drain.SHIFT:
            inside = words * (fold.rows - 1) // 2
            crossed = 0 if array.accelerator.array.edge_taps else words * (array.rows - fold.rows)
            flow.hops += inside + crossed
            flow.latched += inside + crossed


def _count_flow(place: Place, operand: Operand, flow: _Flow, edge: Edge, ledger: Ledger) -> None:
    """Write one operand's words at the array into the ledger."""
    name = place.weight_name if operand is Operand.WEIGHT else operand
    bits, registers = place.bits(operand), place.register_file(operand)
    if operand is Operand.PSUM:
        for direction, words in (("in", edge.psum_in), ("out", edge.psum_out)):
            link = place.link(operand, direction)
            ledger.move(link, name, Action.SEND, words, bits)
            ledger.per_pe(link, name, Action.DELIVER, words, bits)
        ledger.per_pe(place.link(operand, "local"), name, Action.HOP, flow.hops, bits)
        ledger.per_pe(registers, name, Action.READ, place.nest.geometry.macs, bits)
        ledger.per_pe(registers, name, Action.WRITE, flow.latched, bits)
        return
    link = place.link(operand, "in")
    ledger.move(link, name, Action.SEND, flow.edge, bits)
    ledger.per_pe(link, name, Action.DELIVER, flow.delivered, bits, peer=registers)
    ledger.per_pe(place.link(operand, "local") or link, name, Action.HOP, flow.hops, bits)
    ledger.per_pe(registers, name, Action.FILL, flow.latched, bits, peer=link)
