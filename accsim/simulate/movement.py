"""From the words a layer moved to its counters: which level read, wrote or passed each of them on.

Both engines find the words, one by formula and one by watching, and write them down here.
"""

from __future__ import annotations

from accsim.hardware.datapath import DatapathKind
from accsim.hardware.mac_cycles import EVERY_EDGE, mac_cycles
from accsim.simulate.activity import Action
from accsim.simulate.flows import Flow, Flows, RowStationaryFlows, SystolicFlows, TiledFlows, Zeros
from accsim.simulate.inner_product.datapaths import SHARING
from accsim.simulate.ledger import PE, Ledger
from accsim.simulate.storage import Edge, Place, Traffic, count_inputs, count_outputs
from accsim.workload.layer import Operand


def record(place: Place, flows: Flows, traffic: Traffic, macs: int, zeros: Zeros, ledger: Ledger) -> None:
    """Write one layer's words into the ledger.

    Args:
        place: the layer on its machine.
        flows: words at the array and in it.
        traffic: words between DRAM and the buffers.
        macs: MACs, those on zeros included.
        zeros: MACs whose ifmap word is zero, or on a ternary datapath whose weight is; gated where the PE gates them.
        ledger: receives every access.
    """
    edge = _edge(flows)
    count_inputs(place, edge, traffic, ledger)
    if isinstance(flows, SystolicFlows):
        _count_systolic(place, flows, macs, ledger)
    elif isinstance(flows, TiledFlows):
        _count_tiled(place, flows, ledger)
    else:
        _count_row_stationary(place, flows, zeros.kept if place.accelerator.pe.psum_gating else 0, ledger)
    count_outputs(place, edge, traffic, ledger)
    pe = place.accelerator.pe
    gates = pe.zero_gating or pe.datapath.kind is DatapathKind.TERNARY
    _count_macs(place, macs, zeros.macs if gates else 0, ledger)


def _edge(flows: Flows) -> Edge:
    if isinstance(flows, SystolicFlows):
        return Edge(flows.ifmap.edge, flows.weight.edge, flows.psum.edge, flows.psum_in)
    if isinstance(flows, TiledFlows):
        return Edge(flows.words.ifmap, flows.words.weight, flows.words.psum_out, flows.psum_in)
    return Edge(flows.ifmap_read, flows.weight_sent, flows.psum_out, flows.psum_in)


def _count_macs(place: Place, macs: int, gated: int, ledger: Ledger) -> None:
    """MACs and the scratchpad reads that feed them; a zero ifmap word gates the MAC and the filter read."""
    ledger.times(PE, Operand.COMPUTE, Action.MAC, macs - gated)
    ledger.times(PE, Operand.COMPUTE, Action.GATED_MAC, gated)
    ifmap_rf, weight_rf = place.register_file(Operand.IFMAP), place.register_file(Operand.WEIGHT)
    ledger.per_pe(ifmap_rf, Operand.IFMAP, Action.READ, macs, place.bits(Operand.IFMAP))
    ledger.per_pe(weight_rf, place.weight_name, Action.READ, macs - gated, place.bits(Operand.WEIGHT))
    if weight_rf is not None:
        ledger.times(weight_rf, place.weight_name, Action.GATED_READ, gated)


def _count_psum_links(place: Place, flows: Flows, ledger: Ledger) -> None:
    """Sums on the networks into and out of the array."""
    edge, wide = _edge(flows), place.bits(Operand.PSUM)
    for direction, words in (("in", edge.psum_in), ("out", edge.psum_out)):
        link = place.link(Operand.PSUM, direction)
        ledger.move(link, Operand.PSUM, Action.SEND, words, wide)
        ledger.per_pe(link, Operand.PSUM, Action.DELIVER, words, wide)


def _count_row_stationary(place: Place, flows: RowStationaryFlows, gated: int, ledger: Ledger) -> None:
    """The networks and scratchpads; ``gated`` sums stay in the psum scratchpads as they are."""
    for operand, sent, received in (
        (Operand.IFMAP, flows.ifmap_sent, flows.ifmap_delivered),
        (Operand.WEIGHT, flows.weight_sent, flows.weight_delivered),
    ):
        name = place.weight_name if operand is Operand.WEIGHT else operand
        bits, link, spad = place.bits(operand), place.link(operand, "in"), place.register_file(operand)
        ledger.move(link, name, Action.SEND, sent, bits)
        ledger.per_pe(link, name, Action.DELIVER, received, bits, peer=spad)
        ledger.per_pe(spad, name, Action.FILL, received, bits, peer=link)
    _count_psum_links(place, flows, ledger)
    wide, spad = place.bits(Operand.PSUM), place.register_file(Operand.PSUM)
    ledger.per_pe(place.link(Operand.PSUM, "local"), Operand.PSUM, Action.HOP, flows.psum_hops, wide)
    ledger.per_pe(spad, Operand.PSUM, Action.READ, flows.psum_kept - gated, wide)
    ledger.per_pe(spad, Operand.PSUM, Action.WRITE, flows.psum_kept - gated, wide)
    if spad is not None:
        ledger.times(spad, Operand.PSUM, Action.GATED_READ, gated)


def _count_tiled(place: Place, flows: TiledFlows, ledger: Ledger) -> None:
    """Networks, registers and accumulators of an array that runs tiles, and what else its PEs do."""
    words = flows.words
    for operand, sent, held in (
        (Operand.IFMAP, words.ifmap, words.ifmap_held),
        (Operand.WEIGHT, words.weight, words.weight_held),
    ):
        name = place.weight_name if operand is Operand.WEIGHT else operand
        bits, link, registers = place.bits(operand), place.link(operand, "in"), place.register_file(operand)
        ledger.move(link, name, Action.SEND, sent, bits)
        ledger.per_pe(link, name, Action.DELIVER, held, bits, peer=registers)
        ledger.per_pe(registers, name, Action.FILL, held, bits, peer=link)
    _count_psum_links(place, flows, ledger)
    wide, registers = place.bits(Operand.PSUM), place.register_file(Operand.PSUM)
    ledger.per_pe(registers, Operand.PSUM, Action.READ, words.psum_kept, wide)
    ledger.per_pe(registers, Operand.PSUM, Action.WRITE, words.psum_kept, wide)
    for (level, operand, action), (accesses, bits) in words.actions.items():
        ledger.some(level, operand, action, accesses, bits)


def _count_systolic(place: Place, flows: SystolicFlows, macs: int, ledger: Ledger) -> None:
    pe = place.accelerator.pe
    edges = macs * mac_cycles(pe)
    if pe.datapath.kind in EVERY_EDGE:
        ledger.times(PE, Operand.COMPUTE, Action.STEP, edges)
    if pe.datapath.kind in SHARING:  # a PE of a systolic array has one lane, and its accumulator for itself
        ledger.times(PE, Operand.COMPUTE, Action.ACCUMULATE, edges)
    for operand, flow in ((Operand.IFMAP, flows.ifmap), (Operand.WEIGHT, flows.weight)):
        _count_input(place, operand, flow, ledger)
    _count_psum_links(place, flows, ledger)
    wide, registers = place.bits(Operand.PSUM), place.register_file(Operand.PSUM)
    ledger.per_pe(place.link(Operand.PSUM, "local"), Operand.PSUM, Action.HOP, flows.psum.hops, wide)
    ledger.per_pe(registers, Operand.PSUM, Action.READ, edges, wide)
    ledger.per_pe(registers, Operand.PSUM, Action.WRITE, flows.psum.latched + edges - macs, wide)


def _count_input(place: Place, operand: Operand, flow: Flow, ledger: Ledger) -> None:
    name = place.weight_name if operand is Operand.WEIGHT else operand
    bits, registers = place.bits(operand), place.register_file(operand)
    link = place.link(operand, "in")
    ledger.move(link, name, Action.SEND, flow.edge, bits)
    ledger.per_pe(link, name, Action.DELIVER, flow.delivered, bits, peer=registers)
    ledger.per_pe(place.link(operand, "local") or link, name, Action.HOP, flow.hops, bits)
    ledger.per_pe(registers, name, Action.FILL, flow.latched, bits, peer=link)
