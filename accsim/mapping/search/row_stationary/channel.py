"""How a layer's operands use the DRAM channel, for exact times of transfers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """An operand on the channel.

    Attributes:
        uses: whether its tiles cross the channel.
        slots: tiles that there is room for, 2 at most; 0 where a ring of ifmaps has them.
        bits: of a word that is not coded.
        code: words of the whole tensor, words of its code, and bits of one of these, where they are known.
        expected: expected bits of a word and bits of a word of the code, where only densities are known.
    """

    uses: bool
    slots: int
    bits: int
    code: tuple[int, int, int] | None = None
    expected: tuple[float, int] | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """Operands on the channel: ``psum`` are unfinished sums, and its slots those of output tiles."""

    weight: Move
    ifmap: Move
    psum: Move
    ofmap: Move
