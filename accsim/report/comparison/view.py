"""What a report shows of a comparison, as plain data: totals as its JSON has them, and each machine's layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accsim.report.colours import Series, plain_series
from accsim.report.drill import numbered
from accsim.report.quantities import EnergyUnit, energy_unit
from accsim.report.roofline import Roof
from accsim.report.view import LayerView, ResultView, view

Runs = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By machine: ``compressed`` and ``dense``, each a result as ``accsim run --json`` has it."""


@dataclass(frozen=True, slots=True)
class MachineView:
    """One machine on one side of a comparison.

    Attributes:
        figures: as the comparison's JSON has them.
        series: its colour.
        seen: its run of the compressed network, layers with MACs only; their indices are unique among the machines.
        dense: its run of the dense network, by layer.
        unit: of its energies.
        roof: in GMAC/s and GB/s; ``None`` if the result does not tell.
    """

    name: str
    figures: Mapping[str, Any]
    series: Series
    seen: ResultView
    dense: Mapping[str, LayerView]
    unit: EnergyUnit
    roof: Roof | None

    def rate(self, layer: LayerView) -> tuple[float, float] | None:
        """A layer's MACs per DRAM byte and GMAC/s; ``None`` without off-chip traffic or time."""
        x, y = layer.macs_per_dram_byte, layer.macs_per_cycle
        return (x, y * self.seen.clock_mhz / 1e3) if x and y else None

    def layer(self, name: str) -> LayerView | None:
        """A layer by name; ``None`` if the machine cannot run it."""
        return next((layer for layer in self.seen.layers if layer.name == name), None)


@dataclass(frozen=True, slots=True)
class SideView:
    """All machines made equal, or as they are.

    Attributes:
        key: ``equal`` or ``raw``.
        unit: of all energies; ``None`` where those of the machines do not compare.
    """

    key: str
    title: str
    figures: Mapping[str, Any]
    machines: Sequence[MachineView]
    unit: EnergyUnit | None

    def layers(self) -> list[str]:
        """Layers that some machine runs, in the network's order."""
        out: list[str] = []
        for machine in self.machines:
            at = 0
            for layer in machine.seen.layers:
                if layer.name in out:
                    at = out.index(layer.name) + 1
                else:
                    out.insert(at, layer.name)
                    at += 1
        return out

    def contests(self) -> list[Contest]:
        """Machines over the same layers: over all layers, and over those that more or other machines can run."""
        able = [machine for machine in self.machines if not machine.figures["cannot"]]
        out = []
        if len(able) > 1:
            names = [machine.name for machine in able]
            out.append(Contest(tuple(self.layers()), {m.name: m.figures for m in able}, True))
        else:
            names = []
        for subset in self.figures["subsets"]:
            if list(subset["machines"]) != names:
                out.append(Contest(tuple(subset["layers"]), subset["machines"], False))
        return out


@dataclass(frozen=True, slots=True)
class Contest:
    """Machines over the same layers.

    Attributes:
        totals: ``compressed`` and ``dense`` by machine.
        whole: whether these are all layers with MACs.
    """

    layers: tuple[str, ...]
    totals: Mapping[str, Mapping[str, Any]]
    whole: bool

    def best(self, what: str) -> str:
        """The machine with the least of a figure of the compressed network."""
        return min(self.totals, key=lambda name: float(self.totals[name]["compressed"][what]))


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A comparison; ``raw`` is what ``accsim run --compare --json`` writes."""

    raw: Mapping[str, Any]
    sides: tuple[SideView, SideView]

    @property
    def title(self) -> str:
        """The network, and the recipe that compressed it."""
        recipe = self.raw.get("recipe")
        return f"{self.raw['workload']} by {recipe}" if recipe else str(self.raw["workload"])

    @property
    def equal(self) -> SideView:
        """All machines made equal."""
        return self.sides[0]


def comparison_view(found: Mapping[str, Any], runs: Mapping[str, Runs]) -> ComparisonView:
    """Put totals and runs of a comparison side by side.

    Args:
        found: ``Comparison.to_dict()``, with the ``command`` that made it where there is one.
        runs: ``Comparison.runs()``.
    """
    colours = plain_series([machine["hardware"] for machine in found["equal"]["machines"]], "m")
    sides = []
    for key, title in (("equal", "Equal node and equal peak"), ("raw", "As they are")):
        first, machines = 0, list[MachineView]()
        for figures, series in zip(found[key]["machines"], colours, strict=True):
            one = _machine(figures, series, runs[key][figures["hardware"]], first)
            first += len(one.seen.layers)
            machines.append(one)
        units = {machine.unit for machine in machines}
        sides.append(SideView(key, title, found[key], machines, units.pop() if len(units) == 1 else None))
    return ComparisonView(found, (sides[0], sides[1]))


def _machine(
    figures: Mapping[str, Any], series: Series, runs: Mapping[str, Mapping[str, Any]], first: int
) -> MachineView:
    names = set(figures["layers"])
    seen = view(_of_layers(runs["compressed"], names))
    hardware = runs["compressed"].get("hardware_description") or {}
    link = float(hardware.get("dram_bits_per_cycle") or 0.0) * seen.clock_mhz / 8e3
    peak = float(figures["peak_gmacs"])
    return MachineView(
        name=str(figures["hardware"]),
        figures=figures,
        series=series,
        seen=numbered(seen, first, series.css),
        dense={layer.name: layer for layer in view(_of_layers(runs["dense"], names)).layers},
        unit=energy_unit(runs["compressed"]["energy_table"]["unit"]),
        roof=Roof(peak, link) if peak > 0 and link > 0 else None,
    )


def _of_layers(result: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """A result of some of its layers; totals are added up again."""
    layers = [layer for layer in result["layers"] if layer["name"] in names]
    totals = {"macs": sum(one["macs"] for one in layers), "latency_ms": sum(one["latency_ms"] for one in layers)}
    return {**result, "layers": layers, "totals": totals}
