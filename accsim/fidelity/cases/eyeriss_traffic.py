"""AlexNet on the preset ``eyeriss`` without coding, batch 4, published mapping: PEs at work and words moved."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from accsim.energy.estimate import LayerEstimate
from accsim.fidelity.compare import Obtained
from accsim.hardware.accelerator import Dram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.mapping import RowStationaryMapping
from accsim.pipeline import estimate
from accsim.result import Result
from accsim.simulate.activity import Action
from accsim.workload.layer import Operand
from accsim.workload.reader import load_network

LAYERS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
PUBLISHED_SUBSET = {
    (Operand.IFMAP, Action.READ),
    (Operand.PSUM, Action.READ),
    (Operand.PSUM, Action.WRITE),
}
"""What the published buffer traffic is made of."""


@dataclass(frozen=True, slots=True)
class Found:
    """The run with the mappings that are used, and conv3 with the mapping that Table III prints."""

    used: Result
    as_printed: Result


def run() -> Found:
    """Run the five layers twice."""
    chip = load_accelerator("eyeriss")
    plain = tuple(replace(level, run_length=None) if isinstance(level, Dram) else level for level in chip.levels)
    machine, network = replace(chip, levels=plain), load_network("alexnet", batch=4, layers=LAYERS)
    used = estimate(network, machine)
    conv3 = used.mappings_used[LAYERS.index("conv3")]
    if not isinstance(conv3, RowStationaryMapping):
        raise TypeError("the chip's mappings are row stationary")
    return Found(used, estimate(network, machine, mapping={"conv3": replace(conv3, q=4, r=1, t=4)}))


def obtained(found: Found) -> Obtained:
    """Most PEs at work, and megabytes (10^6 bytes) at the buffer and at the DRAM."""
    layers = {e.activity.layer: e for e in found.used.estimates}
    as_printed = {e.activity.layer: e for e in found.as_printed.estimates}
    return {
        "active_pes": {name: layer.activity.pe_active_max for name, layer in layers.items()},
        "buffer_traffic": {name: megabytes(layer, "glb", PUBLISHED_SUBSET) for name, layer in layers.items()},
        "buffer_traffic_as_printed": {"conv3": megabytes(as_printed["conv3"], "glb", PUBLISHED_SUBSET)},
        "dram_traffic_uncoded": {name: megabytes(layer, "dram") for name, layer in layers.items()},
    }


def megabytes(layer: LayerEstimate, level: str, kinds: Collection[tuple[Operand, Action]] | None = None) -> float:
    """Traffic of a level in 10^6 bytes, all of it or of some operands and actions."""
    counts = [c for c in layer.activity.priced if c.level == level]
    return sum(c.bits for c in counts if kinds is None or (c.operand, c.action) in kinds) / 8e6
