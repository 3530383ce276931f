"""Speed of sparse machines: AlexNet's convolutions counted from the zeros of given operands, and stepped.

``pytest -m benchmark tests/benchmarks/test_sparse.py`` prints seconds for all five convolutions (EIE: the three fully
connected layers); rates are products per second, CPU time of one core.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accsim import estimate
from accsim.kernels import Accumulator, convolve
from accsim.workload.operands import as_filters, as_map, shape_of
from accsim.workload.reader import load_network
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


MACHINES_BY_VALUE = {
    "scnn": ("scnn", (), ("conv1", "layer*")),
    "eyeriss_v2": ("eyeriss_v2", (), None),
    "cnvlutin": ("cnvlutin", (), None),
    "pragmatic": ("stripes", ("pe.datapath={kind: term_serial}",), None),
    "loom": ("loom", (), None),
}


@pytest.mark.parametrize("machine", MACHINES_BY_VALUE)
def test_resnet18_by_value(benchmark: BenchmarkFixture, machine: str) -> None:
    """A whole network counted from its values under mappings that are known; the ratio is to its sums themselves.

    The baseline is the golden convolution of every layer of the same operands, in the same run.
    """
    hardware, overrides, layers = MACHINES_BY_VALUE[machine]
    rng = np.random.default_rng(0)
    values = {}
    for layer in load_network("resnet18").mac_layers:
        shapes = shape_of(layer, "ifmap"), shape_of(layer, "weight")
        if layers is None or layer.kind.value == "conv":
            words = [rng.integers(1, 127, s, np.int32) * (rng.random(s, np.float32) < 0.45) for s in shapes]
            values[layer.name] = {"ifmap": words[0].astype(np.int32), "weight": words[1].astype(np.int32)}
    how: Any = {"overrides": overrides, "tensors": values, "layers": layers}
    first = estimate("resnet18", hardware, **how)
    used = zip(first.estimates, first.mappings_used, strict=True)
    how["mapping"] = {one.activity.layer: mapping for one, mapping in used if mapping is not None}
    benchmark.pedantic(lambda: estimate("resnet18", hardware, **how), rounds=3, warmup_rounds=1)
    if benchmark.stats is not None:
        spent = []
        for _ in range(2):
            start = time.process_time()
            for layer in first.network.mac_layers:
                g = layer.geometry
                if g is not None:
                    ifmap, weight = values[layer.name]["ifmap"], values[layer.name]["weight"]
                    convolve(
                        as_map(layer, ifmap), as_filters(layer, weight), Accumulator(48), groups=g.G,
                        stride=(g.stride_h, g.stride_w), padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
                    )  # fmt: skip
            spent.append(time.process_time() - start)
        benchmark.extra_info["golden_convolutions_over_estimate"] = min(spent) / benchmark.stats["min"]
