"""Tables of what a store holds, row by row whatever there is of it."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from accsim.errors import AccsimError, InputError, suggest
from accsim.sweep.pareto import front
from accsim.sweep.store import METRICS, Store, Stored

PARQUET = ".parquet"

_CHUNK = 10_000
"""Rows of a row group."""


def export(store: Store, path: str, *, status: str | None = None, pareto: Sequence[str] = ()) -> int:
    """Write points as a table; the file appears whole or not at all.

    Columns are the place in the space, the settings that some point gives, status, reason, the energy's unit and every
    figure of the totals.

    Args:
        path: ends in ``.parquet``, or is a CSV file.
        status: only points of this one.
        pareto: metrics; only the points that no other beats in all of them.

    Returns:
        points written.

    Raises:
        AccsimError: an optional package is missing, or the file cannot be written.
    """
    unknown = [name for name in pareto if name not in METRICS]
    if unknown:
        raise InputError(
            f"no metric {name!r}: expected some of {', '.join(METRICS)}{suggest(name, METRICS)}" for name in unknown
        )
    kept = _front(store, pareto) if pareto else None

    def rows() -> Iterator[Stored]:
        return (row for row in store.rows("done" if pareto else status) if kept is None or row.key in kept)

    given, figures = dict[str, None](), dict[str, None]()
    for row in rows():
        given.update(dict.fromkeys(row.settings.values()))
        figures.update(dict.fromkeys(_flat(row.totals)))
    columns = ("place", *given, "status", "reason", "unit", *figures)
    write = _parquet if path.endswith(PARQUET) else _csv
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".accsim-")
        os.close(handle)
        try:
            count = write(temporary, columns, set(figures), (_record(row) for row in rows()))
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise AccsimError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from None
    return count


def _front(store: Store, metrics: Sequence[str]) -> set[str]:
    keys, costs = list[str](), list[list[float]]()
    for row in store.rows("done"):
        found = [row.figure(metric) for metric in metrics]
        if all(one is not None for one in found):
            keys.append(row.key)
            costs.append([float(one) for one in found if one is not None])
    on = front(np.array(costs).reshape(-1, len(metrics)))
    return {key for key, is_on in zip(keys, on.tolist(), strict=True) if is_on}


def _flat(totals: dict[str, Any]) -> dict[str, Any]:
    """Figures by name; those of a group are called ``energy.dram``."""
    out: dict[str, Any] = {}
    for key, value in totals.items():
        if isinstance(value, dict):
            out |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            out[key] = value
    return out


def _record(row: Stored) -> dict[str, Any]:
    head = {"place": row.place, "status": row.status, "reason": row.reason, "unit": row.unit}
    return {**row.settings.values(), **_flat(row.totals), **head}


def _csv(path: str, columns: Sequence[str], figures: set[str], records: Iterator[dict[str, Any]]) -> int:
    count = 0
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for record in records:
            writer.writerow(["" if record.get(name) is None else record[name] for name in columns])
            count += 1
    return count


def _parquet(path: str, columns: Sequence[str], figures: set[str], records: Iterator[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise AccsimError("Parquet files need pyarrow: pip install 'accsim[parquet]'") from None
    integers = {"place", "batch"}
    types = {
        name: pa.float64() if name in figures else pa.int64() if name in integers else pa.string() for name in columns
    }
    schema, count = pa.schema(list(types.items())), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(records, _CHUNK)):
            data = {name: [_as(record.get(name), types[name] == pa.string()) for record in some] for name in columns}
            writer.write_table(pa.table(data, schema=schema))
            count += len(some)
    return count


def _as(value: Any, text: bool) -> Any:
    return str(value) if text and value is not None else value
