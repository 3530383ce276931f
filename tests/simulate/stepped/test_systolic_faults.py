"""A stepped machine with a fault is caught: MACs and sums come from the words and valid bits that move."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest

from accsim.errors import AccsimError
from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import Drain, SystolicDataflow
from accsim.simulate.stepped.machine import Operands, Step
from accsim.simulate.stepped.systolic import SteppedSystolic
from accsim.workload.layer import Geometry, Operand
from tests.simulate.stepped.systolic_runs import Layer
from tests.simulate.systolic_cases import SHAPES, SHIPPED_FLOWS, Case, bound

LAYER = Geometry(N=2, G=2, M=6, C=4, P=2, Q=3, R=2, S=2, H=3, W=4)


def flows() -> list[SystolicDataflow]:
    """The shipped dataflows, and one of each shape that streams."""
    out = list(SHIPPED_FLOWS.values())
    for rows, cols, stream, reductions, weights, pixels in SHAPES:
        left = [dim for dim in "NGMCPQRS" if dim not in rows + cols + stream]
        axes = tuple(rows), tuple(cols), tuple(stream), (*left, "cols", "rows")
        travels = pixels[0], weights[0], reductions[-1], Drain.SHIFT
        out.append(SystolicDataflow(f"{rows} {cols} {stream}", *axes, *travels))
    return [flow for flow in out if flow.stream]


class Faulty(SteppedSystolic):
    """A machine whose feeder spoils one step of each stream of one operand."""

    spoiled: Operand
    at: int
    fault: str

    def feed(self, operand: Operand, step: Step) -> Any:
        feed = super().feed(operand, step)
        if operand is not self.spoiled:
            return feed
        valid, addresses, k = feed.valid.copy(), feed.step_at.copy(), self.at % len(feed.valid)
        if self.fault == "valid bit lost":
            valid[k] = 0
        elif self.fault == "word twice":
            addresses[k] = addresses[k - 1]
        elif self.fault == "words out of order":
            addresses[[k, k - 1]] = addresses[[k - 1, k]]
        return feed._replace(valid=valid, step_at=addresses)


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: flow.name)
@pytest.mark.parametrize("buffers", [1, 2])
def test_a_fault_at_the_edge_of_the_array_shows(flow: SystolicDataflow, buffers: int) -> None:
    """No two words of an operand are the same and none is zero, so a sound machine cannot hide one behind another."""
    layer = Layer(Case(flow, LAYER, (), 3, 2, False, buffers, InitialPsum.ZERO), arithmetic=4)
    pixels, weights = layer.operands.ifmap, layer.operands.weight
    operands = Operands(
        np.arange(101, 101 + pixels.size, dtype=np.int32).reshape(pixels.shape),
        np.arange(7, 7 + weights.size, dtype=np.int32).reshape(weights.shape),
    )
    sound = SteppedSystolic(layer.place, operands).run(layer.steps)
    streaming = [o for o in (Operand.IFMAP, Operand.WEIGHT) if o is not flow.stationary]
    steps = prod(bound(LAYER, dim) for dim in flow.stream)
    faults = ("none", "valid bit lost", "word twice", "words out of order")
    for fault, operand, at in product(faults, streaming, range(steps)):
        machine = Faulty(layer.place, operands)
        machine.spoiled, machine.at, machine.fault = operand, at, fault
        try:
            seen = machine.run(layer.steps)
        except AccsimError as error:
            assert fault == "valid bit lost"
            assert "a word was lost on its way" in str(error)
        else:
            assert (seen.sums != sound.sums).any() == (fault != "none"), f"{fault} at step {at} of the {operand}"
