"""The two engines behind one call: layers with MACs in, their activities out, in the order of the layers."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from accsim.errors import InputError, in_layer, suggest
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.simulate.activity import Activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.network import Progress
from accsim.simulate.values import Array
from accsim.workers import Tell, in_order

if TYPE_CHECKING:
    from accsim.simulate.stepped.layer import SteppedLayer
    from accsim.trace.recorder import Wanted


class Engine(StrEnum):
    """How layers with MACs are simulated: counted in closed form, or stepped with real operands."""

    COUNTED = "counted"
    STEPPED = "stepped"


class OverflowPolicy(StrEnum):
    """What becomes of a layer whose sums wrap around in accumulators that do; where they saturate it is a warning."""

    ERROR = "error"
    REPORT = "report"


def parse_engine(name: str) -> Engine:
    """The engine called ``name``.

    Raises:
        InputError: there is none.
    """
    return Engine(_one_of("engine", name, [engine.value for engine in Engine]))


def parse_overflow(name: str) -> OverflowPolicy:
    """The policy called ``name``.

    Raises:
        InputError: there is none.
    """
    return OverflowPolicy(_one_of("overflow", name, [policy.value for policy in OverflowPolicy]))


def check_numbers(seed: int, jobs: int) -> None:
    """Refuse numbers that mean nothing.

    Raises:
        InputError: every one of them.
    """
    wrong = [
        f"{name} must be at least {least}, got {value}"
        for name, value, least in (("jobs", jobs, 1), ("seed", seed, 0))
        if value < least
    ]
    if wrong:
        raise InputError(wrong)


def _one_of(what: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise InputError([f"unknown {what} {name!r}: must be one of {', '.join(known)}{suggest(name, known)}"])
    return name


@dataclass(frozen=True, slots=True)
class Stepping:
    """How the stepped engine runs a network.

    Attributes:
        seed: of the operands that are made up.
        jobs: layers stepped at the same time, each in a process of its own.
        overflow: what becomes of a layer whose sums wrap around.
        wanted: what a trace needs of each layer; ``None`` without a trace.
    """

    seed: int = 0
    jobs: int = 1
    overflow: OverflowPolicy = OverflowPolicy.ERROR
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One layer to be stepped, in whatever process."""

    task: MacTask
    accelerator: Accelerator
    mapping: LayerMapping
    notes: tuple[str, ...]
    given: Mapping[str, Array]
    how: Stepping


Stepped = tuple[Activity, "SteppedLayer | None"]
"""A layer's activity, and what was seen of it where a trace wants that."""


def step_layers(jobs: Sequence[Job], how: Stepping, progress: Progress | None = None) -> Generator[Stepped, None, None]:
    """Step layers; results come in their order, whatever the number of processes.

    Args:
        jobs: the layers.
        how: the same for all of them.
        progress: called with layers done, layers in all, and those at work.

    Raises:
        AccsimError: what the first layer that failed, in order, raised.
    """
    at_work: dict[int, str] = {}
    done = 0

    def see(index: int, share: float) -> None:
        nonlocal done
        if share < 1:
            at_work[index] = jobs[index].task.layer.name
        elif at_work.pop(index, None) is not None:
            done += 1
        if progress is not None:
            progress(done, len(jobs), ", ".join(at_work.values()))

    yield from in_order(step_layer, jobs, how.jobs, see)


def step_layer(job: Job, tell: Tell) -> Stepped:
    """Step one layer, with the operands that are given and made-up ones for the others.

    Raises:
        AccsimError: an operand that is no integer of its width, an overflow that is an error.
    """
    from accsim.simulate.stepped.layer import simulate_mac_stepped  # noqa: PLC0415
    from accsim.simulate.stepped.operands import operate  # noqa: PLC0415

    wanted = job.how.wanted
    tell(0.0)
    with in_layer(job.task.layer.name):
        task, operands, made_up = operate(job.task, job.accelerator, job.given, job.how.seed)
        layer = simulate_mac_stepped(
            task,
            job.accelerator,
            job.mapping,
            operands,
            (*job.notes, *made_up),
            wanted.probe() if wanted else None,
            events=wanted is not None and wanted.events,
            wraps_are_errors=job.how.overflow is OverflowPolicy.ERROR,
        )
    return layer.activity, layer if wanted else None
