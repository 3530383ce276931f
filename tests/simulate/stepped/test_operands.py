"""Operands that are given or made up, and the shapes they take on the array."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.kernels import Accumulator, convolve
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.stepped.machine import Operands
from accsim.simulate.stepped.operands import accumulator_of, operands_for, operate
from accsim.simulate.storage import Residency
from accsim.simulate.values import Array
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from accsim.workload.network import Network
from accsim.workload.operands import as_filters, as_map, shape_of
from accsim.workload.reader import load_network
from tests.strategies import mac_layers

WIDE = Accumulator(48)


def machine(weight_bits: int = 8, activation_bits: int = 8) -> Accelerator:
    base = load_accelerator("eyeriss")
    return replace(base, pe=replace(base.pe, weight_bits=weight_bits, activation_bits=activation_bits))


def network(folder: object, layers: str, inputs: str) -> Network:
    path = folder / "net.yaml"  # type: ignore[operator]
    path.write_text(f"description: made up\nsource: made up\ninput: {inputs}\nlayers:\n{layers}", encoding="utf-8")
    return load_network(str(path), batch=2)


def dense(low: int, high: int, shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(3).integers(low, high, shape)


def product(layer: Layer, operands: Operands) -> Array:
    """The layer's output in its own shape, by the golden kernel."""
    g = layer.geometry
    assert g is not None
    sums = convolve(operands.ifmap, operands.weight, WIDE, groups=g.G).values
    if layer.kind is LayerKind.CONV:
        return sums
    by_head = sums.reshape(g.N, g.G, g.filters_per_group, g.P)
    if layer.operation == "attention_value":
        heads = by_head.reshape(layer.batch, g.G // layer.batch, g.filters_per_group, g.P)
        return heads.transpose(0, 3, 1, 2).reshape(shape_of(layer, "ofmap"))
    return by_head.transpose(0, 1, 3, 2).reshape(shape_of(layer, "ofmap"))


def test_tokens_times_weights(tmp_path) -> None:
    layer = network(tmp_path, "  - fc1: {fc: 3}\n", "[5, 4]").layer("fc1")
    x, w = dense(-9, 9, (2, 5, 4)), dense(-9, 9, (3, 4, 1, 1))
    operands = operands_for(layer, machine(), {"ifmap": x, "weight": w})
    assert np.array_equal(product(layer, operands), x @ w.reshape(3, 4).T)


ATTENTION = """\
  - q: {fc: 6, from: input}
  - k: {fc: 6, from: input}
  - v: {fc: 6, from: input}
  - scores: {query_key: [q, k], heads: 2}
  - values: {attention_value: [scores, v], heads: 2}
"""


def test_queries_times_keys(tmp_path) -> None:
    layer = network(tmp_path, ATTENTION, "[5, 6]").layer("scores")
    q, k = dense(-9, 9, (2, 5, 6)), dense(-9, 9, (2, 5, 6))[::-1]
    operands = operands_for(layer, machine(), {"ifmap": q, "ifmap2": k})
    heads = [part.reshape(2, 5, 2, 3).transpose(0, 2, 1, 3) for part in (q, k)]
    assert np.array_equal(product(layer, operands), heads[0] @ heads[1].transpose(0, 1, 3, 2))


def test_scores_times_values(tmp_path) -> None:
    layer = network(tmp_path, ATTENTION, "[5, 6]").layer("values")
    scores, v = dense(-9, 9, (2, 2, 5, 5)), dense(-9, 9, (2, 5, 6))
    operands = operands_for(layer, machine(), {"ifmap": scores, "ifmap2": v})
    found = scores @ v.reshape(2, 5, 2, 3).transpose(0, 2, 1, 3)
    assert np.array_equal(product(layer, operands), found.transpose(0, 2, 1, 3).reshape(2, 5, 6))


def test_a_plain_product_of_two_sequences(tmp_path) -> None:
    text = "  - a: {fc: 4, from: input}\n  - b: {fc: 5, from: input}\n  - ab: {matmul: [a, b]}\n"
    layer = network(tmp_path, text, "[4, 6]").layer("ab")
    a, b = dense(-9, 9, (2, 4, 4)), dense(-9, 9, (2, 4, 5))
    operands = operands_for(layer, machine(), {"ifmap": a, "ifmap2": b})
    assert np.array_equal(product(layer, operands).reshape(2, 4, 5), a @ b)


@given(layer=mac_layers(), seed=st.integers(0, 2**40), bits=st.integers(2, 16))
@settings(max_examples=60, deadline=None)
def test_made_up_operands_have_the_layers_shapes_and_fit_the_machine(layer: Layer, seed: int, bits: int) -> None:
    g, acc = layer.geometry, machine(bits, 16)
    assert g is not None
    operands = operands_for(layer, acc, seed=seed)
    assert operands.ifmap.shape == (g.N, g.C, g.H, g.W)
    assert operands.weight.shape == (g.M, g.channels_per_group, g.R, g.S)
    for words, width in ((operands.ifmap, 16), (operands.weight, 16 if layer.kind is LayerKind.MATMUL else bits)):
        assert words.dtype == np.int32
        assert words.flags.c_contiguous
        assert -(2 ** (width - 1)) <= words.min() <= words.max() < 2 ** (width - 1)


def big() -> Layer:
    g = Geometry(N=1, G=1, M=64, C=256, P=8, Q=8, R=3, S=3, H=10, W=10)
    return Layer("big", LayerKind.CONV, ("input",), ((256, 10, 10),), (64, 8, 8), 1, g, g.weight_words, 0, "conv")


def test_made_up_words_are_uniform_over_the_signed_width() -> None:
    weight = operands_for(big(), machine(4, 4), seed=1).weight
    counts = np.bincount(weight.ravel() + 8, minlength=16)
    assert len(counts) == 16
    mean = weight.size / 16
    assert np.abs(counts - mean).max() < 5 * np.sqrt(mean)


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_zeros_have_the_density_that_is_known(density: float) -> None:
    """A word is zero independently of the others; the rest are uniform over the values that are not."""
    ifmap = operands_for(big(), machine(4, 4), seed=2, densities=Densities(ifmap=density)).ifmap
    found = np.count_nonzero(ifmap)
    assert abs(found - density * ifmap.size) <= 5 * np.sqrt(density * (1 - density) * ifmap.size)
    if found:
        counts = np.bincount(ifmap[ifmap != 0] + 8, minlength=16)
        assert np.abs(np.delete(counts, 8) - found / 15).max() < 5 * np.sqrt(found / 15)


def test_operands_depend_on_the_seed_and_on_names_alone() -> None:
    one = operands_for(big(), machine(), seed=7)
    again = operands_for(big(), machine(), seed=7)
    other = operands_for(big(), machine(), seed=8)
    named = operands_for(replace(big(), name="small"), machine(), seed=7)
    assert np.array_equal(one.ifmap, again.ifmap)
    assert np.array_equal(one.weight, again.weight)
    for different in (other, named):
        assert not np.array_equal(one.ifmap, different.ifmap)
        assert not np.array_equal(one.weight, different.weight)
    assert not np.array_equal(one.ifmap.ravel()[:100], one.weight.ravel()[:100])


def refused(name: str, array: Array) -> str:
    with pytest.raises(AccsimError) as error:
        operands_for(big(), machine(), {name: array})
    return str(error.value)


def test_fractions_are_refused() -> None:
    weight = np.ones((64, 256, 3, 3), np.float32)
    weight[2, 0, 1, 1] = 0.5
    assert refused("weight", weight) == (
        "layer 'big': weight[2, 0, 1, 1] is 0.5, which is no integer: the stepped engine computes with the integers "
        "the machine would hold, so quantise the tensor first"
    )


@pytest.mark.parametrize(("value", "dtype"), [(128, np.int64), (255, np.uint8), (-129, np.float64), (2**63, np.uint64)])
def test_values_that_do_not_fit_are_refused(value: int, dtype: type) -> None:
    ifmap = np.zeros((256, 10, 10), dtype)
    ifmap[1, 2, 3] = ifmap[200, 0, 0] = value
    said = refused("ifmap", ifmap)
    assert said.startswith("layer 'big': ifmap[0, 1, 2, 3] is ")
    assert said.endswith("does not fit the machine's 8 signed bits (-128 to 127); 2 of 25600 values do not")


@pytest.mark.parametrize("given", [False, True])
def test_operands_wider_than_32_bits_are_refused(given: bool) -> None:
    wide = replace(machine(), pe=replace(machine().pe, weight_bits=40))
    weight = np.full((64, 256, 3, 3), 2**33, np.int64)
    with pytest.raises(AccsimError) as error:
        operands_for(big(), wide, {"weight": weight} if given else None)
    assert str(error.value) == (
        "layer 'big': the weight has words of 40 bits, and the stepped engine takes operands of at most 32"
    )


def test_whole_numbers_in_any_type_are_taken() -> None:
    for dtype in (np.int8, np.float32, np.float64, np.uint16, np.bool_):
        ifmap = np.ones((1, 256, 10, 10), dtype)
        assert operands_for(big(), machine(), {"ifmap": ifmap}).ifmap.sum() == 25600


def test_a_task_gets_the_values_of_its_operands_and_notes_what_is_made_up() -> None:
    g = big().geometry
    assert g is not None
    plain = MacTask(big(), g, Residency(), (), Densities(ifmap=0.25, ofmap=0.5), frozenset({Operand.OFMAP}))
    task, operands, notes = operate(plain, machine(), {"weight": np.zeros((64, 256, 3, 3), np.int8)}, seed=5)
    assert notes == (
        "values made up with seed 5: ifmap (zero with probability 0.75), ofmap (zero with probability 0.5)",
    )
    assert (task.densities, task.coded) == (plain.densities, plain.coded)
    assert task.values is not None
    assert task.values.ifmap_density == np.count_nonzero(operands.ifmap) / operands.ifmap.size
    assert task.values.effectual_macs == 0
    assert task.values.ofmap_code is not None


@given(layer=mac_layers())
@settings(max_examples=40, deadline=None)
def test_maps_and_filters_hold_each_word_once(layer: Layer) -> None:
    second = "ifmap2" if layer.kind is LayerKind.MATMUL else "weight"
    for which, shaped in (("ifmap", as_map), (second, as_filters)):
        shape = shape_of(layer, which)
        numbers = np.arange(np.prod(shape)).reshape(shape)
        assert np.array_equal(np.sort(shaped(layer, numbers), axis=None), numbers.ravel())


def test_the_accumulator_is_the_pes() -> None:
    pe = load_accelerator("eyeriss").pe
    rule = accumulator_of(pe)
    assert (rule.bits, rule.product_shift) == (pe.accumulator_bits, pe.product_shift)
