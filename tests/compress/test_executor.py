"""The reference executor: inputs, ranges, tensors for an estimate, and errors between models."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log10
from pathlib import Path

import numpy as np
import pytest

from accsim.compress.codes import Uniform
from accsim.compress.executor import load_array, random_inputs, run
from accsim.compress.feature_codes import decode, encode
from accsim.compress.feature_tensors import tensors_of
from accsim.compress.grain import Scale
from accsim.compress.model import ActivationCode, LayerParameters, Model
from accsim.compress.output_error import output_error
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
