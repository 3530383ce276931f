"""The study of headlines: published and obtained ratios, and what Bit Fusion's say about its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accsim.fidelity.cases.published_headlines import Found, geometric_mean, obtained
from accsim.fidelity.published import Publication
from accsim.report.colours import BLUE, GREY, ORANGE, VERMILION
from accsim.study.drawing import Drawing
from accsim.study.numbers import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PES = 168
OTHERS = {
    "stripes_speed_up": "Stripes speed", "stripes_energy": "Stripes energy",
    "dynamic_stripes_speed_up": "Dynamic Stripes speed", "loom_speed_up": "Loom speed", "loom_energy": "Loom energy",
    "eie_power": "EIE power", "eyeriss_v2_per_joule": "Eyeriss v2 inferences per joule",
    "yodann_power": "YodaNN power", "sparten_speed_up": "SparTen speed",
}  # fmt: skip


def tables(found: Found) -> dict[str, Rows]:
    """Bit Fusion and its baseline, by network and image."""
    return {
        "bit-fusion": [
            {
                "network": name,
                "macs": c.macs,
                "baseline_macs": c.baseline_macs,
                "cycles": c.cycles,
                "baseline_cycles": c.baseline_cycles,
                "least_baseline_cycles": c.least_cycles,
                "public_search_cycles": found.settings.public_baseline[name],
                "energy_uj": c.energy_pj * 1e-6,
                "baseline_energy_uj": c.baseline_energy_pj * 1e-6,
                "baseline_dram_uj": c.baseline_dram_pj * 1e-6,
            }
            for name, c in found.bit_fusion.items()
        ]
    }


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """Speed-ups by network, and the other headlines."""
    return {
        "bit-fusion": Drawing(
            "Speed-up of Bit Fusion over its Eyeriss baseline: published (grey), obtained, and over 168 PEs that are "
            "never idle, below which no such baseline can come.",
            lambda figure: _networks(figure, found, publication),
        ),
        "others": Drawing(
            "The other headlines, obtained over published; 1 is agreement. What is behind them is not public.",
            lambda figure: _others(figure, found, publication),
            (7.5, 3.2),
        ),
    }


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    rows = []
    for name, c in found.bit_fusion.items():
        published = publication.number(f"bit_fusion_speed_up_of.{name}")
        implied = published * c.cycles
        published_energy = publication.number(f"bit_fusion_energy_of.{name}")
        rows.append(
            {
                "network": name,
                "published": published,
                "obtained": c.speed_up,
                "least": c.least_speed_up,
                "public": found.settings.public_baseline[name] / c.cycles,
                "rate": c.baseline_macs / implied,
                "got_rate": c.baseline_macs / c.baseline_cycles,
                "published_energy": published_energy,
                "pj": (published_energy * c.energy_pj - c.baseline_dram_pj) / c.baseline_macs,
                "got_pj": (c.baseline_energy_pj - c.baseline_dram_pj) / c.baseline_macs,
                "energy": c.energy_gain,
            }
        )
    values = list(found.bit_fusion.values())
    return {
        "networks": rows,
        "means": {
            key: geometric_mean({str(i): float(row[key]) for i, row in enumerate(rows)})  # type: ignore[arg-type]
            for key in ("published", "obtained", "least", "public", "published_energy", "energy")
        },
        "above": [row["network"] for row in rows if float(str(row["rate"])) > PES],
        "cifar_rate": values[2].macs / (publication.number("bit_fusion_speed_up_of.CIFAR10") * values[2].cycles),
        "pes": PES,
    }


def _networks(figure: Figure, found: Found, publication: Publication) -> None:
    axes, names = figure.subplots(), list(found.bit_fusion)
    bars = (
        ("published", GREY, [publication.number(f"bit_fusion_speed_up_of.{n}") for n in names]),
        ("accsim", BLUE, [c.speed_up for c in found.bit_fusion.values()]),
        ("168 PEs never idle", ORANGE, [c.least_speed_up for c in found.bit_fusion.values()]),
    )
    for i, (label, colour, heights) in enumerate(bars):
        axes.bar([x + 0.27 * (i - 1) for x in range(len(names))], heights, 0.25, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.set_ylim(1, 60)
    axes.minorticks_off()
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("speed-up over Eyeriss")
    axes.legend(ncols=3)


def _others(figure: Figure, found: Found, publication: Publication) -> None:
    axes, values = figure.subplots(), obtained(found)
    ratios = [values[key] / publication.number(key) for key in OTHERS]
    at = range(len(OTHERS), 0, -1)
    axes.hlines(list(at), 1, ratios, color=GREY, linewidth=1)
    axes.plot(ratios, list(at), "o", color=BLUE)
    axes.axvline(1, color=VERMILION, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 20)
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10, 20], ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.set_yticks(list(at), list(OTHERS.values()))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("obtained / published")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
