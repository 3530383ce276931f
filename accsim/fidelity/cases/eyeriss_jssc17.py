"""AlexNet on the Eyeriss chip with the published mapping, and the same machine on another network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import Field

from accsim.energy.estimate import LayerEstimate
from accsim.fidelity.compare import Obtained
from accsim.hardware.accelerator import Accelerator, Dram, LevelKind
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.pipeline import estimate
from accsim.result import Result
from accsim.simulate.activity import Action
from accsim.workload.layer import Operand
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from accsim.yamlfile import Model

MEGA = 8e6
"""Bits in 10^6 bytes."""

PUBLISHED_ZEROS = {"conv1": 0.01, "conv2": 38.7, "conv3": 72.5, "conv4": 79.3, "conv5": 77.6}
"""Per cent of zeros in the ifmaps, JSSC 2017, Table V: what the densities in the network's file were made from."""


class Parameters(Model):
    """Pass parameters of one layer, as in a mapping file."""

    m: int = Field(ge=1)
    n: int = Field(ge=1)
    e: int = Field(ge=1)
    p: int = Field(ge=1)
    q: int = Field(ge=1)
    r: int = Field(ge=1)
    t: int = Field(ge=1)


class Other(Model):
    """Another network on the same machine, with a mapping for each of its layers that is run."""

    network: str
    batch: int = Field(ge=1)
    mapping: dict[str, Parameters]


class Settings(Model):
    """What is run."""

    network: str
    hardware: str
    batch: int = Field(ge=1)
    layers: list[str] = Field(min_length=1)
    as_printed: dict[str, Parameters] = {}
    readings: dict[str, list[str]] = {}
    searched: list[str] = []
    other: Other


@dataclass(frozen=True, slots=True)
class Found:
    """What the study found.

    Attributes:
        coded, uncoded, ungated: the layers, by name: as the chip runs them, without coding off chip, without gating.
        as_printed: layers for which another mapping is printed than the one that gives the published traffic.
        readings: the layers under other readings of what is not published, by what they say.
        searched: by objective, the layers with mappings searched for it.
        other: the layers of the other network.
    """

    settings: Settings
    machine: Accelerator
    coded: Mapping[str, LayerEstimate]
    uncoded: Mapping[str, LayerEstimate]
    ungated: Mapping[str, LayerEstimate]
    as_printed: Mapping[str, LayerEstimate]
    readings: Mapping[str, Mapping[str, LayerEstimate]]
    searched: Mapping[str, Mapping[str, LayerEstimate]]
    other: Mapping[str, LayerEstimate]


def run(settings: Settings) -> Found:
    """Run the layers with the published mapping, and the variants that the figures need.

    Raises:
        AccsimError: what ``accsim.estimate`` raises.
    """
    machine = load_accelerator(settings.hardware)
    network = load_network(settings.network, batch=settings.batch)

    def layers(on: Accelerator, objective: str = "energy") -> dict[str, LayerEstimate]:
        return _by_name(estimate(network, on, objective=objective), settings.layers)

    plain = tuple(replace(lv, run_length=None) if isinstance(lv, Dram) else lv for lv in machine.levels)
    free = replace(machine, mappings=())
    return Found(
        settings=settings,
        machine=machine,
        coded=layers(machine),
        uncoded=layers(replace(machine, levels=plain)),
        ungated=layers(replace(machine, pe=replace(machine.pe, zero_gating=False, psum_gating=False))),
        as_printed=_mapped(settings.network, settings.batch, settings.as_printed, machine),
        readings={
            what: layers(load_accelerator(settings.hardware, overrides))
            for what, overrides in settings.readings.items()
        },
        searched={objective: layers(free, objective) for objective in settings.searched},
        other=_mapped(settings.other.network, settings.other.batch, settings.other.mapping, machine),
    )


def obtained(found: Found) -> Obtained:
    """The published figures' values."""
    coded, uncoded = found.coded, found.uncoded
    time, energy = _sum(e.latency_ms for e in coded.values()), _sum(map(on_chip, coded.values()))
    shares = [power_parts(found.machine, e) for e in coded.values()]
    total = power_parts(found.machine, *coded.values())
    movement = [100 * (s["scratchpads"] + s["networks"] + s["buffer"]) for s in shares]
    images = {
        key: (
            _sum(feature_maps(e, actions) for e in uncoded.values())
            / _sum(feature_maps(e, actions) for e in coded.values())
        )
        for key, actions in (
            ("read", (Action.READ,)),
            ("write", (Action.WRITE,)),
            ("both", (Action.READ, Action.WRITE)),
        )
    }
    traffic = _sum(map(dram_mb, coded.values()))
    return {
        "processing_time": {name: e.processing_ms for name, e in coded.items()},
        "processing_time_total": _sum(e.processing_ms for e in coded.values()),
        "latency": {name: e.latency_ms for name, e in coded.items()},
        "latency_total": time,
        "dram_traffic": {name: dram_mb(e) for name, e in coded.items()},
        "dram_traffic_total": traffic,
        "dram_traffic_uncoded": {name: dram_mb(e) for name, e in uncoded.items()},
        "zeros": zeros(uncoded),
        "image_bandwidth": {"read": images["read"], "average": images["both"]},
        "image_bandwidth_write": images["write"],
        "overall_bandwidth": _sum(map(dram_mb, uncoded.values())) / traffic,
        "buffer_traffic": {name: buffer_mb(e) for name, e in uncoded.items()},
        "buffer_traffic_as_printed": {name: buffer_mb(e) for name, e in found.as_printed.items()},
        "active_pes": {name: e.activity.pe_active_max for name, e in coded.items()},
        "power": {name: power_mw(e) for name, e in coded.items()},
        "power_average": energy / time * 1e-6,
        "energy_per_frame": energy / found.settings.batch * 1e-9,
        "alu_share": _ends(100 * s["ALUs"] for s in shares),
        "data_movement_share": _ends(movement),
        "mac_share_of_pe": _ends(100 * s["ALUs"] / (s["ALUs"] + s["scratchpads"] + s["clock"]) for s in shares),
        "power_shares": {
            "pe_array": 100 * (total["ALUs"] + total["scratchpads"] + total["clock"]),
            "networks": 100 * total["networks"],
            "buffer": 100 * total["buffer"],
        },
        "gating_saving": gating_saving(found),
    }


def _by_name(result: Result, names: Iterable[str]) -> dict[str, LayerEstimate]:
    found = {e.activity.layer: e for e in result.estimates}
    return {name: found[name] for name in names}


def _mapped(name: str, batch: int, given: Mapping[str, Parameters], machine: Accelerator) -> dict[str, LayerEstimate]:
    """Layers of a network, each with a mapping of its own."""
    if not given:
        return {}
    network = load_network(name, batch=batch, layers=list(given))
    dataflow = load_dataflow(machine.dataflow)
    if not isinstance(dataflow, RowStationaryDataflow):
        raise TypeError(f"{machine.dataflow} is not row stationary")
    mapping = {
        layer: RowStationaryMapping(dataflow, f=_width(network, layer), **parameters.model_dump())
        for layer, parameters in given.items()
    }
    return _by_name(estimate(network, machine, mapping=mapping), mapping)


def _width(network: Network, name: str) -> int:
    geometry = network.layer(name).geometry
    return geometry.Q if geometry else 1


def _sum(values: Iterable[float]) -> float:
    return sum(values, 0.0)


def _ends(values: Iterable[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[0], ordered[-1]


def on_chip(e: LayerEstimate) -> float:
    """Energy on chip in pJ."""
    return _sum(energy for level, energy in e.by_level if level != "dram")


def power_mw(e: LayerEstimate) -> float:
    """Average power on chip while the layer runs, waits for DRAM included."""
    return on_chip(e) / e.latency_ms * 1e-6


def _bits(e: LayerEstimate, level: str, operands: Iterable[Operand], actions: Iterable[Action]) -> float:
    which, how = set(operands), set(actions)
    return _sum(c.bits for c in e.activity.priced if c.level == level and c.operand in which and c.action in how)


def dram_mb(e: LayerEstimate) -> float:
    """Bits that cross the link, in 10^6 bytes."""
    return _bits(e, "dram", Operand, (Action.READ, Action.WRITE)) / MEGA


def feature_maps(e: LayerEstimate, actions: Iterable[Action]) -> float:
    """Bits of feature maps that cross the link."""
    return _bits(e, "dram", (Operand.IFMAP, Operand.OFMAP), actions)


def buffer_mb(e: LayerEstimate) -> float:
    """The published subset of buffer accesses, in 10^6 bytes."""
    psums = _bits(e, "glb", (Operand.PSUM,), (Action.READ, Action.WRITE))
    return (_bits(e, "glb", (Operand.IFMAP,), (Action.READ,)) + psums) / MEGA


def zeros(uncoded: Mapping[str, LayerEstimate]) -> float:
    """Table V's rows weighted by the ifmap words that each layer fetches."""
    words = {name: _bits(e, "dram", (Operand.IFMAP,), (Action.READ,)) for name, e in uncoded.items()}
    return _sum(PUBLISHED_ZEROS.get(name, 0.0) * n for name, n in words.items()) / _sum(words.values())


def power_parts(machine: Accelerator, *estimates: LayerEstimate) -> dict[str, float]:
    """Shares of the energy on chip: ALUs, scratchpads, networks, buffer, clock, and what is left."""
    kinds = {level.name: level.kind for level in machine.levels}
    by_kind = {LevelKind.RF: "scratchpads", LevelKind.NOC: "networks", LevelKind.SRAM: "buffer"}
    parts = dict.fromkeys(("ALUs", "scratchpads", "networks", "buffer", "clock", "other"), 0.0)
    for e in estimates:
        for row in e.rows:
            kind = kinds.get(row.count.level, LevelKind.PE)
            if kind is LevelKind.DRAM:
                continue
            if row.count.action is Action.CLOCK:
                parts["clock"] += row.energy
            elif kind is LevelKind.PE:
                parts["ALUs"] += row.energy
            else:
                parts[by_kind.get(kind, "other")] += row.energy
    whole = _sum(parts.values())
    return {part: energy / whole for part, energy in parts.items()}


def gating_saving(found: Found) -> float:
    """Per cent of the PEs' energy that zero gating saves."""
    return 100 * (1 - _pes(found.machine, found.coded) / _pes(found.machine, found.ungated))


def _pes(machine: Accelerator, layers: Mapping[str, LayerEstimate]) -> float:
    """Energy of the PEs over all layers: ALUs, scratchpads and clock."""
    shares = power_parts(machine, *layers.values())
    return (shares["ALUs"] + shares["scratchpads"] + shares["clock"]) * _sum(map(on_chip, layers.values()))
