"""The reference executor: inputs, ranges, tensors for an estimate, and errors between models."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log10
from pathlib import Path

import numpy as np
import pytest

from accsim.compress.codes import Binary, Code, PowerOfTwo, Ternary, Uniform
from accsim.compress.executor import load_array, random_inputs, run
from accsim.compress.feature_codes import decode, encode
from accsim.compress.feature_tensors import tensors_of
from accsim.compress.grain import Scale
from accsim.compress.model import ActivationCode, LayerParameters, Model
from accsim.compress.output_error import output_error
from accsim.compress.passes.activations import Activations
from accsim.compress.passes.uniform import Affine
from accsim.compress.ranges import Range, calibrated, ranges
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError, InputError
from accsim.simulate.values import tensor_mistakes
from accsim.workload.reader import load_network


def coded_lenet(batch: int = 2) -> Model:
    """LeNet with 8-bit weights and feature maps, the latter without scales yet."""
    model = synthetic(load_network("lenet_caffe", batch=batch))
    changed = {}
    for layer, held in model.layers():
        values = held.values()
        step = float(np.abs(values).max()) / 127
        scale = Scale(np.full((1, 1, 1, 1), step), values.shape, "layer")  # type: ignore[arg-type]
        changed[layer.name] = LayerParameters(Uniform(np.rint(values / step).astype(np.int64), scale, 8), held.bias)
    maps = {name: ActivationCode(8, signed=True) for name in ("input", *(x.name for x in model.network.layers[:-1]))}
    return replace(model.with_parameters(changed), activations=maps)


def test_calibration_makes_an_integer_network_close_to_the_reals() -> None:
    model = coded_lenet()
    reals = run(replace(model, activations={}))
    ready = calibrated(model, ranges([reals]))
    done = run(ready)
    assert set(done.sums) == {layer.name for layer in model.network.mac_layers}
    error = output_error(reals, done)
    assert 0 < error.output.relative_l2 < 0.05
    assert error.output.sqnr_db == pytest.approx(-20 * log10(error.output.relative_l2))
    assert error.made_up
    assert done.inputs == "made up: standard normal; seed 0"
    same = output_error(reals, reals)
    assert (same.output.relative_l2, same.output.sqnr_db) == (0.0, inf)


@pytest.mark.parametrize(("steps", "most"), [("symmetric", 0.05), ("affine", 0.03), ("power_of_two", 0.6)])
def test_integer_networks_with_other_steps(steps: str, most: float) -> None:
    model = Affine(grain="filter").apply(synthetic(load_network("lenet_caffe")))
    last = model.network.layers[-1].name
    coded = Activations(bits=8, skip=(last,), steps=steps).apply(model)
    reals = run(replace(coded, activations={}))
    done = run(calibrated(coded, ranges([reals])))
    assert set(done.sums) == {layer.name for layer in model.network.mac_layers}
    assert 0 < output_error(reals, done).output.relative_l2 < most
    points = {name: coded.code.zero_point for name, coded in done.codes.items()}
    assert (points["input"] > 100) == (steps == "affine")
    assert points["ip1.relu"] == 0


def test_ranges_cut_the_tails_and_grow_over_runs() -> None:
    model = synthetic(load_network("lenet_caffe"))
    first, second = run(model, seed=1), run(model, seed=2)
    whole = ranges([first, second])["input"]
    values = np.concatenate([first.values["input"], second.values["input"]])
    assert whole == Range(values.min(), values.max())
    cut = ranges([first], 99)["input"]
    inside = (first.values["input"] >= cut.low) & (first.values["input"] <= cut.high)
    assert inside.mean() == pytest.approx(0.99, abs=0.005)
    with pytest.raises(AccsimError, match=r"^percentile must be above 50 and at most 100, got 0\.99$"):
        ranges([first], 0.99)


def test_a_range_that_a_code_cannot_hold_or_that_is_not_known() -> None:
    model = coded_lenet()
    unsigned = replace(model, activations={"input": ActivationCode(8, signed=False)})
    with pytest.raises(AccsimError, match=r"^feature map 'input' has values down to -2, but its code is unsigned$"):
        calibrated(unsigned, {"input": Range(-2.0, 1.0)})
    with pytest.raises(AccsimError, match=r"^no range is known of the feature map 'input'$"):
        calibrated(unsigned, {})
    assert calibrated(unsigned, {"input": Range(0.0, 0.0)}).activations["input"].scale == 1.0


def test_tensors_suit_an_estimate_and_have_the_zeros_of_the_codes() -> None:
    model = coded_lenet()
    ready = calibrated(model, ranges([run(replace(model, activations={}))]))
    done = run(ready)
    tensors = tensors_of(ready, done)
    assert tensor_mistakes(tensors, model.network) == []
    for layer in model.network.mac_layers:
        held = tensors[layer.name]
        assert all(array.dtype.kind == "i" for name, array in held.items() if name != "ofmap")
        coded = done.codes[layer.inputs[0]]
        assert np.count_nonzero(held["ifmap"]) == np.count_nonzero(decode(coded.codes, coded.code))
    relu = next(x for x in model.network.layers if x.operation == "relu")
    assert (tensors[relu.inputs[0]]["ofmap"] >= 0).all()


SHAPE = (4, 3, 2, 3)


def codes_of(draw: np.random.Generator) -> dict[str, Code]:
    """One of each code that the golden kernels can multiply, in a grain that suits them."""
    layer = Scale(np.full((1, 1, 1, 1), 0.3), SHAPE, "layer")
    rows = Scale(draw.random((4, 1, 1, 1)) + 0.1, (1, 3, 2, 3), "filter")
    groups = Scale(draw.random((4, 2, 1, 1)) + 0.1, (1, 2, 2, 3), "channels:2")
    channels = Scale(draw.random((1, 3, 1, 1)) + 0.1, (4, 1, 2, 3), "channel")
    points = np.arange(4).reshape(4, 1, 1, 1)
    return {
        "layer": Uniform(draw.integers(-8, 8, SHAPE), layer, 4),
        "filter": Uniform(draw.integers(0, 16, SHAPE), rows, 4, False, points),
        "channel group": Uniform(draw.integers(-8, 8, SHAPE), groups, 4),
        "channel": Binary(draw.random(SHAPE) > 0.5, channels),
        "ternary": Ternary(draw.integers(-1, 2, SHAPE), rows, rows),
        "power of two": PowerOfTwo(draw.integers(-1, 2, SHAPE), draw.integers(-5, -1, SHAPE), -5, -2, 4),
        "wide power of two": PowerOfTwo(np.ones(SHAPE, np.int64), draw.integers(-40, 1, SHAPE), -40, 0, 7),
        "pixel": Uniform(draw.integers(-8, 8, SHAPE), Scale(draw.random((1, 1, 2, 3)), (4, 3, 1, 1), "pixel"), 4),
    }


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("name", codes_of(np.random.default_rng(0)))
def test_sums_of_integers_times_scales_are_the_convolution_of_the_values(
    name: str, pruned: bool, tmp_path: Path
) -> None:
    draw = np.random.default_rng(3)
    text = "input: [6, 7, 8]\nlayers:\n  - c: {conv: 4, kernel: [2, 3], groups: 2, stride: [2, 1], pad: [1, 0, 2, 1]}\n"
    (tmp_path / "n.yaml").write_text(text)
    network = load_network(str(tmp_path / "n.yaml"), batch=2)
    kept = draw.random(SHAPE) > 0.5 if pruned else None
    held = LayerParameters(codes_of(draw)[name], draw.standard_normal(4), kept)
    model = Model(network, {"c": held}, activations={"input": ActivationCode(5, False, 0.2, 9)})
    done = run(model)
    assert ("c" in done.sums) == (name not in ("pixel", "wide power of two"))
    geometry = network.layers[0].geometry
    assert geometry is not None
    padded = np.pad(done.values["input"], ((0, 0), (0, 0), (1, 0), (2, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 3), axis=(2, 3))[:, :, ::2]
    split = windows.reshape(2, 2, 3, *windows.shape[2:])
    weights = held.values().reshape(2, 2, 3, 2, 3)
    want = np.einsum("ngcpqrs,gmcrs->ngmpq", split, weights).reshape(2, 4, geometry.P, geometry.Q)
    assert held.bias is not None
    assert np.allclose(done.values["c"], want + held.bias[:, None, None], rtol=0, atol=1e-12)


def test_codes_stay_within_their_limits() -> None:
    code = ActivationCode(4, True, 0.5, 1, limits=(-7, 7))
    assert encode(np.array([-99.0, -0.25, 0.25, 0.75, 99.0]), code).tolist() == [-7, 0, 2, 2, 7]
    with pytest.raises(AccsimError, match="no range yet"):
        encode(np.zeros(1), ActivationCode(8))


def test_inputs_from_a_file(tmp_path: Path) -> None:
    network = load_network("lenet_caffe")
    path = tmp_path / "x.npy"
    np.save(path, np.ones((1, 28, 28), np.uint8))
    assert load_array(str(path), network).shape == (1, 1, 28, 28)
    assert np.array_equal(random_inputs(network, 4), random_inputs(network, 4))
    assert not np.array_equal(random_inputs(network, 4), random_inputs(network, 5))
    for array, reason in (
        (np.ones(3), "inputs must have shape (1, 1, 28, 28), got (3,)"),
        (np.full((1, 28, 28), np.nan), "inputs hold values that are not finite"),
        (np.full((1, 28, 28), "a"), "inputs must be numbers, got <U1"),
    ):
        np.save(path, array)
        with pytest.raises(InputError) as error:
            load_array(str(path), network)
        assert str(error.value) == f"{path}: {reason}"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"not a NumPy \.npy file of a plain array$"):
        load_array(str(path), network)


def test_layers_that_were_cut_off_or_have_no_parameters() -> None:
    model = synthetic(load_network("lenet_caffe", layers=["conv2"]))
    with pytest.raises(AccsimError, match=r"^layer 'conv2' reads 'pool1', which is not part of the network$"):
        run(model, np.zeros((1, 28, 28)))
    whole = replace(synthetic(load_network("lenet_caffe")), parameters={})
    with pytest.raises(AccsimError, match=r"^layer 'conv1' has no parameters$"):
        run(whole)


DECODER = """\
input: [TOKENS, 1]
layers:
  - table: {embedding: 7, width: 6}
  - ln: layer_norm
  - q: {fc: 6, from: ln}
  - k: {fc: 6, from: ln CACHE}
  - v: {fc: 6, from: ln CACHE}
  - scores: {query_key: [q, k], heads: 2, causal: true, then: softmax}
  - context: {attention_value: [scores, v], heads: 2}
  - slopes: prelu
  - sum: {add: [slopes, table]}
"""


def decoder(folder: Path, tokens: int, rows: int) -> Model:
    """One layer of a decoder on some tokens, with a cache of ``rows`` where there are more than they."""
    cache = f", then: {{cache: {rows}}}" if rows > tokens else ""
    path = folder / "decoder.yaml"
    path.write_text(DECODER.replace("TOKENS", str(tokens)).replace(" CACHE", cache))
    return synthetic(load_network(str(path), batch=2), seed=5)


def test_a_cached_token_gives_what_all_tokens_at_once_give(tmp_path: Path) -> None:
    """Attention of the last of five tokens, with keys and values of the others cached, beside all five at once."""
    numbers = np.random.default_rng(2).integers(0, 7, (2, 5, 1))
    whole, last = decoder(tmp_path, 5, 5), decoder(tmp_path, 1, 5)
    every = run(whole, numbers)
    caches = {f"{name}.cache": every.values[name][:, :4] for name in ("k", "v")}
    one = run(last, numbers[:, 4:], caches=caches)
    assert np.allclose(one.values["sum"][:, 0], every.values["sum"][:, 4], rtol=0, atol=1e-12)
    assert not np.allclose(run(last, numbers[:, 4:], seed=1).values["sum"], one.values["sum"])
    with pytest.raises(
        AccsimError, match=r"^layer 'k.cache': cached tokens must have shape \(2, 4, 6\), got \(2, 3, 6\)$"
    ):
        run(last, numbers[:, 4:], caches={"k.cache": caches["k.cache"][:, :3]})


def test_attention_is_the_textbooks(tmp_path: Path) -> None:
    """softmax(q k / sqrt(d)) v per head, keys behind the query left out, one head and one query at a time."""
    done = run(decoder(tmp_path, 5, 5)).values
    for n in range(2):
        for head in range(2):
            at = slice(3 * head, 3 * head + 3)
            for query in range(5):
                q, k, v = done["q"][n, query, at], done["k"][n, : query + 1, at], done["v"][n, : query + 1, at]
                share = np.exp(k @ q / np.sqrt(3))
                assert np.allclose(done["context"][n, query, at], share @ v / share.sum(), rtol=0, atol=1e-12)
    assert np.allclose(done["ln"].mean(axis=2), 0)
    assert np.allclose(done["ln"].std(axis=2), 1, atol=1e-3)
    bent = np.where(done["context"] < 0, 0.25 * done["context"], done["context"])
    assert np.allclose(done["sum"], bent + done["table"], rtol=0, atol=1e-12)


def test_token_numbers_and_made_up_tables(tmp_path: Path) -> None:
    model = decoder(tmp_path, 5, 5)
    done = run(replace(model, real=True), np.full((2, 5, 1), 6))
    assert done.made_up
    assert (done.values["table"] == done.values["table"][:1, :1]).all()
    made_up = run(model)
    assert made_up.inputs == "made up: token numbers; seed 0"
    assert set(np.unique(made_up.values["input"])) <= set(range(7))
    known = replace(model, real=True, tables={"table": np.arange(42.0).reshape(7, 6)})
    assert not run(known, np.full((2, 5, 1), 6)).made_up
    for wrong in (7, -1, 0.5):
        with pytest.raises(AccsimError, match=f"^layer 'table': its table has rows 0 to 6, but row {wrong:g} is read$"):
            run(known, np.full((2, 5, 1), wrong))


@pytest.mark.parametrize("name", ["shufflenet_v1_1x_g3", "squeezenet1_1", "bert_base", "gpt2_decode", "vit_b_16"])
@pytest.mark.slow
def test_shipped_networks_run_whole(name: str) -> None:
    bindings = {"sequence": 4} if name in ("bert_base", "gpt2_decode") else {}
    network = load_network(name, bindings=bindings)
    done = run(synthetic(network))
    assert done.values.keys() == {"input", *(layer.name for layer in network.layers)}
    for layer in network.layers:
        assert done.values[layer.name].shape == (1, *layer.output_shape)
    assert np.isfinite(done.values[network.layers[-1].name]).all()
