"""A ledger that adds up counters while a layer is counted."""

from __future__ import annotations

from accsim.hardware.accelerator import Accelerator, Link
from accsim.simulate.activity import Action, Count
from accsim.workload.layer import Operand

PE = "pe"
OUTLIER_LANE = "outlier_lane"
"""Wide lanes beside the PEs' own."""


class Ledger:
    """Counters of one layer on one machine, keyed by level, operand, action and peer."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._width: dict[str, int | None] = {
            level.name: getattr(level, "width_bits", None) for level in accelerator.levels
        }
        self._links = {level.name for level in accelerator.levels if isinstance(level, Link)}
        self._rows: dict[tuple[str, Operand, Action, str | None], list[int]] = {}

    def move(
        self,
        level: str | None,
        operand: Operand,
        action: Action,
        words: int,
        word_bits: int,
        *,
        peer: str | None = None,
        stored_bits: int | None = None,
    ) -> None:
        """Count ``words`` moved at ``level``; words are packed, so accesses are the bits over the level's width.

        Args:
            word_bits: bits of one word as it moves.
            stored_bits: bits of one word as it is stored, where a wider word is read and narrowed on its way out.
            peer: the level at the other end.
        """
        if level is None or words <= 0:
            return
        width = self._width[level] or word_bits
        row = self._rows.setdefault((level, operand, action, peer), [0, 0])
        row[0] += -(-words * (stored_bits or word_bits) // width)
        row[1] += words * word_bits

    def coded(
        self,
        level: str,
        operand: Operand,
        action: Action,
        words: int,
        word_bits: int,
        coded_bits: int,
        *,
        peer: str | None = None,
    ) -> None:
        """Count ``words`` that cross the chip's edge run-length coded in ``coded_bits``, and their coding on the chip.

        Args:
            action: ``READ`` (then they are decoded) or ``WRITE`` (then they are encoded).
            word_bits: bits of one word as it is decoded.
            peer: the level at the other end.
        """
        if words <= 0:
            return
        self.move(level, operand, action, coded_bits, 1, peer=peer)
        step = Action.DECODE if action is Action.READ else Action.ENCODE
        self.per_pe(level, operand, step, words, word_bits)

    def per_pe(
        self, level: str | None, operand: Operand, action: Action, words: int, word_bits: int, peer: str | None = None
    ) -> None:
        """Count ``words`` accessed one word at a time (a register file, a neighbour link)."""
        if level is None or words <= 0:
            return
        row = self._rows.setdefault((level, operand, action, peer), [0, 0])
        row[0] += words
        row[1] += words * word_bits

    def times(self, level: str, operand: Operand, action: Action, accesses: int) -> None:
        """Count ``accesses`` that move no bits (MACs, operations)."""
        if accesses > 0:
            self._rows.setdefault((level, operand, action, None), [0, 0])[0] += accesses

    def some(self, level: str, operand: Operand, action: Action, accesses: int, bits: int) -> None:
        """Count accesses and the bits that they move, whatever their width."""
        if accesses > 0:
            row = self._rows.setdefault((level, operand, action, None), [0, 0])
            row[0] += accesses
            row[1] += bits

    def counts(self) -> tuple[Count, ...]:
        """The counters, in the order in which they were first counted."""
        return tuple(
            Count(level, operand, action, accesses, bits, peer)
            for (level, operand, action, peer), (accesses, bits) in self._rows.items()
        )
