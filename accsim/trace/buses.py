"""The words on the buses at the edge of a systolic array, read off the registers of the PEs that they enter and leave.

On an edge on which the array's clock is enabled, the word that a lane of the edge carries is the one that the PE beside
it latches, or the one that the last PE of a chain holds::

    ifmap_in, weight_in   a streamed word, hopping or multicast: PEs of the first column, of the first row, or the first
                          PE, as its operand differs along rows, columns or neither
    psum_out              sums of a chain: PEs of the last row or column; sums that shift out: PEs of the last row

A register that holds still is no word on a bus: where as many words do not cross the edge as these registers hold, the
lanes are unknown. With edge taps sums leave wherever a fold ends, and a PE with a feed of its own is its own lane:
those buses are not shown. A row-stationary array keeps no register for its networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import REDUCED, Axis, Dataflow, Delivery, Drain, Reduction, SystolicDataflow
from accsim.simulate.stepped.machine import Mask, Registers, Words
from accsim.workload.layer import Operand

Edge = tuple[Operand, str]
Lanes = tuple[int | slice, int | slice]
"""Row and column of the PEs of a bus."""

ALL = slice(None)


class Buses:
    """The buses of one array."""

    def __init__(self, accelerator: Accelerator, dataflow: Dataflow) -> None:
        self._lanes: dict[Edge, tuple[str, Lanes]] = {}
        if isinstance(dataflow, SystolicDataflow):
            self._lanes = dict((*_inputs(dataflow), *_outputs(accelerator, dataflow)))

    def at(
        self, dump: Registers, words: Mapping[Edge, npt.NDArray[np.int32]], stalled: bool
    ) -> Iterator[tuple[str, Words, Mask]]:
        """Name, words [lanes] and whether each lane carries one, on the edge of ``dump``.

        Args:
            dump: the registers right after it.
            words: words that cross the array's edge, on every edge.
            stalled: whether the array's clock was held.
        """
        for (operand, direction), (register, lanes) in self._lanes.items():
            if register in dump.values:
                held, known = np.atleast_1d(dump.values[register][lanes]), np.atleast_1d(dump.valid[register][lanes])
                crossing = 0 if stalled else int(words[operand, direction][dump.cycle])
                moves = np.count_nonzero(known) == crossing
                yield f"bus_{operand}_{direction}", held, known & moves


def _inputs(dataflow: SystolicDataflow) -> Iterator[tuple[Edge, tuple[str, Lanes]]]:
    for operand, how in ((Operand.IFMAP, dataflow.ifmap), (Operand.WEIGHT, dataflow.weight)):
        rows, cols = dataflow.depends(operand, Axis.ROWS), dataflow.depends(operand, Axis.COLS)
        if how in (Delivery.HOP, Delivery.MULTICAST) and not (rows and cols):
            yield (operand, "in"), (operand.value, (ALL if rows else 0, ALL if cols else 0))


def _outputs(accelerator: Accelerator, dataflow: SystolicDataflow) -> Iterator[tuple[Edge, tuple[str, Lanes]]]:
    if accelerator.array.edge_taps:
        return
    if dataflow.reduction is Reduction.CHAIN:
        along_rows = not REDUCED.isdisjoint(dataflow.rows)
        yield (Operand.PSUM, "out"), ("psum", (-1, ALL) if along_rows else (ALL, -1))
    elif dataflow.reduction is Reduction.IN_PE and dataflow.drain is Drain.SHIFT:
        yield (Operand.PSUM, "out"), ("leaving", (-1, ALL))
