"""The off-chip transfers of a layer, whichever way it was run.

Where no buffer lies between DRAM and the array, the array's words go straight to the channel while it runs. The pass
timeline serves them tile by tile; the words that cross the array's edge more than once per tile are in the counters and
get one event for the whole layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action, Activity
from accsim.simulate.stepped.pass_timeline import Event

DRAM = "dram"
"""Track of the channel."""


def with_straight_words(events: Iterable[Event], activity: Activity, accelerator: Accelerator) -> Iterator[Event]:
    """The events of a layer with MACs, and what went straight between DRAM and the array beside its transfers."""
    moved: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event.track == DRAM:
            moved[event.args["operand"], event.args["direction"]] += event.args["bits"]
        yield event
    buffers = {level.name for level in accelerator.buffers}
    for count in activity.counts:
        if count.level != accelerator.dram.name or count.action not in (Action.READ, Action.WRITE):
            continue
        bits = count.bits - moved[count.operand.value, count.action.value]
        if bits > 0 and count.peer not in buffers:
            yield Event(DRAM, f"{count.action} {count.operand}, straight", 0, activity.cycles.total, {
                "operand": count.operand.value, "direction": count.action.value,
                "words": bits // accelerator.bits(count.operand), "bits": bits,
            })  # fmt: skip
