"""A result rearranged for the eye: figures per layer, per level and per operand, with nothing new measured.

Works on the dictionary of a result (design: schema version 1) and never on the pipeline's own types, so that a report
can be made from a file written long ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accsim.errors import AccsimError
from accsim.report.colours import CYCLES, Series, cycle_series, level_series, operand_series
from accsim.report.quantities import EnergyUnit, amount, energy_unit, finite

REQUIRED = ("workload", "hardware", "dataflow", "batch", "clock_mhz", "energy_table", "levels", "layers", "totals")
TRAFFIC = frozenset({"read", "write", "fill"})
"""Actions that move words in or out of a storage level."""


@dataclass(frozen=True, slots=True)
class LayerView:
    """One layer's figures as the tables and charts need them (counts for the whole batch, energy in table units)."""

    index: int
    name: str
    kind: str
    macs: int
    start: int
    cycles: dict[str, int]
    stalls: dict[str, int]
    utilization: float
    active_max: int
    active_average: float
    dram_bits: float
    buffer_bits: float
    energy: float
    by_level: dict[str, float]
    by_operand: dict[str, float]
    latency_ms: float
    raw: Mapping[str, Any]

    @property
    def total(self) -> int:
        """All cycles."""
        return self.cycles["total"]

    @property
    def label(self) -> str:
        """The name, shortened for tables and charts."""
        return shorten(self.name, 60)

    @property
    def macs_per_dram_byte(self) -> float | None:
        """Arithmetic intensity; ``None`` without MACs or without DRAM traffic."""
        return 8 * self.macs / self.dram_bits if self.macs and self.dram_bits else None

    @property
    def macs_per_cycle(self) -> float | None:
        """Achieved MAC rate; ``None`` without cycles."""
        return self.macs / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class ResultView:
    """The whole result. ``levels``, ``operands`` and ``cycles`` carry the colours used throughout the report."""

    raw: Mapping[str, Any]
    layers: tuple[LayerView, ...]
    levels: tuple[Series, ...]
    operands: tuple[Series, ...]
    cycles: tuple[Series, ...]
    level_kind: dict[str, str]
    unit: EnergyUnit
    batch: int
    clock_mhz: float
    total_cycles: dict[str, int]
    total_stalls: dict[str, int]
    energy: float
    by_level: dict[str, float]
    by_operand: dict[str, float]
    macs: int
    latency_ms: float
    utilization: float | None
    dram_bits: float
    buffer_bits: float
    dram_by_operand: dict[str, float]
    idle: dict[str, float]

    def ms(self, cycles: float) -> float:
        """Core cycles as milliseconds."""
        return cycles / (1e3 * self.clock_mhz) if self.clock_mhz else 0.0

    def by_time(self) -> list[LayerView]:
        """Layers from the slowest on."""
        return sorted(self.layers, key=lambda layer: -layer.total)

    def by_energy(self) -> list[LayerView]:
        """Layers from the dearest on."""
        return sorted(self.layers, key=lambda layer: -layer.energy)


def shorten(text: str, length: int) -> str:
    """``text`` with its middle cut out when it is longer than ``length``."""
    if len(text) <= length:
        return text
    tail = length // 3
    return text[: length - tail - 1] + "…" + text[-tail:]


def whole_number(value: object) -> int:
    """An integer figure, exactly; 0 when it is no number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else int(amount(value))


def view(result: Mapping[str, Any]) -> ResultView:
    """Derive what the report shows.

    Raises:
        AccsimError: ``result`` is not a result of schema version 1.
    """
    check(result)
    kinds = {str(level["name"]): str(level["kind"]) for level in result["levels"]}
    for key in _keys(layer.get("energy", {}) for layer in result["layers"]):
        kinds.setdefault(key, "pe" if key == "pe" else "other")
    layers = tuple(_layer(index, layer, kinds) for index, layer in enumerate(result["layers"]))
    totals = result["totals"]
    by_level = _sum(layer.by_level for layer in layers)
    cycles = _sum_whole(layer.cycles for layer in layers)
    cycles.update({k: whole_number(v) for k, v in totals.get("cycles", {}).items()})
    energy = finite(totals.get("energy", {}).get("total"))
    macs = whole_number(totals.get("macs", 0))
    return ResultView(
        raw=result,
        layers=layers,
        levels=tuple(level_series(kinds.items())),
        operands=tuple(operand_series(op for layer in layers for op in layer.by_operand)),
        cycles=tuple(cycle_series()),
        level_kind=kinds,
        unit=energy_unit(result["energy_table"].get("unit")),
        batch=max(1, whole_number(result["batch"])),
        clock_mhz=amount(result["clock_mhz"]),
        total_cycles={key: cycles.get(key, 0) for key in ("total", *CYCLES)},
        total_stalls=_sum_whole(layer.stalls for layer in layers),
        energy=sum(by_level.values()) if energy is None else energy,
        by_level=by_level,
        by_operand=_sum(layer.by_operand for layer in layers),
        macs=macs,
        latency_ms=amount(totals.get("latency_ms")),
        utilization=_utilization(totals, layers, cycles.get("total", 0)),
        dram_bits=sum(layer.dram_bits for layer in layers),
        buffer_bits=sum(layer.buffer_bits for layer in layers),
        dram_by_operand=_sum(_traffic_by_operand(layer.raw, kinds, "dram") for layer in layers),
        idle=_sum(_numbers(layer.raw.get("pe", {}).get("idle_slots", {})) for layer in layers),
    )


def check(result: Mapping[str, Any]) -> None:
    """Refuse what is no result, in a sentence."""
    if not isinstance(result, Mapping):
        raise AccsimError("not a result of `accsim run --json`: the file holds no mapping")
    missing = [key for key in REQUIRED if key not in result]
    if missing:
        raise AccsimError(f"not a result of `accsim run --json`: no key {', '.join(repr(key) for key in missing)}")
    if result.get("schema") != 1:
        raise AccsimError(f"a result of schema {result.get('schema')!r} cannot be read; this accsim reads schema 1")


def _layer(index: int, raw: Mapping[str, Any], kinds: Mapping[str, str]) -> LayerView:
    cycles = {key: whole_number(raw.get("cycles", {}).get(key, 0)) for key in ("total", *CYCLES)}
    by_level = _numbers({k: v for k, v in raw.get("energy", {}).items() if k != "total"})
    energy = finite(raw.get("energy", {}).get("total"))
    by_operand: dict[str, float] = {}
    for row in raw.get("activity", ()):
        by_operand[row["operand"]] = by_operand.get(row["operand"], 0.0) + amount(row.get("energy"))
    pe = raw.get("pe", {})
    return LayerView(
        index=index,
        name=str(raw["name"]),
        kind=str(raw.get("kind", "")),
        macs=whole_number(raw.get("macs", 0)),
        start=whole_number(raw.get("start_cycle", 0)),
        cycles=cycles,
        stalls={str(k): whole_number(v) for k, v in raw.get("stalls", {}).items()},
        utilization=amount(pe.get("utilization")),
        active_max=whole_number(pe.get("active_max", 0)),
        active_average=amount(pe.get("active_average")),
        dram_bits=sum(_traffic_by_operand(raw, kinds, "dram").values()),
        buffer_bits=sum(_traffic_by_operand(raw, kinds, "sram").values()),
        energy=sum(by_level.values()) if energy is None else energy,
        by_level=by_level,
        by_operand=by_operand,
        latency_ms=amount(raw.get("latency_ms")),
        raw=raw,
    )


def _traffic_by_operand(raw: Mapping[str, Any], kinds: Mapping[str, str], kind: str) -> dict[str, float]:
    bits: dict[str, float] = {}
    for row in raw.get("activity", ()):
        if row["action"] in TRAFFIC and kinds.get(row["level"]) == kind:
            bits[row["operand"]] = bits.get(row["operand"], 0) + amount(row.get("bits"))
    return bits


def _utilization(totals: Mapping[str, Any], layers: Iterable[LayerView], cycles: int) -> float | None:
    """MACs / (PEs x cycles); the number of PEs cancels out of the layers' own utilisation."""
    given = finite(totals.get("utilization"))
    if given is not None or not cycles:
        return given
    return min(1.0, sum(layer.utilization * layer.total for layer in layers) / cycles)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(key): amount(value) for key, value in values.items()}


def _keys(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(key) for mapping in mappings for key in mapping if key != "total"))


def _sum(mappings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    out: dict[str, float] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            out[key] = out.get(key, 0.0) + value
    return out


def _sum_whole(mappings: Iterable[Mapping[str, int]]) -> dict[str, int]:
    out: dict[str, int] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            out[key] = out.get(key, 0) + value
    return out
