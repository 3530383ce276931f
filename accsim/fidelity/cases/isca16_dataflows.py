"""Six dataflows under equal storage area (Chen, Emer and Sze, ISCA 2016): Figs. 10, 11 and 12 from the loop nests.

Beside the analysis stands the row-stationary array whose words accsim counts one by one, under the same mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import Field

from accsim.energy.reader import load_table
from accsim.energy.reuse import access_costs
from accsim.errors import InputError
from accsim.fidelity.compare import Obtained
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.dataflow_reader import load_dataflow, load_reuse_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.reuse.dataflow import Level, ReuseDataflow
from accsim.mapping.reuse.machine import ReuseMachine
from accsim.mapping.reuse.search import Problem
from accsim.mapping.reuse.tiling import Split, Tiling, bounds
from accsim.pipeline import estimate
from accsim.reuse import ReuseResult, analyse_reuse, as_convolution
from accsim.workload.layer import Geometry, Operand
from accsim.workload.reader import load_network
from accsim.yamlfile import Model

REFERENCE = "RS"
PUBLISHED = ("WS", "OSA", "OSB", "OSC", "NLR")
PUBLISHED_BATCHES, TOO_LARGE = (1, 16), 64
"""Dataflows and batches that the published figures are of; weight stationary cannot run the last."""


class Storage(Model):
    """A dataflow and the storage it gets on the smallest array."""

    dataflow: str
    buffer_kib: float = Field(gt=0)
    rf_bytes: int = Field(ge=0)


class Shape(Model):
    """An array, and how many times the storage of the smallest one it has."""

    rows: int = Field(gt=0)
    cols: int = Field(gt=0)


class Settings(Model):
    """What is run."""

    network: str
    hardware: str
    mappings_of: str
    word_bits: int = Field(gt=0)
    convolutions: list[str]
    fully_connected: list[str]
    breakdown_batch: int = Field(gt=0)
    batches: list[int]
    fully_connected_batches: list[int]
    arrays: list[Shape] = Field(min_length=1)
    dataflows: dict[str, Storage]


@dataclass(frozen=True, slots=True)
class Beside:
    """A layer as the reuse analysis and as the row-stationary array see it, under one mapping.

    Attributes:
        reuse, array: energy by level.
        filters: energy of the filters' way through the buffer, which the analysis spares them and the array does not.
        sums: energy of the array's network out, which equation 4 leaves to the buffer; not part of ``array``.
    """

    mapping: str
    reuse: Mapping[str, float]
    array: Mapping[str, float]
    filters: float
    sums: float


@dataclass(frozen=True, slots=True)
class Found:
    """What the study found.

    Attributes:
        breakdown: the row-stationary layers of Fig. 10.
        compared: convolutions by PEs, batch and dataflow.
        fully_connected: those layers by batch and dataflow, on the smallest array.
        readings: convolutions by batch and dataflow, with the paper's text read otherwise.
        beside: convolutions under the chip's published mappings, analysed and counted word by word.
    """

    settings: Settings
    breakdown: ReuseResult
    compared: Mapping[int, Mapping[int, Mapping[str, ReuseResult]]]
    fully_connected: Mapping[int, Mapping[str, ReuseResult]]
    readings: Mapping[int, Mapping[str, ReuseResult]]
    beside: Mapping[str, Beside]

    @property
    def smallest(self) -> int:
        """PEs of the smallest array."""
        return min(self.compared)

    def ratio(self, pes: int, batch: int, name: str) -> float | None:
        """Energy of the convolutions over row stationary's; ``None`` where a layer does not fit."""
        return ratio(self.compared[pes][batch], name)


def ratio(results: Mapping[str, ReuseResult], name: str) -> float | None:
    """Energy over row stationary's; ``None`` where a layer does not fit."""
    return None if results[name].misfits else total(results[name]) / total(results[REFERENCE])


def total(result: ReuseResult) -> float:
    """Energy of all layers."""
    return sum(result.energy().values())


def dram_per_op(result: ReuseResult) -> float:
    """DRAM accesses per MAC."""
    return result.energy()["dram"] / result.costs.dram / result.macs


def run(settings: Settings) -> Found:
    """Analyse every dataflow on every array at every batch."""
    wanted = (
        {*PUBLISHED_BATCHES, TOO_LARGE} - set(settings.batches),
        {REFERENCE, *PUBLISHED} - settings.dataflows.keys(),
    )
    if wanted[0] or wanted[1]:
        missing = [f"batch {batch}" for batch in sorted(wanted[0])] + [f"dataflow {name}" for name in sorted(wanted[1])]
        raise InputError([f"settings: the published figures need {', '.join(missing)} too"])
    flows = {name: load_reuse_dataflow(held.dataflow) for name, held in settings.dataflows.items()}
    machines = {
        shape.rows * shape.cols: {name: _machine(settings, held, shape) for name, held in settings.dataflows.items()}
        for shape in settings.arrays
    }

    def analyse(flow: ReuseDataflow, machine: ReuseMachine, batch: int, layers: list[str], near: bool) -> ReuseResult:
        return analyse_reuse(
            settings.network, flow, settings.hardware, machine=machine, batch=batch, layers=layers, near=near
        )

    def all_of(flows: Mapping[str, ReuseDataflow], pes: int, batch: int, layers: list[str]) -> dict[str, ReuseResult]:
        return {name: analyse(flow, machines[pes][name], batch, layers, False) for name, flow in flows.items()}

    smallest = min(machines)
    everything = settings.convolutions + settings.fully_connected
    breakdown = analyse(flows[REFERENCE], machines[smallest][REFERENCE], settings.breakdown_batch, everything, True)
    compared = {
        pes: {batch: all_of(flows, pes, batch, settings.convolutions) for batch in settings.batches} for pes in machines
    }
    otherwise = {name: replace(flow, direct=(), apart=()) for name, flow in flows.items() if flow.direct or flow.apart}
    return Found(
        settings=settings,
        breakdown=breakdown,
        compared=compared,
        fully_connected={
            batch: all_of(flows, smallest, batch, settings.fully_connected)
            for batch in settings.fully_connected_batches
        },
        readings={batch: all_of(otherwise, smallest, batch, settings.convolutions) for batch in settings.batches},
        beside=_beside(settings),
    )


def _machine(settings: Settings, storage: Storage, shape: Shape) -> ReuseMachine:
    """An array and its storage: register files as large as on the smallest array, a buffer in proportion to the PEs."""
    first = settings.arrays[0]
    times = shape.rows * shape.cols / (first.rows * first.cols)
    return ReuseMachine(
        rows=shape.rows,
        cols=shape.cols,
        rf_words=storage.rf_bytes * 8 // settings.word_bits,
        buffer_words=int(storage.buffer_kib * 8192 * times) // settings.word_bits,
        word_bits=settings.word_bits,
    )


def _beside(settings: Settings) -> dict[str, Beside]:
    """The convolutions under the chip's published mappings: analysed, and counted word by word on the hardware."""
    machine, chip = load_accelerator(settings.hardware), load_accelerator(settings.mappings_of)
    dataflow = load_dataflow(machine.dataflow)
    flow = load_reuse_dataflow(settings.dataflows[REFERENCE].dataflow)
    network = load_network(settings.network, batch=settings.breakdown_batch, layers=settings.convolutions)
    if not isinstance(dataflow, RowStationaryDataflow):
        raise TypeError(f"{machine.dataflow} is not row stationary")
    costs = access_costs(machine, load_table(machine.energy_table))
    published = {layer: dict(sizes) for (where, layer), sizes, _ in chip.mappings if where == settings.network}
    layers = {layer.name: as_convolution(layer) for layer in network.mac_layers}
    mappings = {name: _passes(dataflow, geometry, published[name]) for name, geometry in layers.items()}
    result = estimate(network, machine, mapping=mappings)
    out: dict[str, Beside] = {}
    for layer in result.estimates:
        name = layer.activity.layer
        if name in layers:
            by_level = dict(layer.by_level)
            array = {
                "alu": by_level["pe"],
                "dram": by_level["dram"],
                "buffer": by_level["glb"],
                "array": by_level["array_in"] + by_level["array_local"],
                "rf": by_level["rf"],
            }
            problem = Problem(layers[name], flow, ReuseMachine.of(machine))
            tiling = _tiling(layers[name], mappings[name])
            fetched = problem.counts(tiling).accesses[Operand.WEIGHT][Level.DRAM]
            out[name] = Beside(
                mapping=" ".join(f"{key}={published[name][key]}" for key in "mnepqrt"),
                reuse=problem.energy(tiling, costs),
                array=array,
                filters=costs.buffer * fetched,
                sums=by_level["array_out"],
            )
    return out


def _passes(dataflow: RowStationaryDataflow, geometry: Geometry, sizes: Mapping[str, int]) -> RowStationaryMapping:
    m, n, e, p, q, r, t = (sizes[name] for name in "mnepqrt")
    return RowStationaryMapping(dataflow, m=m, n=n, e=e, f=geometry.Q, p=p, q=q, r=r, t=t)


def _tiling(geometry: Geometry, m: RowStationaryMapping) -> Tiling:
    """Pass parameters of row-stationary arrays (JSSC 2017, Table II) as a tiling."""
    sizes = {
        "N": (m.n, 1, m.n),
        "M": (m.m, m.t, m.p),
        "C": (m.q * m.r, m.r, m.q),
        "P": (m.e, m.e, 1),
        "Q": (m.f, 1, m.f),
        "R": (geometry.R, geometry.R, 1),
        "S": (geometry.S, 1, geometry.S),
    }
    return Tiling(
        tuple(Split(bound, min(sizes[dim][0], bound), *sizes[dim][1:]) for dim, bound in bounds(geometry).items())
    )


def obtained(found: Found) -> Obtained:
    """The published figures: layers by level, ratios, accesses, ranks, and what does not fit."""
    layers = found.breakdown.found
    smallest = found.compared[found.smallest]
    known = (REFERENCE, *PUBLISHED)
    ratios = {
        batch: {name: found.ratio(found.smallest, batch, name) for name in PUBLISHED} for batch in PUBLISHED_BATCHES
    }
    first = total(smallest[1][REFERENCE])
    energies = {name: held.total for name, held in layers.items()}
    convolutions = sum(energies[name] for name in found.beside)
    fully = found.fully_connected
    low, high = min(fully), max(fully)
    return {
        **{
            f"layer_{level}": {name: held.energy[level] for name, held in layers.items()}
            for level in ("alu", "dram", "rf")
        },
        "layer_total": energies,
        **{
            f"layer_{level}": {name: (held.least[level], held.greatest[level]) for name, held in layers.items()}
            for level in ("buffer", "array")
        },
        "convolutions_share": convolutions / sum(energies.values()),
        "energy_ratio": {f"N{batch}": of for batch, of in ratios.items()},
        "rank": {f"N{batch}": _ranked({name: smallest[batch][name] for name in known}) for batch in PUBLISHED_BATCHES},
        "row_stationary_by_batch": {
            f"N{batch}": total(smallest[batch][REFERENCE]) / batch / first for batch in (*PUBLISHED_BATCHES, TOO_LARGE)
        },
        "dram_per_op": {
            f"N{batch}": {name: dram_per_op(smallest[batch][name]) for name in known} for batch in PUBLISHED_BATCHES
        },
        "does_not_fit": {f"N{TOO_LARGE}": ", ".join(name for name in known if smallest[TOO_LARGE][name].misfits)},
        "range_of_ratios": _range(value for of in ratios.values() for value in of.values() if value is not None),
        "fully_connected": {
            f"least_at_N{low}": _range(ratio(fully[low], name) for name in PUBLISHED)[0],
            f"greatest_at_N{high}": _range(ratio(fully[high], name) for name in PUBLISHED)[1],
        },
    }


def _ranked(results: Mapping[str, ReuseResult]) -> str:
    """Names by energy, least first; those that do not fit last."""
    return " < ".join(sorted(results, key=lambda name: (bool(results[name].misfits), total(results[name]))))


def _range(values: Iterable[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return min(known), max(known)
