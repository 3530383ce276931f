"""``accsim run --engine stepped``: the same figures as the counted engine's, and its own mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from accsim.report.schema import result_schema

RUN = ("run", "net.yaml", "--hardware", "eyeriss", "--no-html", "--json", "-")
STEPPED = (*RUN, "--engine", "stepped")


def result(accsim, *arguments: str) -> dict:
    said = accsim(*arguments)
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


def test_the_stepped_engine_gives_a_valid_result_with_the_counted_cycles(accsim) -> None:
    stepped, counted = result(accsim, *STEPPED), result(accsim, *RUN)
    jsonschema.validate(stepped, result_schema())
    assert (stepped["engine"], stepped["values"], stepped["seed"]) == ("stepped", "synthetic", 0)
    assert (counted["engine"], counted["values"]) == ("counted", "expected")
    assert "seed" not in counted
    assert stepped["totals"]["cycles"] == counted["totals"]["cycles"]
    assert [layer["mapping"] for layer in stepped["layers"]] == [layer["mapping"] for layer in counted["layers"]]
    fc1 = next(layer for layer in stepped["layers"] if layer["name"] == "fc1")
    assert "values made up with seed 0: ifmap, weight" in fc1["notes"]
    conv1 = next(layer for layer in stepped["layers"] if layer["name"] == "conv1")
    assert "values made up with seed 0: ifmap (zero with probability 0.5), weight" in conv1["notes"]
    gated = [row["accesses"] for row in conv1["activity"] if row["action"] == "gated_mac"]
    assert len(gated) == 1
    assert isinstance(gated[0], int)
    assert 0.3 < gated[0] / conv1["macs"] < 0.7
    assert any(text.startswith("values: the counted engine") for text in counted["not_modelled"])
    assert not any(text.startswith("values: the counted engine") for text in stepped["not_modelled"])


def test_the_number_of_processes_changes_nothing(accsim) -> None:
    one, two = result(accsim, *STEPPED, "--seed", "3"), result(accsim, *STEPPED, "--seed", "3", "--jobs", "2")
    assert one.pop("command") != two.pop("command")
    assert one == two
    other = result(accsim, *STEPPED, "--seed", "4")
    assert other["layers"] != one["layers"]
    assert other["totals"]["cycles"] == one["totals"]["cycles"]


def test_the_summary_and_the_report_say_which_engine_it_was(accsim, folder: Path) -> None:
    said = accsim("run", "net.yaml", "--engine", "stepped")
    assert ", stepped with synthetic values\n" in said.out
    assert "<b>engine</b> stepped" in (folder / "net-eyeriss.html").read_text(encoding="utf-8")


def tensors(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "x.npz", **{name.replace("_", "."): array for name, array in arrays.items()})
    return "x.npz"


def test_given_tensors_are_what_is_computed_with(accsim, folder: Path) -> None:
    rng = np.random.default_rng(0)
    path = tensors(
        folder,
        conv1_ifmap=rng.integers(0, 3, (3, 8, 8)),
        conv1_weight=rng.integers(-2, 3, (4, 3, 3, 3)),
        fc1_ifmap=rng.integers(0, 3, (4, 8, 8)),
        fc1_weight=rng.integers(-2, 3, (10, 256, 1, 1)),
    )
    stepped = result(accsim, *STEPPED, "--tensors", path)
    counted = result(accsim, *RUN, "--tensors", path)
    assert (stepped["values"], counted["values"]) == ("real", "real")
    for ours, theirs in zip(stepped["layers"], counted["layers"], strict=True):
        for layer in (ours, theirs):
            layer.pop("warnings")
        assert ours == theirs
        assert all(isinstance(row[figure], int) for row in ours["activity"] for figure in ("accesses", "bits"))


def test_tensors_that_are_no_integers_of_the_machine(accsim, folder: Path) -> None:
    path = tensors(folder, conv1_ifmap=np.full((3, 8, 8), 0.25))
    assert accsim(*STEPPED, "--tensors", path) == (
        2,
        "",
        "accsim: error: layer 'conv1': ifmap[0, 0, 0, 0] is 0.25, which is no integer: the stepped engine computes "
        "with the integers the machine would hold, so quantise the tensor first\n",
    )
    path = tensors(folder, fc1_weight=np.full((10, 256, 1, 1), 2**15))
    for jobs in ("1", "2"):
        said = accsim(*STEPPED, "--tensors", path, "--jobs", jobs)
        assert said.code == 2
        assert "layer 'fc1': weight[0, 0, 0, 0] is 32768, which does not fit the machine's 16 signed bits" in said.err


def test_sums_that_wrap_around_stop_the_run_and_nothing_is_written(accsim, folder: Path) -> None:
    before = sorted(folder.iterdir())
    said = accsim("run", "net.yaml", "--engine", "stepped", "--set", "pe.overflow=wrap", "--csv", "x.csv")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("accsim: error: layer 'conv1': ")
    assert " sums wrap around in accumulators of 16 bits; the first is output n=0, m=" in said.err
    assert sorted(folder.iterdir()) == before


def test_sums_that_wrap_around_can_be_reported(accsim) -> None:
    found = result(accsim, *STEPPED, "--set", "pe.overflow=wrap", "--overflow", "report")
    for layer in found["layers"]:
        if layer["macs"]:
            assert any(" sums wrap around in accumulators of 16 bits" in text for text in layer["warnings"])


@pytest.mark.parametrize(
    ("options", "mistakes"),
    [
        (["--seed", "1", "--overflow", "report"], ["--seed", "--overflow"]),
        (["--jobs", "2", "--engine", "counted"], ["--jobs"]),
    ],
)
def test_options_of_the_stepped_engine_need_it(accsim, options: list[str], mistakes: list[str]) -> None:
    said = accsim(*RUN, *options)
    assert said.code == 2
    assert said.err == "".join(
        f"accsim: error: {option} is for the stepped engine: add --engine stepped\n" for option in mistakes
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--engine", "steped", "must be counted or stepped, got 'steped'; did you mean 'stepped'?"),
        ("--overflow", "warn", "must be error or report, got 'warn'"),
        ("--seed", "-1", "must be a whole number of at least 0, got '-1'"),
        ("--jobs", "0", "must be a whole number of at least 1, got '0'"),
    ],
)
def test_values_that_an_option_does_not_take(accsim, option: str, value: str, said: str) -> None:
    assert accsim(*STEPPED, option, value) == (2, "", f"accsim: error: {option}: {said}\n")


def working(group: int) -> list[str]:
    """Processes of a group that have not ended; one that has, but that nobody waited for, is a zombie."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, of = rest.split()[:3]
        if int(of) == group and state != "Z":
            found.append(name)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_an_interrupt_ends_every_process_and_writes_nothing(folder: Path) -> None:
    """As a terminal does it: every process of the group hears the signal. No mapping is searched: that ends alone."""
    what = ["alexnet", "--layers", "conv*", "--batch", "32"]
    command = ["-m", "accsim", "run", *what, "--engine", "stepped", "--jobs", "2", "--json", "x.json"]
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(3)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "accsim: interrupted\n")
    until = time.monotonic() + 10
    while working(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert working(process.pid) == []
    assert not (folder / "x.json").exists()
