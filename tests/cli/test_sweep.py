"""``accsim sweep`` and ``accsim search`` as a user calls them."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Accsim

SPACE = """\
name: two machines
workload: net.yaml
hardware: hw.yaml
effort: quick
set:
  array.rows: [2, 4]
energy:
  entries.dram.points.0.read: [100, 200]
search_table: eyeriss_normalized
energy_table: eyeriss_normalized
"""


@pytest.fixture
def space(folder: Path) -> Path:
    (folder / "space.yaml").write_text(SPACE)
    return folder


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are threads of this process, which start at once."""
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr("accsim.sweep.executors.processes", lambda workers, store: ThreadPoolExecutor(1))


@pytest.mark.usefixtures("threads")
def test_from_a_space_to_a_table(space: Path, accsim: Accsim) -> None:
    done = accsim("sweep", "space.yaml", "--store", "s.sqlite")
    assert done.code == 0, done.err
    assert done.out.startswith(
        "two machines: 4 points\n  array.rows: 2 values\n  energy.entries.dram.points.0.read: 2 values\n"
    )
    assert "4 points to estimate, 2 of them mapped, the others priced; about" in done.out
    assert "2 combinations mapped, 2 points differ from one in prices alone; 4 mappings of layers searched" in done.out
    assert "least energy of this run:" in done.out
    assert done.out.endswith("results are in s.sqlite\n")
    again = accsim("sweep", "space.yaml", "--store", "s.sqlite")
    assert "4 of them are in s.sqlite\n0 points estimated in " in again.out

    status = accsim("sweep", "status", "s.sqlite")
    assert status.out.startswith("two machines: 4 of 4 points: 4 done\nleast energy: ")
    command = shlex.split(status.out.splitlines()[1].split(": ", 2)[2])
    assert accsim(*command[1:], "--no-html", "--quiet", "--json", "run.json").code == 0
    totals = json.loads((space / "run.json").read_text())["totals"]

    assert accsim("sweep", "export", "s.sqlite", "-o", "s.csv").out == "wrote s.csv: 4 points\n"
    rows = list(csv.DictReader((space / "s.csv").read_text().splitlines()))
    assert min(float(row["energy.total"]) for row in rows) == totals["energy"]["total"]
    assert [row["array.rows"] for row in rows] == ["2", "2", "4", "4"]
    assert accsim("sweep", "export", "s.sqlite", "-o", "p.csv", "--pareto", "energy").out == "wrote p.csv: 1 points\n"
    assert accsim("sweep", "merge", "all.sqlite", "s.sqlite").out == "s.sqlite: 4 points taken over, 0 were there\n"


@pytest.mark.usefixtures("threads")
def test_parquet(space: Path, accsim: Accsim) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    accsim("sweep", "space.yaml", "--store", "s.sqlite", "--quiet")
    accsim("sweep", "export", "s.sqlite", "-o", "s.csv")
    accsim("sweep", "export", "s.sqlite", "-o", "s.parquet")
    rows = list(csv.DictReader((space / "s.csv").read_text().splitlines()))
    table = parquet.read_table(space / "s.parquet")
    assert table.column_names == list(rows[0])
    assert table["energy.total"].to_pylist() == [float(row["energy.total"]) for row in rows]
    assert table["place"].to_pylist() == [0, 1, 2, 3]


@pytest.mark.usefixtures("threads")
def test_the_front(space: Path, accsim: Accsim) -> None:
    done = accsim("search", "space.yaml", "--store", "s.sqlite", "--minimise", "energy,cycles", "--budget", "10")
    assert done.code == 0, done.err
    assert "(every point was estimated):\n  energy " in done.out


def test_a_policy_is_a_recipe_that_runs(folder: Path, accsim: Accsim) -> None:
    done = accsim("search", "policy", "net.yaml", "--size", "20%", "-o", "small.yaml", "--bits", "2,4,8")
    assert done.code == 0, done.err
    assert "(made up" not in done.out
    assert "weights: made up: normal" in done.out
    assert done.out.endswith("wrote small.yaml\nrun it: accsim run net.yaml --compress small.yaml\n")
    ran = accsim("run", "net.yaml", "--hardware", "hw.yaml", "--compress", "small.yaml", "--no-html", "--json", "-")
    found = json.loads(ran.out)
    stored = sum(layer["tensors"]["weight"]["stored_bits"] for layer in found["layers"] if layer["macs"])
    assert stored <= 0.2 * 32 * (4 * 27 + 10 * 256)
    assert found["recipe"] == "small"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sweep", "space.yaml"], "give either --store FILE, or --plan to see how long the sweep would take"),
        (["sweep", "none.yaml", "--plan"], "file not found: none.yaml"),
        (["sweep", "status", "none.sqlite"], "file not found: none.sqlite"),
        (["sweep", "space.yaml", "--stoer", "a"], "unknown option '--stoer'; did you mean '--store' or '--workers'?"),
        (["search", "space.yaml", "--store", "a", "--minimise", "power"], "no metric 'power'"),
        (["search", "policy", "net.yaml", "-o", "a"], "give one budget: --size, --energy or --latency"),
        (["search", "policy", "net.yaml", "-o", "a", "--size", "3 pints"], "--size: must be a size such as '3 MB'"),
        (["search", "policy", "net.yaml", "-o", "a", "--size", "0%"], "--size: must be above 0, got '0%'"),
        (["search", "policy", "net.yaml", "-o", "a", "--size", "1%", "--bits", "1"], "--bits: must be whole numbers"),
        (["search", "policy", "net.yaml", "-o", "a", "--size", "1%", "--patterns", "4:2"], "--patterns: must be N:M"),
        (["search", "policy", "net.yaml", "-o", "a", "--size", "1%", "--inputs", "i.npy"], "--inputs: feature maps"),
        (["search", "policy", "net.yaml", "-o", "a", "--size", "8 b"], "no policy is within size 8 bits: the least"),
        (["run", "net.yaml", "--effort", "little"], "--effort: must be full or quick, got 'little'"),
        (["run", "net.yaml", "--hardware", "hw.yaml", "--set-energy", "entries.drum.points.0.read=1"],
         "--set-energy entries.drum.points.0.read=1: no item 'drum' in entries; did you mean 'dram'?"),
    ],
)  # fmt: skip
def test_mistakes(space: Path, accsim: Accsim, arguments: list[str], said: str) -> None:
    done = accsim(*arguments)
    assert done.code == 2
    assert done.err.startswith(f"accsim: error: {said}")
    assert sorted(path.name for path in space.iterdir() if not path.name.startswith("a")) == [
        "hw.yaml", "net.yaml", "space.yaml",
    ]  # fmt: skip
