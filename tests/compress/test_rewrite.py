"""Folding, merging and transforms: the network computes what it did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accsim.compress.codes import Float, Transformed
from accsim.compress.model import ActivationCode, LayerParameters, Model, NormParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.binary import Bwn
from accsim.compress.passes.codebook import KMeans
from accsim.compress.passes.fold import FoldBatchNorm
from accsim.compress.passes.merge import MergeBranches
from accsim.compress.passes.ternary import Twn
from accsim.compress.passes.transform import Dct, dct
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.passes.unstructured import Largest, Level
from accsim.compress.storage import store, stored_symbols
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.workload.reader import load_network
from tests.compress.graphs import graphs, network_of, whole
from tests.naive.graph_values import values


def real_norms(model: Model, seed: int) -> Model:
    draw = np.random.default_rng(seed)
    norms = {
        name: NormParameters(
            draw.standard_normal(n.gamma.size), draw.standard_normal(n.gamma.size),
            draw.standard_normal(n.gamma.size), draw.uniform(0, 3, n.gamma.size),
        )
        for name, n in model.norms.items()
    }  # fmt: skip
    return replace(model, norms=norms)


@given(graphs(), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_folded_network_computes_the_same(model: Model, seed: int) -> None:
    model = real_norms(model, seed)
    folded = FoldBatchNorm().apply(model)
    assert not [layer for layer in folded.network.layers if layer.kind == "batch_norm"]
    given = np.random.default_rng(seed).standard_normal(model.network.input_shape)
    last = model.network.layers[-1].name
    before, after = values(model, given)[last], values(folded, given)[last]
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9 * np.abs(before).max())
    assert folded.network.macs == model.network.macs


def test_what_is_not_folded() -> None:
    lines = """
    - a: {conv: 2, kernel: 1}
    - n: batch_norm
    - s: {add: [a, n]}
    - p: {max_pool: 1}
    - m: batch_norm
    - b: {conv: 2, kernel: 1, then: batch_norm}
    """
    model = synthetic(network_of(lines))
    coded = replace(model, activations={"b.batch_norm": ActivationCode(4)}, accumulator_bits={"b": 20})
    folded = FoldBatchNorm().apply(coded)
    assert [layer.name for layer in folded.network.layers] == ["a", "n", "s", "p", "m", "b"]
    assert folded.network.layer("b").bias_words == 2
    assert folded.activations == {"b": ActivationCode(4)}
    assert folded.accumulator_bits == {"b": 20}
    assert folded.applied[-1].notes == (("b", "b.batch_norm folded into it"),)
    assert Level(sparsity=0.5).apply(model).parameters["b"].density == 0.5
    pruned = FoldBatchNorm().apply(Level(sparsity=0.5).apply(model))
    assert pruned.parameters["b"].density == 0.5


def test_folding_that_cannot_be() -> None:
    model = synthetic(network_of("- a: {conv: 2, kernel: 1, then: batch_norm}"))
    norm = model.norms["a.batch_norm"]
    for changed, sentence in (
        (
            Symmetric().apply(model),
            "layer 'a': its weights have code 'uniform'; fold batch normalisations before quantising",
        ),
        (replace(model, norms={}), "layer 'a.batch_norm': its values are not known, so it cannot be folded"),
        (
            replace(model, norms={"a.batch_norm": replace(norm, variance=np.array([1.0, -2.0]))}),
            "layer 'a.batch_norm': variance + epsilon of channel 1 is -1.99999; it must be above 0",
        ),
    ):
        with pytest.raises(AccsimError) as error:
            FoldBatchNorm().apply(changed)
        assert str(error.value) == sentence


KERNELS = st.lists(st.tuples(*(st.integers(1, 3),) * 2), min_size=2, max_size=4)


@given(KERNELS, st.integers(1, 2), st.booleans(), st.booleans(), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_merged_branches_compute_the_same(
    kernels: list[tuple[int, int]], stride: int, active: bool, pooled: bool, seed: int
) -> None:
    lines = ["- s: {conv: 3, kernel: 1}"]
    for i, (r, s) in enumerate(kernels):
        pad = [(r - 1) // 2, r // 2, (s - 1) // 2, s // 2]
        then = ", then: relu" if active else ""
        lines.append(f"- b{i}: {{conv: {i + 1}, kernel: [{r}, {s}], pad: {pad}, stride: {stride}, from: s{then}}}")
    lines.append(f"- p: {{max_pool: 1, stride: {stride}, from: s}}")
    branches = [f"b{i}" for i in range(len(kernels))]
    branches = [*branches[:2], "p", *branches[2:]] if pooled else branches
    lines += [f"- c: {{concat: [{', '.join(branches)}]}}", "- d: {conv: 2, kernel: 1}"]
    model = whole(network_of("\n".join(lines), "[2, 5, 6]"), seed)
    merged = MergeBranches().apply(model)
    given = np.random.default_rng(seed).integers(-3, 4, (2, 5, 6))
    before, after = values(model, given), values(merged, given)
    np.testing.assert_array_equal(after["d"], before["d"])
    names = [layer.name for layer in merged.network.layers]
    assert not pooled or "c" in names
    assert pooled or ("c" not in names and "b0" not in names and "c.conv" in names)


def test_a_pointwise_branch_in_a_kernel_costs_nine_times_its_macs() -> None:
    model = synthetic(load_network("squeezenet1_1"))
    merged = MergeBranches().apply(model)
    assert not [layer for layer in merged.network.layers if layer.kind == "concat"]
    old = {layer.name: layer for layer in model.network.mac_layers}
    concat = next(layer for layer in model.network.layers if layer.kind == "concat")
    point, square = (old[name.removesuffix(".relu")] for name in concat.inputs)
    new = merged.network.layer(f"{concat.name}.conv")
    assert new.macs == 9 * point.macs + square.macs
    parameters = merged.parameters[new.name]
    assert np.count_nonzero(parameters.values()) == point.weight_words + square.weight_words
    assert parameters.kept.sum() == point.weight_words + square.weight_words
    assert merged.applied[-1].notes[0] == (
        new.name, f"2 branches merged; {new.macs} MACs for {point.macs + square.macs}",
    )  # fmt: skip
    with pytest.raises(InputError) as error:
        MergeBranches(concats=("fyre*",)).apply(model)
    assert str(error.value).startswith("merge_branches: no concatenation of squeezenet1_1 matches 'fyre*'")


WEIGHTS = arrays(np.float64, st.tuples(*(st.integers(1, 4),) * 4), elements=st.floats(-4, 4, allow_nan=False))
LAYER = load_network("lenet_caffe").mac_layers[0]


@given(WEIGHTS, st.floats(0, 1), st.floats(0, 2))
@settings(max_examples=60, deadline=None)
def test_what_is_lost_in_coefficients_is_lost_in_weights(weights: np.ndarray, sparsity: float, band: float) -> None:
    after = Dct(sparsity=sparsity, band=band).project(LAYER, LayerParameters(Float(weights)))
    code = after.weight
    assert isinstance(code, Transformed)
    kept = code.stored()
    whole_code = Dct(sparsity=0).project(LAYER, LayerParameters(Float(weights))).weight
    assert isinstance(whole_code, Transformed)
    np.testing.assert_allclose(whole_code.values(), weights, atol=1e-12)
    full = whole_code.coefficients.values()
    np.testing.assert_allclose((full**2).sum(), (weights**2).sum(), rtol=1e-9, atol=1e-200)
    lost = ((weights - after.values()) ** 2).sum()
    np.testing.assert_allclose(lost, ((full - kept) ** 2).sum(), rtol=1e-6, atol=1e-12)
    assert np.count_nonzero(kept) <= weights.size - round(sparsity * weights.size)
    if not band:
        gone, left = np.abs(full[kept == 0]), np.abs(kept[kept != 0])
        assert not gone.size or not left.size or gone.max() <= left.min()


def test_the_transform_is_orthonormal() -> None:
    for size in range(1, 8):
        np.testing.assert_allclose(dct(size) @ dct(size).T, np.eye(size), atol=1e-12)
    flat = Dct(sparsity=0).project(LAYER, LayerParameters(Float(np.ones((1, 1, 3, 3))))).weight
    assert isinstance(flat, Transformed)
    np.testing.assert_allclose(flat.coefficients.values()[0, 0], np.diag([3.0, 0, 0]), atol=1e-12)


def test_pruned_coefficients_convolve_as_their_inverse() -> None:
    # convolution is linear: the sum over coefficients of the convolution with each cosine is that with the kernels
    draw = np.random.default_rng(4)
    weights, ifmap = draw.standard_normal((3, 2, 3, 3)), draw.standard_normal((1, 2, 6, 7))
    code = Dct(sparsity=0.6).project(LAYER, LayerParameters(Float(weights))).weight
    assert isinstance(code, Transformed)

    def convolved(kernels: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(ifmap, (3, 3), axis=(2, 3))
        return np.einsum("ncpqrs,mcrs->nmpq", windows, kernels)

    total = np.zeros((1, 3, 4, 5))
    for u in range(3):
        for v in range(3):
            cosine = np.outer(code.rows[u], code.cols[v])
            total += convolved(code.stored()[:, :, u, v, None, None] * cosine)
    np.testing.assert_allclose(total, convolved(code.values()), atol=1e-12)


def test_a_band_prunes_high_frequencies_first() -> None:
    weights = np.einsum("ur,uv,vs->rs", dct(3), np.ones((3, 3)), dct(3))[None, None]
    after = Dct(sparsity=6 / 9, band=1.0).project(LAYER, LayerParameters(Float(weights))).weight
    assert isinstance(after, Transformed)
    left = np.abs(after.stored()[0, 0]) > 0
    assert left.sum() == 3
    assert left[[0, 0, 1], [0, 1, 0]].all()


def test_pruned_weights_are_not_transformed() -> None:
    model = Level(sparsity=0.5).apply(synthetic(load_network("lenet_caffe")))
    with pytest.raises(AccsimError) as error:
        Dct(sparsity=0.5).apply(model)
    assert str(error.value) == (
        "layer 'conv1': its weights were pruned, and a transform would fill them in; transform first"
    )
    transformed = Dct(sparsity=0.5).apply(synthetic(load_network("lenet_caffe")))
    with pytest.raises(AccsimError) as error:
        Largest(density=0.5).apply(transformed)
    assert str(error.value) == (
        "layer 'conv1': its kernels are stored as coefficients of a transform; prune these, or the weights before it"
    )
    with pytest.raises(AccsimError) as error:
        Dct(sparsity=0).apply(Dct(sparsity=0).apply(synthetic(load_network("lenet_caffe"))))
    assert str(error.value) == "layer 'conv1': its kernels are stored as coefficients of a transform already"


LATER = st.sampled_from([Symmetric(bits=4), KMeans(bits=2), Bwn(), Twn(), Level(sparsity=0.7)])


@given(WEIGHTS, st.floats(0, 1), LATER)
@settings(max_examples=60, deadline=None)
def test_later_passes_project_the_coefficients(weights: np.ndarray, sparsity: float, later: LayerPass) -> None:
    network = load_network("lenet_caffe")
    model = Model(network, {LAYER.name: LayerParameters(Float(weights), trained=weights)})
    before = Dct(sparsity=sparsity).apply(model).parameters[LAYER.name].weight
    assert isinstance(before, Transformed)
    parameters = later.apply(Dct(sparsity=sparsity).apply(model)).parameters[LAYER.name]
    code = parameters.weight
    assert isinstance(code, Transformed)
    alone = later.project(LAYER, LayerParameters(before.coefficients, kept=before.kept))
    np.testing.assert_array_equal(code.stored(), alone.values())
    assert before.kept is None or not code.stored()[~before.kept].any()
    # what is stored has the zeros of the coefficients, whatever the weights are
    symbols, bits = stored_symbols(parameters)
    zero = code.stored() == 0
    assert not zero.any() or np.array_equal(symbols == 0, zero)
    assert bits <= code.bits + 1
    assert parameters.kept is None
    assert parameters.trained is weights


def test_pruned_coefficients_are_not_stored() -> None:
    weights = np.random.default_rng(0).standard_normal((32, 16, 3, 3))
    model = Model(load_network("lenet_caffe"), {LAYER.name: LayerParameters(Float(weights))})
    parameters = Dct(sparsity=0.9).apply(model).parameters[LAYER.name]
    stored = store(parameters)
    assert stored.density == np.count_nonzero(parameters.values()) / weights.size > 0.5
    assert stored.size_bits == store(LayerParameters(Float(np.where(parameters.weight.kept, weights, 0.0)))).size_bits
    assert stored.size_bits < 0.15 * 32 * weights.size
    # of a kernel that was set to 0, no coefficient is left
    kept = np.ones(weights.shape, bool)
    kept[0] = False
    symbols, _ = stored_symbols(replace(parameters, kept=kept))
    assert not symbols[0].any()
    assert symbols[1:].any()
