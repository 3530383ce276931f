"""AlexNet's layers at full size on every sparse machine: stepped equals counted, and sums are golden."""

from __future__ import annotations

from typing import Any

import pytest

from accsim.simulate.sparse import cnvlutin, eie, eyeriss_v2, scnn, sparten
from accsim.workload.reader import load_network
from tests.simulate.sparse.cases import golden, operands

NETWORK = load_network("alexnet")
DENSITIES = {  # ifmap, weight: zeros of trained AlexNets are of this kind
    "conv1": (1.0, 0.84), "conv2": (0.8, 0.38), "conv3": (0.4, 0.35), "conv4": (0.3, 0.37), "conv5": (0.3, 0.37),
    "fc6": (0.35, 0.09), "fc7": (0.35, 0.09), "fc8": (0.38, 0.25),
}  # fmt: skip
MACHINES: tuple[tuple[Any, Any], ...] = (
    (scnn, scnn.Scnn()), (eyeriss_v2, eyeriss_v2.EyerissV2()), (eie, eie.Eie()), (cnvlutin, cnvlutin.Cnvlutin()),
    (sparten, sparten.Sparten()),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("module", "machine"), MACHINES)
@pytest.mark.parametrize("layer", DENSITIES)
def test_stepped_equals_counted_and_golden(module: Any, machine: Any, layer: str) -> None:
    g = NETWORK.layer(layer).geometry
    assert g is not None
    if module.cannot(g, machine) is not None:
        pytest.skip(module.cannot(g, machine))
    case = operands(g, *DENSITIES[layer], 7)
    stepped = module.step(*case, machine)
    assert stepped.count == module.count(*case, machine)
    assert (stepped.sums == golden(case)).all()
