"""What all quantising passes have in common, on all kinds of weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accsim.compress.codes import Float, PowerOfTwo, Ternary
from accsim.compress.measures import measure
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.registry import PASSES, QUANTISING
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError
from accsim.workload.reader import load_network
from tests.compress.tensors import CONV, FC, layers

RULES = [rule(seed=7) if "seed" in rule.model_fields else rule() for rule in QUANTISING if issubclass(rule, LayerPass)]
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


@pytest.mark.parametrize("name", sorted(PASSES))
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


@pytest.mark.parametrize("bits", [0, 1, 17, 2.5, True])
def test_bits_out_of_range(bits: object) -> None:
    with pytest.raises(ValidationError):
        Symmetric(bits=bits)


def test_an_unknown_grain() -> None:
    with pytest.raises(AccsimError) as error:
        Symmetric(grain="filters").apply(synthetic(load_network("lenet_caffe")))
    assert str(error.value) == (
        "unknown grain 'filters': must be one of layer, filter, channel, kernel, pixel, channels:N; "
        "did you mean 'filter'?"
    )


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
