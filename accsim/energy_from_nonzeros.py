"""Energy of a network from its non-zeros, per layer and data type: ``accsim.energy.nonzero`` after the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from accsim.energy.nonzero import COUNTED_BITS, NonZeros, TensorEnergy, Words, ZeroIfmap, tensor_energy
from accsim.energy.table import EnergyTable
from accsim.errors import AccsimError, InputError, suggest
from accsim.hardware.accelerator import Accelerator, Dram
from accsim.pipeline import estimate
from accsim.result import Result
from accsim.workload.layer import Layer, TensorStatistics
from accsim.workload.network import Network


def nonzero_energy(
    workload: str | Path | Network,
    hardware: str | Path | Accelerator = "eyeriss_isca16",
    *,
    batch: int = 1,
    nonzeros: Mapping[str, NonZeros] | None = None,
    energy_table: str | EnergyTable | None = None,
    zero_ifmap: ZeroIfmap = ZeroIfmap.GATE,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[TensorEnergy, ...]:
    """The energy of every convolution and fully connected layer for one inference, by data type.

    Args:
        workload, hardware, batch, energy_table, progress: as for ``accsim.estimate``. The machine's operands must have
            16 bits; its own zero gating and coding are left out, as the non-zeros take their place.
        nonzeros: by layer, of the words that the machine fetches: with the padding where it fetches padding. A layer
            that is not named has the densities its network's file gives for its pixels, and where it gives none, no
            pixel is zero. The ofmap's are those after the activation function.
        zero_ifmap: what a PE does on a zero of the ifmap.

    Raises:
        AccsimError: as ``accsim.estimate``; a layer that the network does not have, or operands of other widths.
    """
    from accsim.hardware.reader import load_accelerator  # noqa: PLC0415
    from accsim.workload.reader import load_network  # noqa: PLC0415

    network = workload if isinstance(workload, Network) else load_network(str(workload), batch=batch)
    machine = hardware if isinstance(hardware, Accelerator) else load_accelerator(hardware)
    known = {layer.name: of_network(layer, machine.dram.fetch_padding) for layer in network.mac_layers}
    wrong = [name for name in nonzeros or () if name not in known]
    if wrong:
        raise InputError([f"{network.name} has no layer {name!r} with MACs{suggest(name, known)}" for name in wrong])
    dense = dense_result(network, machine, energy_table=energy_table, progress=progress)
    return sparse(dense, {**known, **(nonzeros or {})}, zero_ifmap)


def dense_result(
    network: Network,
    hardware: str | Path | Accelerator,
    *,
    energy_table: str | EnergyTable | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Result:
    """The layers of a network with MACs, mapped for dense 16-bit operands, without gating and coding.

    Raises:
        AccsimError: as ``accsim.estimate``; operands of other widths.
    """
    from accsim.hardware.reader import load_accelerator  # noqa: PLC0415

    machine = hardware if isinstance(hardware, Accelerator) else load_accelerator(hardware)
    widths = machine.pe.weight_bits, machine.pe.activation_bits, machine.pe.accumulator_bits
    if set(widths) != {COUNTED_BITS}:
        raise AccsimError(
            f"the energy of non-zeros is counted on operands of {COUNTED_BITS} bits, and those of {machine.name} have "
            f"{widths[0]} (weights), {widths[1]} (activations) and {widths[2]} (psums)"
        )
    plain = tuple(replace(level, run_length=None) if isinstance(level, Dram) else level for level in machine.levels)
    machine = replace(machine, levels=plain, pe=replace(machine.pe, zero_gating=False))
    network = replace(network, layers=tuple(_forgetful(layer) for layer in network.mac_layers))
    return estimate(network, machine, energy_table=energy_table, progress=progress)


def sparse(
    dense: Result, nonzeros: Mapping[str, NonZeros], zero_ifmap: ZeroIfmap = ZeroIfmap.GATE
) -> tuple[TensorEnergy, ...]:
    """The layers of a dense result with these non-zeros, for one inference."""
    kinds = {level.name: level.kind for level in dense.accelerator.levels}
    batch = dense.network.batch
    return tuple(tensor_energy(e, kinds, nonzeros[e.activity.layer], batch, zero_ifmap) for e in dense.estimates)


def _forgetful(layer: Layer) -> Layer:
    """The layer without what is known of its values."""
    unknown = TensorStatistics()
    return replace(layer, ifmap_statistics=unknown, weight_statistics=unknown, ofmap_statistics=unknown)


def of_network(layer: Layer, fetch_padding: bool) -> NonZeros:
    """The densities that a network's file gives for a layer, of words as they are fetched."""

    def words(known: TensorStatistics) -> Words:
        return Words(1.0 if known.density is None else known.density)

    ifmap, g = words(layer.ifmap_statistics), layer.geometry
    if fetch_padding and g is not None:
        fetched = (g.H + g.pad_top + g.pad_bottom) * (g.W + g.pad_left + g.pad_right)
        ifmap = Words(ifmap.density * g.H * g.W / fetched)
    return NonZeros(ifmap, words(layer.weight_statistics), words(layer.ofmap_statistics))
