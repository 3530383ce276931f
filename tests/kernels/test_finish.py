"""Exact sums end in an accumulator as the dense kernel's do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.kernels import SATURATE, WRAP, Accumulator, bits, finish, gemm
from tests.kernels import cases


@given(st.integers(2, 40), st.sampled_from([WRAP, SATURATE]), cases.seeds)
@settings(deadline=None)
def test_sums_are_kept_as_the_dense_kernel_keeps_them(width: int, overflow: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = generator.integers(-128, 128, (3, 40)), generator.integers(-128, 128, (40, 5))
    accumulator = Accumulator(width, overflow=overflow)
    kept = finish(bits.gemm(bits.pack_rows(a, bits.signed(8)), b, bits.signed(8)), accumulator)
    expected = gemm(a, b, accumulator)
    np.testing.assert_array_equal(kept.values, expected.values)
    assert kept.overflows == expected.overflows
    assert kept.values.dtype == np.int64


def test_any_shape_is_kept() -> None:
    assert finish(np.zeros((2, 0, 3), np.int32), Accumulator(8)).values.shape == (2, 0, 3)
    values, overflows = finish(np.array(200, np.int64), Accumulator(8))
    assert (values.item(), overflows) == (-56, 1)


def test_what_cannot_be_kept() -> None:
    with pytest.raises(TypeError, match=r"^sums must hold integers, got float64$"):
        finish(np.zeros(3), Accumulator(8))
    with pytest.raises(ValueError, match=r"^products are shifted by 3 bits before they are added, not after$"):
        finish(np.zeros(3, int), Accumulator(8, product_shift=3))
