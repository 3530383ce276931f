"""A dataflow on an array as the arrays that compiled code takes."""

from __future__ import annotations

import numpy as np

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import REDUCED, RELEVANT, Axis, Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.mapping import NEST_OPERANDS
from accsim.mapping.search.systolic import folds
from accsim.mapping.search.systolic.folds import Machine
from accsim.workload.layer import Operand

ORDER = {Operand.IFMAP: folds.IFMAP, Operand.WEIGHT: folds.WEIGHT, Operand.PSUM: folds.PSUM}
_DELIVERY = {
    Delivery.HOP: folds.HOP,
    Delivery.MULTICAST: folds.MULTICAST,
    Delivery.UNICAST: folds.UNICAST,
    Delivery.PRELOAD: folds.PRELOAD,
}
_REDUCTION = {Reduction.CHAIN: folds.CHAIN, Reduction.ADDER_TREE: folds.TREE, Reduction.IN_PE: folds.IN_PE}
AXES = {Axis.ROWS: folds.ROWS, Axis.COLS: folds.COLS, Axis.STREAM: folds.STREAM}


def machine(accelerator: Accelerator, dataflow: SystolicDataflow) -> Machine:
    """A dataflow on an array."""
    array, flow, stationary = accelerator.array, dataflow, dataflow.stationary
    reduces = [not REDUCED.isdisjoint(flow.axis(axis)) for axis in (Axis.ROWS, Axis.COLS)]
    pes = (array.rows, array.cols)
    leave = np.zeros((2, max(pes) + 1), np.int64)
    for i, length in enumerate(pes):
        for used in range(length + 1):
            leave[i, used] = _leave(accelerator, flow, i, used, reduces[i])
    skew = [_skew(flow, axis, adds) for axis, adds in zip((Axis.ROWS, Axis.COLS), reduces, strict=True)]
    loops = {"rows": -1, "cols": -2} | {dim: i for i, dim in enumerate("NGMCPQRS")}
    return Machine(
        pes=np.array(pes, np.int64),
        folds=np.array([loops[name] for name in flow.folds], np.int64),
        indexes=np.array([indexes(flow, name, stationary) for name in flow.folds], np.int64),
        depends=np.array([[flow.depends(o, axis) for axis in Axis] for o in NEST_OPERANDS], np.int64),
        delivery=np.array([_DELIVERY[flow.ifmap], _DELIVERY[flow.weight]], np.int64),
        reduction=_REDUCTION[flow.reduction],
        stationary=ORDER[stationary],
        reduces=np.array(reduces, np.int64),
        skew=np.array(skew, np.int64),
        leave=leave,
        taps=int(array.edge_taps),
        shift=int(flow.drain is Drain.SHIFT),
        overlaps=int(array.stationary_buffers > 1),
    )


def indexes(flow: SystolicDataflow, fold: str, operand: Operand) -> bool:
    """Whether a fold loop indexes an operand."""
    return flow.depends(operand, Axis(fold)) if fold in ("rows", "cols") else fold in RELEVANT[operand]


def _skew(flow: SystolicDataflow, axis: Axis, reduces: bool) -> int:
    inputs = ((Operand.IFMAP, flow.ifmap), (Operand.WEIGHT, flow.weight))
    hops = any(how is Delivery.HOP and not flow.depends(operand, axis) for operand, how in inputs)
    return int(hops or (flow.reduction is Reduction.CHAIN and reduces))


def _leave(accelerator: Accelerator, flow: SystolicDataflow, axis: int, used: int, reduces: bool) -> int:
    """Edges from the last MAC to the array's edge along an axis, with ``used`` of its PEs."""
    array = accelerator.array
    pes = array.cols if axis else array.rows
    if flow.reduction is Reduction.IN_PE:
        if axis:
            return 0
        if flow.drain is Drain.DIRECT:
            return 1
        return max(0, used - 1) if array.edge_taps else pes - 1
    if not reduces:
        return 0
    if flow.reduction is Reduction.CHAIN:
        return 0 if array.edge_taps else pes - used
    return (max(1, used if array.edge_taps else pes) - 1).bit_length()
