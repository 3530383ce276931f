"""The study of six dataflows, drawn as published: layers by level, DRAM accesses, and energy by dataflow and batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from accsim.fidelity.cases.isca16_dataflows import REFERENCE, Found, dram_per_op, total
from accsim.fidelity.published import Publication
from accsim.mapping.reuse.dataflow import Level
from accsim.report.colours import KIND
from accsim.reuse import ReuseResult
from accsim.study.drawing import Drawing
from accsim.study.numbers import Rows
from accsim.workload.layer import Operand

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"alu": "ALU", "dram": "DRAM", "buffer": "buffer", "array": "array", "rf": "RF"}
COLOURS = {
    "alu": KIND["pe"],
    "dram": KIND["dram"],
    "buffer": KIND["sram"],
    "array": KIND["noc"],
    "rf": KIND["rf"],
}
GIGA = 1e-9


def tables(found: Found) -> dict[str, Rows]:
    """Every dataflow on every array, the layers of the breakdown, their tilings, and the array counted word by word."""
    return {
        "dataflows": list(_dataflows(found)),
        "layers": list(_layers(found)),
        "tilings": list(_tilings(found)),
        "word-by-word": list(_beside(found)),
    }


def _dataflows(found: Found) -> Iterator[dict[str, object]]:
    for pes, batches in found.compared.items():
        for batch, results in batches.items():
            reference = total(results[REFERENCE]) / results[REFERENCE].macs
            for name, result in results.items():
                fits = not result.misfits
                per_op = {level: energy / result.macs for level, energy in result.energy().items()} if fits else {}
                yield {
                    "pes": pes,
                    "batch": batch,
                    "dataflow": name,
                    "energy_ratio": sum(per_op.values()) / reference if fits else None,
                    **{f"{level}_energy_mac_per_op": per_op.get(level) for level in PARTS},
                    "dram_accesses_per_op": dram_per_op(result) if fits else None,
                    "does_not_fit": "; ".join(f"{layer}: {misfit}" for layer, misfit in result.misfits.items()),
                }


def _layers(found: Found) -> Iterator[dict[str, object]]:
    for name, held in found.breakdown.found.items():
        for level in PARTS:
            yield {
                "layer": name,
                "level": level,
                "energy_mac": held.energy[level],
                "least_energy_mac": held.least[level],
                "greatest_energy_mac": held.greatest[level],
            }


def _tilings(found: Found) -> Iterator[dict[str, object]]:
    smallest = found.compared[found.smallest]
    shown = {(REFERENCE, found.settings.breakdown_batch): found.breakdown}
    shown |= {(name, batch): result for batch, results in smallest.items() for name, result in results.items()}
    for (name, batch), result in sorted(shown.items(), key=lambda item: (item[0][1], item[0][0] != REFERENCE)):
        for layer, held in result.found.items():
            sizes, factors = held.tiling.to_dict(), held.reuse
            yield {
                "dataflow": name,
                "batch": batch,
                "layer": layer,
                **{level: " ".join(f"{dim}={n}" for dim, n in of.items()) for level, of in sizes.items()},
                "active_pes": held.tiling.active_pes,
                **{
                    f"{operand}_{level}": getattr(of, level)
                    for operand, of in factors.items()
                    for level in ("dram", "buffer", "array", "rf")
                },
            }


def _beside(found: Found) -> Iterator[dict[str, object]]:
    for layer, held in found.beside.items():
        for level in PARTS:
            yield {
                "layer": layer,
                "mapping": held.mapping,
                "level": level,
                "analysed_energy_mac": held.reuse[level],
                "counted_energy_mac": held.array[level],
                "of_filters_in_the_buffer": held.filters if level == "buffer" else 0.0,
                "network_out_besides": held.sums if level == "array" else 0.0,
            }


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """Figs. 10, 11 and 12, with the published figures where they are public."""
    batch = found.settings.breakdown_batch
    return {
        "layers": Drawing(
            f"Energy of AlexNet's layers by level, row stationary, {found.smallest} PEs, batch {batch}: published "
            "(left, hatched) and obtained (right). Fig. 10 of the paper.",
            lambda figure: _draw_layers(figure, found, publication),
        ),
        "dataflows": Drawing(
            "Energy of the convolutions per MAC by dataflow, batch and number of PEs, over that of row stationary on "
            f"{found.smallest} PEs with batch 1. Diamonds are published. Fig. 12 of the paper.",
            lambda figure: _draw_dataflows(figure, found, publication),
            size=(10.0, 3.8),
        ),
        "dram": Drawing(
            "DRAM accesses of the convolutions per MAC. Diamonds are published. Fig. 11 of the paper.",
            lambda figure: _draw_dram(figure, found, publication),
            size=(10.0, 3.4),
        ),
        "ties": Drawing(
            "Energy in the buffer and the array: what was published, and its range over all tilings whose total is "
            "within 1 % of the least.",
            lambda figure: _draw_ties(figure, found, publication),
        ),
    }


def _stack(axes: Axes, at: float, parts: Mapping[str, float], width: float, label: bool, hatch: str = "") -> None:
    base = 0.0
    for level, name in PARTS.items():
        axes.bar(
            at, parts[level], width, bottom=base, color=COLOURS[level], hatch=hatch, edgecolor="white", linewidth=0.3,
            label=name if label else None,
        )  # fmt: skip
        base += parts[level]


def _draw_layers(figure: Figure, found: Found, publication: Publication) -> None:
    axes, layers = figure.subplots(), found.breakdown.found
    for at, (name, held) in enumerate(layers.items()):
        published = {level: publication.number(f"layer_{level}.{name}") * GIGA for level in PARTS}
        _stack(axes, at - 0.21, published, 0.38, False, hatch="////")
        _stack(axes, at + 0.21, {level: held.energy[level] * GIGA for level in PARTS}, 0.38, at == 0)
    axes.set_xticks(range(len(layers)), list(layers))
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("energy [10⁹ MAC energies]")
    axes.legend()


def _panels(figure: Figure, found: Found) -> Iterator[tuple[Axes, int, int, dict[str, ReuseResult], list[float]]]:
    """A panel per array; in it a group of bars per batch: axes, PEs, batch, results and the bars' places."""
    panels = figure.subplots(1, len(found.compared), sharey=True, squeeze=False)[0]
    names = list(found.settings.dataflows)
    for axes, (pes, batches) in zip(panels, found.compared.items(), strict=True):
        ticks: dict[float, str] = {}
        for group, (batch, results) in enumerate(batches.items()):
            places = [group * (len(names) + 1.5) + index for index in range(len(names))]
            ticks |= dict(zip(places, names, strict=True))
            axes.text(
                sum(places) / len(places), -0.2, f"N = {batch}", transform=axes.get_xaxis_transform(), ha="center"
            )
            yield axes, pes, batch, dict(results), [float(place) for place in places]
        axes.set_xticks(list(ticks), list(ticks.values()), rotation=90, fontsize=7)
        axes.tick_params(axis="x", length=0)
        axes.set_title(f"{pes} PEs")


def _draw_dataflows(figure: Figure, found: Found, publication: Publication) -> None:
    first = found.compared[found.smallest][found.settings.batches[0]][REFERENCE]
    unit = total(first) / first.macs
    published, by_batch = publication.values("energy_ratio"), publication.values("row_stationary_by_batch")
    for axes, pes, batch, results, places in _panels(figure, found):
        for at, (name, result) in zip(places, results.items(), strict=True):
            if result.misfits:
                axes.text(at, 0.03, "does not fit", rotation=90, ha="center", va="bottom", fontsize=7)
                continue
            parts = {level: energy / result.macs / unit for level, energy in result.energy().items()}
            _stack(
                axes,
                at,
                parts,
                0.85,
                label=(pes, batch, name) == (found.smallest, min(found.settings.batches), REFERENCE),
            )
            reference = by_batch.get(f"N{batch}")
            value = 1.0 if name == REFERENCE else published.get(f"N{batch}.{name}")
            if pes == found.smallest and isinstance(value, float) and isinstance(reference, float):
                axes.plot(at, value * reference, "D", color="black", markersize=3.5)
    figure.axes[0].set_ylabel("energy per MAC,\nover row stationary")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper")


def _draw_dram(figure: Figure, found: Found, publication: Publication) -> None:
    published = publication.values("dram_per_op")
    for axes, pes, batch, results, places in _panels(figure, found):
        for at, (name, result) in zip(places, results.items(), strict=True):
            if result.misfits:
                axes.text(at, 0.0005, "does not fit", rotation=90, ha="center", va="bottom", fontsize=7)
                continue
            written = (
                sum(held.counts.accesses[Operand.PSUM][Level.DRAM] for held in result.found.values()) / result.macs
            )
            axes.bar(at, dram_per_op(result) - written, 0.85, color=COLOURS["dram"], label="reads")
            axes.bar(
                at, written, 0.85, bottom=dram_per_op(result) - written, color="#f2b8a0", label="writes",
            )  # fmt: skip
            value = published.get(f"N{batch}.{name}")
            if pes == found.smallest and isinstance(value, float):
                axes.plot(at, value, "D", color="black", markersize=3.5)
    figure.axes[0].set_ylabel("DRAM accesses per MAC")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside right upper")


def _draw_ties(figure: Figure, found: Found, publication: Publication) -> None:
    layers = found.breakdown.found
    for axes, level in zip(figure.subplots(1, 2), ("buffer", "array"), strict=True):
        for at, (name, held) in enumerate(layers.items()):
            low, high = held.least[level] * GIGA, held.greatest[level] * GIGA
            axes.bar(
                at,
                high - low,
                0.5,
                bottom=low,
                color=COLOURS[level],
                alpha=0.45,
                label="within 1 %" if not at else None,
            )
            axes.hlines(held.energy[level] * GIGA, at - 0.25, at + 0.25, color=COLOURS[level], linewidth=2,
                        label="least total" if not at else None)  # fmt: skip
            value = publication.number(f"layer_{level}.{name}") * GIGA
            axes.plot(at, value, "D", color="black", markersize=4, label="published" if not at else None)
        axes.set_xticks(range(len(layers)), list(layers), rotation=90)
        axes.tick_params(axis="x", length=0)
        axes.set_title(PARTS[level])
        axes.set_ylim(bottom=0)
        axes.set_ylabel("energy [10⁹ MAC energies]")
        axes.legend()


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    smallest = found.compared[found.smallest]
    largest = max(found.compared)
    return {
        "settings": found.settings,
        "batches": [batch for batch in found.settings.batches if f"N{batch}" in _published_batches(publication)],
        "names": list(found.settings.dataflows),
        "ratios": {
            (pes, batch, name): found.ratio(pes, batch, name)
            for pes, batches in found.compared.items()
            for batch, results in batches.items()
            for name in results
        },
        "arrays": list(found.compared),
        "readings": {
            batch: {
                name: total(result) / total(smallest[batch][REFERENCE])
                for name, result in results.items()
                if not result.misfits
            }
            for batch, results in found.readings.items()
        },
        "misfits": {
            (pes, batch, name): next(iter(result.misfits.items()))
            for pes, batches in found.compared.items()
            for batch, results in batches.items()
            for name, result in results.items()
            if result.misfits
        },
        "beside": {
            layer: ((held.filters + held.sums) / sum(held.reuse.values())) for layer, held in found.beside.items()
        },
        "same": [level for level in PARTS if level != "buffer" and _same(found, level)],
        "explained": all(
            _near(one.array["buffer"], one.reuse["buffer"] + one.filters) for one in found.beside.values()
        ),
        "parts": PARTS,
        "tried": sum(held.tried for held in found.breakdown.found.values()),
        "smallest": found.smallest,
        "largest": largest,
    }


def _same(found: Found, level: str) -> bool:
    return all(_near(one.reuse[level], one.array[level]) for one in found.beside.values())


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def _published_batches(publication: Publication) -> set[str]:
    return {name.partition(".")[0] for name in publication.values("energy_ratio")}
