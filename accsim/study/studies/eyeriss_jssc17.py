"""The study of the Eyeriss chip, drawn as its papers show it: time, traffic and power per layer beside the figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from accsim.energy.estimate import LayerEstimate
from accsim.fidelity.cases.eyeriss_jssc17 import (
    Found,
    buffer_mb,
    dram_mb,
    gating_saving,
    on_chip,
    power_mw,
    power_parts,
)
from accsim.fidelity.published import Publication
from accsim.report.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from accsim.study.drawing import Drawing
from accsim.study.numbers import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {
    "ALUs": ORANGE, "scratchpads": GREEN, "networks": PURPLE, "buffer": BLUE, "clock": GREY, "other": SKY,
}  # fmt: skip
PUBLISHED, OBTAINED = GREY, BLUE


def tables(found: Found) -> dict[str, Rows]:
    """The layers, their power by part, the searched mappings if any, and the other network."""
    power = [
        {
            "layer": name,
            "power_mw": power_mw(e),
            **{f"{part}_share": s for part, s in power_parts(found.machine, e).items()},
        }
        for name, e in found.coded.items()
    ]
    out: dict[str, Rows] = {"layers": _layers(found.coded), "power": power, "other": _layers(found.other)}
    if found.searched:
        out["searched"] = [
            {"objective": objective, **row} for objective, layers in found.searched.items() for row in _layers(layers)
        ]
    return out


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """Table V and Fig. 14.5.6, and where the power goes."""

    def pair(group: str, values: Mapping[str, float], label: str) -> Callable[[Axes], None]:
        return lambda axes: _pairs(axes, publication.values(group), values, label)

    coded, uncoded = found.coded, found.uncoded
    return {
        "time": Drawing(
            "Time of each layer, published (grey) and obtained, without and with waits for DRAM.",
            lambda figure: _side_by_side(
                figure,
                pair("processing_time", {n: e.processing_ms for n, e in coded.items()}, "processing [ms]"),
                pair("latency", {n: e.latency_ms for n, e in coded.items()}, "with DRAM [ms]"),
            ),
        ),
        "traffic": Drawing(
            "DRAM traffic of each layer, published (grey) and obtained, without and with run-length coding.",
            lambda figure: _side_by_side(
                figure,
                pair("dram_traffic_uncoded", {n: dram_mb(e) for n, e in uncoded.items()}, "DRAM, not coded [MB]"),
                pair("dram_traffic", {n: dram_mb(e) for n, e in coded.items()}, "DRAM, coded [MB]"),
            ),
        ),
        "power": Drawing(
            "Power on chip of each layer by part; the line is the published total.",
            lambda figure: _stacks(figure, found, publication),
        ),
    }


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    times = {name: e.processing_ms for name, e in found.coded.items()}
    errors = [abs(ms / publication.number(f"processing_time.{name}") - 1) for name, ms in times.items()]
    return {
        "settings": found.settings,
        "assumed": found.machine.assumed,
        "mean_error": sum(errors) / len(errors),
        "readings": _readings(found, publication),
        "gating": gating_saving(found),
        "waits": {name: e.latency_ms - e.processing_ms for name, e in found.coded.items()},
        "published_waits": {
            name: publication.number(f"latency.{name}") - publication.number(f"processing_time.{name}")
            for name in times
        },
        "densities": {
            tensor.operand.value + " " + name: tensor.density
            for name, e in found.coded.items()
            for tensor in e.activity.tensors
            if tensor.operand.value != "weight"
        },
        "other": _layers(found.other),
        "other_totals": {
            key: sum(getattr(e, key) for e in found.other.values()) for key in ("processing_ms", "latency_ms")
        },
        "searched": {
            objective: {
                "processing_ms": sum(e.processing_ms for e in layers.values()),
                "latency_ms": sum(e.latency_ms for e in layers.values()),
                "energy_mj": sum(map(on_chip, layers.values())) * 1e-9,
            }
            for objective, layers in found.searched.items()
        },
    }


def _readings(found: Found, publication: Publication) -> list[dict[str, object]]:
    """Errors of the machine as it is and under each other reading; power is scaled to the same average."""
    average = publication.number("power_average")
    rows: list[dict[str, object]] = []
    for what, layers in {"as modelled": found.coded, **found.readings}.items():
        scale = average / (sum(map(on_chip, layers.values())) / sum(e.latency_ms for e in layers.values()) * 1e-6)
        values = {
            "processing_time": {name: e.processing_ms for name, e in layers.items()},
            "latency": {name: e.latency_ms for name, e in layers.items()},
            "power": {name: power_mw(e) * scale for name, e in layers.items()},
        }
        errors = {
            group: [value / publication.number(f"{group}.{name}") - 1 for name, value in found_values.items()]
            for group, found_values in values.items()
        }
        rows.append({"reading": what, **errors})
    return rows


def _layers(layers: Mapping[str, LayerEstimate]) -> list[dict[str, object]]:
    return [
        {
            "layer": name,
            "mapping": " ".join(f"{k}={v}" for k, v in e.activity.mapping.items() if k != "dataflow"),
            "macs": e.activity.macs,
            "active_pes": e.activity.pe_active_max,
            "processing_ms": e.processing_ms,
            "latency_ms": e.latency_ms,
            "buffer_mb": buffer_mb(e),
            "dram_mb": dram_mb(e),
            "power_mw": power_mw(e),
        }
        for name, e in layers.items()
    ]


def _side_by_side(figure: Figure, *draw: Callable[[Axes], None]) -> None:
    for axes, one in zip(figure.subplots(1, len(draw)), draw, strict=True):
        one(axes)


def _pairs(axes: Axes, published: Mapping[str, object], values: Mapping[str, float], label: str) -> None:
    names = list(values)
    heights: Sequence[float] = [value if isinstance(value := published[name], float) else 0.0 for name in names]
    at = range(len(names))
    axes.bar([x - 0.2 for x in at], heights, 0.38, color=PUBLISHED, label="published")
    axes.bar([x + 0.2 for x in at], [values[name] for name in names], 0.38, color=OBTAINED, label="accsim")
    axes.set_xticks(list(at), [name.upper() for name in names])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(label)
    axes.legend()


def _stacks(figure: Figure, found: Found, publication: Publication) -> None:
    axes, names = figure.subplots(), list(found.coded)
    base = [0.0] * len(names)
    for part, colour in PARTS.items():
        heights = [power_parts(found.machine, e)[part] * power_mw(e) for e in found.coded.values()]
        axes.bar(
            range(len(names)), heights, 0.6, bottom=base, color=colour, label=part, edgecolor="white", linewidth=0.3
        )
        base = [low + height for low, height in zip(base, heights, strict=True)]
    for x, name in enumerate(names):
        axes.hlines(
            publication.number(f"power.{name}"),
            x - 0.36,
            x + 0.36,
            color=VERMILION,
            label="published" if x == 0 else "_",
        )
    axes.set_xticks(range(len(names)), [name.upper() for name in names])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("power on chip [mW]")
    axes.legend(ncols=4)
