"""Verifying one layer, in whatever process it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from accsim.errors import in_layer
from accsim.hardware.accelerator import Accelerator
from accsim.kernels import Accumulator, Sums, convolve
from accsim.kernels.accumulator import WIDEST
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import simulate_mac
from accsim.simulate.stepped.layer import SteppedLayer, simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.simulate.stepped.operands import accumulator_of, operate
from accsim.simulate.values import Array
from accsim.verification.compare import differences, figures, wrong_words
from accsim.verification.outcome import Difference, LayerVerification, WrongWords
from accsim.verification.stopwatch import stopwatch
from accsim.workers import Tell


@dataclass(frozen=True, slots=True)
class Job:
    """A layer to verify.

    Attributes:
        arrays: its operands, as far as they are given; the others are drawn.
        seed: of what is drawn; every layer draws from a stream of its own.
    """

    task: MacTask
    accelerator: Accelerator
    mapping: LayerMapping
    arrays: Mapping[str, Array]
    seed: int


def verify_layer(job: Job, tell: Tell) -> LayerVerification:
    """Step a layer and compare it.

    Raises:
        AccsimError: sums that may need more than 64 bits.
    """
    with in_layer(job.task.layer.name):
        task, operands, _ = operate(job.task, job.accelerator, job.arrays, job.seed)
        with stopwatch() as spent:
            stepped = simulate_mac_stepped(task, job.accelerator, job.mapping, operands)
    counted = simulate_mac(task, job.accelerator, job.mapping)
    overflow, wrong = _against_golden(job, operands, stepped)
    return LayerVerification(
        layer=task.layer.name,
        kind=task.layer.kind.value,
        macs=task.geometry.macs,
        cycles=stepped.activity.cycles.total,
        outputs=stepped.outputs.size,
        overflows=stepped.overflows,
        register_updates=stepped.observed.register_updates,
        figures=len(figures(counted)),
        seconds=spent.seconds,
        compiling_seconds=spent.compiling_seconds,
        differences=(*overflow, *differences(counted, stepped.activity)),
        wrong=wrong,
    )


def _against_golden(
    job: Job, operands: Operands, stepped: SteppedLayer
) -> tuple[tuple[Difference, ...], tuple[WrongWords, ...]]:
    """Outputs and overflows against the golden kernel's.

    A saturated output hides what led to it, so where any output overflowed the exact sums are compared too.
    """
    accumulator = accumulator_of(job.accelerator.pe)
    golden = _golden(job, operands, accumulator)
    wrong = wrong_words("outputs", golden.values, stepped.outputs)
    if golden.overflows or stepped.overflows:
        exact = _golden(job, operands, replace(accumulator, bits=WIDEST))
        wrong += wrong_words("exact sums", exact.values, stepped.observed.sums)
    if golden.overflows == stepped.overflows:
        return (), wrong
    return (Difference("overflows", "golden", golden.overflows, stepped.overflows),), wrong


def _golden(job: Job, operands: Operands, accumulator: Accumulator) -> Sums:
    g = job.task.geometry
    return convolve(
        operands.ifmap,
        operands.weight,
        accumulator,
        groups=g.G,
        stride=(g.stride_h, g.stride_w),
        dilation=(g.dilation_h, g.dilation_w),
        padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    )
