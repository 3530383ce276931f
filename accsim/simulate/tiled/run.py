"""What the array of a family reports of one tile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from accsim.mapping.nest import Piece
from accsim.simulate.activity import Action
from accsim.workload.layer import Operand

Sizes = Mapping[str, Piece]


@dataclass(slots=True)
class TileWords:
    """Words that a tile moves at the array's edge and in its registers.

    Attributes:
        ifmap, weight: read for the array from the innermost shared level.
        psum_out: sums that leave the array, finished or not.
        ifmap_held, weight_held: words written to the registers or scratchpads of PEs.
        psum_kept: sums that are read and written again in the PEs' accumulators.
        actions: anything else that costs energy: (level, operand, action) -> how often, and bits moved.
    """

    ifmap: int = 0
    weight: int = 0
    psum_out: int = 0
    ifmap_held: int = 0
    weight_held: int = 0
    psum_kept: int = 0
    actions: dict[tuple[str, Operand, Action], tuple[int, int]] = field(default_factory=dict)

    def add(self, other: TileWords, times: int = 1) -> None:
        """Add the words of ``times`` tiles that move the same."""
        self.ifmap += other.ifmap * times
        self.weight += other.weight * times
        self.psum_out += other.psum_out * times
        self.ifmap_held += other.ifmap_held * times
        self.weight_held += other.weight_held * times
        self.psum_kept += other.psum_kept * times
        for key, (accesses, bits) in other.actions.items():
            before = self.actions.get(key, (0, 0))
            self.actions[key] = before[0] + accesses * times, before[1] + bits * times


@dataclass(frozen=True, slots=True)
class TileRun:
    """One tile on the array.

    Attributes:
        compute: cycles in which the array is scheduled to work on it.
        stalls: cycles more, by the port or queue that the array waits for.
        tail: cycles after that until its last output is out, while the next tile may begin.
        words: what it moves.
        macs: MACs done; at most ``slots``.
        effectual: those of them that the machine does at all, where it skips some; else ``macs``.
        idle: slots of ``compute`` cycles in which no MAC begins, by cause; with ``effectual`` they add up to
            ``slots``.
        slots: MACs that the array's PEs could begin in ``compute`` cycles.
        active: most PEs that work at the same time.
        busy: PE cycles of PEs with work.
    """

    compute: int
    words: TileWords
    macs: int
    slots: int
    idle: tuple[tuple[str, int], ...] = ()
    stalls: tuple[tuple[str, int], ...] = ()
    tail: int = 0
    effectual: int | None = None
    active: int = 0
    busy: int = 0

    @property
    def done_macs(self) -> int:
        """MACs that took a slot."""
        return self.macs if self.effectual is None else self.effectual

    @property
    def cycles(self) -> int:
        """Cycles until the next tile may begin."""
        return self.compute + sum(n for _, n in self.stalls)


class TileArray(Protocol):
    """An array that runs tiles, counted."""

    @property
    def by_value(self) -> bool:
        """Whether values decide what a tile takes, so that tiles of one shape may differ."""

    @property
    def macs_per_pe(self) -> int:
        """MACs that a PE can begin in a cycle on this layer."""

    def tile(self, sizes: Sizes) -> TileRun:
        """What the array does with the tile that the pieces select."""

    def zero_macs(self, done: int) -> int:
        """MACs whose ifmap word is zero, of the ``done`` ones that took a slot."""

    def expected_cycles(self, tiles: Iterable[tuple[Sizes, int]]) -> float | None:
        """Cycles of some tiles, each so many times, that the densities of the values let expect; ``None`` without.

        Args:
            tiles: pieces of tiles that are alike, and how many there are.
        """

    def notes(self) -> tuple[str, ...]:
        """What the reader must know of the layer on this array."""
