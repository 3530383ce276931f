"""Uniform fixed point: what every rule promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accsim.compress.codes import Float, Uniform
from accsim.compress.grain import block_of, by_block
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.workload.reader import load_network

WEIGHTS = arrays(
    np.float64,
    st.tuples(*(st.integers(1, 4) for _ in range(4))),
    elements=st.floats(-8, 8, allow_nan=False).map(lambda x: 0.0 if abs(x) < 1e-6 else x),
)
GRAIN = st.sampled_from(["layer", "filter", "channel", "kernel", "pixel", "channels:1", "channels:2", "channels:3"])


def lenet(**weights: np.ndarray) -> Model:
    model = synthetic(load_network("lenet_caffe"))
    return model.with_parameters({name: LayerParameters(Float(w)) for name, w in weights.items()})


@given(WEIGHTS, st.integers(2, 16), GRAIN)
@settings(max_examples=200, deadline=None)
def test_symmetric_rounds_to_the_nearest_multiple_and_keeps_zero(weights: np.ndarray, bits: int, grain: str) -> None:
    layer = load_network("lenet_caffe").mac_layers[0]
    rule = Symmetric(bits=bits, grain=grain)
    once = rule.project(layer, LayerParameters(Float(weights)))
    code = once.weight
    assert isinstance(code, Uniform)
    step = code.scale.over(weights.shape)
    assert (np.abs(code.codes) < 1 << (bits - 1)).all()
    assert (np.abs(code.values() - weights) <= step / 2 * (1 + 1e-9)).all()
    assert (code.values()[weights == 0] == 0).all()
    again = rule.project(layer, once).weight
    np.testing.assert_allclose(again.values(), code.values(), rtol=1e-12)
    assert code.scale.count == int(np.prod([-(-n // b) for n, b in zip(weights.shape, code.scale.block, strict=True)]))


@given(WEIGHTS, GRAIN)
@settings(max_examples=100, deadline=None)
def test_blocks_hold_every_weight_once(weights: np.ndarray, grain: str) -> None:
    blocks = by_block(weights, block_of(grain, weights.shape), np.nan)
    assert sorted(blocks[~np.isnan(blocks)].tolist()) == sorted(weights.ravel().tolist())


def test_weights_that_are_no_numbers() -> None:
    shape = lenet().parameters["conv1"].weight.shape
    weights = np.zeros(shape)
    weights[1, 0, 2, 3], weights[2, 0, 0, 0] = np.nan, np.inf
    with pytest.raises(AccsimError) as error:
        Symmetric().apply(lenet(conv1=weights))
    assert str(error.value) == (
        f"layer 'conv1': 2 of {weights.size} weights are NaN or infinite, the first at (1, 0, 2, 3)"
    )


def test_layers_are_chosen_by_pattern() -> None:
    model = Symmetric(layers=("conv*",), skip=("conv2",), bits=4).apply(lenet())
    assert [name for name, p in model.parameters.items() if p.weight.name == "uniform"] == ["conv1"]
    assert [(one.name, dict(one.arguments)) for one in model.applied] == [
        ("symmetric", {"bits": 4, "layers": ["conv*"], "skip": ["conv2"]})
    ]
    with pytest.raises(InputError) as error:
        Symmetric(layers=("cnov1",)).apply(lenet())
    assert str(error.value) == (
        "symmetric: no layer with weights of lenet_caffe matches 'cnov1'; did you mean 'conv1' or 'conv2'?"
    )
