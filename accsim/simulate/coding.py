"""Run-length coding of off-chip feature maps (Chen et al., JSSC 2017, section III-C), counted and in expectation.

A pair is a run of up to 2^run_bits - 1 zeros and one level; on the chip three pairs and an end flag share 64 bits.
With independent zeros of probability z a pair covers 1 + z + z^2 + ... + z^L words on average, L being the longest run,
so each word costs (1 - z) / (1 - z^(L+1)) pairs. Coding dense data makes it larger: the format pays for every pair.

A tensor whose values are known is coded as a whole, in storage order. A transfer moves a part of it, and takes that
part's share of the code words, rounded up to whole ones; bits moved and time follow the same rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from accsim.compress.encodings.run_length import pairs_per_word
from accsim.hardware.off_chip import RunLength


@dataclass(frozen=True, slots=True)
class Coded:
    """A tensor of known values, run-length coded.

    Attributes:
        words: its words before coding.
        nonzero: those that are not zero.
        code_words: words of the code, of ``word_bits`` each.
    """

    words: int
    nonzero: int
    code_words: int
    word_bits: int

    @property
    def bits(self) -> int:
        """Bits of the whole tensor."""
        return self.code_words * self.word_bits

    def transfer(self, words: int) -> int:
        """Bits of one transfer of ``words`` words (halos and fetched padding count like any other)."""
        return -(-words * self.code_words // self.words) * self.word_bits


def coded_bits_per_word(code: RunLength, density: float) -> float:
    """Expected off-chip bits per word of a long tensor."""
    return pairs_per_word(code.run_bits, density) / code.pairs_per_word * code.word_bits


def whole_words(code: RunLength, bits: float) -> int:
    """``bits`` rounded up to whole code words, but for what is only rounding of the product that gave ``bits``."""
    return math.ceil(bits / code.word_bits * (1 - 2.0**-50)) * code.word_bits
