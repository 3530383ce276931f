"""Counting a layer that runs on the MAC array by formula: the words it moves and every cycle of one mapping."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import Axis, Delivery, Drain, Reduction
from accsim.mapping.mapping import RowStationaryMapping, SystolicMapping, TiledMapping
from accsim.mapping.row_stationary import starts
from accsim.simulate.flows import Flow, Flows, Occupancy, RowStationaryFlows, SystolicFlows, Zeros
from accsim.simulate.ledger import Ledger
from accsim.simulate.movement import record
from accsim.simulate.padding import valid_macs, valid_taps
from accsim.simulate.phase import Schedule
from accsim.simulate.row_stationary import RowStationaryArray
from accsim.simulate.schedule import ArrayModel, schedule, step_classes
from accsim.simulate.storage import OffChipBits, Place, traffic
from accsim.simulate.systolic import SystolicArray
from accsim.simulate.systolic_folds import Fold
from accsim.workload.layer import Operand

Taps = npt.NDArray[np.int64]


def count_layer(
    place: Place,
    ledger: Ledger,
    off_chip: OffChipBits,
    exact: frozenset[Operand] = frozenset(),
    taps: Taps | None = None,
    gated: int | None = None,
) -> tuple[Schedule, Occupancy]:
    """Count one layer with MACs.

    Args:
        place: the layer's nest, its mapping, the machine, and where its tensors live.
        ledger: receives every access.
        off_chip: bits of a transfer as it is coded off chip, for its duration.
        exact: tensors whose coded size is known from their values; DRAM moves the others in plain words here.
        taps: ifmap words that are not zero under each tap (``values.Values``); all that are pixels if not given.
        gated: MACs that their weight gates, on a datapath where weights do.
    """
    array, (flows, occupancy) = count_array(place)
    zeros = _zeros(place, array, taps) if gated is None else Zeros(gated)
    record(place, flows, traffic(place, off_chip, exact), place.nest.geometry.macs, zeros, ledger)
    return schedule(place, array, off_chip), occupancy


def _zeros(place: Place, array: ArrayModel, taps: Taps | None) -> Zeros:
    """MACs whose ifmap word is zero.

    In a row-stationary PE the first channel and the first tap of its run begin a sum; every other MAC adds to one.
    """
    g, gates = place.nest.geometry, place.accelerator.pe.psum_gating
    macs = g.macs - (valid_macs(g) if taps is None else int(taps.sum()) * g.filters_per_group)
    if not gates or not isinstance(array, RowStationaryArray):
        return Zeros(macs)
    columns = [first for first, _ in starts(array.runs_s)]
    if taps is None:
        rows, cols = valid_taps(g)
        there = g.N * g.G * array.sums_begun * sum(rows) * sum(cols[s] for s in columns)
    else:
        there = int(taps.reshape(g.G, -1, g.R, g.S)[:, array.first_channels()][..., columns].sum())
    begun = g.N * g.G * array.sums_begun * g.R * len(columns) * g.P * g.Q
    return Zeros(macs, macs - (begun - there) * g.filters_per_group)


def count_array(place: Place) -> tuple[ArrayModel, tuple[Flows, Occupancy]]:
    """The array that runs a layer, the words it moves, and how many of its PEs work."""
    mapping = place.mapping
    if isinstance(mapping, RowStationaryMapping):
        rows = RowStationaryArray(place.accelerator, mapping, place.nest)
        return rows, _row_stationary(place, rows)
    if isinstance(mapping, TiledMapping):
        raise TypeError("an array that runs tiles is counted by simulate.tiled")
    systolic = SystolicArray(place.accelerator, mapping.dataflow, place.nest)
    return systolic, _systolic(place, mapping, systolic)


def _first_zeros(place: Place) -> int:
    """First sums that are made in the PEs and not read."""
    return place.nest.geometry.ofmap_words if place.accelerator.array.initial_psum is InitialPsum.ZERO else 0


def _row_stationary(place: Place, array: RowStationaryArray) -> tuple[RowStationaryFlows, Occupancy]:
    flows, nest = RowStationaryFlows(), place.nest
    added = most = slots = steps = 0
    for sizes, loads, count in step_classes(nest, array.load_at):
        for one in array.passes(sizes):
            flows.ifmap_read += array.read_ifmap_words(one, sizes) * count
            flows.ifmap_sent += array.bus_ifmap_words(one) * count
            per_pe = one.n * one.channels * array.row_words(one)
            flows.ifmap_delivered += per_pe * one.taps_r * one.rows * one.sets_t * count
            flows.psum_out += one.psums * count
            flows.psum_hops += one.psums * (one.chain - 1) * count
            added += one.psums * one.chain * count
            if loads:
                flows.weight_sent += one.weights * count
                flows.weight_delivered += one.weights * one.rows * count
            cycles = array.compute_cycles(one) * count
            most, slots, steps = max(most, one.pes), slots + one.pes * cycles, steps + cycles
    flows.psum_in = flows.psum_out - _first_zeros(place)
    flows.psum_kept = nest.geometry.macs - added
    return flows, Occupancy(most, slots, steps)


def _systolic(place: Place, mapping: SystolicMapping, array: SystolicArray) -> tuple[SystolicFlows, Occupancy]:
    flows, dataflow = SystolicFlows(), mapping.dataflow
    inputs = (
        (Operand.IFMAP, dataflow.ifmap, flows.ifmap),
        (Operand.WEIGHT, dataflow.weight, flows.weight),
    )
    most = slots = steps = 0
    for pieces, loads, tiles in step_classes(place.nest, array.load_at):
        sizes = {dim: piece.size for dim, piece in pieces.items()}
        for fold, n in array.folds(sizes, loads):
            count = n * tiles
            pes = fold.rows * fold.cols
            for operand, how, flow in inputs:
                _add_input(array, flow, operand, how, fold, count)
            _add_psums(array, flows.psum, fold, count)
            edges = array.stream_edges(fold) * count
            most, slots, steps = max(most, pes), slots + pes * edges, steps + edges
    flows.psum_in = flows.psum.edge - _first_zeros(place)
    return flows, Occupancy(most, slots, steps)


def _add_input(array: SystolicArray, flow: Flow, operand: Operand, how: Delivery, fold: Fold, count: int) -> None:
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


def _add_psums(array: SystolicArray, flow: Flow, fold: Fold, count: int) -> None:
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
