"""Speed of sparse machines: AlexNet's convolutions counted from the zeros of given operands, and stepped.

``pytest -m benchmark tests/benchmarks/test_sparse.py`` prints seconds for all five convolutions (EIE: the three fully
connected layers); rates are products per second, CPU time of one core.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.simulate.sparse.cases import operands
from tests.simulate.sparse.test_full_size import DENSITIES, MACHINES, NETWORK

pytestmark = pytest.mark.benchmark(timer=time.process_time)


def cases_of(module: Any, machine: Any) -> list[Any]:
    """The layers that the machine is for, with operands."""
    fully = module.__name__.endswith("eie")
    names = [name for name in DENSITIES if name.startswith("fc") is fully]
    layers = [(NETWORK.layer(name).geometry, *DENSITIES[name]) for name in names]
    return [operands(g, *densities, 7) for g, *densities in layers if g is not None]


@pytest.mark.parametrize("form", ["count", "step"])
@pytest.mark.parametrize(("module", "machine"), MACHINES, ids=[m.__name__.rsplit(".", 1)[-1] for m, _ in MACHINES])
def test_alexnet(benchmark: BenchmarkFixture, module: Any, machine: Any, form: str) -> None:
    cases = cases_of(module, machine)
    products = sum(module.count(*case, machine).multiplies for case in cases)
    run = getattr(module, form)
    benchmark.pedantic(lambda: [run(*case, machine) for case in cases], rounds=3, warmup_rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["products_per_second"] = products / benchmark.stats["min"]
