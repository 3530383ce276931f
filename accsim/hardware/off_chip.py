"""How words move off chip: feature maps coded by run lengths, weights as they are stored, at the channel's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class RunLength:
    """Run-length coding of zeros in off-chip feature maps (Chen et al., JSSC 2017, section III-C).

    ``pairs_per_word`` pairs of a ``run_bits`` zero count and one ``activation_bits`` level share a word of
    ``word_bits``.
    """

    run_bits: int
    pairs_per_word: int
    word_bits: int
    operands: tuple[Operand, ...]
    first_layer_input: bool = False


@dataclass(frozen=True, slots=True)
class WeightDecoder:
    """A decoder between the off-chip memory and the buffers, which all weights pass, encoded or not.

    Attributes:
        encodings: names that the encodings it knows are made of, such as ``relative`` and ``huffman``; empty for any.
        words_per_cycle: weights that it gives in a core cycle, zeros included.
    """

    encodings: tuple[str, ...] = ()
    words_per_cycle: int = 1

    def knows(self, encoding: str) -> bool:
        """Whether it decodes weights stored so; ``encoding`` as results spell it."""
        parts = re.findall(r"[a-z_]+", encoding.lower())
        return not self.encodings or (bool(parts) and set(parts) <= set(self.encodings))


LARGEST_RATIO = 100_000
"""Largest cycles in a ratio of clocks that a figure cut off after its last digit (a third of 200 MHz) stands for."""


@lru_cache(maxsize=64)
def clock_ratio(core_mhz: float, channel_mhz: float) -> tuple[int, int]:
    """Core cycles per channel cycle as an exact ratio of the decimal figures.

    A clock such as 76.19047619047619 MHz (200 MHz x 64 / 168) is a quotient that was cut off: where a ratio of small
    numbers is as near as a float can say, that is meant. The clocks then meet again after few cycles.
    """
    ratio = Fraction(str(core_mhz)) / Fraction(str(channel_mhz))
    near = ratio.limit_denominator(LARGEST_RATIO)
    if near and abs(near - ratio) <= ratio * Fraction(1, 10**12):
        ratio = near
    return ratio.numerator, ratio.denominator
