"""The command line called as a user would, in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from accsim.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Accsim = Callable[..., Outcome]

NETWORK = """\
description: two layers
source: made up for a test
input: [3, 8, 8]
layers:
  - conv1: {conv: 4, kernel: 3, pad: 1, then: relu}
  - fc1: {fc: 10}
densities:
  - source: made up as well
    ifmap: {conv1: 0.5}
"""

ACCELERATOR = """\
name: small
description: four PEs
source: made up for a test
clock: 100 MHz
dataflow: weight_stationary
energy_table: eyeriss_normalized
array: {family: systolic, rows: 2, cols: 2}
pe: {weight_bits: 8, activation_bits: 8, accumulator_bits: 32}
levels:
  - {name: dram, kind: dram, width: 64 b}
  - {name: buffer, kind: sram, width: 64 b, size: 16 KiB}
  - {name: weights, kind: rf, operands: [weight], words: 2, width: 8 b}
assumed:
  - "clock: a round number"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with ``net.yaml`` and ``hw.yaml`` in it and nothing in the environment."""
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "hw.yaml").write_text(ACCELERATOR)
    monkeypatch.chdir(tmp_path)
    for name in ("ACCSIM_PATH", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def accsim(folder: Path, capsys: pytest.CaptureFixture[str]) -> Accsim:
    """``accsim("run", "net.yaml")`` runs the command and returns its exit code and what it wrote."""

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(list(arguments))
        return Outcome(code, *capsys.readouterr())

    return call
