"""Traces read back, with nothing of the code that writes them."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.name.endswith(".gz") else data).decode()


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(text_of(path).splitlines()))


class Chrome:
    """A Chrome trace, checked against the format as it is read."""

    def __init__(self, path: Path) -> None:
        found = json.loads(text_of(path))
        assert set(found) == {"traceEvents", "displayTimeUnit", "otherData"}
        assert found["displayTimeUnit"] == "ns"
        self.about: dict[str, Any] = found["otherData"]
        self.events: list[dict[str, Any]] = found["traceEvents"]
        self.slices = [event for event in self.events if event["ph"] == "X"]
        self.counters = [event for event in self.events if event["ph"] == "C"]
        self.processes: dict[int, str] = {}
        self.threads: dict[tuple[int, int], str] = {}
        for event in self.events:
            self._check(event)
        self._check_no_overlap()

    def _check(self, event: dict[str, Any]) -> None:
        match event["ph"]:
            case "X":
                assert set(event) == {"ph", "name", "cat", "ts", "dur", "pid", "tid", "args"}
                assert event["ts"] >= 0
                assert event["dur"] >= 0
                assert (event["pid"], event["tid"]) in self.threads, "a thread is named before it is used"
                assert all(type(event["args"][key]) is int for key in ("start_cycle", "cycles"))
            case "C":
                assert set(event) == {"ph", "name", "ts", "pid", "args"}
                assert all(type(words) is int and words >= 0 for words in event["args"].values())
            case "M":
                name, args = event["name"], event["args"]
                if name == "process_name":
                    assert event["pid"] not in self.processes
                    self.processes[event["pid"]] = args["name"]
                elif name == "thread_name":
                    assert (event["pid"], event["tid"]) not in self.threads
                    assert event["pid"] in self.processes
                    self.threads[event["pid"], event["tid"]] = args["name"]
                else:
                    assert name in ("process_sort_index", "thread_sort_index")
                    assert type(args["sort_index"]) is int
            case other:
                raise AssertionError(f"unexpected phase {other}")
        assert isinstance(event["name"], str)

    def _check_no_overlap(self) -> None:
        """No two slices of a thread overlap: in cycles, and in the nanoseconds that Perfetto makes of the times."""
        threads = defaultdict(list)
        for event in self.slices:
            threads[event["pid"], event["tid"]].append(event)
        for events in threads.values():
            for clock in (_cycles, _nanoseconds):
                spans = sorted(map(clock, events))
                assert all(end <= start for (_, end), (start, _) in pairwise(spans))

    def on(self, process: str) -> list[dict[str, Any]]:
        """The slices of the process whose name begins with ``process``."""
        (pid,) = [number for number, name in self.processes.items() if name.split(":")[0].split(" of ")[0] == process]
        return [event for event in self.slices if event["pid"] == pid]

    def thread(self, event: dict[str, Any]) -> str:
        return self.threads[event["pid"], event["tid"]]


def _cycles(event: dict[str, Any]) -> tuple[int, int]:
    return event["args"]["start_cycle"], event["args"]["start_cycle"] + event["args"]["cycles"]


def _nanoseconds(event: dict[str, Any]) -> tuple[int, int]:
    start, length = int(event["ts"] * 1000), int(event["dur"] * 1000)
    return start, start + length


class Change(NamedTuple):
    time: int
    value: str


class Dump:
    """A value change dump: the declared variables by dotted name, and what each held when."""

    def __init__(self, path: Path) -> None:
        head, _, body = text_of(path).partition("$enddefinitions $end\n")
        self.timescale = re.search(r"\$timescale (.*?) \$end", head)[1]
        self.head = head
        self.widths: dict[str, int] = {}
        self._changes: dict[str, list[Change]] = {}
        idents = self._declared(head)
        self.times: list[int] = []
        for line in body.splitlines():
            if line.startswith("#"):
                self.times.append(int(line[1:]))
            elif line and not line.startswith("$"):
                value, ident = line[1:].split() if line[0] == "b" else (line[0], line[1:])
                self._changes[idents[ident]].append(Change(self.times[-1], value))
        assert self.times == sorted(set(self.times))

    def _declared(self, head: str) -> dict[str, str]:
        scope: list[str] = []
        idents: dict[str, str] = {}
        for line in head.splitlines():
            match line.split():
                case ["$scope", _, name, "$end"]:
                    scope.append(name)
                case ["$upscope", "$end"]:
                    scope.pop()
                case ["$var", _, width, ident, name, "$end"]:
                    full = ".".join((*scope, name))
                    assert full not in self.widths
                    idents[ident] = full
                    self.widths[full], self._changes[full] = int(width), []
        assert not scope
        return idents

    def at(self, name: str, time: int) -> int | None:
        """What a variable holds right after ``time``, in two's complement; ``None`` for unknown."""
        value = [change.value for change in self._changes[name] if change.time <= time][-1]
        if "x" in value:
            return None
        width, number = self.widths[name], int(value, 2)
        assert number < 1 << width
        return number - (1 << width) if width > 1 and number >> (width - 1) else number

    def changes(self, name: str) -> list[Change]:
        return self._changes[name]
