"""Tiles that move between two levels on the chip.

No channel times them: the array waits for DRAM only. Each is placed at the first cycle of the step that asks for it,
or, of the sums that leave after the last step, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from accsim.simulate.stepped.pass_timeline import Event
from accsim.simulate.stepped.storage import Tile
from accsim.workload.layer import Operand

MOVES = "moves"
"""Track of these events."""


@dataclass(slots=True)
class Journal:
    """What was seen: step, level it came from (``None`` for the array), level it went to, operand and tile."""

    moves: list[tuple[int, str | None, str, Operand, Tile]] = field(default_factory=list)

    def note(self, step: int, source: str | None, target: str, operand: Operand, tile: Tile) -> None:
        """Write one down."""
        self.moves.append((step, source, target, operand, tile))

    def events(self, timed: Iterable[Event], end: int, weight_name: Operand) -> Iterator[Event]:
        """The moves as events.

        Args:
            timed: the events of the pass timeline, with those of the steps.
            end: cycles of the layer.
            weight_name: what the second operand is called.
        """
        starts = {event.args["step"]: event.start for event in timed if event.track == "array"}
        for step, source, target, operand, tile in self.moves:
            name = (weight_name if operand is Operand.WEIGHT else operand).value
            at = starts.get(step, end)
            args = {"operand": name, "from": source, "to": target, "words": tile.words, **tile.first}
            yield Event(MOVES, f"{name} to {target}", at, at, args)
