"""Files of traces: whole or not at all, the same bytes each time."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from accsim.errors import AccsimError
from accsim.report.files import WholeFile
from accsim.trace.chrome import ChromeTrace
from accsim.trace.recorder import Recorders
from accsim.trace.sink import CHUNK, TraceFile, written


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_a_long_text_arrives(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    lines = [f"line {i} of a µ-architecture\n" for i in range(CHUNK // 8)]
    with written(str(path)) as sink:
        for line in lines:
            sink.write(line)
    data = path.read_bytes()
    assert (gzip.decompress(data) if name.endswith("gz") else data).decode() == "".join(lines)
    assert os.listdir(tmp_path) == [name]


def test_compressed_bytes_do_not_depend_on_the_time_or_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, time in (("a.gz", 1e9), ("b.gz", 2e9)):
        monkeypatch.setattr("time.time", lambda time=time: time)
        with written(str(tmp_path / name)) as sink:
            sink.write("the same")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, AccsimError])
@pytest.mark.parametrize("name", ["out.json", "out.json.gz"])
def test_whatever_stops_it_leaves_what_was_there(tmp_path: Path, stop: type[BaseException], name: str) -> None:
    path = tmp_path / name
    path.write_text("old")

    def stopped() -> None:
        with written(str(path)) as sink:
            sink.write("x" * 3 * CHUNK)
            raise stop

    with pytest.raises(stop):
        stopped()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [name]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("accsim.report.files.os.fsync", full)
    path = tmp_path / "out.csv"
    with pytest.raises(AccsimError) as caught, written(str(path)) as sink:
        sink.write("x")
    assert str(caught.value) == f"cannot write {path}: the disk is full"
    assert not os.listdir(tmp_path)


def test_an_error_of_the_writer_is_not_taken_for_one_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), WholeFile(tmp_path / "out"):
        raise FileNotFoundError("some other file")
    assert not os.listdir(tmp_path)


def test_nothing_is_there_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with written(str(path)) as sink:
        sink.write("x" * 2 * CHUNK)
        assert not path.exists()
    assert path.stat().st_size == 2 * CHUNK


def test_a_disk_that_fills_up_at_the_last_line_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trace(TraceFile):
        tail = "x" * CHUNK

    def full(*_: object) -> None:
        raise AccsimError("the disk is full")

    def write(path: Path) -> None:
        with Trace(str(path)) as trace:
            trace.sink.write("x")
            monkeypatch.setattr(WholeFile, "write", full)

    with pytest.raises(AccsimError, match="the disk is full"):
        write(tmp_path / "out.csv")
    assert not os.listdir(tmp_path)


def test_traces_are_all_there_or_none(tmp_path: Path) -> None:
    """The second file cannot be opened, or the run fails: the first one is not there either."""
    paths = [tmp_path / "one", tmp_path / "no" / "two"]
    with pytest.raises(AccsimError), Recorders(ChromeTrace(str(path)) for path in paths):
        raise AssertionError("the second file has no folder")
    with pytest.raises(KeyboardInterrupt), Recorders([ChromeTrace(str(paths[0]))]):
        raise KeyboardInterrupt
    assert not os.listdir(tmp_path)
