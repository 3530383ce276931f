"""Bad input through the real command: one clear sentence per mistake, exit code 2, no traceback, no file left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

RUN = ("run", "net.yaml", "--hardware", "hw.yaml")


@pytest.fixture
def refused(accsim, folder: Path) -> Callable[..., list[str]]:
    """Runs a command that must be refused and returns its sentences."""

    def call(*arguments: str) -> list[str]:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        said = accsim(*arguments)
        assert (said.code, said.out) == (2, "")
        assert "Traceback" not in said.err
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        lines = said.err.splitlines()
        assert all(line.startswith("accsim: error: ") for line in lines)
        return [line.removeprefix("accsim: error: ") for line in lines]

    return call


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def test_missing_file(refused) -> None:
    assert refused("run", "nets/mine.yaml") == ["file not found: nets/mine.yaml"]
    assert refused("run", "net.yaml", "--hardware", "eyeriss.yaml") == [
        "file not found: eyeriss.yaml; did you mean 'eyeriss', the accelerator of that name?"
    ]
    assert refused(*RUN, "--mapping", "none.yaml") == ["file not found: none.yaml"]


def test_missing_name(refused) -> None:
    assert refused("run", "alexnt") == ["no network named 'alexnt'; did you mean 'alexnet' or 'lenet' or 'lenet5'?"]
    assert refused(*RUN, "--dataflow", "weight_stationery") == [
        "no dataflow named 'weight_stationery'; did you mean 'weight_stationary' or 'input_stationary' or "
        "'row_stationary'?"
    ]
    assert refused(*RUN, "--energy-table", "aladin_40nm") == [
        "no energy table named 'aladin_40nm'; did you mean 'aladdin_40nm'?"
    ]


def test_wrong_key(refused) -> None:
    edit("hw.yaml", "rows: 2", "rws: 2")
    assert refused(*RUN) == ["hw.yaml:7:27: no key 'rws' in array; did you mean 'rows'?"]


def test_wrong_unit(refused) -> None:
    edit("hw.yaml", "size: 16 KiB", "size: 16 MHz")
    assert refused(*RUN) == ["hw.yaml:11:51: levels.buffer.size: must be a size such as '108 KiB', got '16 MHz'"]


def test_negative_size(refused) -> None:
    edit("hw.yaml", "rows: 2", "rows: -2")
    edit("net.yaml", "conv: 4", "conv: -4")
    assert refused("run", "alexnet", "--hardware", "hw.yaml") == [
        "hw.yaml:7:33: array.rows: must be at least 1, got -2"
    ]
    assert refused("run", "net.yaml")[0] == "net.yaml:5:19: conv1: conv: must be at least 1, got -4"


def test_layer_that_cannot_exist(refused) -> None:
    edit("net.yaml", "kernel: 3, pad: 1", "kernel: 11")
    assert refused(*RUN)[0] == (
        "net.yaml:5:12: conv1: a window that spans 11 in height does not fit the padded input of 8 (8 + 0 + 0 padding)"
        "; a kernel of at most 8 would"
    )


def test_override_of_an_unknown_key(refused) -> None:
    assert refused(*RUN, "--set", "array.rws=24") == ["--set array.rws=24: no key 'rws' in array; did you mean 'rows'?"]
    assert refused(*RUN, "--set", "levels.bufer.size=1 KiB") == [
        "--set levels.bufer.size=1 KiB: no item 'bufer' in levels; did you mean 'buffer'?"
    ]
    assert refused(*RUN, "--set", "array.rows") == [
        "--set array.rows: expected a key, '=' and a value, such as array.rows=24"
    ]


def test_truncated_yaml(refused, folder: Path) -> None:
    text = Path("hw.yaml").read_text()
    Path("hw.yaml").write_text(text[: text.index("width: 8 b}") + 8])
    (said,) = refused(*RUN)
    assert said.startswith("hw.yaml:12:")
    assert ": not valid YAML: expected ',' or '}'" in said
    assert said.endswith("found the end of the file")


def test_a_layer_beyond_64_bits(refused) -> None:
    edit("net.yaml", "input: [3, 8, 8]", "input: [1000000000000, 1000000, 1000000]")
    assert refused(*RUN)[0] == (
        f"net.yaml:3:8: input: {10**24} words cannot be represented in 64 bits (at most 9223372036854775807)"
    )


def test_a_layer_of_10_to_the_12_elements_is_counted_like_any_other(accsim) -> None:
    edit("net.yaml", "input: [3, 8, 8]", "input: [1000000000000, 1, 1]")
    edit("net.yaml", "kernel: 3, pad: 1", "kernel: 1")
    said = accsim(*RUN, "--no-html")
    assert (said.code, said.err) == (0, "")
    assert " 4,000,000,000,000 " in said.out


@pytest.mark.parametrize("option", ["--json", "--csv", "--html", "--mappings-out"])
def test_unwritable_output_is_found_before_the_work(
    refused, folder: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worked(*_: object, **__: object) -> None:
        raise AssertionError("the work was begun")

    monkeypatch.setattr("accsim.pipeline.estimate", worked)
    gone = folder.resolve() / "gone"
    assert refused(*RUN, option, "gone/x") == [f"{option}: cannot write gone/x: there is no folder '{gone}'"]
    assert refused(*RUN, option, str(folder)) == [f"{option}: cannot write {folder}: it is a folder"]


def test_every_unwritable_output_is_told(refused, folder: Path) -> None:
    gone = folder.resolve() / "gone"
    assert refused(*RUN, "--json", "gone/x", "--csv", ".", "--html", "") == [
        f"--json: cannot write gone/x: there is no folder '{gone}'",
        "--csv: cannot write .: it is a folder",
        "--html: cannot write a file: its name is empty",
    ]
    assert refused(*RUN, "--json", "x", "--csv", "./x") == ["--csv: ./x is already what --json writes"]


def test_a_folder_that_may_not_be_written(refused, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    here = folder.resolve()
    assert refused(*RUN) == [f"--html: cannot write the report here: the folder '{here}' is not writable"]
    assert refused(*RUN, "--html", "x") == [f"--html: cannot write x: the folder '{here}' is not writable"]


def test_layers_and_sizes_that_are_not_there(refused) -> None:
    assert refused(*RUN, "--layers", "konv1,fc1") == ["network 'net' has no layer 'konv1'; did you mean 'conv1'?"]
    assert refused(*RUN, "--bind", "tokens=3") == ["network 'net' has no size 'tokens'; it has no sizes to bind"]


def test_a_dataflow_for_another_array(refused) -> None:
    assert refused("run", "net.yaml", "--dataflow", "weight_stationary") == [
        "dataflow 'weight_stationary' is for systolic arrays, and accelerator 'eyeriss' has a row_stationary one"
    ]


def test_list_and_show_refuse_in_the_same_way(refused, folder: Path) -> None:
    gone = folder.resolve() / "gone"
    assert refused("list", "--json", "gone/x") == [f"--json: cannot write gone/x: there is no folder '{gone}'"]
    assert refused("show", "eyeriss", "--json", "gone/x") == [
        f"--json: cannot write gone/x: there is no folder '{gone}'"
    ]
    assert refused("list", "netwoks") == [
        "KIND: must be networks, accelerators, dataflows, energy-tables, recipes or methods, got 'netwoks'; did you "
        "mean 'networks'?"
    ]
    assert refused("show", "alexnt") == [
        "no network, accelerator, dataflow, energy table or recipe named 'alexnt'; did you mean 'alexnet' or "
        "'alexnet-q-cnn' or 'alexnet-float'?"
    ]
    assert refused("show", "netwrk", "alexnet") == [
        "unknown kind 'netwrk': must be network, accelerator, dataflow, energy-table or recipe; did you mean 'network'?"
    ]
    assert refused("show", "dataflow") == ["which dataflow? 'accsim list dataflows' shows the names there are"]
    assert refused("show", "network", "a", "b") == ["unexpected 'b'; 'accsim show --help' shows how"]
    assert refused("show", "none.yaml") == ["file not found: none.yaml"]
    assert refused("show", "alexnet", "--yaml", "--json", "-") == ["--json: not allowed with argument --yaml"]
