"""What choices cost: bits at rest, energy, or time.

``size``: bits of the weights at rest (``LayerChoices.stored_bits``).
``energy``: of one inference by the estimation method of energy-aware pruning (``accsim.energy.nonzero``): MACs whose
operands are not zero and bits of data, with the dense layer's mapping on a machine of 16-bit operands.
``latency``: milliseconds of the layer on the machine with weights that are as wide (``pe.weight_bits``), dense: zero
weights are not skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from accsim.energy.nonzero import COUNTED_BITS, NonZeros, Words, tensor_energy
from accsim.energy_from_nonzeros import dense_result, of_network
from accsim.pipeline import estimate
from accsim.sweep.policy.choices import LayerChoices
from accsim.workload.network import Network

Floats = npt.NDArray[np.float64]

Watch = Callable[[int, int, str], None]


class Budget(StrEnum):
    """What a budget is of, and the unit it is reckoned in."""

    SIZE = "size"
    ENERGY = "energy"
    LATENCY = "latency"

    @property
    def unit(self) -> str:
        """Of the costs; energies have that of the energy table."""
        return {Budget.SIZE: "bits", Budget.ENERGY: "", Budget.LATENCY: "ms"}[self]


class Costs:
    """Costs of the layers with weights.

    Attributes:
        each: [choice] of each layer.
        fixed: of everything else.
        reference: of the network before compression.
        before: of that, the layers with weights; ``reference`` is their sum and ``fixed``.
        energy_unit: of energies, as the energy table says; empty for other costs.
    """

    def __init__(self, each: list[Floats], fixed: float, before: Sequence[float], energy_unit: str = "") -> None:
        self.each, self.fixed, self.before, self.energy_unit = each, fixed, tuple(before), energy_unit
        self.reference = fixed + sum(self.before)


def costs(
    what: Budget, network: Network, hardware: str, overrides: Sequence[str], found: Sequence[LayerChoices],
    watch: Watch | None = None,
) -> Costs:  # fmt: skip
    """What every choice of every layer costs.

    Raises:
        AccsimError: the network does not fit the machine, or its operands have other widths than energies are for.
    """
    match what:
        case Budget.SIZE:
            return Costs(
                [one.stored_bits.astype(float) for one in found], 0.0, [float(32 * one.weights) for one in found]
            )
        case Budget.ENERGY:
            return _energies(network, hardware, overrides, found, watch)
        case _:
            return _latencies(network, hardware, overrides, found, watch)


def _energies(
    network: Network, hardware: str, overrides: Sequence[str], found: Sequence[LayerChoices], watch: Watch | None
) -> Costs:
    from accsim.importers.opening import open_accelerator  # noqa: PLC0415

    machine = open_accelerator(hardware, tuple(overrides))
    dense = dense_result(network, machine, progress=watch)
    kinds = {level.name: level.kind for level in dense.accelerator.levels}
    by_layer = {e.activity.layer: e for e in dense.estimates}
    plain = {layer.name: of_network(layer, machine.dram.fetch_padding) for layer in network.mac_layers}

    def energy(name: str, nonzeros: NonZeros) -> float:
        return tensor_energy(by_layer[name], kinds, nonzeros, network.batch).total

    each = []
    for one in found:
        seen: dict[tuple[int, int], float] = {}
        values = []
        for choice, nonzeros in zip(one.choices, one.nonzeros.tolist(), strict=True):
            key = (choice.bits, nonzeros)
            if key not in seen:
                words = Words(nonzeros / max(1, one.weights), choice.bits)
                seen[key] = energy(one.layer, replace(plain[one.layer], weight=words))
            values.append(seen[key])
        each.append(np.array(values))
    names = {one.layer for one in found}
    fixed = sum(energy(name, nonzeros) for name, nonzeros in plain.items() if name not in names)
    whole = Words(1.0, COUNTED_BITS)
    before = [energy(one.layer, replace(plain[one.layer], weight=whole)) for one in found]
    return Costs(each, fixed, before, dense.table.unit.value)


def _latencies(
    network: Network, hardware: str, overrides: Sequence[str], found: Sequence[LayerChoices], watch: Watch | None
) -> Costs:
    widths = sorted({choice.bits for one in found for choice in one.choices})
    names = {one.layer for one in found}
    by_bits: dict[int, dict[str, float]] = {}
    for width in widths:
        result = estimate(
            network, hardware, overrides=(*overrides, f"pe.weight_bits={width}"), objective="latency", progress=watch
        )
        by_bits[width] = {e.activity.layer: e.latency_ms for e in result.estimates}
    whole = estimate(network, hardware, overrides=overrides, objective="latency", progress=watch)
    fixed = sum(e.latency_ms for e in whole.estimates if e.activity.layer not in names)
    each = [np.array([by_bits[choice.bits][one.layer] for choice in one.choices]) for one in found]
    times = {e.activity.layer: e.latency_ms for e in whole.estimates}
    return Costs(each, fixed, [times[one.layer] for one in found])
