"""The runs of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from accsim.comparison.equal import TABLE, equalised, statement
from accsim.comparison.machines import open_machines
from accsim.comparison.reasons import slots_of
from accsim.comparison.totals import Comparison, Machine, Side, Subset, Total
from accsim.energy.estimate import LayerEstimate
from accsim.errors import AccsimError, InputError
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
    overrides: Sequence[str] = (),
    **options: Any,
) -> Comparison:
    """Run a network on several machines, compressed and dense; the first machine is what the others are made equal to.

    Args:
        hardware: names, files or accelerators.
        compress: the recipe; without one zeros of ``tensors`` (and densities that the network states) are all there is.
        energy_table: for all machines; horowitz_45nm where they are made equal, and else their own.
        overrides: ``key=value`` for every machine, ``machine:key=value`` for one of them.
        options: more of what ``accsim.estimate`` takes, for every run: ``objective``, ``search``, ``time_limit``.

    Raises:
        AccsimError: a mistake in what was given, or machines that can run no layer at all, every one of them.
    """
    from accsim.importers.opening import open_network  # noqa: PLC0415
    from accsim.inputs import load_inputs  # noqa: PLC0415
    from accsim.simulate.tiled.families import FAMILIES  # noqa: PLC0415
    from accsim.workload.reader import select_layers  # noqa: PLC0415

    machines = open_machines(hardware, overrides)
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


Reasons: TypeAlias = tuple[tuple[str, str], ...]
"""Layers that a machine cannot run, and why."""

_Pair: TypeAlias = "tuple[Accelerator, Result, Reasons, Result]"
"""A machine, the compressed network on it, what it cannot run, and the dense network on it."""


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

    def pair(self, machine: Accelerator, table: str | None) -> tuple[Result, Result, Reasons]:
        """The compressed network and the dense one as far as the machine can run both; also what it cannot run.

        Raises:
            AccsimError: no layer is left, or the machine cannot be priced.
        """
        cannot = _misfits(self.dense, machine, "its dense self: ") | _misfits(self.network, machine)
        while True:
            kept, dense = (_without(one, cannot, machine) for one in (self.network, self.dense))
            tensors = {layer.name: self.tensors[layer.name] for layer in kept.layers if layer.name in self.tensors}
            said = ""
            try:
                result = self._estimate(kept, machine, table, tensors)
                said = "its dense self: "
                full = self._estimate(dense, machine, table, {})
            except AccsimError as error:
                if error.layer is None or error.layer in cannot:
                    raise
                cannot[error.layer] = said + str(error).removeprefix(f"layer {error.layer!r}").lstrip(": ")
                continue
            self.values = result.values
            order = [layer.name for layer in self.network.layers if layer.name in cannot]
            return result, full, tuple((name, cannot[name]) for name in order)

    def _estimate(self, network: Network, machine: Accelerator, table: str | None, tensors: Tensors) -> Result:
        from accsim.pipeline import estimate  # noqa: PLC0415

        return estimate(network, machine, energy_table=table, tensors=tensors, **self.options)


def _misfits(network: Network, machine: Accelerator, said: str = "") -> dict[str, str]:
    """Layers whose operands the machine's array does not take, with reasons that begin with ``said``."""
    from accsim.simulate.tiled.families import misfit  # noqa: PLC0415

    out = {}
    for layer in network.mac_layers:
        if layer.geometry is not None:
            reason = misfit(MacTask(layer, layer.geometry, Residency(), (), Densities(), frozenset()), machine)
            if reason is not None:
                out[layer.name] = said + reason
    return out


def _without(network: Network, cannot: Mapping[str, str], machine: Accelerator) -> Network:
    """The network without some of its layers.

    Raises:
        AccsimError: none with MACs is left.
    """
    kept = replace(network, layers=tuple(layer for layer in network.layers if layer.name not in cannot))
    if not kept.mac_layers:
        why = next(iter(cannot.values()), "it has none with MACs")
        raise AccsimError(f"{machine.name} can run no layer of {network.name}: {why}")
    return kept


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
    found, absent = list[_Pair](), list[tuple[str, str]]()
    for machine in machines:
        try:
            result, full, cannot = runs.pair(machine, table)
        except InputError:
            raise
        except AccsimError as error:
            absent.append((machine.name, str(error)))
        else:
            found.append((machine, result, cannot, full))
    if not found:
        raise InputError(dict.fromkeys(reason for _, reason in absent))
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
        absent=tuple(absent),
    )


def _machine(one: _Pair, subsets: Sequence[Subset]) -> Machine:
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
    unit = machine.vector
    behind = sum(dict(e.activity.cycles.stalls).get(unit.name, 0) for e in held) if unit else 0
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
        vector_waiting=behind / cycles if cycles else 0.0,
    )
