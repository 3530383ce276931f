"""The study of pruned networks, drawn as published: energy per layer and data type, original and pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from accsim.energy.nonzero import TensorEnergy
from accsim.fidelity.cases.energy_aware_pruning import Found, Version
from accsim.fidelity.published import Publication
from accsim.report.colours import OPERAND
from accsim.study.drawing import Drawing
from accsim.study.numbers import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"ifmap": "input fmap", "ofmap": "output fmap, psums", "weight": "weight", "computation": "computation"}
COLOURS = {
    "ifmap": OPERAND["ifmap"],
    "ofmap": OPERAND["ofmap"],
    "weight": OPERAND["weight"],
    "computation": OPERAND["compute"],
}
NAMES = {"original": "original", "deep_compression": "Deep Compression", "energy_aware": "energy-aware pruning"}
MODELS = {"alexnet": "AlexNet", "googlenet": "GoogLeNet"}
HATCHES = ("", "//", "xx")
GIGA = 1e-9
_ENERGY = "energy per inference\n[10⁹ 16-bit MACs]"


def tables(found: Found) -> dict[str, Rows]:
    """Every layer of every version, the batches, and the other reading of a zero."""
    layers = [
        _layer(model, version, energy, held)
        for model, versions in found.versions.items()
        for version, held in versions.items()
        for energy in held.layers
    ]
    batches = [
        {"batch": batch, **{f"{version}_energy_mac": e for version, e in energies.items()}}
        for batch, energies in found.batches.items()
    ]
    readings = [
        {
            "model": model,
            "version": version,
            "gated_energy_mac": held.energy,
            "skipped_energy_mac": found.skipping[model][version],
        }
        for model, versions in found.versions.items()
        for version, held in versions.items()
    ]
    machines = [
        {"hardware": machine, **{f"{version}_energy_mac": e for version, e in energies.items()}}
        for machine, energies in found.machines.items()
    ]
    return {"layers": layers, "batches": batches, "machines": machines, "readings": readings}


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """Totals beside the published ones, the layers of both networks, and what the batch decides."""
    return {
        "networks": Drawing(
            "Energy of each network, published and obtained. The line on energy-aware pruning runs from the least to "
            "the most energy of all networks with its published totals.",
            lambda figure: _networks(figure, found, publication),
        ),
        "alexnet-layers": Drawing(
            "AlexNet, energy of each layer by data type. For each layer, from left to right: the original, Deep "
            "Compression, and energy-aware pruning with its totals spread evenly.",
            lambda figure: _grouped(figure, found.versions["alexnet"]),
        ),
        "googlenet-layers": Drawing(
            "GoogLeNet, original, energy of each layer by data type.",
            lambda figure: _single(figure, found.versions["googlenet"]["original"]),
            size=(9.5, 4.4),
        ),
        "batches": Drawing(
            "AlexNet, energy of one inference by the number of inputs that share the weights.",
            lambda figure: _batches(figure, found),
            size=(6.0, 3.4),
        ),
    }


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    settings = found.settings
    alexnet = found.versions["alexnet"]
    energies = {version: [row[version] for row in found.batches.values()] for version in alexnet}
    return {
        "settings": settings,
        "alexnet": alexnet,
        "googlenet": found.versions["googlenet"],
        "skipping": found.skipping,
        "batches": found.batches,
        "machines": found.machines,
        "spread": (found.ifmaps_unknown[1] / found.ifmaps_unknown[0] - 1),
        "names": NAMES,
        "models": MODELS,
        "versions": list(energies),
        "densities": {
            layer: alexnet["original"].nonzeros[layer].ifmap.density for layer in alexnet["original"].nonzeros
        },
    }


def _layer(model: str, version: str, energy: TensorEnergy, held: Version) -> dict[str, object]:
    nonzeros = held.nonzeros[energy.layer]
    return {
        "model": model,
        "version": version,
        "layer": energy.layer,
        "ifmap_density": nonzeros.ifmap.density,
        "weight_density": nonzeros.weight.density,
        "ofmap_density": nonzeros.ofmap.density,
        "macs": energy.macs,
        "nonskipped_macs": energy.nonskipped_macs,
        **{f"{part}_energy_mac": getattr(energy, part) for part in PARTS},
        "total_energy_mac": energy.total,
    }


def _stack(
    axes: Axes, at: Sequence[float], layers: Sequence[TensorEnergy], width: float, hatch: str, labels: bool
) -> None:
    base = [0.0] * len(layers)
    for part, label in PARTS.items():
        heights = [getattr(layer, part) * GIGA for layer in layers]
        axes.bar(
            at, heights, width, bottom=base, color=COLOURS[part], label=label if labels else None,
            hatch=hatch, edgecolor="white", linewidth=0.3,
        )  # fmt: skip
        base = [low + height for low, height in zip(base, heights, strict=True)]


def _grouped(figure: Figure, versions: Mapping[str, Version]) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - heavy, and only drawing needs it

    axes, width = figure.subplots(), 0.8 / len(versions)
    for index, (held, hatch) in enumerate(zip(versions.values(), HATCHES, strict=True)):
        at = [layer + (index - (len(versions) - 1) / 2) * width for layer in range(len(held.layers))]
        _stack(axes, at, held.layers, width * 0.94, hatch, labels=index == 0)
    layers = next(iter(versions.values())).layers
    axes.set_xticks(range(len(layers)), [layer.layer for layer in layers])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(_ENERGY)
    axes.add_artist(axes.legend(loc="upper right"))
    keys = [
        Patch(facecolor="#b0b0b0", edgecolor="white", hatch=hatch, label=NAMES.get(version, version))
        for version, hatch in zip(versions, HATCHES, strict=True)
    ]
    axes.legend(handles=keys, loc="upper center")


def _single(figure: Figure, held: Version) -> None:
    axes = figure.subplots()
    _stack(axes, range(len(held.layers)), held.layers, 0.8, "", labels=True)
    axes.set_xticks(range(len(held.layers)), [layer.layer for layer in held.layers], rotation=90, fontsize=6)
    axes.set_xlim(-0.8, len(held.layers) - 0.2)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(_ENERGY)
    axes.legend()


def _networks(figure: Figure, found: Found, publication: Publication) -> None:
    axes = figure.subplots()
    shown = [(model, version) for model, versions in found.versions.items() for version in versions]
    published = {
        (*figure_.figure.split(".")[1:],): figure_.value
        for figure_ in publication.figures
        if figure_.group in ("energy", "energy_elsewhere", "energy_equally_pruned")
    }
    for at, (model, version) in enumerate(shown):
        held, first = found.versions[model][version], at == 0
        value = published.get((model, version))
        if isinstance(value, float):
            axes.bar(at - 0.2, value * GIGA, 0.38, color=OPERAND["compute"], label="published" if first else None)
        axes.bar(at + 0.2, held.energy * GIGA, 0.38, color=OPERAND["ofmap"], label="obtained" if first else None)
        if held.least is not None and held.most is not None:
            axes.vlines(at + 0.2, held.least * GIGA, held.most * GIGA, color="black", linewidth=1.2)
    labels = [f"{MODELS.get(model, model)}\n{_two_lines(NAMES.get(version, version))}" for model, version in shown]
    axes.set_xticks(range(len(shown)), labels)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(_ENERGY)
    axes.legend()


def _two_lines(name: str) -> str:
    return name.replace(" ", "\n")


def _batches(figure: Figure, found: Found) -> None:
    axes = figure.subplots()
    batches = list(found.batches)
    for version, marker in zip(next(iter(found.batches.values())), "os^", strict=False):
        energies = [found.batches[batch][version] * GIGA for batch in batches]
        axes.plot(batches, energies, marker=marker, label=NAMES.get(version, version), linewidth=1.4, markersize=4)
    axes.set_xscale("log", base=4)
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("batch")
    axes.set_ylabel(_ENERGY)
    axes.legend()
