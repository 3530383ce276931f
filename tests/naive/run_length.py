"""Run-length coding of zeros, word by word, and back (Chen et al., JSSC 2017, section III-C and Fig. 8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[int, int]


def encode(values: Iterable[int], run_bits: int) -> list[Pair]:
    """Pairs of (zeros before, level). A run that fills its field is followed by whatever comes next, even a zero."""
    longest = 2**run_bits - 1
    pairs: list[Pair] = []
    zeros = 0
    for value in values:
        if value == 0 and zeros < longest:
            zeros += 1
        else:
            pairs.append((zeros, value))
            zeros = 0
    if zeros:
        pairs.append((zeros - 1, 0))
    return pairs


def decode(pairs: Sequence[Pair]) -> list[int]:
    out: list[int] = []
    for zeros, level in pairs:
        out += [0] * zeros + [level]
    return out


def stored_bits(pairs: Sequence[Pair], pairs_per_word: int, word_bits: int) -> int:
    """Bits of the code words the pairs fill; the last one may be part empty."""
    code_words = 0
    for i in range(len(pairs)):
        if i % pairs_per_word == 0:
            code_words += 1
    return code_words * word_bits
