"""Measures of channels that need feature maps or gradients, and choices by reconstruction."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.importance import gradient_energy, intra_class_correlation, pooled_entropy, taylor
from accsim.compress.reconstruction import greedy_channels, lasso_channels
from accsim.errors import AccsimError

SEEDS = st.integers(0, 2**32 - 1)


def maps(*channels: list[float]) -> np.ndarray:
    """Feature maps of one pixel, from the outputs of each channel."""
    return np.array(channels).T[:, :, None, None]


def test_entropy_of_pooled_outputs() -> None:
    # constant: 0 bits; two values, half each: 1 bit; four values in four bins: 2 bits
    found = pooled_entropy(maps([1, 1, 1, 1], [0, 0, 5, 5], [0, 1, 2, 3]), bins=4)
    assert found.tolist() == [0, 1, 2]
    spread = np.array([[[[0.0, 4.0]]], [[[2.0, 2.0]]]])  # what varies over pixels alone is pooled away
    assert pooled_entropy(spread).tolist() == [0]


@given(SEEDS, st.integers(1, 5), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_taylor_is_the_change_of_a_linear_loss(seed: int, inputs: int, channels: int) -> None:
    generator = np.random.default_rng(seed)
    outputs, gradients = generator.standard_normal((2, inputs, channels, 3, 2))
    found = taylor(outputs, gradients)
    # a loss that is linear in the outputs changes by the sum over pixels of output x gradient
    change = np.abs((outputs * gradients).sum(axis=(2, 3)) / 6).mean(axis=0)
    np.testing.assert_allclose(found, change / np.linalg.norm(change))
    np.testing.assert_allclose(np.linalg.norm(found), 1)
    assert not taylor(np.zeros((2, 3, 1, 1)), np.ones((2, 3, 1, 1))).any()
    with pytest.raises(AccsimError, match=r"activations are \[1, 2, 1, 1\] and gradients \[1, 3, 1, 1\]"):
        taylor(np.zeros((1, 2, 1, 1)), np.zeros((1, 3, 1, 1)))


def test_gradients_of_what_reads_a_channel() -> None:
    gradients = np.zeros((2, 3, 1, 2))
    gradients[0, 1] = [3, 4]
    gradients[1, 2, 0, 0] = -2
    assert gradient_energy(gradients).tolist() == [0, 25, 4]


def test_variance_between_classes() -> None:
    classes = np.array([0, 0, 1, 1])
    found = intra_class_correlation(maps([1, 1, 5, 5], [1, 5, 1, 5], [2, 2, 2, 2], [0, 2, 4, 6]), classes)
    # all between: 1; all within, with two inputs each: -1; constant: 0; B = 16, W = 2: 14 / 18
    np.testing.assert_allclose(found, [1, -1, 0, 14 / 18])
    with pytest.raises(AccsimError, match="need two classes"):
        intra_class_correlation(maps([1, 2]), np.array([0, 0]))


@given(SEEDS, st.integers(1, 6), st.data())
@settings(max_examples=60, deadline=None)
def test_greedy_removal_is_its_definition(seed: int, channels: int, data: st.DataObject) -> None:
    parts = np.random.default_rng(seed).standard_normal((7, channels))
    kept = data.draw(st.integers(0, channels))
    gone: set[int] = set()
    while len(gone) < channels - kept:
        gone.add(
            min(
                (c for c in range(channels) if c not in gone),
                key=lambda c: sum(sum(row[i] for i in (*gone, c)) ** 2 for row in parts),
            )
        )
    assert set(greedy_channels(parts, kept).tolist()) == set(range(channels)) - gone
    if channels - kept == 1:  # the first step is the best one
        best = min(combinations(range(channels), 1), key=lambda out: float((parts[:, out].sum(axis=1) ** 2).sum()))
        assert gone == set(best)


def test_channels_that_add_nothing_go_first() -> None:
    generator = np.random.default_rng(0)
    parts = generator.standard_normal((200, 6)) * [3, 0, 1, 0.01, 2, 0]
    outputs = parts.sum(axis=1)
    for kept, expected in ((1, [0]), (2, [0, 4]), (3, [0, 2, 4]), (6, [0, 1, 2, 3, 4, 5])):
        assert lasso_channels(parts, outputs, kept).tolist() == expected
        assert greedy_channels(parts, kept).tolist() == expected
    assert lasso_channels(parts, outputs, 0).tolist() == []


@given(SEEDS, st.integers(1, 5), st.data())
@settings(max_examples=30, deadline=None)
def test_lasso_keeps_as_many_as_asked(seed: int, channels: int, data: st.DataObject) -> None:
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((9, channels)) * generator.integers(0, 3, channels)
    kept = data.draw(st.integers(0, channels))
    assert len(set(lasso_channels(parts, parts.sum(axis=1), kept).tolist())) == kept


@pytest.mark.parametrize("choose", [greedy_channels, lambda x, k: lasso_channels(x, np.zeros(len(x)), k)])
def test_more_channels_than_there_are(choose: object) -> None:
    with pytest.raises(AccsimError) as error:
        choose(np.zeros((4, 3)), 5)
    assert str(error.value) == "contributions [samples, channels] are [4, 3], of which 5 channels cannot be kept"
