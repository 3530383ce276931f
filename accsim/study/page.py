"""The page of a study: a template of Markdown with the numbers filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accsim.fidelity.compare import Row, Status
from accsim.fidelity.spelling import spell_error, spell_tolerance, spell_value

TEMPLATES = Path(__file__).with_name("templates")


def page(study: str, context: Mapping[str, Any]) -> str:
    """The page of a study.

    Args:
        study: its name; the template is ``NAME.md.j2`` in ``accsim/study/templates``.
        context: what the templates use; a name that is missing is an error.
    """
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    environment.filters |= {"sig": sig, "pct": pct, "cell": cell, "giga": giga}
    return environment.get_template(f"{study}.md.j2").render(context)


def sig(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and thousands between commas."""
    return spell_value(float(value), digits)


def giga(value: float) -> str:
    """``3.93e9`` for a number of its order, three digits."""
    return f"{value / 1e9:.2f}e9"


def pct(share: float, digits: int = 1) -> str:
    """``0.0123`` is ``1.2 %``."""
    return f"{100 * share:.{digits}f} %"


def cell(text: object) -> str:
    """Text fit for a cell of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def row_cells(row: Row) -> dict[str, str]:
    """A published figure in words, for a table."""
    figure = row.published
    unit = f" {figure.unit}" if figure.unit else ""
    return {
        "figure": figure.figure,
        "group": figure.group,
        "published": spell_value(figure.value) + unit,
        "obtained": "–" if row.obtained is None else spell_value(row.obtained),
        "error": spell_error(row),
        "tolerance": spell_tolerance(figure),
        "status": row.status.value.replace("_", " "),
        "where": figure.reference,
        "note": row.note,
    }


def told(rows: tuple[Row, ...]) -> list[dict[str, str]]:
    """What the page says about single figures: gaps and what cannot be reproduced, each reason once."""
    said: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.status in (Status.KNOWN_GAP, Status.NOT_REPRODUCIBLE, Status.OUTSIDE) or row.note:
            said.setdefault((row.status.value.replace("_", " "), row.note), []).append(row.published.figure)
    return [
        {"status": status, "note": note, "figures": ", ".join(f"`{f}`" for f in figures)}
        for (status, note), figures in said.items()
        if note
    ]
