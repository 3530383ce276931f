"""The study of the digits, drawn: accuracy against energy, latency and size, before and after fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from accsim.fidelity.published import Publication
from accsim.report.colours import OPERAND
from accsim.study.drawing import Drawing
from accsim.study.explorations.digits_codesign import Accuracy, Found, Row, accuracy
from accsim.study.fronts import Point, draw_points
from accsim.study.numbers import Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_SHOWN = 80.0
"""Accuracy in per cent below which drawings show nothing; the tables do."""
TRAINED, TUNED = OPERAND["ifmap"], OPERAND["weight"]


def tables(found: Found) -> dict[str, Rows]:
    """A row per recipe, and the accuracy of every fold."""
    folds = [
        {
            "row": row.name,
            "fold": i,
            "trained_accuracy_pct": row.trained.folds[i],
            "tuned_accuracy_pct": _fold(row.tuned, i),
        }
        for row in found.rows
        for i in range(len(found.sizes))
    ]
    return {"rows": [_row(row) for row in found.rows], "folds": folds}


def drawings(found: Found, publication: Publication) -> dict[str, Drawing]:
    """Accuracy against energy on every machine, and against the size of the weights."""
    del publication
    said = f"Rows below {LEAST_SHOWN:g} % are left out. Bars are 95 % confidence intervals over five folds."
    out = {
        f"energy-{machine}": Drawing(
            f"Accuracy against energy per image on {machine}, DRAM included. The lines join the rows that no "
            f"other beats in both. {said}",
            lambda figure, machine=machine: _scatter(  # type: ignore[misc]
                figure, found, lambda row: row.costs[machine].energy_uj, f"energy per image on {machine} [µJ]"
            ),
            size=(7.5, 4.4),
        )
        for machine in found.settings.hardware
    }
    out["size"] = Drawing(
        f"Accuracy against the size of the weights as they are stored, in the smallest encoding of each layer. {said}",
        lambda figure: _scatter(figure, found, lambda row: row.stored_bits / 8e3, "weights as stored [kB]", log=True),
        size=(7.5, 4.4),
    )
    return out


def words(found: Found, publication: Publication) -> dict[str, object]:
    """What the page says in numbers."""
    del publication
    reference = found.rows[0]
    fronts = {machine: found.front(machine, tuned=True) for machine in found.settings.hardware}
    return {
        "reference": reference,
        "found_rows": found.rows,
        "fronts": fronts,
        "machines": found.settings.hardware,
        "images": sum(found.sizes),
        "epochs": found.settings.fine_tuning_epochs,
        "found_batch": found.settings.images,
        "within": [row.name for row in found.rows[1:] if accuracy(row, True) >= reference.trained.mean - 0.5],
        "lost": [row.name for row in found.rows[1:] if row.trained.mean < reference.trained.mean - 10],
    }


def _row(row: Row) -> dict[str, object]:
    tuned = row.tuned
    out: dict[str, object] = {
        "row": row.name,
        "passes": " ".join(row.passes) or "none",
        "stored_bits": row.stored_bits,
        "density": row.density,
        "macs": row.macs,
        "layers_in_integers": row.integer_layers,
        "layers_with_macs": row.mac_layers,
        "trained_accuracy_pct": row.trained.mean,
        "trained_interval_pct": row.trained.interval,
        "tuned_accuracy_pct": "" if tuned is None else tuned.mean,
        "tuned_interval_pct": "" if tuned is None else tuned.interval,
    }
    for machine, cost in row.costs.items():
        out |= {f"{machine}_energy_uj": cost.energy_uj, f"{machine}_latency_us": cost.latency_us}
    return out


def _fold(accuracies: Accuracy | None, fold: int) -> float | str:
    return "" if accuracies is None else accuracies.folds[fold]


def _scatter(figure: Figure, found: Found, along: Callable[[Row], float], label: str, *, log: bool = False) -> None:
    axes = figure.subplots()
    for tuned, colour, marker, said in ((False, TRAINED, "o", "as trained"), (True, TUNED, "s", "fine-tuned")):
        if tuned and found.rows[0].tuned is None:
            continue
        shown = [
            Point(row.name, along(row), accuracy(row, tuned), _interval(row, tuned))
            for row in found.rows
            if accuracy(row, tuned) >= LEAST_SHOWN
        ]
        named = tuned or found.rows[0].tuned is None
        draw_points(axes, shown, colour, marker, said, filled=tuned, named=named)
    if log:
        axes.set_xscale("log")
    axes.set_ylim(LEAST_SHOWN, 100.5)
    axes.set_xlabel(label)
    axes.set_ylabel("correctly classified [%]")
    axes.legend(loc="lower right")


def _interval(row: Row, tuned: bool) -> float:
    return (row.tuned if tuned and row.tuned is not None else row.trained).interval
