"""What all passes of a kind have in common, on all kinds of weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Float, PowerOfTwo, Ternary
from accsim.compress.measures import measure
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass, ModelPass
from accsim.compress.passes.registry import PASSES, PRUNING, QUANTISING, REWRITING
from accsim.compress.storage import store
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.source import Source
from accsim.workload.reader import load_network
from accsim.yamlfile import bind, load
from tests.compress.tensors import CONV, FC, layers

RULES = [rule(seed=7) if "seed" in rule.model_fields else rule() for rule in QUANTISING if issubclass(rule, LayerPass)]
REQUIRED = {
    "level": "sparsity: 0.5", "gradual": "final: 0.5", "largest": "density: 0.5", "energy_aware": "sparsity: 0.5",
    "filters": "sparsity: 0.5", "kernels": "sparsity: 0.5", "vectors": "sparsity: 0.5", "dct": "sparsity: 0.5",
    "blocks": "{sparsity: 0.5, block: [1, 8, 1, 1]}", "fc_svd": "rank: 1", "channel_svd": "rank: 1",
    "spatial_svd": "rank: 1", "cp": "rank: 1", "tucker": "fraction: 0.5", "depthwise_separable": "rank: 1",
}  # fmt: skip
"""Arguments without a default."""
NOT_IDEMPOTENT = {
    "dynamic_fixed_point": "a largest weight that was rounded down to a power of two has a smaller integer length",
    "binary_relax": "it moves weights a part of the way, each time",
    "clip_q": "it clips a part of the weights that are left, each time",
    "residual": "the mean magnitude of sums of planes is not the first base, unless the second signs are balanced",
    "lq_nets": "it begins at residual planes again, from where another local optimum may be reached",
    "soft_sharing": "components that begin evenly spaced over fewer values end elsewhere",
}
"""Rules whose result is not always their own projection, and why; DoReFa's and the full range's are tested by name."""
by_name = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@by_name
@given(parameters=layers())
@settings(max_examples=15, deadline=None)
def test_pruned_weights_stay_pruned_and_codes_fit_their_bits(rule: LayerPass, parameters: LayerParameters) -> None:
    after = rule.project(CONV, parameters)
    values = after.values()
    assert values.shape == parameters.weight.shape
    assert after.weight.shape == values.shape
    assert np.isfinite(values).all()
    assert after.kept is parameters.kept
    assert after.trained is parameters.trained
    if parameters.kept is not None:
        assert not values[~parameters.kept].any()
    code = after.weight
    assert code.table_bits >= 0
    if not isinstance(code, Float):
        symbols = code.symbols()
        index_bits = getattr(code, "index_bits", code.bits)
        assert symbols.size == 0 or int(symbols.max()) - int(symbols.min()) < 1 << index_bits
    if hasattr(code, "integers"):
        scale = getattr(code, "scale", None)
        unit = 1.0 if scale is None else scale.over(code.shape)
        if isinstance(code, PowerOfTwo):
            unit = unit * np.ldexp(1.0, code.lowest)
        if not isinstance(code, Ternary) or code.symmetric:
            unit = code.positive.over(code.shape) if isinstance(code, Ternary) else unit
            np.testing.assert_allclose(code.integers() * unit, code.values(), rtol=1e-12)
    np.testing.assert_array_equal(rule.project(CONV, parameters).values(), values)
    if rule.name not in NOT_IDEMPOTENT:
        again = rule.project(CONV, replace(parameters, weight=Float(values))).values()
        np.testing.assert_allclose(again, values, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("name", ["binary_relax", "clip_q", "residual"])
def test_rules_that_are_not_idempotent(name: str) -> None:
    one = asked(name)
    assert isinstance(one, LayerPass)
    weights = np.random.default_rng(5).laplace(size=(1, 1, 20, 20))
    once = one.project(CONV, LayerParameters(Float(weights))).values()
    assert not np.allclose(one.project(CONV, LayerParameters(Float(once))).values(), once)


@pytest.mark.parametrize(
    "name", sorted(one.name for one in PRUNING if issubclass(one, LayerPass) and one.name != "dct")
)
@given(parameters=layers())
@settings(max_examples=15, deadline=None)
def test_pruning_twice_is_pruning_once(name: str, parameters: LayerParameters) -> None:
    one = asked(name)
    assert isinstance(one, LayerPass)
    after = one.project(CONV, parameters)
    again = one.project(CONV, after)
    np.testing.assert_array_equal(again.values(), after.values())
    assert parameters.kept is None or name == "surgery" or not (after.kept & ~parameters.kept).any()


@by_name
@pytest.mark.parametrize("layer", [CONV, FC], ids=["conv", "fc"])
@pytest.mark.parametrize("value", [0.0, 1.5, -0.3, 5e-324])
def test_a_layer_of_one_weight(rule: LayerPass, layer: object, value: float) -> None:
    weights = np.full((1, 1, 1, 1), value)
    after = rule.project(layer, LayerParameters(Float(weights)))
    assert after.values().shape == (1, 1, 1, 1)
    assert np.isfinite(after.values()).all()


def test_all_zeros_stay_zeros_where_zero_is_in_the_set() -> None:
    without_zero = {"dorefa", "binary_connect", "shift"}
    for shape in ((1, 1, 1, 1), (3, 4, 2, 2)):
        for rule in RULES:
            values = rule.project(CONV, LayerParameters(Float(np.zeros(shape)))).values()
            assert values.any() == (rule.name in without_zero and not (rule.name == "dorefa" and rule.bits == 1)), rule


@pytest.mark.parametrize("name", sorted(rule.name for rule in QUANTISING))
def test_a_whole_network(name: str) -> None:
    model = synthetic(load_network("lenet_caffe"), seed=1)
    rule = PASSES[name](**({"layers": ("conv*",)} if issubclass(PASSES[name], LayerPass) else {}))
    after = rule.apply(model)
    assert [one.name for one in after.applied] == [name]
    assert all(np.isfinite(p.values()).all() for p in after.parameters.values())
    for row in measure(after):
        assert row.relative_l2 is not None
        if name != "activations" and row.layer.startswith("conv"):
            assert row.code == "float" if name == "binary_relax" else row.code != "float"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("symmetric", "bits: 1", "recipe.yaml:1:7: bits: must be at least 2, got 1"),
        ("symmetric", "bits: 17", "recipe.yaml:1:7: bits: must be at most 16, got 17"),
        ("symmetric", "bits: 2.5", "recipe.yaml:1:7: bits: must be an integer, got 2.5"),
        ("symmetric", "bist: 8", "recipe.yaml:1:1: no key 'bist'; did you mean 'bits'?"),
        ("dorefa", "bits: 0", "recipe.yaml:1:7: bits: must be at least 1, got 0"),
        ("inq", "portion: 0", "recipe.yaml:1:10: portion: must be greater than 0.0, got 0"),
        ("v_quant", "ratio: 1.5", "recipe.yaml:1:8: ratio: must be at most 1.0, got 1.5"),
        ("hashed", "buckets_per_weight: 0", "recipe.yaml:1:21: buckets_per_weight: must be greater than 0.0, got 0"),
        (
            "bwn", "grain: filters",
            "recipe.yaml:1:8: grain: unknown grain 'filters': must be one of layer, filter, channel, kernel, pixel, "
            "channels:N; did you mean 'filter'?",
        ),
        (
            "activations", "{bits: 2, kind: binary}",
            "recipe.yaml:1:1: binary activations have 1 bit, got 2",
        ),
        (
            "activations", "{bits: 1, signed: true}",
            "recipe.yaml:1:1: signed uniform codes have at least 2 bits, got 1; for signs use kind: binary",
        ),
        (
            "sqnr_allocation", "{bits: 3, least: 4}",
            "recipe.yaml:1:1: least (4) must be at most bits (3) and most (16)",
        ),
    ],
)  # fmt: skip
def test_arguments_out_of_range(name: str, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        bind(load(Source("recipe", "recipe.yaml", text)), PASSES[name])
    assert str(error.value) == message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@by_name
def test_weights_that_are_no_numbers(rule: LayerPass, value: float) -> None:
    weights = np.zeros((20, 1, 5, 5))
    weights[3, 0, 1, 2] = value
    model = synthetic(load_network("lenet_caffe")).with_parameters({"conv1": LayerParameters(Float(weights))})
    with pytest.raises(AccsimError) as error:
        rule.apply(model)
    assert str(error.value) == "layer 'conv1': 1 of 500 weights are NaN or infinite, the first at (3, 0, 1, 2)"


@given(parameters=layers(), order=st.permutations(["symmetric", "twn", "kmeans", "bwn"]))
@settings(max_examples=15, deadline=None)
def test_passes_compose_in_any_order(parameters: LayerParameters, order: list[str]) -> None:
    for name in order:
        rule = PASSES[name]()
        assert isinstance(rule, LayerPass)
        parameters = rule.project(CONV, parameters)
        assert np.isfinite(parameters.values()).all()
    assert parameters.weight.name == {"symmetric": "uniform", "twn": "ternary", "kmeans": "codebook"}.get(
        order[-1], "binary"
    )


def asked(name: str, text: str = "") -> ModelPass:
    """A pass with its required arguments, or with these."""
    return bind(load(Source("recipe", "recipe.yaml", text or REQUIRED.get(name, "{}"))), PASSES[name])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", sorted(one.name for one in (*PRUNING, *REWRITING) if one.name != "merge_branches"))
def test_no_pruning_or_rewriting_takes_weights_that_are_no_numbers(name: str, value: float) -> None:
    network = load_network("mobilenet_v1_0.5_128" if name == "fold_batch_norm" else "lenet_caffe")
    model = synthetic(network)
    which = "ip1" if name == "fc_svd" else "conv1"
    weights = np.zeros(model.parameters[which].weight.shape)
    weights[3] = value
    with pytest.raises(AccsimError) as error:
        asked(name).apply(model.with_parameters({which: LayerParameters(Float(weights))}))
    count, zeros = weights[3].size, ", 0" * 2
    assert str(error.value) == (
        f"layer {which!r}: {count} of {weights.size} weights are NaN or infinite, the first at (3, 0{zeros})"
    )


@pytest.mark.parametrize("name", sorted(one.name for one in PRUNING))
def test_pruning_a_network_of_zeros(name: str) -> None:
    model = synthetic(load_network("lenet_caffe"))
    zeros = {layer.name: LayerParameters(Float(np.zeros(p.weight.shape))) for layer, p in model.layers()}
    after = asked(name).apply(model.with_parameters(zeros))
    for _, parameters in after.layers():
        assert not parameters.values().any()
        assert store(parameters).size_bits < 32 * 32 * parameters.weight.values().size ** 0.5 + 8


@pytest.mark.parametrize("value", [0.0, 1.5, -0.3, 5e-324])
@pytest.mark.parametrize("name", sorted(one.name for one in PRUNING if issubclass(one, LayerPass)))
def test_pruning_a_layer_of_one_weight(name: str, value: float) -> None:
    one = asked(name)
    assert isinstance(one, LayerPass)
    after = one.project(CONV, LayerParameters(Float(np.full((1, 1, 1, 1), value)))).values()
    assert after.shape == (1, 1, 1, 1)
    assert after[0, 0, 0, 0] in (0, value)


FRACTIONS = [
    ("level", "sparsity"), ("gradual", "final"), ("gradual", "initial"), ("largest", "density"),
    ("energy_aware", "sparsity"), ("energy_aware", "budget"), ("filters", "sparsity"), ("kernels", "sparsity"),
    ("vectors", "sparsity"), ("blocks", "sparsity"), ("dct", "sparsity"), ("clip_q", "clip"), ("ttq", "threshold"),
    ("v_quant", "ratio"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "argument"), FRACTIONS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-0.1", "must be at least 0.0, got -0.1"),
        ("1.1", "must be at most 1.0, got 1.1"),
        (".nan", "must be a finite number, got .nan"),
        (".inf", "must be a finite number, got .inf"),
    ],
)
def test_fractions_outside_their_range(name: str, argument: str, value: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        asked(name, f"{argument}: {value}")
    place = f"recipe.yaml:1:{len(argument) + 3}: {argument}: "
    assert place + message in str(error.value).splitlines()
