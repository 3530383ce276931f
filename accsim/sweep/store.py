"""The store of a sweep: one SQLite file in WAL mode, one row per point.

A row's key is a hash of everything that determines its result. A batch of rows is one transaction, so whatever ends the
process leaves whole batches; what was not written is estimated again. The result columns depend on the point alone;
``seconds`` and ``written`` do not.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from accsim.errors import AccsimError
from accsim.sweep.evaluate import Outcome, Status
from accsim.sweep.lock import StoreLock
from accsim.sweep.settings import Settings
from accsim.sweep.store_errors import clearly, damaged

FORMAT = "1"
"""The form of the store that this version reads and writes."""

_APPLICATION = 0x61636373  # "accs"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spaces (
  digest TEXT PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL, points INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS points (
  key TEXT PRIMARY KEY, space TEXT NOT NULL, place INTEGER NOT NULL, model TEXT NOT NULL, settings TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, unit TEXT NOT NULL, energy REAL, latency_ms REAL, cycles INTEGER,
  area_mm2 REAL, totals TEXT NOT NULL, seconds REAL NOT NULL, written REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_place ON points (space, place);
CREATE INDEX IF NOT EXISTS by_status ON points (status);
"""

RESULT_COLUMNS = (
    "key", "space", "place", "model", "settings", "status", "reason", "unit", "energy", "latency_ms", "cycles",
    "area_mm2", "totals",
)  # fmt: skip
"""The columns that depend on nothing but the points."""

METRICS = ("energy", "latency_ms", "cycles", "area_mm2")
"""Figures with a column of their own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A point and what it came to."""

    key: str
    place: int
    settings: Settings
    outcome: Outcome
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it is read back."""

    key: str
    space: str
    place: int
    model: str
    settings: Settings
    status: str
    reason: str
    unit: str
    totals: dict[str, Any]

    def figure(self, metric: str) -> float | None:
        """A metric, one of ``METRICS``; ``None`` if the point has none."""
        if not self.totals:
            return None
        match metric:
            case "energy":
                found = self.totals["energy"]["total"]
            case "cycles":
                found = self.totals["cycles"]["total"]
            case _:
                found = self.totals[metric]
        return None if found is None else float(found)


class Store:
    """A store that is open.

    Args:
        path: of the file; it is made if it is not there, unless ``read_only``.
        read_only: look, and take no lock.
    """

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self.path, self.read_only = path, read_only
        self._lock = StoreLock(path)
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Store:
        """Open the file, and lock it for writing.

        Raises:
            AccsimError: it is not there, not a store, damaged, of another version or being written.
        """
        if self.read_only:
            if not os.path.isfile(self.path):
                raise AccsimError(f"file not found: {self.path}")
            self._open()
            return self
        folder = os.path.dirname(os.path.abspath(self.path))
        if not os.path.isdir(folder):
            raise AccsimError(f"{self.path}: folder not found: {folder}")
        if os.path.isdir(self.path):
            raise AccsimError(f"{self.path}: is a folder, not a file")
        self._lock.__enter__()
        try:
            self._open()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                if kind is None:
                    raise
            self._connection = None
        self._lock.__exit__(kind, error, at)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection."""
        if self._connection is None:
            raise RuntimeError("the store is not open")
        return self._connection

    def _open(self) -> None:
        with clearly(self.path):
            try:
                self._connect("ro" if self.read_only else "rwc")
            except sqlite3.OperationalError:
                if not self._in_closed_folder():
                    raise
                self._connect("ro&immutable=1")

    def _connect(self, mode: str) -> None:
        uri = f"file:{_quoted(self.path)}?mode={mode}"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            self._connection = None
            raise

    def _in_closed_folder(self) -> bool:
        """Whether the store is to be read in a folder where SQLite cannot make the files that its WAL needs.

        Without a WAL the file is all there is, and nobody who could change it is at work; then it is read as it lies.

        Raises:
            AccsimError: there are rows in the WAL, which cannot be read without these files.
        """
        folder = os.path.dirname(os.path.abspath(self.path))
        if not self.read_only or os.access(folder, os.W_OK) or not os.access(self.path, os.R_OK):
            return False
        log = f"{self.path}-wal"
        if os.path.exists(log) and os.path.getsize(log):
            raise AccsimError(
                f"{self.path}: its folder is read-only, and a sweep that was ended left rows in "
                f"{os.path.basename(log)}, which are read with files beside them: copy both files to a folder that can "
                "be written"
            )
        return True

    def _prepare(self) -> None:
        db = self.db
        found = db.execute("PRAGMA application_id").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and found != _APPLICATION:
            raise AccsimError(f"{self.path}: is a database, but not a store of accsim sweep")
        if not tables and self.read_only:
            raise AccsimError(f"{self.path}: is not a store of accsim sweep: it is empty")
        if tables:
            known = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
            if known is not None and known[0] != FORMAT:
                raise AccsimError(
                    f"{self.path}: has the form {known[0]}, and this version of accsim reads form {FORMAT}"
                )
            self._check()
        if not self.read_only:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            if not tables:
                db.execute(f"PRAGMA application_id={_APPLICATION}")
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        db.execute(statement)
                db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))

    def _check(self) -> None:
        said = [row[0] for row in self.db.execute("PRAGMA quick_check(1)")]
        if said != ["ok"]:
            raise AccsimError(damaged(self.path, said[0]))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def add_space(self, digest: str, name: str, text: str, points: int) -> None:
        """Note a space whose points are stored here."""
        with clearly(self.path), self._transaction():
            self.db.execute("INSERT OR REPLACE INTO spaces VALUES (?, ?, ?, ?)", (digest, name, text, points))

    def add(self, space: str, model: str, rows: Sequence[Row]) -> None:
        """Write a batch, whole or not at all.

        Raises:
            AccsimError: the disk is full, or the file cannot be written; what was written before stays.
        """
        with clearly(self.path), self._transaction():
            self.db.executemany(
                f"INSERT OR REPLACE INTO points VALUES ({', '.join('?' * 15)})",
                [_values(row, space, model) for row in rows],
            )

    def known(self, keys: Sequence[str], *, retry: bool = False) -> set[str]:
        """Those of ``keys`` that have a row; with ``retry``, one that did not fail."""
        out: set[str] = set()
        also = f" AND status != '{Status.FAILED.value}'" if retry else ""
        with clearly(self.path):
            for i in range(0, len(keys), 500):
                some = keys[i : i + 500]
                marks = ", ".join("?" * len(some))
                out.update(
                    row[0] for row in self.db.execute(f"SELECT key FROM points WHERE key IN ({marks}){also}", some)
                )
        return out

    def of_keys(self, keys: Sequence[str]) -> dict[str, Stored]:
        """The rows of keys that have one."""
        marks = ", ".join("?" * len(keys))
        return {row.key: row for row in self._rows(f"WHERE key IN ({marks})", keys)}

    def counts(self, space: str | None = None) -> dict[str, int]:
        """Rows by status."""
        where, values = ("", ()) if space is None else (" WHERE space = ?", (space,))
        with clearly(self.path):
            rows = self.db.execute(f"SELECT status, count(*) FROM points{where} GROUP BY status", values)
            return {str(status): int(n) for status, n in rows}

    def spaces(self) -> list[tuple[str, str, int]]:
        """Digest, name and size of the spaces."""
        with clearly(self.path):
            return list(self.db.execute("SELECT digest, name, points FROM spaces ORDER BY name, digest"))

    def space_texts(self) -> list[tuple[str, str]]:
        """Name and text of the spaces."""
        with clearly(self.path):
            return [(str(n), str(t)) for n, t in self.db.execute("SELECT name, text FROM spaces ORDER BY name, digest")]

    def reasons(self, status: str, most: int = 10) -> list[tuple[str, int]]:
        """Why points have no figures, the most frequent reason first."""
        with clearly(self.path):
            rows = self.db.execute(
                "SELECT reason, count(*) AS n FROM points WHERE status = ? GROUP BY reason ORDER BY n DESC, reason "
                "LIMIT ?",
                (status, most),
            )
            return [(str(reason), int(n)) for reason, n in rows]

    def best(self, metric: str) -> Stored | None:
        """The point with the least of a metric; of equals, the first."""
        if metric not in METRICS:
            raise ValueError(metric)
        order = f"WHERE status = 'done' AND {metric} IS NOT NULL ORDER BY {metric}, space, place LIMIT 1"
        return next(self._rows(order), None)

    def rows(self, status: str | None = None) -> Iterator[Stored]:
        """Every row, in the order of the spaces' points; one at a time, whatever there are."""
        return self._rows(
            ("" if status is None else f"WHERE status = '{Status(status).value}' ") + "ORDER BY space, place, key"
        )

    def _rows(self, clause: str, values: Sequence[str] = ()) -> Iterator[Stored]:
        columns = "key, space, place, model, settings, status, reason, unit, totals"
        with clearly(self.path):
            for key, space, place, model, settings, status, reason, unit, totals in self.db.execute(
                f"SELECT {columns} FROM points {clause}", values
            ):
                yield Stored(
                    key,
                    space,
                    place,
                    model,
                    Settings.from_dict(json.loads(settings)),
                    status,
                    reason,
                    unit,
                    json.loads(totals or "{}"),
                )

    def results(self) -> Iterator[tuple[object, ...]]:
        """The result columns of every row, by key."""
        with clearly(self.path):
            yield from self.db.execute(f"SELECT {', '.join(RESULT_COLUMNS)} FROM points ORDER BY key")

    def merge(self, other: Store) -> tuple[int, int]:
        """Take over the rows of another store that are missing here, or failed here and did not there.

        Returns:
            rows taken over, and rows that were there.
        """
        taken = there = 0
        with clearly(other.path):
            rows = other.db.execute("SELECT * FROM points ORDER BY key")
            spaces = list(other.db.execute("SELECT * FROM spaces"))
        with clearly(self.path), self._transaction():
            self.db.executemany("INSERT OR IGNORE INTO spaces VALUES (?, ?, ?, ?)", spaces)
            while some := rows.fetchmany(1000):
                kept = self.known([row[0] for row in some], retry=True)
                failed = self.known([row[0] for row in some]) - kept
                new = [r for r in some if r[0] not in kept and (r[0] not in failed or r[5] != Status.FAILED.value)]
                self.db.executemany(f"INSERT OR REPLACE INTO points VALUES ({', '.join('?' * 15)})", new)
                taken, there = taken + len(new), there + len(some) - len(new)
        return taken, there


def _values(row: Row, space: str, model: str) -> tuple[object, ...]:
    settings = json.dumps(row.settings.to_dict(), separators=(",", ":"))
    out = row.outcome
    found: tuple[float | None, ...] = (None,) * 4
    if out.figures is not None:
        one = out.figures
        found = (one.energy, one.latency_ms, one.cycles, one.area_mm2)
    return (
        row.key, space, row.place, model, settings, out.status.value, out.reason, out.unit, *found,
        out.totals, row.seconds, time.time(),
    )  # fmt: skip


def _quoted(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return quote(os.path.abspath(path))


def merge(target: str, sources: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Take over the rows of ``sources`` into ``target``; rows taken over and known, by source.

    Raises:
        AccsimError: a store cannot be read or written.
    """
    out = {}
    with Store(target) as store:
        for source in sources:
            if os.path.realpath(source) == os.path.realpath(target):
                raise AccsimError(f"{source}: cannot be merged into itself")
            with Store(source, read_only=True) as other:
                out[source] = store.merge(other)
    return out
