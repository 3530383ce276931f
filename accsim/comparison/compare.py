"""The runs of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accsim.comparison.equal import TABLE, equalised, statement
from accsim.comparison.reasons import slots_of
from accsim.comparison.totals import Comparison, Machine, Side, Subset, Total
from accsim.energy.estimate import LayerEstimate
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.storage import Residency
from accsim.simulate.values import Tensors
from accsim.workload.layer import TensorStatistics
from accsim.workload.network import Network

if TYPE_CHECKING:
    from accsim.compress.recipe import Recipe
    from accsim.result import Result


def compare(
    workload: str | Path | Network,
    hardware: Sequence[str | Path | Accelerator],
    *,
    compress: str | Path | Recipe | None = None,
    energy_table: str | None = None,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
    tensors: str | Path | Tensors | None = None,
    **options: Any,
) -> Comparison:
    """Run a network on several machines, compressed and dense; the first machine is what the others are made equal to.

    Args:
        hardware: names, files or accelerators.
        compress: the recipe; without one zeros of ``tensors`` (and densities that the network states) are all there is.
        energy_table: for all machines; horowitz_45nm where they are made equal, and else their own.
        options: more of what ``accsim.estimate`` takes, for every run: ``objective``, ``search``, ``time_limit``.

    Raises:
        AccsimError: a mistake in what was given, or a machine that can run no layer at all.
    """
    from accsim.importers.opening import open_accelerator, open_network  # noqa: PLC0415
    from accsim.inputs import load_inputs  # noqa: PLC0415
    from accsim.simulate.tiled.families import FAMILIES  # noqa: PLC0415
    from accsim.workload.reader import select_layers  # noqa: PLC0415

    if not hardware:
        raise InputError(["a comparison needs at least one machine"])
    machines = [one if isinstance(one, Accelerator) else open_accelerator(str(one), ()) for one in hardware]
    names = [machine.name for machine in machines]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError([f"machines are told apart by name; named twice: {', '.join(twice)}"])
    network = (
        workload
        if isinstance(workload, Network)
        else open_network(str(workload), batch=batch, bindings=dict(bindings or {}), layers=None)
    )
    needy = next((machine for machine in machines if machine.array.family in FAMILIES), machines[0])
    loaded = load_inputs(network, needy, compress=compress, tensors=tensors, layers=layers)
    kept = loaded.network
    if layers is not None:
        network = replace(network, layers=select_layers(network.name, network.layers, layers))
        if compress is None:
            kept = network
    runs = _Runs(kept, _without_densities(network), loaded.tensors, options)
    table = energy_table or TABLE
    equal = _side(runs, [equalised(one, machines[0]) for one in machines], statement(machines[0], table), table)
    raw = _side(runs, machines, "every machine as its file says", energy_table)
    return Comparison(
        workload=network.name,
        recipe=loaded.compressed.recipe.name if loaded.compressed else None,
        batch=network.batch,
        values=runs.values,
        equal=equal,
        raw=raw,
        notes=(
            "layers without MACs are left out; a machine's own run has them",
            "dense: the same machine with no zero in any operand, at its own operand widths",
            "ideal speed-up: products of the dense network over those of two words that are not zero, padding left out",
            *(loaded.compressed.notes() if loaded.compressed else ()),
        ),
    )


@dataclass(slots=True)
class _Runs:
    """Runs of one network on one machine after the other.

    Attributes:
        network, dense: the compressed network, and the network with nothing known of its zeros.
        tensors: values of the compressed network.
        options: of every run.
        values: what the figures of the compressed network rest on, once it has run.
    """

    network: Network
    dense: Network
    tensors: Tensors
    options: Mapping[str, Any]
    values: str = "expected"

    def compressed(self, machine: Accelerator, table: str | None) -> tuple[Result, tuple[tuple[str, str], ...]]:
        """The compressed network as far as the machine can run it; also what it cannot, with reasons."""
        kept, cannot = _suited(self.network, machine)
        held = {layer.name for layer in kept.layers}
        tensors = {name: arrays for name, arrays in self.tensors.items() if name in held}
        result = self._estimate(kept, machine, table, tensors)
        self.values = result.values
        return result, cannot

    def full(self, machine: Accelerator, table: str | None) -> Result:
        """The dense network likewise."""
        return self._estimate(_suited(self.dense, machine)[0], machine, table, {})

    def _estimate(self, network: Network, machine: Accelerator, table: str | None, tensors: Tensors) -> Result:
        from accsim.pipeline import estimate  # noqa: PLC0415

        return estimate(network, machine, energy_table=table, tensors=tensors, **self.options)


def _suited(network: Network, machine: Accelerator) -> tuple[Network, tuple[tuple[str, str], ...]]:
    """The network without the layers that a machine cannot run, and those with reasons.

    Raises:
        InputError: none is left.
    """
    from accsim.simulate.tiled.families import misfit  # noqa: PLC0415

    cannot = []
    for layer in network.mac_layers:
        if layer.geometry is not None:
            task = MacTask(layer, layer.geometry, Residency(), (), Densities(), frozenset())
            reason = misfit(task, machine)
            if reason is not None:
                cannot.append((layer.name, reason))
    out = {name for name, _ in cannot}
    kept = replace(network, layers=tuple(layer for layer in network.layers if layer.name not in out))
    if not kept.mac_layers:
        raise InputError([f"{machine.name} can run no layer of {network.name}: {cannot[0][1]}"])
    return kept, tuple(cannot)


def _without_densities(network: Network) -> Network:
    """The network as if nothing were known of its zeros."""
    none = TensorStatistics()
    return replace(
        network,
        layers=tuple(
            replace(layer, ifmap_statistics=none, weight_statistics=none, ofmap_statistics=none)
            for layer in network.layers
        ),
    )


def _side(runs: _Runs, machines: Sequence[Accelerator], said: str, table: str | None) -> Side:
    found = [(machine, *runs.compressed(machine, table), runs.full(machine, table)) for machine in machines]
    by_layer: dict[str, list[str]] = {}
    for machine, result, _, _ in found:
        for one in result.network.mac_layers:
            by_layer.setdefault(one.name, []).append(machine.name)
    by_machines: dict[tuple[str, ...], list[str]] = {}
    for layer, able in by_layer.items():
        if len(able) > 1:
            by_machines.setdefault(tuple(able), []).append(layer)
    subsets = tuple(Subset(tuple(layers), able) for able, layers in by_machines.items())
    units = {result.table.unit.value for _, result, _, _ in found}
    return Side(
        statement=said,
        unit=" or ".join(sorted(units)),
        machines=tuple(_machine(one, subsets) for one in found),
        subsets=subsets,
    )


def _machine(
    one: tuple[Accelerator, Result, tuple[tuple[str, str], ...], Result], subsets: Sequence[Subset]
) -> Machine:
    machine, result, cannot, dense = one
    named = {layer.name for layer in result.network.mac_layers}
    full = {layer.name for layer in dense.network.mac_layers}
    compressed = [e for e in result.estimates if e.activity.layer in named]
    before = [e for e in dense.estimates if e.activity.layer in full]
    return Machine(
        accelerator=machine,
        layers=tuple(e.activity.layer for e in compressed),
        compressed=_total(compressed, machine),
        dense=_total(before, machine),
        slots=slots_of(e.activity for e in compressed),
        cannot=cannot,
        subsets=tuple(
            (
                i,
                _total([e for e in compressed if e.activity.layer in subset.layers], machine),
                _total([e for e in before if e.activity.layer in subset.layers], machine),
            )
            for i, subset in enumerate(subsets)
            if machine.name in subset.machines
        ),
        result=result,
        dense_result=dense,
    )


def _total(estimates: Iterable[LayerEstimate], machine: Accelerator) -> Total:
    held, dram = list(estimates), machine.dram.name
    cycles = sum(e.activity.cycles.total for e in held)
    waits = sum(dict(e.activity.cycles.stalls).get(dram, 0) for e in held)
    return Total(
        latency_ms=sum(e.latency_ms for e in held),
        processing_ms=sum(e.processing_ms for e in held),
        energy=sum(e.energy for e in held),
        dram_bytes=sum(
            row.count.bits / 8
            for e in held
            for row in e.rows
            if row.count.level == dram and row.count.action in (Action.READ, Action.WRITE)
        ),
        macs=sum(e.activity.macs for e in held),
        effectual_macs=float(sum(e.activity.effectual_macs for e in held)),
        waiting=waits / cycles if cycles else 0.0,
    )
