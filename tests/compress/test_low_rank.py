"""Layers as chains: sizes, errors, and that a chain computes what its composed kernel does."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Float
from accsim.compress.factor import cp, tucker2, unfolded
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.low_rank import (
    ChannelSvd,
    CpDecomposition,
    DepthwiseSeparable,
    FcSvd,
    LowRank,
    SpatialSvd,
    Tucker,
)
from accsim.compress.passes.registry import PASSES
from accsim.compress.passes.unstructured import Level
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.source import Source
from accsim.workload.reader import load_network
from accsim.yamlfile import bind, load
from tests.compress.graphs import network_of
from tests.naive.graph_values import values

SIZES = st.fixed_dictionaries(
    {
        "m": st.integers(1, 4), "c": st.integers(1, 4), "r": st.integers(1, 3), "s": st.integers(1, 3),
        "g": st.integers(1, 2), "stride": st.tuples(st.integers(1, 2), st.integers(1, 2)),
        "pad": st.tuples(*(st.integers(0, 2) for _ in range(4))), "dilation": st.tuples(*(st.integers(1, 2),) * 2),
    }
)  # fmt: skip


def one_conv(m: int, c: int, r: int, s: int, g: int, stride, pad, dilation) -> Model:
    text = (
        f"- a: {{conv: {m * g}, kernel: [{r}, {s}], groups: {g}, stride: {list(stride)}, pad: {list(pad)}, "
        f"dilation: {list(dilation)}, then: relu}}\n- b: {{conv: 2, kernel: 1}}"
    )
    model = synthetic(network_of(text, f"[{c * g}, 7, 6]"), m + 10 * c)
    bias = np.random.default_rng(c).standard_normal(m * g)
    return model.with_parameters({"a": LayerParameters(model.parameters["a"].weight, bias)})


def full_rank(one: str, m: int, c: int, r: int, s: int) -> int:
    return {
        "channel_svd": min(m, c * r * s), "spatial_svd": min(m * s, c * r), "depthwise_separable": min(m, r * s),
        "cp": m * c * r * s // max(m, c, r, s),
    }[one]  # fmt: skip


def composed(model: Model, name: str, groups: int) -> np.ndarray:
    """The kernel of a chain of layers, each group's by itself: kernels of consecutive layers convolved."""
    chain = [model.parameters[layer.name].values() for layer in model.network.mac_layers if layer.name.startswith(name)]
    counts = [layer.geometry.G for layer in model.network.mac_layers if layer.name.startswith(name)]
    dense = []
    for weights, count in zip(chain, counts, strict=True):
        per, channels = weights.shape[0] // count, weights.shape[1]
        whole = np.zeros((weights.shape[0], channels * count, *weights.shape[2:]))
        for m in range(weights.shape[0]):
            whole[m, m // per * channels : (m // per + 1) * channels] = weights[m]
        dense.append(whole)
    kernel = dense[0]
    for weights in dense[1:]:
        rows, cols = kernel.shape[2] + weights.shape[2] - 1, kernel.shape[3] + weights.shape[3] - 1
        joined = np.zeros((weights.shape[0], kernel.shape[1], rows, cols))
        for r in range(weights.shape[2]):
            for s in range(weights.shape[3]):
                here = np.s_[:, :, r : r + kernel.shape[2], s : s + kernel.shape[3]]
                joined[here] += np.einsum("ok,kcrs->ocrs", weights[:, :, r, s], kernel)
        kernel = joined
    per, channels = kernel.shape[0] // groups, kernel.shape[1] // groups
    parts = [kernel[i * per : (i + 1) * per, i * channels : (i + 1) * channels] for i in range(groups)]
    assert np.count_nonzero(kernel) == sum(np.count_nonzero(part) for part in parts)
    return np.concatenate(parts)


def weights_per_group(one: str, rank: int, m: int, c: int, r: int, s: int) -> int:
    """The table of published shapes."""
    return {
        "channel_svd": rank * (c * r * s + m), "spatial_svd": rank * (c * r + m * s),
        "depthwise_separable": rank * c * (r * s + m), "cp": rank * (c + r + s + m),
    }[one]  # fmt: skip


@given(SIZES, st.sampled_from(["channel_svd", "spatial_svd", "depthwise_separable", "cp"]), st.floats(0.1, 1))
@settings(max_examples=50, deadline=None)
def test_a_chain_computes_what_its_composed_kernel_does(sizes: dict, name: str, part: float) -> None:
    model = one_conv(**sizes)
    shape = [sizes[key] for key in "mcrs"]
    rank = max(1, round(part * full_rank(name, *shape)))
    after = PASSES[name](layers=("a",), rank=rank).apply(model)
    chain = [layer for layer in after.network.mac_layers if layer.name.startswith("a.")]
    assert sum(layer.weight_words for layer in chain) == sizes["g"] * weights_per_group(name, rank, *shape)
    assert [layer.bias_words for layer in chain] == [0] * (len(chain) - 1) + [sizes["m"] * sizes["g"]]
    kernel = composed(after, "a.", sizes["g"])
    before = model.parameters["a"].values()
    dense = model.with_parameters({"a": LayerParameters(Float(kernel), model.parameters["a"].bias)})
    given = np.random.default_rng(0).standard_normal(model.network.input_shape)
    expected, found = values(dense, given), values(after, given)
    np.testing.assert_allclose(found[chain[-1].name], expected["a"], atol=1e-9)
    np.testing.assert_allclose(found["b"], expected["b"], atol=1e-9)
    if rank == full_rank(name, *shape) and name != "cp":
        np.testing.assert_allclose(kernel, before, atol=1e-9)
    if name in ("channel_svd", "spatial_svd"):
        lost = 0.0
        for weights in np.split(before, sizes["g"]):
            matrix = PASSES[name](rank=rank).unfold(weights)
            lost += (np.linalg.svd(matrix, compute_uv=False)[rank:] ** 2).sum()
        assert ((kernel - before) ** 2).sum() == pytest.approx(lost, abs=1e-9)


@given(SIZES, st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_tucker(sizes: dict, inward: int, outward: int) -> None:
    model = one_conv(**sizes)
    m, c, r, s = (sizes[key] for key in "mcrs")
    inward = min(inward, c, m * r * s)
    outward = min(outward, m, c * r * s, r * s * inward)
    inward = min(inward, r * s * outward)
    after = Tucker(layers=("a",), rank_in=inward, rank_out=outward).apply(model)
    chain = [layer for layer in after.network.mac_layers if layer.name.startswith("a.")]
    expected = sizes["g"] * (c * inward + r * s * inward * outward + outward * m)
    assert sum(layer.weight_words for layer in chain) == expected
    kernel, before = composed(after, "a.", sizes["g"]), model.parameters["a"].values()
    given = np.random.default_rng(0).standard_normal(model.network.input_shape)
    dense = model.with_parameters({"a": LayerParameters(Float(kernel), model.parameters["a"].bias)})
    np.testing.assert_allclose(values(after, given)["b"], values(dense, given)["b"], atol=1e-9)
    bound = 0.0
    for part in np.split(before, sizes["g"]):
        for axis, rank in ((1, inward), (0, outward)):
            bound += (np.linalg.svd(unfolded(part, axis), compute_uv=False)[rank:] ** 2).sum()
    assert ((kernel - before) ** 2).sum() <= bound + 1e-9
    if (inward, outward) == (min(c, m * r * s), min(m, c * r * s)):
        np.testing.assert_allclose(kernel, before, atol=1e-9)


@given(st.integers(0, 1000), st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_rounds_of_improvement_never_lose(seed: int, rank: int) -> None:
    weights = np.random.default_rng(seed).standard_normal((4, 3, 2, 2))
    errors = cp(weights, rank, 6).errors
    assert all(b <= a for a, b in pairwise(errors))
    assert errors[0] <= (weights**2).sum() * (1 + 1e-12)
    inward, outward = min(rank, 3), min(rank, 4)
    lost = [((weights - tucker2(weights, inward, outward, rounds).whole()) ** 2).sum() for rounds in (0, 1, 3)]
    assert lost[2] <= lost[1] + 1e-9
    assert lost[1] <= lost[0] + 1e-9


def test_the_published_example_of_cp_is_found() -> None:
    """A kernel of rank 2 is found exactly: what alternating least squares can do, though it need not."""
    draw = np.random.default_rng(1)
    factors = [draw.standard_normal((size, 2)) for size in (6, 5, 3, 3)]
    weights = np.einsum("mk,ck,rk,sk->mcrs", *factors)
    found = cp(weights, 2, 500)
    assert found.errors[-1] <= 1e-9 * (weights**2).sum()
    np.testing.assert_allclose(found.whole(), weights, atol=1e-4)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_fully_connected_layer_as_two(m: int, k: int, seed: int, tokens: bool) -> None:
    shape = f"[3, {k}]" if tokens else f"[{k}, 1, 1]"
    model = synthetic(network_of(f"- a: {{fc: {m}}}", shape), seed)
    matrix = model.parameters["a"].values()[:, :, 0, 0]
    errors = []
    for rank in range(1, min(m, k) + 1):
        after = FcSvd(rank=rank).apply(model)
        left, right = (after.parameters[name].values()[:, :, 0, 0] for name in ("a.b", "a.a"))
        assert sum(layer.weight_words for layer in after.network.layers) == rank * (m + k)
        assert after.network.macs == rank * (m + k) * (3 if tokens else 1)
        assert after.network.layers[-1].output_shape == model.network.layers[-1].output_shape
        errors.append(((left @ right - matrix) ** 2).sum())
        tail = (np.linalg.svd(matrix, compute_uv=False)[rank:] ** 2).sum()
        assert errors[-1] == pytest.approx(tail, abs=1e-9)
    assert errors[-1] < 1e-18
    assert all(b <= a + 1e-12 for a, b in pairwise(errors))


@given(st.floats(0.05, 1), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_smallest_rank_that_keeps_the_energy(energy: float, seed: int) -> None:
    model = synthetic(network_of("- a: {fc: 6}", "[5, 1, 1]"), seed)
    squares = np.linalg.svd(model.parameters["a"].values()[:, :, 0, 0], compute_uv=False) ** 2
    after = FcSvd(energy=energy).apply(model)
    rank = after.network.layer("a.a").output_shape[0]
    assert squares[:rank].sum() >= energy * squares.sum() * (1 - 1e-12)
    assert squares[: rank - 1].sum() < energy * squares.sum() * (1 + 1e-12)


def test_layers_of_zeros_and_of_one_weight() -> None:
    model = synthetic(network_of("- a: {conv: 1, kernel: 1}", "[1, 2, 2]"))
    for one in (ChannelSvd(energy=0.9), SpatialSvd(rank=1), DepthwiseSeparable(rank=1), Tucker(rank_in=1, rank_out=1)):
        kernel = composed(one.apply(model), "a.", 1)
        np.testing.assert_allclose(kernel, model.parameters["a"].values())
        zeros = model.with_parameters({"a": LayerParameters(Float(np.zeros((1, 1, 1, 1))))})
        assert not composed(one.apply(zeros), "a.", 1).any()
    zeros = model.with_parameters({"a": LayerParameters(Float(np.zeros((1, 1, 1, 1))))})
    assert not composed(CpDecomposition(rank=1).apply(zeros), "a.", 1).any()


def test_published_networks_become_chains() -> None:
    conv2 = "- conv2: {conv: 256, kernel: 5, pad: 2, groups: 2}\n- conv3: {conv: 12, kernel: 3, pad: 1}"
    model = synthetic(network_of(conv2, "[96, 27, 27]"))  # AlexNet's second layer (Krizhevsky et al., NIPS 2012)
    after = ChannelSvd(layers=("conv2",), rank=20).apply(model)
    first, second = after.network.layer("conv2.a"), after.network.layer("conv2.b")
    g = model.network.layer("conv2").geometry
    assert (first.geometry.G, first.geometry.M, second.geometry.M) == (2, 40, 256)
    assert first.weight_words + second.weight_words == 2 * 20 * (48 * 25 + 128)
    assert first.macs + second.macs == 2 * 20 * (48 * 25 + 128) * g.P * g.Q
    assert after.applied[-1].notes == (("conv2", "rank 20 of 128; 53120 weights for 307200"),)
    again = Level(sparsity=0.5, layers=("conv2.a",)).apply(after)
    assert again.parameters["conv2.a"].density == 0.5
    twice = ChannelSvd(layers=("conv3.b",), rank=4).apply(SpatialSvd(layers=("conv3",), rank=8).apply(model))
    names = [layer.name for layer in twice.network.mac_layers if layer.name.startswith("conv3")]
    assert names == ["conv3.a", "conv3.b.a", "conv3.b.b"]  # three layers, as the asymmetric form of Zhang et al.


LENET_WITH_POINTWISE = """
- conv1: {conv: 20, kernel: 5}
- pw: {conv: 20, kernel: 1}
- ip1: {fc: 20}
"""


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (FcSvd(rank=21), "layer 'ip1': rank 21 is above its full rank of 20"),
        (ChannelSvd(rank=21), "layer 'conv1': rank 21 is above its full rank of 20"),
        (SpatialSvd(rank=6), "layer 'conv1': rank 6 is above its full rank of 5"),
        (DepthwiseSeparable(rank=21), "layer 'conv1': rank 21 is above its full rank of 20"),
        (CpDecomposition(rank=26), "layer 'conv1': rank 26 is above its full rank of 25"),
        (Tucker(rank_in=2, rank_out=1), "layer 'conv1': input rank 2 is above its full rank of 1"),
        (
            Tucker(rank_in=1, rank_out=2, layers=("pw",)),
            "layer 'pw': output rank 2 is above 1, the pixels of its kernel times the other rank, and could not be "
            "used",
        ),
        (Tucker(rank_in=1, rank_out=21), "layer 'conv1': output rank 21 is above its full rank of 20"),
    ],
)
def test_a_rank_above_the_full_one(one: LowRank, sentence: str) -> None:
    with pytest.raises(AccsimError) as error:
        one.apply(synthetic(network_of(LENET_WITH_POINTWISE, "[1, 28, 28]")))
    assert str(error.value) == sentence


def test_layers_of_the_wrong_kind() -> None:
    with pytest.raises(InputError) as error:
        FcSvd(rank=1, layers=("conv*",)).apply(synthetic(load_network("lenet_caffe")))
    assert str(error.value) == "fc_svd: none of the chosen layers of lenet_caffe is a fully connected layer"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("fc_svd", "{}", "pass.yaml:1:1: one of rank, fraction and energy must be given, got none"),
        ("cp", "{rank: 2, fraction: 0.5}", "pass.yaml:1:1: one of rank and fraction must be given"),
        ("channel_svd", "{fraction: 1.5}", "pass.yaml:1:12: fraction: must be at most 1.0, got 1.5"),
        ("channel_svd", "{rank: 0}", "pass.yaml:1:8: rank: must be at least 1, got 0"),
        (
            "tucker",
            "{rank_in: 2}",
            "pass.yaml:1:1: either rank_in and rank_out, or one of fraction and energy must be given",
        ),
    ],
)
def test_a_recipe_with_a_mistake(name: str, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        bind(load(Source("pass", "pass.yaml", text + "\n")), PASSES[name])
    assert str(error.value) == sentence
