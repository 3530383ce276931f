"""How fast the golden kernels are, as rates and as ratios to NumPy's integer product in the same run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from accsim.kernels import NEAREST, Accumulator, convolve

pytestmark = pytest.mark.benchmark

# AlexNet's second convolution: 96 channels in 2 groups, 256 filters of 5x5 on 27x27 (Krizhevsky et al., 2012).
GROUPS, PADDING = 2, (2, 2, 2, 2)
IFMAP, WEIGHT = (1, 96, 27, 27), (256, 48, 5, 5)
MACS = 256 * 27 * 27 * 48 * 5 * 5


def numpy_convolution(ifmap: Any, weight: Any) -> Any:
    """Windows laid out in memory, then one integer ``matmul`` per group, in int64."""
    padded = np.pad(ifmap.astype(np.int64), ((0, 0), (0, 0), (2, 2), (2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))[0]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(GROUPS, 48 * 25, 27 * 27)
    return (weight.astype(np.int64).reshape(GROUPS, 128, 48 * 25) @ columns).reshape(1, 256, 27, 27)


@pytest.mark.parametrize(
    ("bits", "accumulator"),
    [(8, Accumulator(32)), (16, Accumulator(48)), (16, Accumulator(16, 8, NEAREST)), (32, Accumulator(64, 8))],
    ids=["8 bit", "16 bit", "16 bit rounded products", "32 bit, two limbs"],
)
def test_alexnet_conv2(benchmark: Any, bits: int, accumulator: Accumulator) -> None:
    generator = np.random.default_rng(0)
    half = 1 << (bits - 1)
    ifmap = generator.integers(-half, half, IFMAP, np.int64).astype(f"int{bits}")
    weight = generator.integers(-half, half, WEIGHT, np.int64).astype(f"int{bits}")
    sums = benchmark(convolve, ifmap, weight, accumulator, groups=GROUPS, padding=PADDING)
    started = time.perf_counter()
    expected = numpy_convolution(ifmap, weight)
    numpy_seconds = time.perf_counter() - started
    if not accumulator.product_shift:
        np.testing.assert_array_equal(sums.values, expected)
    if benchmark.stats:
        best = benchmark.stats.stats.min
        benchmark.extra_info.update(macs_per_second=MACS / best, times_numpy=numpy_seconds / best)
