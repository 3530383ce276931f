"""The command itself: help, version, unknown words, exit codes, and what it leaves unimported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

import accsim as package
from accsim.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]

HEAVY = ("numba", "llvmlite", "numpy", "pandas", "matplotlib", "pydantic", "rich", "jinja2", "yaml")

WHAT_IS_IMPORTED = f"""
import json, sys
from accsim.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def python(*arguments: str, where: Path, **keywords: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **keywords,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    start = os.times()
    done = python("-c", WHAT_IS_IMPORTED, *arguments, where=tmp_path)
    end = os.times()
    spent = end.children_user + end.children_system - start.children_user - start.children_system
    sys.stdout.write(f"accsim {' '.join(arguments)}: {1000 * spent:.0f} ms of CPU\n")
    assert done.stderr == ""
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]


def test_help_names_every_command_and_shows_examples(accsim) -> None:
    said = accsim("--help")
    assert said.code == 0
    assert said.err == ""
    for name, what in COMMANDS.items():
        assert f"  {name:8}  {what}\n" in said.out
    assert "accsim run alexnet  " in said.out
    assert accsim().out == said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(accsim, name: str) -> None:
    said = accsim(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: accsim {name} [-h]")
    assert f"examples:\n  accsim {name}" in said.out


def test_version(accsim) -> None:
    assert accsim("--version") == (0, f"accsim {package.__version__}\n", "")


def test_python_dash_m(tmp_path: Path) -> None:
    done = python("-m", "accsim", "--version", where=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"accsim {package.__version__}\n")
    done = python("-m", "accsim", "rn", where=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "accsim: error: unknown command 'rn'; did you mean 'run'?\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rn"], "unknown command 'rn'; did you mean 'run'?"),
        (
            ["frobnicate"],
            "unknown command 'frobnicate'; the commands are run, sweep, search, compress, verify, import, validate, "
            "report, list, show",
        ),
        (["--vrsion"], "unknown option '--vrsion'; did you mean '--version'?"),
        (["run", "x", "--hardwar=tpu_v1"], "unknown option '--hardwar'; did you mean '--hardware'?"),
        (["run", "x", "--obj", "edp"], "unknown option '--obj'; did you mean '--jobs' or '--objective'?"),
        (["run", "x", "-q"], "unknown option '-q'; 'accsim run --help' shows the options"),
        (["run"], "WORKLOAD is missing; 'accsim run --help' shows how"),
        (["run", "x", "y"], "unexpected 'y'; 'accsim run --help' shows how"),
        (["run", "x", "--batch"], "--batch: expected one argument"),
        (["run", "x", "--batch", "0"], "--batch: must be a whole number of at least 1, got '0'"),
        (["run", "x", "--batch", "-3"], "--batch: must be a whole number of at least 1, got '-3'"),
        (["run", "x", "--batch", "1e3"], "--batch: must be a whole number of at least 1, got '1e3'"),
        (
            ["run", "x", "--objective", "enrgy"],
            "--objective: must be energy, latency, edp or traffic, got 'enrgy'; did you mean 'energy'?",
        ),
        (["run", "x", "--bind", "64"], "--bind: expected a name, '=' and a size, such as sequence=128, got '64'"),
        (["run", "x", "--bind", "s=one"], "--bind: s must be a whole number of at least 1, got 'one'"),
        (["run", "x", "--layers", "a,,b"], "--layers: expected names between commas, such as conv1,conv2, got 'a,,b'"),
        (["run", "x", "--html", "a", "--no-html"], "--no-html: not allowed with argument --html"),
    ],
)
def test_a_mistake_in_the_command_is_one_sentence(accsim, arguments: list[str], sentence: str) -> None:
    assert accsim(*arguments) == (2, "", f"accsim: error: {sentence}\n")


def test_all_unknown_options_are_told_at_once(accsim) -> None:
    said = accsim("run", "x", "--hardwar=tpu_v1", "--josn", "-")
    assert said.err.splitlines() == [
        "accsim: error: unknown option '--hardwar'; did you mean '--hardware'?",
        "accsim: error: unknown option '--josn'; did you mean '--json' or '--jobs'?",
    ]


def test_bytes_that_are_no_text_are_refused(accsim) -> None:
    said = accsim("run", os.fsdecode(b"net\xff.yaml"))
    assert said == (2, "", "accsim: error: the argument 'net\\udcff.yaml' is not valid text\n")


def test_an_interrupt_is_one_line_and_leaves_no_file(accsim, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("accsim.pipeline.estimate", interrupted)
    before = sorted(folder.iterdir())
    assert accsim("run", "net.yaml", "--hardware", "hw.yaml") == (130, "", "accsim: interrupted\n")
    assert sorted(folder.iterdir()) == before


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "accsim", "list", "dataflows"],
        cwd=tmp_path, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "accsim", "list", "dataflows"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, b"accsim: error: cannot write the output: the disk is full\n")


def test_an_encoding_without_our_letters_is_no_error(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    (tmp_path / "net.yaml").write_text("description: café\nsource: x\ninput: [4]\nlayers:\n  - fc1: {fc: 2}\n")
    command = [sys.executable, "-m", "accsim", "show", "net.yaml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"net: caf?\n")
    done = subprocess.run([*command, "--json", "-"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert json.loads(done.stdout)["description"] == "café"


def test_main_takes_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["accsim", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"accsim {package.__version__}\n"
