"""How weights are stored: what is encoded decodes to the weights, and the chosen size is the smallest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Codebook, Uniform
from accsim.compress.encodings import decode, encode
from accsim.compress.grain import Scale
from accsim.compress.model import LayerParameters
from accsim.compress.storage import store, store_published, stored_symbols
from accsim.errors import AccsimError

SHAPE = (4, 3, 2, 2)
ONE = Scale(np.full((1, 1, 1, 1), 0.5), SHAPE, "layer")


@st.composite
def layers(draw: st.DrawFn) -> LayerParameters:
    """A layer of 48 weights as a codebook or as fixed point, some of them pruned."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kept = None if draw(st.booleans()) else random.random(SHAPE) < draw(st.floats(0, 1))
    if draw(st.booleans()):
        entries = draw(st.integers(1, 17))
        table = random.standard_normal(entries) * (random.random(entries) < 0.7)
        return LayerParameters(Codebook(random.integers(0, entries, SHAPE), table), kept=kept)
    bits = draw(st.integers(2, 8))
    codes = random.integers(-(1 << (bits - 1)), 1 << (bits - 1), SHAPE)
    return LayerParameters(Uniform(codes, ONE, bits), kept=kept)


@settings(deadline=None, max_examples=40)
@given(layers(), st.sampled_from(["dense", "bitmap", "relative:4", "csr", "zero_value", "best"]))
def test_what_is_stored_tells_weights_apart_and_is_zero_where_they_are(layer: LayerParameters, encoding: str) -> None:
    symbols, bits = stored_symbols(layer)
    values = layer.values()
    np.testing.assert_array_equal(decode(encode(symbols, encoding, bits)), symbols)
    zero = values == 0
    if zero.any():
        np.testing.assert_array_equal(symbols == 0, zero)
    for symbol in np.unique(symbols):
        assert np.unique(values[symbols == symbol]).size == 1
    assert bits <= layer.weight.bits + 1


@settings(deadline=None, max_examples=40)
@given(layers())
def test_best_is_no_larger_than_any_other_and_sizes_are_exact(layer: LayerParameters) -> None:
    best = store(layer)
    assert best.stored_bits == best.size_bits + layer.weight.table_bits
    for name in ("dense", "bitmap", "csc", "zero_value"):
        other = store(layer, name)
        symbols, bits = stored_symbols(layer)
        assert other.size_bits == encode(symbols, name, bits).size_bits
        assert best.size_bits <= other.size_bits


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.integers(1, 16))
def test_published_weights_take_what_is_expected_of_the_best(density: float, bits: int) -> None:
    found = store_published(SHAPE, bits, density)
    assert found.expected
    assert found.size_bits <= min(48 * bits, 48 + 48 * density * bits) + 1e-9


def test_the_width_of_gaps_that_is_expected_to_be_best_is_named() -> None:
    # 1 % of 8-bit codes, 99 zeros between two of them on average
    found = store_published((100, 100, 3, 3), 8, 0.01, "relative:best")
    widths = {g: store_published((100, 100, 3, 3), 8, 0.01, f"relative:{g}").size_bits for g in range(1, 17)}
    best = min(widths, key=lambda g: widths[g])
    assert (found.encoding, found.size_bits) == (f"relative:{best}", widths[best])
    assert best == 9


def test_a_pass_chooses_an_encoding_unless_one_is_asked_for() -> None:
    layer = LayerParameters(Uniform(np.ones(SHAPE, np.int64), ONE, 4), encoding="bitmap")
    assert store(layer).encoding == "bitmap"
    assert store(layer, "dense").encoding == "dense"


def test_sizes_that_depend_on_values_are_refused_where_there_are_none() -> None:
    with pytest.raises(AccsimError) as found:
        store_published(SHAPE, 8, 0.5, "bitmap+huffman")
    assert str(found.value) == (
        "bitmap+huffman: a Huffman code depends on the values; a tensor is needed, a density is not enough"
    )
