"""Ctrl-C on the command: the exit code that shells know, a store that is whole, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accsim.sweep.store import Store
from tests.sweep.spaces import NETWORK
from tests.sweep.test_kill import POINTS, SPACE, Sweep, alive, rows


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="SIGINT is ignored here, as it is there")
def test_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "space.yaml").write_text(SPACE.format(network=tmp_path / "net.yaml"))
    Sweep(tmp_path, "whole.sqlite").done()
    path = tmp_path / "stopped.sqlite"
    sweep = Sweep(tmp_path, path.name)
    while not (path.exists() and rows(path)):
        assert sweep.process.poll() is None
        time.sleep(0.02)
    workers = sweep.workers()
    assert workers
    sweep.process.send_signal(signal.SIGINT)
    _, said = sweep.process.communicate(timeout=60)
    ended = time.monotonic()
    assert sweep.process.returncode == 130, said
    while any(alive(pid) for pid in workers):
        assert time.monotonic() - ended < 5
        time.sleep(0.01)
    assert 0 < rows(path) < POINTS
    Sweep(tmp_path, path.name).done()
    with Store(str(path), read_only=True) as stopped, Store(str(tmp_path / "whole.sqlite"), read_only=True) as whole:
        assert list(stopped.results()) == list(whole.results())


MILLION = """\
workload: {network}
hardware: systolic_32x32
effort: quick
search_table: horowitz_45nm
energy_table: horowitz_45nm
set:
  array.rows: {{from: 1, to: 100, step: 1}}
  array.cols: {{from: 1, to: 100, step: 1}}
energy:
  entries.pe/multiplier.points.0.mac: {{from: 0.01, to: 1, step: 0.01}}
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_million_points_are_planned_begun_killed_and_gone_on_with(tmp_path: Path) -> None:
    """Some thousand of them, that is: what is written survives, and nothing is estimated twice."""
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "space.yaml").write_text(MILLION.format(network=tmp_path / "net.yaml"))
    planned = _accsim("sweep", str(tmp_path / "space.yaml"), "--plan")
    assert planned.startswith("space: 1,000,000 points\n")
    assert "1,000,000 points to estimate, 10,000 of them mapped, the others priced" in planned
    path, least = tmp_path / "million.sqlite", 0
    for more in (1500, 500):
        sweep = Sweep(tmp_path, path.name)
        while not (path.exists() and rows(path) >= least + more):
            assert sweep.process.poll() is None
            time.sleep(0.5)
        os.kill(sweep.process.pid, signal.SIGKILL)
        sweep.process.communicate()
        least = rows(path)
    told = _accsim("sweep", "status", str(path))
    assert told.startswith(f"space: {least:,} of 1,000,000 points: {least:,} done\n")
    with Store(str(path), read_only=True) as store:
        places = [one[2] for one in store.results()]
        assert len(set(places)) == len(places) == least


def _accsim(*arguments: str) -> str:
    command = [sys.executable, "-c", "import sys; from accsim.cli import main; sys.exit(main(sys.argv[1:]))"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
