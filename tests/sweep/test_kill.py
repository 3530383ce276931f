"""A sweep that is killed with SIGKILL at random moments and begun again: nothing is lost and nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from accsim.sweep.store import Store
from tests.sweep.spaces import NETWORK

SPACE = """\
workload: {network}
hardware: systolic_32x32
dataflow: [weight_stationary, output_stationary, input_stationary]
effort: quick
search_table: horowitz_45nm
energy_table: horowitz_45nm
set:
  array.rows: {{from: 2, to: 8, step: 1}}
  array.cols: {{from: 2, to: 8, step: 1}}
  levels.buffer.size: [1 KiB, 16 B, 8 KiB]
energy:
  entries.pe/multiplier.points.0.mac: [0.1, 0.2]
"""
POINTS = 3 * 7 * 7 * 3 * 2
COMMAND = "import sys; from accsim.cli import main; sys.exit(main(sys.argv[1:]))"


class Sweep:
    """A sweep in a process of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        command = [sys.executable, "-c", f"if __name__ == '__main__':\n    {COMMAND}"]
        options = ["sweep", str(folder / "space.yaml"), "--store", str(folder / store), "--workers", "2", "--quiet"]
        self.process = subprocess.Popen([*command, *options], stdout=-1, stderr=-1, text=True)

    def workers(self) -> list[int]:
        """The processes that it has started."""
        return [pid for pid in _running() if _parent(pid) == self.process.pid]

    def done(self) -> None:
        """Wait for its end, which must be a good one."""
        _, said = self.process.communicate(timeout=600)
        assert self.process.returncode == 0, said


def _running() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_killed_at_random_moments(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "space.yaml").write_text(SPACE.format(network=tmp_path / "net.yaml"))
    Sweep(tmp_path, "whole.sqlite").done()
    chance, kills, path = random.Random(20), 0, tmp_path / "killed.sqlite"
    started = _first_row(tmp_path, path)
    while kills < 20:
        sweep, moment = Sweep(tmp_path, "killed.sqlite"), chance.uniform(0, 1.5 * started)
        time.sleep(moment)
        workers = sweep.workers()
        if workers and chance.random() < 0.3:
            for pid in chance.sample(workers, k=chance.randint(1, len(workers))):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.5))
            workers = sweep.workers()
        if sweep.process.poll() is not None:  # it was done before: no kill, and the next one begins afresh
            sweep.process.communicate()
            for old in tmp_path.glob("killed.sqlite*"):
                old.unlink()
            continue
        sweep.process.kill()
        sweep.process.communicate()
        killed_at = time.monotonic()
        while any(alive(pid) for pid in workers):
            assert time.monotonic() - killed_at < 5
            time.sleep(0.01)
        kills += 1
    Sweep(tmp_path, "killed.sqlite").done()
    with Store(str(path), read_only=True) as killed, Store(str(tmp_path / "whole.sqlite"), read_only=True) as whole:
        expected = list(whole.results())
        assert len(expected) == POINTS
        assert list(killed.results()) == expected


def _first_row(folder: Path, path: Path) -> float:
    """Seconds until a sweep has written its first points; it is killed then."""
    sweep, began = Sweep(folder, path.name), time.monotonic()
    while True:
        time.sleep(0.05)
        if path.exists() and rows(path):
            break
    os.kill(sweep.process.pid, signal.SIGKILL)
    sweep.process.communicate()
    return time.monotonic() - began


def rows(path: Path) -> int:
    """Rows of a store; none while it is being made."""
    from accsim.errors import AccsimError

    try:
        with Store(str(path), read_only=True) as store:
            return sum(store.counts().values())
    except AccsimError:  # it is being made
        return 0
