"""How fast the kernels of compressed operands are, as ratios to BLAS and to scipy.sparse in the same run.

Weights are packed beforehand, activations within the measured call. Times are CPU times, the least of many calls, so
that a busy machine matters little. The BLAS is kept to one thread: the time of its others is added to a process's only
at ticks of a clock, so that short products would seem to take half of what they do. Every product is compared with its
baseline's. Run with ``-m benchmark``; tables are printed, and kept as extra info.

Which instructions the BLAS uses is printed too, as it decides the ratios: one that has no kernels for a new machine
falls back on 256-bit vectors, half of what the machine can do (``OPENBLAS_CORETYPE=SkylakeX`` makes it use 512 bits: on
a Zen 5 the mean of XNOR products fell from 19 to 10.7 times, of 4 x 4 bits from 2.1 to 1.2, and three layers of 1 x 1
kernels below 1, to 0.8). What bounds ours: an XNOR product takes three vector
instructions for 512 MACs (a logic one, a popcount, an addition), products of a x b planes a b times as many; where K is
a word or two (the 1 x 1 layers), the packing of activations and the 64 sums that are stored for each four rows weigh as
much as the counting. Sparse products load a vector for every two instructions that use it, so they run at the rate of
the cache that holds 512 rows of 128 columns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding
import numpy as np
import pytest
import scipy.sparse
from threadpoolctl import threadpool_info, threadpool_limits

from accsim.kernels import bits, sparse

pytestmark = pytest.mark.benchmark(timer=time.process_time)

# Filters, taps, positions, batch 1. AlexNet by group (Krizhevsky et al., NIPS 2012), ResNet-18 (He et al., CVPR 2016).
SQUARE = {"1024^3": (1024, 1024, 1024), "2048^3": (2048, 2048, 2048), "512x512x8192": (512, 8192, 512)}
ALEXNET = {
    "alexnet conv2": (128, 1200, 729),
    "alexnet conv3": (384, 2304, 169),
    "alexnet conv4": (192, 1728, 169),
    "alexnet conv5": (128, 1728, 169),
}
RESNET18 = {
    "resnet18 conv1": (64, 147, 12544),
    "resnet18 conv2": (64, 576, 3136),
    "resnet18 conv3_1": (128, 576, 784),
    "resnet18 conv3": (128, 1152, 784),
    "resnet18 down3": (128, 64, 784),
    "resnet18 conv4_1": (256, 1152, 196),
    "resnet18 conv4": (256, 2304, 196),
    "resnet18 down4": (256, 128, 196),
    "resnet18 conv5_1": (512, 2304, 49),
    "resnet18 conv5": (512, 4608, 49),
    "resnet18 down5": (512, 256, 49),
}
SHAPES = {**SQUARE, **ALEXNET, **RESNET18}
FEATURES = ("avx2", "avx512f", "avx512bw", "avx512vpopcntdq", "avx512bitalg", "neon", "sve")
SECONDS = 0.25


def fastest(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of at least three calls, and of a quarter of a second of them."""
    best, calls, started = float("inf"), 0, time.process_time()
    while calls < 3 or time.process_time() - started < SECONDS:
        before = time.process_time()
        call()
        best = min(best, time.process_time() - before)
        calls += 1
    return best


def cpu() -> str:
    """Name, which of the features that decide are there, and what the BLAS takes it for."""
    features = llvmlite.binding.get_host_cpu_features()
    names = [llvmlite.binding.get_host_cpu_name(), *(name for name in FEATURES if features.get(name))]
    blas = {str(one.get("architecture")) for one in threadpool_info() if one["user_api"] == "blas"}
    return f"{' '.join(names)}; BLAS for {', '.join(sorted(blas)) or 'an unknown machine'}"


class Table:
    """Ratios by shape, printed at the end."""

    def __init__(self, title: str) -> None:
        self.title, self.rows = title, {}

    def compare(self, shape: str, baseline: Callable[[], Any], ours: Callable[[], Any]) -> None:
        np.testing.assert_array_equal(ours(), baseline())
        depth, (rows, columns) = SHAPES[shape][1], ours().shape
        before, after = fastest(baseline), fastest(ours)
        self.rows[shape] = (before / after, rows * columns * depth / after)

    def show(self, benchmark: Any, capsys: Any) -> None:
        ratios = {shape: round(ratio, 2) for shape, (ratio, _) in self.rows.items()}
        mean = float(np.exp(np.mean([np.log(ratio) for ratio, _ in self.rows.values()])))
        benchmark.extra_info.update(cpu=cpu(), times=ratios, geometric_mean=round(mean, 2))
        lines = [f"{self.title}, {cpu()}"]
        lines += [f"  {s:18} {ratio:6.2f}x  {rate / 1e9:8.1f}e9 MACs/s" for s, (ratio, rate) in self.rows.items()]
        with capsys.disabled():
            sys.stdout.write("\n".join(["", *lines, f"  {'geometric mean':18} {mean:6.2f}x", ""]))


@pytest.fixture
def table(benchmark: Any, capsys: Any, request: Any) -> Iterator[Table]:
    shown = Table(request.node.name)
    with threadpool_limits(1, "blas"):
        yield shown
    shown.show(benchmark, capsys)


def draw(generator: np.random.Generator, shape: str, low: int, high: int, kind: str) -> tuple[Any, Any]:
    filters, taps, positions = SHAPES[shape]
    return generator.integers(low, high, (filters, taps)).astype(kind), generator.integers(
        low, high, (taps, positions)
    ).astype(kind)


CODES = {
    "xnor": (bits.binary(), bits.binary()),
    "ternary": (bits.ternary(), bits.ternary()),
    "ternary weights, 4-bit activations": (bits.ternary(), bits.unsigned(4)),
    "2x2 bits": (bits.signed(2), bits.unsigned(2)),
    "4x4 bits": (bits.signed(4), bits.unsigned(4)),
}


@pytest.mark.parametrize("name", CODES)
def test_bits_against_float32_blas(benchmark: Any, table: Table, name: str) -> None:
    generator = np.random.default_rng(0)
    codes = CODES[name]
    for shape in SHAPES:
        operands = []
        for code, values in zip(codes, draw(generator, shape, 0, 1 << 16, "int32"), strict=True):
            low, high = (-1, 1) if name == "xnor" else (code.low, code.high)
            operands.append(np.where(values & 1, low, high) if name == "xnor" else low + values % (high - low + 1))
        weight, activations = operands[0], operands[1].astype(np.int8)
        packed = bits.pack_rows(weight, codes[0])
        a, b = weight.astype(np.float32), activations.astype(np.float32)

        def counted(packed: bits.Rows = packed, activations: Any = activations) -> Any:
            return bits.gemm(packed, activations, codes[1])

        table.compare(shape, lambda a=a, b=b: a @ b, counted)
        if shape == "512x512x8192":
            benchmark.pedantic(counted, rounds=20, warmup_rounds=1)


@pytest.mark.parametrize("kind", ["int32", "float32"])
def test_sparse_at_a_tenth_against_scipy_csr(benchmark: Any, table: Table, kind: str) -> None:
    generator = np.random.default_rng(0)
    for shape in SHAPES:
        weight, activations = draw(generator, shape, -128, 128, kind)
        weight *= generator.random(weight.shape) < 0.1
        ours, theirs = sparse.csr(weight), scipy.sparse.csr_matrix(weight)

        def product(ours: Any = ours, activations: Any = activations) -> Any:
            return sparse.gemm(ours, activations)

        table.compare(shape, lambda a=theirs, b=activations: a @ b, product)
        if shape == "1024^3":
            benchmark.pedantic(product, rounds=20, warmup_rounds=1)
