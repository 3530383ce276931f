"""Numbers in the files of a study: six significant digits, which no library's last bit can change."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

DIGITS = 6

Rows = Sequence[Mapping[str, Any]]
"""A table: rows with the same keys in the same order."""


def rounded(value: Any) -> Any:
    """``value`` with every float in it, however deep, rounded to six significant digits; whole numbers as they are."""
    if isinstance(value, float):
        short = float(f"{value:.{DIGITS}g}")
        return int(short) if short.is_integer() and abs(short) < 1e15 else short  # -0.0 becomes 0 too
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


def to_json(value: Any) -> str:
    """JSON text with a line per item, rounded."""
    return json.dumps(rounded(value), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def to_csv(rows: Rows) -> str:
    """CSV text with a head line, rounded; a range is written ``low..high`` and what is not there is left empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0].keys() if rows else [])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def _cell(value: Any) -> Any:
    short = rounded(value)
    return "..".join(map(str, short)) if isinstance(short, list) else short
