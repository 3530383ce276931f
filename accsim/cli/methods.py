"""The published methods of compressing networks, and what there is for each."""

from __future__ import annotations

from collections import Counter
from typing import Any

from accsim.cli.console import Block, Line, table
from accsim.compress.methods import Method, methods

LONGEST = 48
"""Characters of a name or reference in the table; the JSON has them whole."""


def plain() -> list[dict[str, Any]]:
    """Every method as plain data."""
    return [
        {
            "name": m.name,
            "reference": m.reference,
            "kind": m.kind,
            "does": m.does,
            "transformations": list(m.transformations),
            "visible": m.visible,
            "status": m.status.value,
            "passes": list(m.passes),
            "cost_models": list(m.cost_models),
            "networks": list(m.networks),
            "why": m.why,
        }
        for m in methods()
    ]


def blocks() -> list[Block]:
    """What is printed."""
    found = methods()
    counted = Counter(m.status.value for m in found)
    rows = [(_short(m.name), _short(m.reference), " ".join(m.transformations), m.status.value, _by(m)) for m in found]
    titles = ("name", "reference", "reduces to", "status", "by, or why")
    return [
        Line(f"methods ({len(found)}: {', '.join(f'{n} {status}' for status, n in counted.items())})", "bold"),
        table(titles, rows, left=titles),
    ]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _by(method: Method) -> str:
    by = ", ".join((*method.passes, *method.cost_models, *method.networks))
    return f"{by}: {method.why}" if by and method.why else by or method.why
