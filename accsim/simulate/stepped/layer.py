"""One layer with MACs, stepped: its machine runs every step with real operands, and its activity is what was seen.

What a PE's accumulator does to a sum that is out of range is applied to the exact sums the machine gives (see
``accsim.kernels.accumulator``): an overflow is a property of the final sum, in whatever order it was added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator, Overflow
from accsim.mapping.mapping import Mapping, RowStationaryMapping, TiledMapping
from accsim.mapping.row_stationary import cut_filter
from accsim.simulate.activity import Activity
from accsim.simulate.channel import fetched, returned
from accsim.simulate.flows import Zeros
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_activity import mac_activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.movement import record
from accsim.simulate.phase import Schedule
from accsim.simulate.residual import with_residual
from accsim.simulate.stepped.machine import Machine, Observed, Operands, Probe, Step, Words
from accsim.simulate.stepped.on_chip import Journal
from accsim.simulate.stepped.operands import accumulator_of
from accsim.simulate.stepped.pass_timeline import Event, PassTimeline
from accsim.simulate.stepped.storage import Storage
from accsim.simulate.stepped.walk import walk
from accsim.simulate.storage import Place
from accsim.simulate.systolic_folds import SystolicFolds
from accsim.simulate.tiled import families
from accsim.simulate.tiled.idle import idle_slots
from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class SteppedLayer:
    """What was seen of a layer.

    Attributes:
        activity: its cycles and counters.
        outputs: int64 [N, M, P, Q], as the accumulators hold them.
        overflows: sums that did not fit.
        observed: what the array did.
        events: what happened when, in cycles of the layer; empty unless asked for.
        probe: what was to be recorded, filled in.
    """

    activity: Activity
    outputs: Words
    overflows: int
    observed: Observed
    events: tuple[Event, ...] = ()
    probe: Probe | None = None


def steps_of(place: Place) -> Iterator[Step]:
    """The steps of a layer, told apart by whether they bring a new stationary operand and begin a burst.

    Filters stay in a row-stationary array's scratchpads until the loops bring others, unless a filter is cut into runs
    that take turns there. A burst is the passes of one output tile.
    """
    nest, mapping = place.nest, place.mapping
    if isinstance(mapping, TiledMapping):
        return walk(nest, 0, 0)
    if not isinstance(mapping, RowStationaryMapping):
        return walk(nest, SystolicFolds(place.accelerator, mapping.dataflow, nest).load_at, 0)
    rows, cols = cut_filter(place.accelerator, nest.geometry, mapping.p, mapping.q)
    stay = len(rows) == len(cols) == 1
    load_at = nest.change_depth(Operand.WEIGHT, len(nest.loops)) if stay else len(nest.loops)
    return walk(nest, load_at, nest.change_depth(Operand.PSUM, mapping.depth("", Operand.PSUM)))


def ifmap_cycles_of(place: Place) -> Callable[[Step], int]:
    """Cycles that every pass of a step takes at least for each of its ifmaps; 0 for an array that mixes them."""
    if not isinstance(place.mapping, RowStationaryMapping):
        return lambda _: 0
    from accsim.simulate.stepped.row_stationary.passes import Passes  # noqa: PLC0415

    return Passes(place).ifmap_steps


def machine_of(place: Place, operands: Operands) -> Machine:
    """The machine of the array's family.

    Raises:
        AccsimError: it has none that can be stepped.
    """
    if isinstance(place.mapping, TiledMapping):
        return families.machine_of(place, operands)
    if isinstance(place.mapping, RowStationaryMapping):
        from accsim.simulate.stepped.row_stationary import SteppedRowStationary  # noqa: PLC0415

        return SteppedRowStationary(place, operands)
    from accsim.simulate.stepped.systolic import SteppedSystolic  # noqa: PLC0415

    return SteppedSystolic(place, operands)


def simulate_mac_stepped(
    task: MacTask,
    accelerator: Accelerator,
    mapping: Mapping,
    operands: Operands,
    notes: tuple[str, ...] = (),
    probe: Probe | None = None,
    *,
    events: bool = False,
    wraps_are_errors: bool = False,
) -> SteppedLayer:
    """Step one layer with MACs under a mapping; it starts at cycle 0.

    Args:
        task: the layer, with the values of ``operands`` (see ``operands.operate``).
        accelerator: the machine.
        mapping: how the layer is laid out on it.
        operands: what it computes with.
        notes: what the reader must know.
        probe: what to record of the array.
        events: whether to record what happened when.
        wraps_are_errors: whether a sum that wraps around is an error; else a warning, as one that saturates always is.

    Raises:
        MappingError: tiles overflow a buffer.
        AccsimError: a sum wraps around and that is an error, or sums may need more than 64 bits.
    """
    accelerator = task.follows(accelerator)
    _check_range(task, accelerator, operands)
    place = task.place(accelerator, mapping)
    tiled = isinstance(mapping, TiledMapping)
    off_chip, exact = families.off_chip_of(task, place) if tiled else (task.off_chip(place), task.counted_codes)
    observed = machine_of(place, operands).run(steps_of(place), probe)
    journal = Journal()
    storage = Storage(place, task.layer.name, task.reserved, off_chip, exact, journal.note if events else None)
    timeline = PassTimeline(
        fetched(place),
        returned(place),
        accelerator.dram,
        accelerator.clock_mhz,
        off_chip,
        stays=task.residency.ofmap is not None,
        names={Operand.WEIGHT: task.weight_name.value},
        record=events,
        ifmap_cycles=ifmap_cycles_of(place),
    )
    makespan = timeline.run(storage.walk(steps_of(place)), observed.runs, storage.end)
    outputs, overflows, warnings = _store(task, accelerator, observed.sums, wraps_are_errors)
    ledger = Ledger(accelerator)
    zeros = Zeros(observed.zero_ifmap_macs, observed.zero_ifmap_kept)
    record(place, observed.flows, storage.traffic(), observed.macs, zeros, ledger)
    timing = with_residual(Schedule.of(observed.phase, makespan, accelerator.dram.name), task.layer, accelerator)
    activity = mac_activity(
        task,
        accelerator,
        mapping,
        timing,
        observed.occupancy,
        ledger.counts(),
        task.geometry.macs if observed.idle is not None else observed.macs,
        notes,
        warnings,
        idle=None if observed.idle is None else idle_slots(dict(observed.idle), timing, place, observed.macs_per_pe),
        macs_per_pe=observed.macs_per_pe,
        begun=observed.macs if observed.macs != task.geometry.macs else None,
    )
    if tiled:
        activity = families.reported(task, accelerator, activity)
    happened = [*timeline.events, *journal.events(timeline.events, makespan, task.weight_name)]
    happened.sort(key=lambda event: event.start)
    return SteppedLayer(activity, outputs, overflows, observed, tuple(happened), probe)


def _check_range(task: MacTask, accelerator: Accelerator, operands: Operands) -> None:
    """Refuse sums that may leave 64 bits: the machines add exact numbers.

    Raises:
        AccsimError: they may.
    """
    g, accumulator = task.geometry, accumulator_of(accelerator.pe)
    largest = _magnitude(operands.ifmap) * _magnitude(operands.weight)
    products = g.channels_per_group * g.R * g.S
    if not accumulator.exact_in_64_bits(products, largest):
        raise AccsimError(
            f"layer {task.layer.name!r}: sums of {products} products as large as {largest} may need more than 64 bits, "
            "and the stepped engine adds in 64; use narrower operands or a larger product_shift"
        )


def _magnitude(words: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> int:
    return max(-int(words.min()), int(words.max())) if words.size else 0


def _store(
    task: MacTask, accelerator: Accelerator, sums: Words, wraps_are_errors: bool
) -> tuple[Words, int, tuple[str, ...]]:
    """The sums as the accumulators hold them, how many overflowed, and warnings about it.

    Raises:
        AccsimError: a sum wraps around and that is an error.
    """
    from accsim.kernels.ranges import store  # noqa: PLC0415

    rule = accumulator_of(accelerator.pe).rule
    flat = np.ascontiguousarray(sums, np.int64).reshape(sums.shape[0] * sums.shape[1], -1)
    outputs = np.empty_like(flat)
    overflows = int(store(flat, rule, outputs))
    if not overflows:
        return outputs.reshape(sums.shape), 0, ()
    at = np.unravel_index(int(np.argmax((sums < rule.low) | (sums > rule.high))), sums.shape)
    where = ", ".join(f"{dim}={int(i)}" for dim, i in zip("nmpq", at, strict=True))
    needed = 1 + max((end if end >= 0 else ~end).bit_length() for end in (int(sums.min()), int(sums.max())))
    wraps = accelerator.pe.overflow is Overflow.WRAP
    said = (
        f"{overflows} of {sums.size} sums {'wrap around' if wraps else 'saturate'} in accumulators of {rule.bits} "
        f"bits; the first is output {where}, whose exact sum is {int(sums[at])}; {needed} bits would hold every sum"
    )
    if wraps and wraps_are_errors:
        raise AccsimError(f"layer {task.layer.name!r}: {said}; --overflow report makes this a warning")
    return outputs.reshape(sums.shape), overflows, (said,)
