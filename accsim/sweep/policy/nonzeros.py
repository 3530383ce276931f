"""What choices cost by the estimation method of energy-aware pruning (``accsim.energy.nonzero``).

MACs whose operands are not zero, and bits of data, with the dense layer's mapping on a machine of 16-bit operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accsim.energy.nonzero import COUNTED_BITS, NonZeros, Words, tensor_energy
from accsim.energy_from_nonzeros import dense_result, of_network
from accsim.hardware.accelerator import Accelerator
from accsim.sweep.policy.choices import LayerChoices
from accsim.workload.network import Network

Floats = npt.NDArray[np.float64]


def energies(
    network: Network,
    machine: Accelerator,
    found: Sequence[LayerChoices],
    watch: Callable[[int, int, str], None] | None = None,
) -> tuple[list[Floats], float, tuple[float, ...]]:
    """Energies [choice] of each layer, of all other layers, and of each layer with dense weights of 16 bits.

    Raises:
        AccsimError: the network does not fit the machine, or its operands have other widths than 16 bits.
    """
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
    before = tuple(energy(one.layer, replace(plain[one.layer], weight=whole)) for one in found)
    return each, fixed, before
