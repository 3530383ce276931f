"""The store: rows in and out, one writer, and what is said of files that cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from accsim.errors import AccsimError
from accsim.sweep.evaluate import Figures, Outcome, Status
from accsim.sweep.settings import Settings
from accsim.sweep.store import Row, Store, merge

DONE = Outcome(Status.DONE, '{"energy":{"total":2.5},"latency_ms":1.5,"cycles":{"total":7},"area_mm2":null}', "pJ", "",
               Figures(2.5, 1.5, 7, None))  # fmt: skip
FAILED = Outcome(Status.FAILED, reason="its worker ended")


def rows(*keys: str, outcome: Outcome = DONE) -> list[Row]:
    return [Row(key, i, Settings("lenet", batch=i + 1), outcome, 0.1) for i, key in enumerate(keys)]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A store with three rows."""
    where = str(tmp_path / "store.sqlite")
    with Store(where) as store:
        store.add_space("s", "space", "text", 3)
        store.add("s", "model", rows("a", "b", "c"))
    return where


def test_rows_come_back(path: str) -> None:
    with Store(path, read_only=True) as store:
        assert store.known(["a", "c", "d"]) == {"a", "c"}
        assert store.counts() == store.counts("s") == {"done": 3}
        found = list(store.rows())
        assert [row.key for row in found] == ["a", "b", "c"]
        assert found[1].settings == Settings("lenet", batch=2)
        assert [found[0].figure(metric) for metric in ("energy", "latency_ms", "cycles", "area_mm2")] == [
            2.5,
            1.5,
            7,
            None,
        ]
        best = store.best("energy")
        assert best is not None
        assert best.key == "a"


def test_what_failed_can_be_retried(path: str) -> None:
    with Store(path) as store:
        store.add("s", "model", rows("d", outcome=FAILED))
        assert store.known(["a", "d"]) == {"a", "d"}
        assert store.known(["a", "d"], retry=True) == {"a"}
        assert store.reasons("failed") == [("its worker ended", 1)]


def test_merge_keeps_what_is_there_unless_it_failed(path: str, tmp_path: Path) -> None:
    other, target = str(tmp_path / "other.sqlite"), str(tmp_path / "all.sqlite")
    with Store(other) as store:
        store.add_space("t", "second", "text", 2)
        store.add("t", "model", [*rows("a", outcome=FAILED), *rows("d")])
    assert merge(target, [other, path]) == {other: (2, 0), path: (3, 0)}
    with Store(target, read_only=True) as store:
        assert store.counts() == {"done": 4}
        assert [name for _, name, _ in store.spaces()] == ["second", "space"]
    assert merge(target, [other]) == {other: (0, 2)}
    with pytest.raises(AccsimError, match="cannot be merged into itself"):
        merge(target, [target])


def test_two_writers(path: str) -> None:
    code = f"from accsim.sweep.store import Store; Store({path!r}).__enter__(); print('in'); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(AccsimError) as raised, Store(path):
            pass
        with Store(path, read_only=True) as store:  # who only looks may
            assert store.counts() == {"done": 3}
        other.kill()
    assert str(raised.value) == (
        f"{path}: another sweep is writing this store; wait for it, or give this one a store of its own and put them "
        "together with 'accsim sweep merge'"
    )
    with Store(path) as store:  # a killed writer holds nothing
        assert store.counts() == {"done": 3}


def test_a_worker_that_outlives_its_sweep(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accsim.sweep.lock.WAIT_S", 0.1)
    code = f"from accsim.sweep.lock import hold_as_worker; hold_as_worker({path!r}); print('in'); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "in\n"
        with pytest.raises(AccsimError, match="workers of an earlier sweep are still running"), Store(path):
            pass
        worker.kill()
    with Store(path):
        pass


@pytest.mark.parametrize("where", ["header", "schema", "rows"])
def test_a_damaged_store_is_left_alone(path: str, where: str) -> None:
    with Store(path) as store:
        store.add("s", "model", rows(*(f"key{i}" for i in range(200))))
    raw = bytearray(Path(path).read_bytes())
    at = {"header": 0, "schema": 100, "rows": raw.index(b"key100") // 4096 * 4096}[where]
    raw[at : at + 64] = b"\xff" * 64
    Path(path).write_bytes(raw)
    with pytest.raises(AccsimError) as raised, Store(path):
        pass
    assert str(raised.value).startswith(f"{path}: ")
    assert "damaged" in str(raised.value) or "not a store" in str(raised.value)
    assert Path(path).read_bytes() == bytes(raw)


def test_a_cut_store(path: str) -> None:
    with Store(path) as store:
        store.add("s", "model", rows(*(f"key{i}" for i in range(500))))
    raw = Path(path).read_bytes()
    Path(path).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(AccsimError, match="damaged"), Store(path):
        pass


def test_files_that_are_no_store(tmp_path: Path) -> None:
    text, database, empty = tmp_path / "a.sqlite", tmp_path / "b.sqlite", tmp_path / "c.sqlite"
    text.write_text("not a database, " * 100)
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    empty.touch()
    for path, said in (
        (text, "is not a store of accsim sweep, or it is damaged; nothing was changed"),
        (database, "is a database, but not a store of accsim sweep"),
    ):
        with pytest.raises(AccsimError) as raised, Store(str(path)):
            pass
        assert str(raised.value) == f"{path}: {said}"
    with pytest.raises(AccsimError, match="it is empty"), Store(str(empty), read_only=True):
        pass
    with pytest.raises(AccsimError, match="file not found"), Store(str(tmp_path / "none"), read_only=True):
        pass
    with pytest.raises(AccsimError, match="folder not found"), Store(str(tmp_path / "none" / "a.sqlite")):
        pass
    with pytest.raises(AccsimError, match="is a folder, not a file"), Store(str(tmp_path)):
        pass


def test_a_store_of_another_form(path: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    db.close()
    with pytest.raises(AccsimError, match="has the form 99, and this version of accsim reads form 1"), Store(path):
        pass


def test_a_full_disk_loses_nothing_that_was_written(path: str) -> None:
    with Store(path) as store:
        store.db.execute("PRAGMA max_page_count=20")  # what SQLite says of a full disk, without filling one
        with pytest.raises(AccsimError) as raised:
            store.add("s", "model", rows(*(f"key{i}" for i in range(2000))))
    assert str(raised.value) == (
        f"{path}: the disk is full; what was written before is kept, and the same command goes on from there"
    )
    with Store(path) as store:
        assert store.counts() == {"done": 3}


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere")
def test_a_folder_that_is_read_only(path: str, tmp_path: Path) -> None:
    code = "import sys; from accsim.cli import main; sys.exit(main(sys.argv[1:]))"
    (tmp_path / "space.yaml").write_text("workload: lenet\n")
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    command = [
        *powerless,
        sys.executable,
        "-c",
        code,
        "sweep",
        str(tmp_path / "space.yaml"),
        "--store",
        str(folder / "s"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    folder.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "cannot be written: permission denied" in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere")
@pytest.mark.parametrize("left", [False, True])
def test_status_in_a_folder_that_is_read_only(path: str, tmp_path: Path, left: bool) -> None:
    """A store that was closed is read as it lies; rows that lie in a WAL alone are told of."""
    with Store(path) as store:
        store.add_space("s", "a space", "workload: lenet", 4)
        if left:
            folder = _copied(path, tmp_path)  # as a kill would leave it
    if not left:
        folder = _copied(path, tmp_path)
    folder.chmod(0o555)
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    code = "import sys; from accsim.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [*powerless, sys.executable, "-c", code, "sweep", "status", str(folder / "s.sqlite")]
    before = sorted(entry.name for entry in folder.iterdir())
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = sorted(entry.name for entry in folder.iterdir())
    folder.chmod(0o755)
    assert before == after
    if left:
        assert done.returncode == 2, done.stdout
        assert done.stderr == (
            f"accsim: error: {folder}/s.sqlite: its folder is read-only, and a sweep that was ended left rows in "
            "s.sqlite-wal, which are read with files beside them: copy both files to a folder that can be written\n"
        )
    else:
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("a space: 3 of 4 points: 3 done\nleast energy: 2.5 pJ: ")


def _copied(path: str, tmp_path: Path) -> Path:
    """The store and its WAL, as far as there is one, in a folder of their own."""
    folder = tmp_path / "closed"
    folder.mkdir()
    for ending in ("", "-wal"):
        if os.path.exists(path + ending):
            shutil.copy(path + ending, folder / f"s.sqlite{ending}")
    return folder
