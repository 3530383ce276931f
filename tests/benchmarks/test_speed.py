"""How fast the counted engine is, as ratios to a named baseline in the same run; nothing is asserted on wall time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import accsim

pytestmark = pytest.mark.benchmark


def given_mappings(network: str, hardware: str) -> dict[str, Any]:
    result = accsim.estimate(network, hardware)
    return {e.activity.layer: m for e, m in zip(result.estimates, result.mappings_used, strict=True) if m}


@pytest.mark.parametrize("hardware", ["eyeriss", "systolic_32x32", "tpu_v1"])
@pytest.mark.parametrize("network", ["alexnet", "resnet50", "mobilenet"])
def test_a_whole_network_with_given_mappings(benchmark: Callable[..., Any], network: str, hardware: str) -> None:
    """Files read, mapped, simulated and priced; batch 1, warm."""
    mapping = given_mappings(network, hardware)
    result = benchmark(accsim.estimate, network, hardware, mapping=mapping)
    assert result.network.macs > 0


@pytest.mark.parametrize("hardware", ["eyeriss", "tpu_v1"])
def test_a_whole_network_with_searched_mappings(benchmark: Any, hardware: str) -> None:
    result = benchmark.pedantic(accsim.estimate, ("resnet50", hardware), {"objective": "energy"}, rounds=3)
    assert result.network.macs > 0


def test_help_starts_beside_a_bare_interpreter(benchmark: Any) -> None:
    """CPU time of ``accsim --help``; the baseline is ``python -c pass``, measured in the same run."""
    import resource
    import time

    def cpu(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    started = time.perf_counter()
    benchmark.pedantic(cpu, ("-m", "accsim", "--help"), rounds=5, warmup_rounds=1)
    helped = min(cpu("-m", "accsim", "--help") for _ in range(5))
    bare = min(cpu("-c", "pass") for _ in range(5))
    benchmark.extra_info.update(
        help_cpu_ms=helped * 1e3, bare_cpu_ms=bare * 1e3, ratio=helped / bare, took_s=time.perf_counter() - started
    )
    assert helped > 0


def test_the_search_for_reuse(benchmark: Any) -> None:
    """Tilings measured per second, of all the layers of AlexNet under the dataflow with the most of them."""
    import time

    def run() -> Any:
        return accsim.analyse_reuse("alexnet", "isca16_row_stationary", batch=16, near=False)

    run()
    result = benchmark.pedantic(run, rounds=3)
    begin = time.process_time()
    run()
    measured = sum(found.measured for found in result.found.values())
    benchmark.extra_info["tilings_per_second"] = measured / (time.process_time() - begin)
    assert measured > 100_000
