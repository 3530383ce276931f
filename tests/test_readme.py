"""The README's commands and files, run as they stand there."""

from __future__ import annotations

import contextlib
import re
import shlex
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from accsim.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line.split("  #")[0].strip()
    for kind, text in BLOCKS
    if kind == "sh"
    for line in text.splitlines()
    if line.startswith("accsim ")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's YAML files, each named by its first comment or in the text before it."""
    where = tmp_path_factory.mktemp("readme")
    for kind, text in BLOCKS:
        if kind == "yaml":
            name = re.match(r"# (\w+\.yaml)", text)
            assert name is not None
            (where / name[1]).write_text(text, encoding="utf-8")
    _write_models(where)
    makes_mappings = next(command for command in COMMANDS if "--mappings-out" in command)
    makes_store = next(command for command in COMMANDS if "--store results.sqlite" in command)
    with contextlib.chdir(where), pytest.MonkeyPatch.context() as patch:
        patch.setattr("accsim.sweep.executors.processes", _threads)
        assert main([*shlex.split(makes_mappings)[1:], "--quiet"]) == 0
        assert main([*shlex.split(makes_store)[1:], "--quiet"]) == 0
    return where


def _threads(workers: int, store: str | None) -> Executor:
    """In the place of worker processes, which take seconds to start."""
    return ThreadPoolExecutor(1)


def _write_models(folder: Path) -> None:
    """The files of other tools that the README names."""
    from tests.importers.graphs import Builder, saved
    from tests.importers.test_scalesim import CONFIG, GEMM

    b = Builder(("n", 2, 6, 6))
    at = b.node("Conv", "x", b.constant(np.ones((3, 2, 3, 3))))
    saved(b.model(b.node("Relu", at)), folder, "model.onnx")
    np.save(folder / "x.npy", np.ones((1, 2, 6, 6)))
    (folder / "topology.csv").write_text(GEMM)
    (folder / "scale.cfg").write_text(CONFIG)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_command(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("accsim.sweep.executors.processes", _threads)
    program, *arguments = shlex.split(command)
    assert program == "accsim"
    assert main(arguments) == 0, capsys.readouterr().err


def test_python() -> None:
    """The blocks follow each other; a line that says what it gives gives that."""
    names: dict[str, object] = {}
    promised = 0
    for text in (text for kind, text in BLOCKS if kind == "python"):
        for line in text.splitlines():
            code, _, said = line.partition("  # ")
            if said == "True":
                assert eval(code, names) is True, code
                promised += 1
            else:
                exec(code, names)
    assert {"result", "run", "checked"} <= names.keys()
    assert promised == 2


def test_the_table_of_published_figures_is_what_comes_out() -> None:
    import accsim

    rows = {
        cells[0].strip(): [float(x) for x in cells[1:]]
        for cells in (line.strip("|").split("|") for line in README.splitlines() if "accsim |" in line)
    }
    result = accsim.estimate("alexnet", "eyeriss", batch=4)
    layers = [e for e in result.estimates if e.activity.layer.startswith("conv") and "." not in e.activity.layer]
    assert rows["processing time in ms, accsim"] == [round(e.processing_ms, 1) for e in layers]
    assert rows["latency with DRAM in ms, accsim"] == [round(e.latency_ms, 1) for e in layers]
    assert rows["active PEs, accsim"] == [e.activity.pe_active_max for e in layers]
    off_chip = [
        sum(r.count.bits for r in e.rows if r.count.level == "dram" and r.count.action.value in ("read", "write"))
        for e in layers
    ]
    assert rows["DRAM traffic run-length coded in MB, accsim"] == [round(bits / 8e6, 2) for bits in off_chip]
    on_chip = [sum(energy for level, energy in e.by_level if level != "dram") for e in layers]
    power = [round(pj / e.latency_ms * 1e-6) for pj, e in zip(on_chip, layers, strict=True)]
    assert rows["power on chip in mW, accsim"] == power
