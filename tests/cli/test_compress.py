"""``accsim compress``: what is printed and written, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Accsim

RECIPE = "passes:\n  - symmetric: {bits: 8, grain: filter, skip: [fc1]}\n  - twn: {layers: [fc1]}\n"


@pytest.fixture(autouse=True)
def recipe(folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text(RECIPE)
    return path


def test_values_codes_and_scales_are_written_and_agree(accsim: Accsim, folder: Path) -> None:
    outcome = accsim("compress", "net.yaml", "mine.yaml", "-o", "out.npz")
    assert outcome.code == 0
    assert outcome.out.endswith("wrote out.npz\n")
    assert "note: weights: made up: normal with variance 2 / fan-in" in outcome.out
    with np.load(folder / "out.npz") as found:
        assert found["conv1.codes"].dtype == np.int8
        assert found["conv1.scale"].shape == (4, 1, 1, 1)
        np.testing.assert_allclose(found["conv1.weight"], found["conv1.codes"] * found["conv1.scale"], rtol=1e-6)
        assert set(np.unique(found["fc1.codes"])) == {-1, 0, 1}
        about = json.loads(found["model"].tobytes())
    assert about["passes"][1] == {"name": "twn", "arguments": [["layers", ["fc1"]]], "notes": []}
    assert about["real"] is False
    assert about["recipe"]["layers"]["fc1"]["code"] == "ternary"


def test_its_archive_is_a_model_and_reruns_are_the_same_bytes(accsim: Accsim, folder: Path) -> None:
    for name in ("one.npz", "two.npz"):
        assert accsim("compress", "net.yaml", "mine.yaml", "-o", name, "--quiet") == (0, "", "")
    assert (folder / "one.npz").read_bytes() == (folder / "two.npz").read_bytes()
    outcome = accsim("compress", "one.npz", "mine.yaml", "--network", "net.yaml", "-o", "three.npz", "--json", "-")
    assert outcome.code == 0
    plain = json.loads(outcome.out)
    assert plain["notes"][0].startswith("weights: made up: normal with variance 2 / fan-in")
    assert [layer["relative_l2"] for layer in plain["layers"]] == [pytest.approx(0, abs=1e-6)] * 2
    with np.load(folder / "one.npz") as one, np.load(folder / "three.npz") as three:
        np.testing.assert_array_equal(one["conv1.codes"], three["conv1.codes"])
        np.testing.assert_array_equal(one["fc1.codes"], three["fc1.codes"])


def test_sizes_add_up_and_are_those_of_the_encoding(accsim: Accsim, folder: Path) -> None:
    outcome = accsim("compress", "net.yaml", "mine.yaml", "--encoding", "bitmap", "--json", "-", "--csv", "out.csv")
    plain = json.loads(outcome.out)
    conv1, fc1 = plain["layers"]
    for layer in (conv1, fc1):
        nonzeros = round(layer["density"] * layer["weights"])
        assert layer["value_bits"] == nonzeros * layer["bits"]
        assert layer["stored_bits"] == layer["value_bits"] + layer["metadata_bits"]
    # a bit per weight for the mask and 32 bits per scale: four filters, one layer
    assert conv1["metadata_bits"] == 4 * 3 * 9 + 4 * 32
    assert fc1["metadata_bits"] == fc1["weights"] + 32
    assert plain["stored_bits"] == conv1["stored_bits"] + fc1["stored_bits"]
    assert plain["compression_rate"] == 32 * plain["weights"] / plain["stored_bits"]
    rows = list(csv.DictReader(io.StringIO((folder / "out.csv").read_text())))
    assert [row["stored_bits"] for row in rows] == [str(layer["stored_bits"]) for layer in plain["layers"]]


def test_published_figures_are_expectations_with_their_accuracy(accsim: Accsim) -> None:
    outcome = accsim("compress", "resnet18", "resnet18-agp")
    assert outcome.code == 0
    assert "published, not computed here: top-1 69.872 % [IntelLabs/distiller" in outcome.out
    assert "note: stored bits: expected under independent zeros, as only densities were published" in outcome.out


REFUSED = {
    ("compress", "net.yaml", "nine.yaml"): "file not found: nine.yaml",
    ("compress", "net.yaml", "mine.yaml", "--encoding", "bitmp"): (
        "unknown encoding 'bitmp'; did you mean 'bitmap'? (known are dense, relative, csr, csc, csc_count, bitmap, "
        "zero_value, run_length, block, nm, codebook, best)"
    ),
    ("compress", "net.yaml", "resnet18-agp"): "recipe resnet18-agp is for the network resnet18, got net",
    ("compress", "resnet18", "resnet18-agp", "-o", "out.npz"): (
        "recipe resnet18-agp holds published figures and no passes: there are no weights to write"
    ),
    ("compress", "net.yaml", "mine.yaml", "--network", "alexnet"): (
        "--network: says what an .npz archive is of, and net.yaml is a network itself"
    ),
    ("compress", "none.npz", "mine.yaml"): "file not found: none.npz",
    ("compress", "w.npz", "mine.yaml"): "w.npz: recipe mine is for any network; say which, as --network NAME",
    ("compress", "bad.npz", "mine.yaml", "--network", "net.yaml", "-o", "out.npz"): (
        "bad.npz: not a NumPy .npz archive of plain arrays"
    ),
    ("compress", "net.yaml", "mine.yaml", "-o", "-"): "-o: an archive is written to a file, got '-'",
    ("compress", "net.yaml", "mine.yaml", "-o", "no/out.npz"): "-o: cannot write no/out.npz: there is no folder",
}


@pytest.mark.parametrize(("command", "sentence"), REFUSED.items())
def test_a_mistake_is_a_sentence_and_nothing_is_written(
    command: tuple[str, ...], sentence: str, accsim: Accsim, folder: Path
) -> None:
    (folder / "bad.npz").write_bytes(b"PK nothing")
    np.savez(folder / "w.npz", **{"conv1.weight": np.ones((4, 3, 3, 3))})
    before = sorted(folder.iterdir())
    outcome = accsim(*command)
    assert outcome.code == 2
    assert outcome.err.startswith(f"accsim: error: {sentence}")
    assert len(outcome.err.splitlines()) == 1
    assert sorted(folder.iterdir()) == before


def test_weights_that_do_not_fit_are_all_told(accsim: Accsim, folder: Path) -> None:
    bad = {"conv1.weight": np.ones((4, 3, 2, 2)), "fc1.weight": np.full((10, 256), np.nan), "fc2.weight": np.ones(3)}
    np.savez(folder / "w.npz", **bad)
    outcome = accsim("compress", "w.npz", "mine.yaml", "--network", "net.yaml")
    assert outcome.err.splitlines() == [
        "accsim: error: w.npz: conv1.weight: must have shape (4, 3, 3, 3), got (4, 3, 2, 2)",
        "accsim: error: w.npz: fc1.weight: holds values that are not finite",
        "accsim: error: w.npz: fc2.weight: net has no layer 'fc2' with weights; did you mean 'fc1'?",
    ]


def test_biases_and_norms_of_an_archive_are_folded(accsim: Accsim, folder: Path) -> None:
    (folder / "norm.yaml").write_text(
        "description: n\nsource: me\ninput: [1, 2, 2]\nlayers:\n  - conv1: {conv: 2, kernel: 1, then: batch_norm}\n"
    )
    (folder / "fold.yaml").write_text("passes:\n  - fold_batch_norm: {}\n")
    norm = {"gamma": [1.0, 2.0], "beta": [0.5, 0.0], "mean": [1.0, -1.0], "variance": [4.0, 1.0]}
    arrays = {f"conv1.batch_norm.{name}": np.array(value) for name, value in norm.items()}
    np.savez(folder / "w.npz", **{"conv1.weight": np.array([[[[3.0]]], [[[5.0]]]])}, **arrays)
    outcome = accsim("compress", "w.npz", "fold.yaml", "--network", "norm.yaml", "-o", "out.npz", "--json", "-")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["notes"][0] == "weights: trained: w.npz"
    with np.load(folder / "out.npz") as found:
        # y = gamma (w x - mean) / sqrt(variance + 1e-5) + beta
        np.testing.assert_allclose(found["conv1.weight"].ravel(), [1.5, 10], rtol=1e-5)
        np.testing.assert_allclose(found["conv1.bias"], [0, 2], atol=1e-5)


def test_what_is_no_norm_and_what_is_no_bias(accsim: Accsim, folder: Path) -> None:
    arrays = {"conv1.weight": np.ones((4, 3, 3, 3)), "conv1.relu.mean": np.ones(4), "conv1.bias": np.ones(3)}
    np.savez(folder / "w.npz", **arrays)
    outcome = accsim("compress", "w.npz", "mine.yaml", "--network", "net.yaml")
    assert outcome.err.splitlines() == [
        "accsim: error: w.npz: conv1.bias: must have shape (4,), got (3,)",
        "accsim: error: w.npz: conv1.relu.mean: net has no normalisation 'conv1.relu'",
        "accsim: error: w.npz: fc1.weight: is missing; expected an array of shape (10, 256, 1, 1)",
    ]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((4, 10**9), "claims 32000000000 bytes, more than its 128 can hold"),
        ((10, 256), "claims 20480 bytes, more than its 128 can hold"),
    ],
)
def test_an_array_that_claims_more_than_it_holds_takes_no_memory(
    shape: tuple[int, ...], said: str, accsim: Accsim, folder: Path
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(folder / "w.npz", "w") as archive:
        archive.writestr("fc1.weight.npy", header.getvalue())
    outcome = accsim("compress", "w.npz", "mine.yaml", "--network", "net.yaml", "-o", "out.npz")
    assert (outcome.code, outcome.err) == (2, f"accsim: error: w.npz: fc1.weight: {said}\n")
    assert not (folder / "out.npz").exists()
