"""``accsim verify``: the table, the exit codes, the JSON, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accsim.verification import layer as verification_layer

VERIFY = ("verify", "net.yaml", "--hardware", "hw.yaml")


@pytest.fixture
def wrong_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stepped engine with one output, and one read of the buffer, too many."""
    real = verification_layer.simulate_mac_stepped

    def stepped(*arguments: object, **keywords: object) -> object:
        said = real(*arguments, **keywords)
        outputs = said.outputs.copy()
        outputs[0, 1, 0, 0] = 7
        first, *rest = said.activity.counts
        counts = (replace(first, accesses=first.accesses + 1), *rest)
        return replace(said, outputs=outputs, activity=replace(said.activity, counts=counts))

    monkeypatch.setattr(verification_layer, "simulate_mac_stepped", stepped)


def test_all_agree(accsim) -> None:
    said = accsim(*VERIFY)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "net on small, dataflow weight_stationary, batch 1"
    assert lines[1] == "8-bit weights, 8-bit activations, 32-bit accumulators, operands drawn with seed 0"
    assert lines[3].split() == [
        "layer", "MACs", "cycles", "PE", "updates", "register", "updates", "outputs", "overflows", "verdict",
    ]  # fmt: skip
    conv, fc = lines[5].split(), lines[6].split()
    assert (conv[0], conv[1], conv[-3:]) == ("conv1", "6,912", ["256", "0", "equal"])
    assert (fc[0], fc[1], fc[-3:]) == ("fc1", "2,560", ["10", "0", "equal"])
    total = lines[8].split()
    assert (total[0], total[1], total[-3:]) == ("total", "9,472", ["266", "0", "equal"])
    assert lines[10].startswith("all 2 layers agree: 266 outputs equal the golden kernels' bit for bit, and ")
    assert lines[11].endswith(" s of stepping; 1 layer without MACs left out")


def test_what_differs_is_named_and_the_exit_code_is_1(accsim, wrong_engine: None) -> None:
    said = accsim(*VERIFY, "--json", "found.json")
    assert (said.code, said.err) == (1, "")
    conv, _ = json.loads(Path("found.json").read_text())["layers"]
    golden = conv["wrong"][0]["first"][0]["golden"]
    (counter,) = conv["differences"]
    lines = said.out.splitlines()
    assert lines[5].endswith("  differs")
    assert lines[8].endswith("  2 differ")
    assert lines[10:13] == [
        "conv1: 1 of 256 outputs differ",
        f"  n=0 m=1 p=0 q=0: golden {golden}, stepped 7",
        f"conv1: {counter['figure']}: counted {counter['counted']:,}, stepped {counter['stepped']:,}",
    ]
    assert counter["stepped"] == counter["counted"] + 1
    assert lines[13] == "fc1: 1 of 10 outputs differ"
    assert lines[17] == "2 of 2 layers differ: conv1, fc1"
    assert lines[-1] == "wrote found.json"


def test_quiet_says_it_with_the_exit_code(accsim, wrong_engine: None) -> None:
    assert accsim(*VERIFY, "--quiet") == (1, "", "")


def test_many_differences_are_cut_short(accsim, monkeypatch: pytest.MonkeyPatch) -> None:
    real = verification_layer.simulate_mac_stepped

    def stepped(*arguments: object, **keywords: object) -> object:
        said = real(*arguments, **keywords)
        counts = tuple(replace(c, accesses=c.accesses + 1, bits=c.bits + 1) for c in said.activity.counts)
        return replace(said, outputs=said.outputs + 1, activity=replace(said.activity, counts=counts))

    monkeypatch.setattr(verification_layer, "simulate_mac_stepped", stepped)
    said = accsim(*VERIFY, "--layers", "conv1")
    lines = said.out.splitlines()
    assert said.code == 1
    at = lines.index("conv1: 256 of 256 outputs differ")
    assert lines[at + 1].startswith("  n=0 m=0 p=0 q=0: golden ")
    assert lines[at + 6] == "  ..."
    assert lines[at + 27].startswith("conv1: ")
    assert lines[at + 27].endswith(" more figures differ")


def test_the_json_is_the_whole_comparison(accsim) -> None:
    said = accsim(*VERIFY, "--json", "-", "--seed", "4", "--dataflow", "output_stationary", "--batch", "2")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert {key: found[key] for key in ("schema", "workload", "hardware", "dataflow", "batch", "seed", "agrees")} == {
        "schema": 1,
        "workload": "net",
        "hardware": "small",
        "dataflow": "output_stationary",
        "batch": 2,
        "seed": 4,
        "agrees": True,
    }
    assert found["pe"] == {"weight_bits": 8, "activation_bits": 8, "accumulator_bits": 32}
    assert found["command"].startswith("accsim verify net.yaml --hardware hw.yaml --json - ")
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "fc1"]
    for key in ("macs", "cycles", "outputs", "figures", "register_updates"):
        assert found["totals"][key] == sum(layer[key] for layer in found["layers"])


def test_options_reach_the_machine(accsim) -> None:
    found = json.loads(accsim(*VERIFY, "--bits", "16", "--set", "array.rows=3", "--layers", "fc1", "--json", "-").out)
    assert found["pe"] == {"weight_bits": 16, "activation_bits": 16, "accumulator_bits": 48}
    assert [layer["name"] for layer in found["layers"]] == ["fc1"]
    assert found["agrees"]


def test_mappings_of_a_run_can_be_verified(accsim) -> None:
    accsim("run", "net.yaml", "--hardware", "hw.yaml", "--no-html", "--mappings-out", "used.yaml")
    assert accsim(*VERIFY, "--mapping", "used.yaml", "--quiet") == (0, "", "")


def test_operands_can_be_given(accsim, folder: Path) -> None:
    np.savez(
        folder / "t.npz", **{"conv1.ifmap": np.arange(192).reshape(3, 8, 8) % 9, "fc1.ifmap": np.ones((4, 8, 8), int)}
    )
    said = accsim(*VERIFY, "--tensors", "t.npz", "--seed", "2")
    assert said.code == 0
    assert said.out.splitlines()[1].endswith(", operands given for 2 layers, others drawn with seed 2")


def test_two_layers_at_a_time(accsim) -> None:
    said = accsim(*VERIFY, "--jobs", "2")
    assert (said.code, said.err) == (0, "")
    assert " s in all with 2 layers at a time, " in said.out.splitlines()[-1]


Refused = Callable[..., list[str]]


@pytest.fixture
def refused(accsim, folder: Path) -> Refused:
    """Runs ``accsim verify`` with arguments that must be refused, and returns its sentences."""

    def call(*arguments: str) -> list[str]:
        before = sorted(folder.rglob("*"))
        said = accsim(*arguments)
        assert (said.code, said.out) == (2, "")
        assert sorted(folder.rglob("*")) == before
        lines = said.err.splitlines()
        assert all(line.startswith("accsim: error: ") for line in lines)
        return [line.removeprefix("accsim: error: ") for line in lines]

    return call


def test_bad_input_is_one_sentence(refused: Refused, folder: Path) -> None:
    assert refused("verify") == ["WORKLOAD is missing; 'accsim verify --help' shows how"]
    assert refused("verify", "alexnt") == ["no network named 'alexnt'; did you mean 'alexnet' or 'lenet' or 'lenet5'?"]
    assert refused(*VERIFY, "--bits", "12") == ["--bits: must be 8 or 16, got '12'"]
    assert refused(*VERIFY, "--seed", "-1") == ["--seed: must be a whole number of at least 0, got '-1'"]
    assert refused(*VERIFY, "--jobs", "0") == ["--jobs: must be a whole number of at least 1, got '0'"]
    assert refused(*VERIFY, "--layers", "conv2") == ["network 'net' has no layer 'conv2'; did you mean 'conv1'?"]
    assert refused(*VERIFY, "--layers", "conv1.relu") == [
        "network 'net' has no layer with MACs, so there is nothing to step"
    ]
    assert refused(*VERIFY, "--dataflow", "row_stationary") == [
        "dataflow 'row_stationary' is for row_stationary arrays, and accelerator 'small' has a systolic one"
    ]
    assert refused(*VERIFY, "--mapping", "none.yaml") == ["file not found: none.yaml"]
    assert refused(*VERIFY, "--tensors", "none.npz") == ["file not found: none.npz"]
    assert refused(*VERIFY, "--set", "array.rws=24") == [
        "--set array.rws=24: no key 'rws' in array; did you mean 'rows'?"
    ]
    gone = folder.resolve() / "gone"
    assert refused(*VERIFY, "--json", "gone/x") == [f"--json: cannot write gone/x: there is no folder '{gone}'"]


def test_operands_that_are_no_words_of_the_machine(refused: Refused, folder: Path) -> None:
    """All of them are told, before any layer is stepped."""
    np.savez(folder / "t.npz", **{"conv1.ifmap": np.full((3, 8, 8), 0.5), "fc1.weight": np.full((10, 256, 1, 1), 200)})
    assert refused(*VERIFY, "--tensors", "t.npz") == [
        "layer 'conv1': ifmap[0, 0, 0, 0] is 0.5, which is no integer: the stepped engine computes with the integers "
        "the machine would hold, so quantise the tensor first",
        "layer 'fc1': weight[0, 0, 0, 0] is 200, which does not fit the machine's 8 signed bits (-128 to 127); "
        "2560 of 2560 values do not",
    ]
