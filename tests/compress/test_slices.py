"""Some filters or channels of any code stand for the same values as those of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import (
    Binary,
    Code,
    Codebook,
    KernelCodebook,
    Float,
    Outliers,
    Planes,
    PowerOfTwo,
    ProductCodebook,
    Ternary,
    Transformed,
    Uniform,
)
from accsim.compress.grain import Scale, block_of, in_blocks
from accsim.compress.model import LayerParameters
from accsim.compress.passes.transform import dct
from accsim.compress.slices import CHANNELS, FILTERS, take_code, take_parameters
from accsim.errors import AccsimError

SHAPE = (4, 3, 2, 2)


def codes(draw: np.random.Generator, grain: str) -> dict[str, Code]:
    def scale() -> Scale:
        block = block_of(grain, SHAPE)
        return Scale(draw.random(in_blocks(np.zeros(SHAPE), block)) + 0.5, block, grain, bits=16)

    def whole(low: int, high: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
        return draw.integers(low, high, shape)

    shared = scale()
    uniform = Uniform(whole(0, 16), shared, 4, False, whole(0, 16, shared.values.shape))
    return {
        "float": Float(draw.standard_normal(SHAPE)),
        "uniform": uniform,
        "binary": Binary(whole(0, 2) > 0, scale()),
        "ternary": Ternary(whole(-1, 2), scale(), scale()),
        "symmetric ternary": Ternary(whole(-1, 2), shared, shared),
        "power of two": PowerOfTwo(whole(-1, 2), whole(-3, 1), -3, 0, 4),
        "scaled power of two": PowerOfTwo(whole(-1, 2), whole(-3, 1), -3, 0, 4, scale()),
        "kernels": KernelCodebook(whole(0, 3, SHAPE[:2]), draw.standard_normal((3, 2, 2)), draw.random(SHAPE[:2])),
        "codebook": Codebook(whole(0, 5), draw.standard_normal(5), signs=whole(0, 2) * 2 - 1),
        "planes": Planes(draw.random((2, *SHAPE)) < 0.5, (scale(), scale())),
        "outliers": Outliers(uniform, np.array([0, 7, 13, 40]), draw.standard_normal(4)),
        "transformed": Transformed(Float(draw.standard_normal(SHAPE)), dct(2), dct(2)),
        "product": ProductCodebook(whole(0, 3, (4, 2, 2, 2)), draw.standard_normal((2, 3, 2)), 3),
    }


@given(
    st.integers(0, 99),
    st.sampled_from(["layer", "filter", "channel", "kernel", "pixel"]),
    st.sampled_from([FILTERS, CHANNELS]),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_taken_codes_stand_for_the_taken_values(seed: int, grain: str, axis: int, data: st.DataObject) -> None:
    index = np.array(sorted(data.draw(st.sets(st.integers(0, SHAPE[axis] - 1), min_size=1))))
    for name, code in codes(np.random.default_rng(seed), grain).items():
        if (name, axis) == ("product", CHANNELS):
            continue
        taken = take_code(code, axis, index)
        assert type(taken) is type(code)
        assert taken.shape == taken.values().shape
        np.testing.assert_array_equal(taken.values(), code.values().take(index, axis))
        if code.name in ("binary", "planes"):
            scales = (taken.scale,) if isinstance(taken, Binary) else taken.bases
            assert all(one.bits == 16 for one in scales)
        if isinstance(code, Ternary):
            assert taken.symmetric == code.symmetric


def test_masks_biases_and_trained_weights_go_along() -> None:
    weights = np.random.default_rng(0).standard_normal(SHAPE)
    whole = LayerParameters(Float(weights), np.arange(4.0), weights > 0, "weight", weights)
    filters = take_parameters(whole, FILTERS, np.array([1, 3]))
    np.testing.assert_array_equal(filters.bias, [1, 3])
    np.testing.assert_array_equal(filters.values(), whole.values()[[1, 3]])
    channels = take_parameters(whole, CHANNELS, np.array([2]))
    np.testing.assert_array_equal(channels.bias, whole.bias)
    np.testing.assert_array_equal(channels.trained, weights[:, [2]])
    np.testing.assert_array_equal(channels.values(), whole.values()[:, [2]])


def test_what_cannot_be_parted() -> None:
    made = codes(np.random.default_rng(0), "channels:2")
    hashed = Codebook(np.zeros(SHAPE, np.int64), np.ones(1), hashed=True)
    for code, axis, sentence in (
        (
            made["binary"],
            CHANNELS,
            "2 neighbouring input channels share a scale (channels:2), so single ones cannot be removed; remove them "
            "first and quantise then",
        ),
        (
            made["product"],
            CHANNELS,
            "sub-vectors run along the input channels, so single ones cannot be removed; remove them first and "
            "quantise then",
        ),
        (
            hashed,
            FILTERS,
            "a hash of a weight's place gives its entry, so filters cannot be removed; remove them first and hash then",
        ),
    ):
        with pytest.raises(AccsimError) as error:
            take_code(code, axis, np.array([0]))
        assert str(error.value) == sentence
