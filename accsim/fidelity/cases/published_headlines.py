"""Headlines of bit-flexible and sparse machines, beside what their models give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from pydantic import Field

from accsim.fidelity import bit_fusion_baseline as bit_fusion
from accsim.fidelity.bit_fusion_baseline import Compared, NetworkRows
from accsim.fidelity.compare import Obtained
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.datapath import DatapathKind
from accsim.hardware.reader import load_accelerator
from accsim.pipeline import estimate
from accsim.result import Result
from accsim.workload.layer import Layer, TensorStatistics
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from accsim.yamlfile import Model

CONVOLUTIONS = "conv?"


class Settings(Model):
    """What is run.

    Attributes:
        batch: of Bit Fusion's comparison.
        networks: those of Bit Fusion's comparison, as it runs them.
        baseline: by name, the networks that its baseline is taken to run where they are others.
        public_baseline: cycles per image of the baseline by a public search for its mappings (shown, not judged).
        profile: activation bits of AlexNet's convolutions, for the serial machines.
        weight_profile: weight bits, for Loom.
    """

    batch: int = Field(ge=1)
    networks: dict[str, NetworkRows]
    baseline: dict[str, NetworkRows] = {}
    public_baseline: dict[str, float]
    profile: dict[str, int]
    weight_profile: dict[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What the study found.

    Attributes:
        bit_fusion: by network.
        figures: all other figures, nested as the published ones.
    """

    settings: Settings
    bit_fusion: Mapping[str, Compared]
    figures: Mapping[str, float | Mapping[str, float]]


def run(settings: Settings) -> Found:
    """Run all of it.

    Raises:
        AccsimError: what ``accsim.estimate`` raises.
    """
    found = {
        name: bit_fusion.compare(rows, settings.baseline.get(name, rows), settings.batch)
        for name, rows in settings.networks.items()
    }
    return Found(settings, found, {**_serial(settings), **_sparse(), **_peaks()})


def obtained(found: Found) -> Obtained:
    """The published figures' values."""
    compared = found.bit_fusion
    speed = {name: c.speed_up for name, c in compared.items()}
    energy = {name: c.energy_gain for name, c in compared.items()}
    return {
        "bit_fusion_speed_up": geometric_mean(speed),
        "bit_fusion_energy": geometric_mean(energy),
        "bit_fusion_speed_up_of": speed,
        "bit_fusion_energy_of": energy,
        "bit_fusion_macs": {name: c.macs / 1e6 for name, c in compared.items()},
        **found.figures,
    }


def geometric_mean(values: Mapping[str, float]) -> float:
    """Of the values of all networks."""
    return float(prod(values.values()) ** (1 / len(values)))


def _serial(settings: Settings) -> dict[str, float]:
    """Stripes, dynamic precision and Loom over DaDianNao's tiles at the same peak, clock, node and prices."""
    base = load_accelerator("dadiannao")
    dense = _convolutions(base)
    stripes = _alike("stripes", base)
    dynamic = replace(stripes.pe.datapath, kind=DatapathKind.DYNAMIC_PRECISION)
    adapting = replace(stripes, pe=replace(stripes.pe, datapath=dynamic))
    profiled = _convolutions(stripes, settings.profile)
    small = replace(base, array=replace(base.array, rows=8))  # 128 products of 16 x 16 bits in a cycle
    loom, equal = _convolutions(_alike("loom", base), settings.profile, settings.weight_profile), _convolutions(small)
    return {
        "stripes_speed_up": dense.processing_ms / profiled.processing_ms,
        "stripes_energy": dense.on_chip_energy / profiled.on_chip_energy,
        "dynamic_stripes_speed_up": profiled.processing_ms / _convolutions(adapting, settings.profile).processing_ms,
        "loom_speed_up": equal.processing_ms / loom.processing_ms,
        "loom_energy": equal.on_chip_energy / loom.on_chip_energy,
    }


def _alike(name: str, base: Accelerator) -> Accelerator:
    """A machine at the node and the clock of another."""
    return replace(load_accelerator(name), clock_mhz=base.clock_mhz, node_nm=base.node_nm, voltage_v=base.voltage_v)


def _convolutions(
    machine: Accelerator, activations: Mapping[str, int] | None = None, weights: Mapping[str, int] | None = None
) -> Result:
    """AlexNet's convolutions, with activations (and weights) of so many bits."""
    network = load_network("alexnet", layers=[CONVOLUTIONS])
    layers = network.layers
    if activations is not None:
        layers = tuple(
            replace(
                layer,
                ifmap_statistics=TensorStatistics(1.0, bits=activations[layer.name]),
                weight_statistics=TensorStatistics(1.0, bits=(weights or {}).get(layer.name)),
            )
            if layer.name in activations
            else layer
            for layer in layers
        )
    return estimate(_with(network, layers), machine, energy_table="bit_serial_32nm", effort="quick")


def _with(network: Network, layers: tuple[Layer, ...]) -> Network:
    return replace(network, layers=layers)


def _sparse() -> dict[str, float | Mapping[str, float]]:
    """Machines that skip zeros, without DRAM: at densities that are public, which are not the published networks'."""
    fc6 = estimate("alexnet", "eie", layers=["fc6"], compress="alexnet-deep-compression")
    mobilenet = estimate("mobilenet_v1_0.5_128", "eyeriss_v2")
    inner = ["conv3", "conv4", "conv5"]
    sparten = estimate("alexnet", "sparten", layers=inner, compress="alexnet-deep-compression")
    dense_ms = sum(e.activity.macs for e in sparten.estimates) / sparten.accelerator.array.pes
    return {
        "eie_power": fc6.on_chip_energy / fc6.processing_ms * 1e-6,
        "eyeriss_v2_per_joule": 1e12 / mobilenet.on_chip_energy,
        "sparten_speed_up": dense_ms / (sparten.processing_ms * sparten.accelerator.clock_mhz * 1e3),
    }


def _peaks() -> dict[str, float | Mapping[str, float]]:
    """Peaks that follow from the machines' files, and YodaNN's power at work."""
    eie, yodann = load_accelerator("eie"), load_accelerator("yodann")
    chip = estimate(bit_fusion.one_layer(32, 32, 32, 7, 1), yodann)
    low = replace(yodann, voltage_v=0.6)
    dim = estimate(bit_fusion.one_layer(32, 32, 32, 7, 1), low)
    macs = sum(e.activity.macs for e in dim.estimates)
    return {
        "eie_peak": 2 * eie.array.pes * eie.clock_mhz * 1e-3,
        "yodann_peak": 2 * yodann.array.pes * yodann.clock_mhz * 1e-6,
        "yodann_power": chip.on_chip_energy / chip.processing_ms * 1e-6,
        "yodann_efficiency": 2 * macs / dim.on_chip_energy,
    }
