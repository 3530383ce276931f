"""The network that is really trained: its gradients, its folds, its shipped weights, and its study."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from accsim import library
from accsim.compress.executor import run as execute
from accsim.compress.model import ActivationCode
from accsim.compress.passes.filters import Filters
from accsim.compress.passes.fold import FoldBatchNorm
from accsim.compress.passes.low_rank import DepthwiseSeparable
from accsim.compress.passes.merge import MergeBranches
from accsim.compress.passes.ternary import Twn
from accsim.compress.passes.unstructured import Level
from accsim.errors import InputError
from accsim.fidelity.recipe import load_recipe
from accsim.source import Source
from accsim.study.digits.arithmetic import column_sums, product, transposed_product
from accsim.study.digits.compressed import classify, fine_tune, prepare, with_values
from accsim.study.digits.data import folds
from accsim.study.digits.learner import Pass
from accsim.study.digits.training import (
    NETWORK,
    Schedule,
    first_parameters,
    from_file,
    loss_gradient,
    model_of,
    parameters_of,
    to_bytes,
    train,
    train_fold,
)
from accsim.study.explorations import digits_codesign as study
from accsim.study.studies import digits_codesign as telling
from accsim.workload.reader import load_network

FOLDER = library.shipped_folder("reports") / "digits-codesign"
RECIPE = """
study: digits-codesign
title: t
about: a
settings:
  fine_tuning_epochs: {epochs}
  images: 16
  rows: {rows}
"""


@pytest.fixture(scope="module")
def parts():
    return folds(0)


def settings(rows: str, epochs: int = 0) -> study.Settings:
    text = RECIPE.format(rows=rows, epochs=epochs)
    return load_recipe(Source("digits-codesign", "r.yaml", text)).settings


def test_sums_are_those_of_plain_loops_in_their_order() -> None:
    draw = np.random.RandomState(3)
    a, b, c = (draw.standard_normal(s).astype(np.float32) for s in ((5, 7), (7, 3), (5, 3)))
    a[0, 0] = 0
    ab, ac, sums = np.zeros((5, 3), np.float32), np.zeros((7, 3), np.float32), np.zeros(3, np.float32)
    for i in range(5):
        for m in range(3):
            for k in range(7):
                ab[i, m] += a[i, k] * b[k, m]
                ac[k, m] += a[i, k] * c[i, m]
            sums[m] += c[i, m]
    np.testing.assert_array_equal(product(a, b), ab)
    np.testing.assert_array_equal(transposed_product(a, c), ac)
    np.testing.assert_array_equal(column_sums(c), sums)


def test_every_image_is_tested_on_once_and_never_trained_on_there(parts) -> None:
    assert sum(len(part.test_images) for part in parts) == 1797
    seen = np.concatenate([part.test_images.reshape(-1, 64) for part in parts])
    assert len(seen) == 1797
    for part in parts:
        assert len(part.images) + len(part.test_images) == 1797
        assert np.bincount(part.test_labels, minlength=10).min() >= 34  # as even as 174 to 183 of a class can be
        assert (part.images.min(), part.images.max()) == (0, 1)


REWRITTEN = {
    "whole": [],
    "filters": [Filters(sparsity=0.25, skip=("fc",))],
    "grouped": [DepthwiseSeparable(rank=2, layers=("conv3",))],
    "merged": [MergeBranches(), FoldBatchNorm()],
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_gradients_are_those_of_finite_differences(name: str, parts) -> None:
    model = model_of(load_network(NETWORK), first_parameters(load_network(NETWORK), 5), "")
    for one in REWRITTEN[name]:
        model = one.apply(model)
    held, images, labels = parameters_of(model), parts[0].images[:12], parts[0].labels[:12]
    draw = np.random.RandomState(1)
    held |= {k: v + draw.uniform(0.05, 0.1, v.shape).astype(np.float32) for k, v in held.items() if k.endswith("bias")}

    def loss(parameters) -> float:
        scores = Pass(model.network, parameters).forward(images).astype(np.float64)
        wanted = np.full(scores.shape, -1.0)
        wanted[np.arange(12), labels] = 1
        return float((np.maximum(0, 1 - wanted * scores) ** 2).sum() / 12)

    step = Pass(model.network, held)
    step.backward(loss_gradient(step.forward(images), labels))
    trained = {key for key in held if not key.endswith((".mean", ".variance"))}
    assert step.gradients.keys() == trained
    for key in sorted(trained):
        errors = []
        for _ in range(9):  # some directions cross the edge of a ReLU or change the largest pixel of a window
            along = draw.standard_normal(held[key].shape).astype(np.float32)
            along /= np.sqrt((along**2).sum())
            ahead, behind = (loss({**held, key: held[key] + np.float32(h) * along}) for h in (5e-4, -5e-4))
            expected = float((step.gradients[key] * along).sum())
            errors.append(abs((ahead - behind) / 1e-3 - expected) / (abs(expected) + 0.1))
        assert sorted(errors)[1] < 0.02, key


def test_the_learner_computes_what_the_executor_computes(parts) -> None:
    """After folding the norms, whose statistics differ while training."""
    network, images = load_network(NETWORK, batch=9), parts[0].test_images[:9]
    model = FoldBatchNorm().apply(model_of(network, study.shipped_weights()[0], ""))
    ours = Pass(model.network, parameters_of(model)).forward(images)
    theirs = execute(model, images).values["fc"].reshape(9, 10)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_coded_maps_are_rounded_on_the_way_and_gradients_pass_inside_the_range(parts) -> None:
    network, held = load_network(NETWORK), study.shipped_weights()[0]
    code = ActivationCode(2, signed=False, scale=0.5)
    step = Pass(network, held, {"pool1": code})
    step.backward(loss_gradient(step.forward(parts[0].images[:8]), parts[0].labels[:8]))
    assert set(np.unique(step.values["pool1"])) <= {0, 0.5, 1, 1.5}
    free = Pass(network, held)
    free.backward(loss_gradient(free.forward(parts[0].images[:8]), parts[0].labels[:8]))
    assert (step.gradients["conv1.weight"] != free.gradients["conv1.weight"]).any()


def test_training_learns_and_changes_nothing_it_was_given(parts) -> None:
    network = load_network(NETWORK)
    first = first_parameters(network, 1)
    before = {name: array.copy() for name, array in first.items()}
    few = Schedule(epochs=2)
    once, twice = (train(network, first, parts[0].images[:400], parts[0].labels[:400], few) for _ in range(2))
    assert all((first[name] == before[name]).all() for name in before)
    assert to_bytes({0: once}) == to_bytes({0: twice})
    ready = model_of(load_network(NETWORK, batch=360), once, "")
    assert classify(ready, parts[0])[0] > 60  # by chance: 10


def test_shipped_weights_classify_what_they_were_not_trained_on(parts) -> None:
    weights = study.shipped_weights()
    right = [
        classify(model_of(study.network_for(len(p.test_images)), weights[i], ""), p)[0] for i, p in enumerate(parts)
    ]
    assert min(right) > 97
    table = list(csv.DictReader(io.StringIO((FOLDER / "folds.csv").read_text())))
    committed = [float(row["trained_accuracy_pct"]) for row in table if row["row"] == "float"]
    assert [float(f"{value:.6g}") for value in right] == committed


@pytest.mark.slow
def test_the_shipped_weights_are_trained_again_bit_for_bit(parts) -> None:
    trained = train_fold(parts[2], Schedule())
    shipped = from_file(FOLDER / "weights.npz")[2]
    assert trained.keys() == shipped.keys()
    for name, array in trained.items():
        np.testing.assert_array_equal(array, shipped[name], err_msg=name)


def test_fine_tuning_helps_and_keeps_what_the_passes_promise(parts) -> None:
    base = model_of(study.network_for(len(parts[0].test_images)), study.shipped_weights()[0], "")
    passes = [Filters(sparsity=0.25, skip=("fc",)), Level(sparsity=0.5), Twn(layers=("conv3",))]
    ready = prepare(base, passes, parts[0])
    tuned = fine_tune(base, passes, parts[0], ready, 1)
    assert classify(tuned, parts[0])[0] > classify(ready, parts[0])[0] + 10
    assert tuned.network.layers == ready.network.layers
    assert tuned.parameters["mix_3x3"].density == pytest.approx(0.5, abs=0.01)
    assert len(np.unique(tuned.parameters["conv3"].values())) == 3


def test_pruned_weights_stay_pruned_under_other_values() -> None:
    base = model_of(load_network(NETWORK), study.shipped_weights()[0], "")
    merged = MergeBranches().apply(base)
    ones = {name: np.ones_like(array) for name, array in parameters_of(merged).items()}
    changed = with_values(merged, ones)
    kept = merged.parameters["mix.conv"].kept
    assert kept is not None
    np.testing.assert_array_equal(changed.parameters["mix.conv"].values(), kept.astype(float))


def test_a_small_study_is_the_committed_one(parts) -> None:
    """Two rows, without fine-tuning: the same figures as in the whole study."""
    found = study.run(settings("{float: [], fixed8: [{symmetric: {bits: 8}}, {activations: {bits: 8}}]}"))
    table = {row["row"]: row for row in csv.DictReader(io.StringIO((FOLDER / "rows.csv").read_text()))}
    for row in telling.tables(found)["rows"]:
        for key, value in row.items():
            if not key.startswith("tuned") and isinstance(value, float | int):
                assert float(f"{value:.6g}") == float(table[str(row["row"])][key]), key
    assert [row.integer_layers for row in found.rows] == [0, 5]
    assert list(telling.drawings(found, None)) == ["energy-eyeriss", "size"]  # type: ignore[arg-type]


@pytest.mark.slow
def test_fine_tuned_rows_are_the_committed_ones(parts) -> None:
    whole = load_recipe(Source("r", "r", (FOLDER / "recipe.yaml").read_text())).settings
    few = whole.model_copy(update={"rows": {name: whole.rows[name] for name in ("twn_all", "filters50")}})
    found = study.run(few)
    table = list(csv.DictReader(io.StringIO((FOLDER / "folds.csv").read_text())))
    for row in found.rows:
        assert row.tuned is not None
        committed = [float(r["tuned_accuracy_pct"]) for r in table if r["row"] == row.name]
        assert [float(f"{value:.6g}") for value in row.tuned.folds] == committed


def test_the_front_is_what_no_other_row_beats() -> None:
    def row(name: str, energy: float, right: float) -> study.Row:
        return study.Row(name, (), 1, 1, 1, 1, 1, study.Accuracy((right,) * 5), None, {"m": study.Cost(energy, 1)})

    rows = (row("a", 3, 90), row("b", 1, 80), row("c", 2, 70), row("d", 3, 95), row("e", 4, 95))
    found = study.Found(study.Settings(rows={}), rows, (1,))
    assert [one.name for one in found.front("m", tuned=True)] == ["b", "d"]


def test_an_interval_is_students() -> None:
    right = study.Accuracy((96.0, 97.0, 98.0, 99.0, 100.0))
    assert right.mean == 98
    assert right.interval == pytest.approx(2.776 * np.std(right.folds, ddof=1) / np.sqrt(5))
    assert replace(right, folds=(1.0,) * 5).interval == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "{a: [{symetric: {bits: 8}}]}",
            "r.yaml:8:9: settings.rows: a: unknown pass 'symetric'; did you mean 'symmetric'?",
        ),
        (
            "{a: [{symmetric: {bits: 99}}]}",
            "r.yaml:8:9: settings.rows: a: Symmetric: bits: Input should be less than or equal to 16",
        ),
    ],
)
def test_mistakes_in_rows(rows: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        settings(rows)
    assert caught.value.mistakes == (said,)
