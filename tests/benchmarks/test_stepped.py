"""How fast the stepped machines are: rates of PEs that do a valid MAC, of all registers, and ratios to a plain loop.

Every measured run is the whole of it: operands laid out, all steps walked, all sums collected. Times are CPU times of
one core, so that a busy machine matters little; only the ratio to a loop of the same run is asserted.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import pytest

import accsim
from accsim.hardware.reader import load_accelerator
from accsim.kernels import Accumulator, convolve
from accsim.mapping.mapping import Mapping, SystolicMapping
from accsim.simulate.stepped.layer import machine_of, steps_of
from accsim.simulate.stepped.machine import Observed, Operands
from accsim.simulate.storage import Place
from accsim.workload.layer import Geometry
from tests.simulate.systolic_cases import SHIPPED_FLOWS

pytestmark = pytest.mark.benchmark(timer=time.process_time)

GIGABYTE = 10**9


@dataclass(frozen=True)
class Job:
    """A layer on a machine, with random operands of the machine's widths."""

    place: Place
    operands: Operands

    def step(self) -> Observed:
        """Step all of it."""
        return machine_of(self.place, self.operands).run(steps_of(self.place))

    def check(self, seen: Observed) -> None:
        """The exact sums, by the golden kernel."""
        g, pe = self.place.nest.geometry, self.place.accelerator.pe
        expected = convolve(
            self.operands.ifmap, self.operands.weight, Accumulator(64, pe.product_shift), groups=g.G,
            stride=(g.stride_h, g.stride_w), padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
        )  # fmt: skip
        assert seen.macs == g.macs
        np.testing.assert_array_equal(seen.sums, expected.values)


def job(hardware: Any, mapping: Mapping, g: Geometry) -> Job:
    """The layer with random operands."""
    draw, pe = np.random.default_rng(1), hardware.pe

    def words(bits: int, *shape: int) -> Any:
        return draw.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape, np.int32)

    operands = Operands(
        words(pe.activation_bits, g.N, g.C, g.H, g.W),
        words(pe.weight_bits, g.M, g.channels_per_group, g.R, g.S),
    )
    return Job(Place(hardware, mapping, mapping.nest(g, hardware.dram.fetch_padding)), operands)


def product_job(dataflow: str, pes: int, rows: int, inner: int, columns: int) -> Job:
    """A matrix product in one tile on a square array."""
    base = load_accelerator("systolic_32x32")
    hardware = replace(base, array=replace(base.array, rows=pes, cols=pes))
    g = Geometry(N=1, G=1, M=columns, C=inner, P=rows, Q=1, R=1, S=1, H=rows, W=1)
    return job(hardware, SystolicMapping(SHIPPED_FLOWS[dataflow], (), ()), g)


def network_jobs(network: str, hardware: str, dataflow: str, layers: tuple[str, ...]) -> list[Job]:
    """Layers of a network as the mapper lays them out."""
    result = accsim.estimate(network, hardware, dataflow=dataflow, layers=layers)
    return [
        job(result.accelerator, mapping, layer.geometry)
        for layer, mapping in zip(result.network.layers, result.mappings_used, strict=True)
        if mapping is not None and layer.geometry is not None
    ]


def report(benchmark: Any, seen: list[Observed], **ratios: float) -> dict[str, float]:
    """Put rates into the benchmark's report and print them."""
    best = benchmark.stats.stats.min if benchmark.stats else float("nan")
    rates = {
        "valid_macs_per_second": sum(one.macs for one in seen) / best,
        "register_updates_per_second": sum(one.register_updates for one in seen) / best,
        "cpu_seconds": best,
        "array_cycles_per_second": sum(one.phase.total for one in seen) / best,
        **ratios,
    }
    benchmark.extra_info.update(rates)
    print("".join(f"\n  {name} {rate:.3g}" for name, rate in rates.items()))  # noqa: T201
    return rates


@numba.njit(boundscheck=False)
def untuned(ifmap: Any, weight: Any, sums: Any) -> None:
    """An output-stationary array as one would first write it: every cycle, every row, every column, a register each.

    ``ifmap`` [rows, K] enters at the left, ``weight`` [K, cols] at the top, skewed by one cycle per PE. Registers are
    written behind the place where they are read.
    """
    rows, depth = ifmap.shape
    cols = weight.shape[1]
    right, down = np.zeros((rows, cols + 1), np.int16), np.zeros((rows + 1, cols), np.int16)
    for t in range(depth + rows + cols - 2):
        for i in range(rows):
            right[i, 0] = ifmap[i, t - i] if 0 <= t - i < depth else 0
        for j in range(cols):
            down[0, j] = weight[t - j, j] if 0 <= t - j < depth else 0
        for i in range(rows - 1, -1, -1):
            for j in range(cols - 1, -1, -1):
                sums[i, j] += np.int32(right[i, j]) * np.int32(down[i, j])
                right[i, j + 1] = right[i, j]
                down[i + 1, j] = down[i, j]


@numba.njit(boundscheck=False)
def two_sets(ifmap: Any, weight: Any, sums: Any) -> None:
    """The same with a second set of registers, so that no write disturbs a read and the compiler finds vectors."""
    rows, depth = ifmap.shape
    cols = weight.shape[1]
    right, down = np.zeros((rows, cols + 1), np.int16), np.zeros((rows + 1, cols), np.int16)
    next_right, next_down = right.copy(), down.copy()
    for t in range(depth + rows + cols - 2):
        for i in range(rows):
            right[i, 0] = ifmap[i, t - i] if 0 <= t - i < depth else 0
        for j in range(cols):
            down[0, j] = weight[t - j, j] if 0 <= t - j < depth else 0
        for i in range(rows):
            for j in range(cols):
                sums[i, j] += np.int32(right[i, j]) * np.int32(down[i, j])
                next_right[i, j + 1] = right[i, j]
                next_down[i + 1, j] = down[i, j]
        right, next_right = next_right, right
        down, next_down = next_down, down


def rate_of(loop: Any, pes: int, depth: int) -> float:
    """PE updates per second of a plain loop that do a valid MAC."""
    draw = np.random.default_rng(0)
    a = draw.integers(-128, 128, (pes, depth), np.int16)
    b = draw.integers(-128, 128, (depth, pes), np.int16)
    seconds = []
    for _ in range(11):  # the first one compiles
        sums = np.zeros((pes, pes), np.int32)
        started = time.process_time()
        loop(a, b, sums)
        seconds.append(time.process_time() - started)
    np.testing.assert_array_equal(sums, a.astype(np.int64) @ b.astype(np.int64))
    return pes * pes * depth / min(seconds)


@pytest.mark.parametrize("pes", [32, 128])
def test_output_stationary_beside_an_untuned_loop(benchmark: Any, pes: int) -> None:
    one = product_job("output_stationary", pes, 4 * pes, 9216, 2 * pes)
    one.check(one.step())
    seen = benchmark.pedantic(one.step, rounds=10)
    plain, vectors = rate_of(untuned, pes, 9216), rate_of(two_sets, pes, 9216)
    rates = report(benchmark, [seen], untuned_macs_per_second=plain, two_sets_macs_per_second=vectors)
    if benchmark.stats:
        ratio = rates["valid_macs_per_second"] / plain
        benchmark.extra_info["times_untuned"] = ratio
        print(f"  times_untuned {ratio:.3g}")  # noqa: T201
        assert ratio >= 2


@pytest.mark.parametrize("dataflow", ["weight_stationary", "input_stationary"])
def test_stationary_inputs_on_32x32(benchmark: Any, dataflow: str) -> None:
    sizes = (4096, 256, 128) if dataflow == "weight_stationary" else (128, 256, 4096)
    one = product_job(dataflow, 32, *sizes)
    one.check(one.step())
    seen = benchmark.pedantic(one.step, rounds=10)
    report(benchmark, [seen])


def test_row_stationary_on_eyeriss(benchmark: Any) -> None:
    """The third convolution of AlexNet, 16 bits, with the chip's published mapping."""
    (one,) = network_jobs("alexnet", "eyeriss", "row_stationary", ("conv3",))
    assert one.step().macs == one.place.nest.geometry.macs
    seen = benchmark.pedantic(one.step, rounds=3)
    report(benchmark, [seen])


CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")


def step_alexnet() -> list[Observed]:
    """All convolutions of AlexNet, grouped, on 32 x 32 output stationary."""
    return [one.step() for one in network_jobs("alexnet", "systolic_32x32", "output_stationary", CONVOLUTIONS)]


def test_alexnet_on_32x32_output_stationary(benchmark: Any) -> None:
    jobs = network_jobs("alexnet", "systolic_32x32", "output_stationary", CONVOLUTIONS)
    assert len(jobs) == 5
    for one in jobs:
        one.check(one.step())
    seen = benchmark.pedantic(lambda: [one.step() for one in jobs], rounds=3)
    report(benchmark, seen)


MEASURED = """
from tests.benchmarks.test_stepped import step_alexnet
step_alexnet()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak) * 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
def test_alexnet_steps_in_less_than_a_gigabyte(benchmark: Any) -> None:
    """Of a process of its own, interpreter and compiler included."""
    done = benchmark.pedantic(
        subprocess.run, ([sys.executable, "-c", MEASURED],), {"check": True, "capture_output": True, "text": True},
        rounds=1,
    )  # fmt: skip
    peak = int(done.stdout)
    benchmark.extra_info["peak_bytes"] = peak
    print(f"\n  peak memory {peak / 1e6:.0f} MB")  # noqa: T201
    assert peak < GIGABYTE
