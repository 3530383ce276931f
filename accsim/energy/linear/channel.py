"""What a layer moves over the DRAM channel."""

from __future__ import annotations

from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action, Activity


def channel_bits(activity: Activity, accelerator: Accelerator) -> float:
    """Bits a layer moves over the DRAM channel, coded ones as they move."""
    dram, moves = accelerator.dram.name, (Action.READ, Action.WRITE)
    return float(sum(count.bits for count in activity.priced if count.level == dram and count.action in moves))
