"""``verify``: a network on a machine, every layer with MACs stepped at full size and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from accsim.engines import check_numbers
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.inputs import Inputs, load_inputs
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.pipeline import simulate_network
from accsim.simulate.network import tasks
from accsim.simulate.stepped.operands import require_integers
from accsim.simulate.values import Tensors
from accsim.verification.layer import Job, verify_layer
from accsim.verification.outcome import Verification
from accsim.workers import in_order
from accsim.workload.network import Network

ACCUMULATOR_BITS = {8: 32, 16: 48}
"""Operand widths that ``bits`` stands for, and their accumulators, which hold any sum of 2^16 products."""

Progress = Callable[[int, int, str], None]
"""Called with cycles stepped, cycles in all, and the layers at work."""


def verify(
    workload: str | Path | Network,
    hardware: str | Path | Accelerator = "eyeriss",
    *,
    dataflow: str | Dataflow | None = None,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    bits: int | None = None,
    mapping: str | Path | Mapping[str, LayerMapping] | None = None,
    tensors: str | Path | Tensors | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Verification:
    """Step every layer with MACs at full size; compare its outputs, cycles and counters.

    Outputs must equal the golden kernels' bit for bit, and every cycle figure and counter the counted engine's. What
    differs is in the result; it raises nothing.

    Args:
        workload: a network's name, a file, or a ``Network``.
        hardware: an accelerator's name, a file, or an ``Accelerator``.
        dataflow: the dataflow's name or a file; the accelerator's own if not given.
        batch: batch entries N.
        bindings: values of the network's free sizes, such as ``{"sequence": 128}``.
        layers: names or patterns of the layers to verify; all if not given.
        overrides: changes to the accelerator, such as ``array.rows=24``.
        bits: 8 for operands of 8 bits and accumulators of 32, 16 for 16 and 48; the accelerator's own if not given.
            ``overrides`` come after it.
        mapping: a mapping file, or mappings by layer name; where none is given, the mapping ``estimate`` chooses.
        tensors: ifmaps and weights by layer, or an ``.npz`` archive of them; what is not given is drawn.
        seed: of the operands that are drawn.
        jobs: layers stepped at the same time, each in a process of its own.
        progress: called with cycles stepped, cycles in all and the layers at work.

    Raises:
        AccsimError: a mistake in what was given, or a layer that does not fit the machine.
    """
    begun = perf_counter()
    check_numbers(seed, jobs)
    changes = [*width_overrides(bits), *overrides]
    if changes and isinstance(hardware, Accelerator):
        raise InputError([f"bits and overrides change an accelerator's file, and {hardware.name!r} is already built"])
    inputs = load_inputs(
        workload,
        hardware,
        dataflow=dataflow,
        batch=batch,
        bindings=bindings,
        layers=layers,
        mapping=mapping,
        overrides=changes,
        tensors=tensors,
    )
    network, pe = inputs.network, inputs.accelerator.pe
    if not network.mac_layers:
        raise InputError([f"network {network.name!r} has no layer with MACs, so there is nothing to step"])
    require_integers(network.mac_layers, inputs.accelerator, inputs.tensors)
    work, cycles = _work(inputs, seed)
    seen = _Seen([job.task.layer.name for job in work], cycles, progress)
    return Verification(
        network=network.name,
        hardware=inputs.accelerator.name,
        dataflow=inputs.dataflow.name,
        batch=network.batch,
        weight_bits=pe.weight_bits,
        activation_bits=pe.activation_bits,
        accumulator_bits=pe.accumulator_bits,
        seed=seed,
        given=tuple(job.task.layer.name for job in work if job.arrays.keys() - {"ofmap"}),
        jobs=jobs,
        layers=tuple(in_order(verify_layer, work, jobs, seen)),
        without_macs=len(network.layers) - len(work),
        seconds=perf_counter() - begun,
    )


def width_overrides(bits: int | None) -> tuple[str, ...]:
    """The changes to an accelerator that ``bits`` stands for.

    Raises:
        InputError: ``bits`` is neither 8 nor 16.
    """
    if bits is None:
        return ()
    if bits not in ACCUMULATOR_BITS:
        raise InputError([f"bits must be 8 or 16, got {bits}"])
    return f"pe.weight_bits={bits}", f"pe.activation_bits={bits}", f"pe.accumulator_bits={ACCUMULATOR_BITS[bits]}"


def _work(inputs: Inputs, seed: int) -> tuple[list[Job], list[int]]:
    """The layers with MACs under the mappings that the counted engine uses, and their cycles as it counts them."""
    network, machine = inputs.network, inputs.accelerator
    activities, mapped, plan = simulate_network(
        network, machine, inputs.dataflow, inputs.table, given=inputs.mappings, tensors=inputs.tensors
    )
    todo = tasks(network, machine, plan, inputs.tensors)
    work: list[Job] = []
    cycles: list[int] = []
    for layer, activity, found in zip(network.layers, activities, mapped, strict=True):
        if found is not None:
            work.append(Job(todo[layer.name], machine, found.mapping, inputs.tensors.get(layer.name, {}), seed))
            cycles.append(activity.cycles.total)
    return work, cycles


class _Seen:
    """Puts the shares of single layers together, weighted by their cycles."""

    def __init__(self, names: Sequence[str], cycles: Sequence[int], progress: Progress | None) -> None:
        self._names, self._cycles, self._progress = names, cycles, progress
        self._shares: dict[int, float] = {}

    def __call__(self, index: int, share: float) -> None:
        self._shares[index] = share
        if self._progress is not None:
            done = sum(self._cycles[i] * part for i, part in self._shares.items())
            at_work = [self._names[i] for i, part in sorted(self._shares.items()) if part < 1]
            self._progress(int(done), sum(self._cycles), ", ".join(at_work))
