"""Run-length coding of zeros in words of a few (run, level) pairs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from accsim.compress.encodings.codes import Codes, gap_histogram, with_zeros
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.expectation import filled_runs, runs_at
from accsim.compress.encodings.frame import MOST_BITS, Frame, Integers
from accsim.compress.encodings.stream import Coding, Field, Histogram, Size, Stream, zero_bytes
from accsim.errors import AccsimError

MOST_RUN_BITS = 16
MOST_WORD_BITS = 1024
ARGUMENTS = re.compile(r"(\d{1,4}),(\d{1,4}),(\d{1,4}),(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class RunLengthCode(Encoding):
    """Zeros before a level and the level, a few such pairs and an end flag to a word.

    ::

        words | run 0: 5 | level 0: 16 | run 1 | level 1 | run 2 | level 2 | end: 1 |    64 bits, lowest first

    A run holds up to 2^run_bits - 1 zeros; a longer one is cut by a pair whose level is the zero after it. Zeros at the
    end are closed by a pair whose level is the last of them, so pairs cover the tensor exactly. The last bit of a word
    is set in the last word only. Bits between the pairs and that flag, and pairs of the last word that are not
    needed, are zero. A code of fewer bits than a level stands in it as two's complement of the level's width (signed
    codes) or with zeros before it. With Huffman coding runs and levels are two streams, since code words of
    variable length have no fixed place in a word.

    Attributes:
        run_bits: width of a run, 1 to 16.
        level_bits: width of a level, 1 to 32; codes must not be wider.
        pairs_per_word: pairs that share a word.
        word_bits: width of a word, at least pairs * (run + level) + 1.

    Source: Chen, Krishna, Emer, Sze, JSSC 52(1) 2017, section III-C and Fig. 8 (5-bit runs, 16-bit levels, three pairs
    in 64 bits, the last bit an end flag).
    """

    name: ClassVar[str] = "run_length"
    usage: ClassVar[str] = "run_length[:RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS]"

    run_bits: int = 5
    level_bits: int = 16
    pairs_per_word: int = 3
    word_bits: int = 64

    @property
    def arguments(self) -> str:
        """The four widths."""
        return f"{self.run_bits},{self.level_bits},{self.pairs_per_word},{self.word_bits}"

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """``RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS``; 5,16,3,64 when they are not given."""
        if not arguments:
            return cls(huffman=huffman)
        found = ARGUMENTS.fullmatch(arguments)
        if not found:
            raise AccsimError(f"it takes RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS, got {arguments!r}")
        run, level, pairs, word = map(int, found.groups())
        if not (1 <= run <= MOST_RUN_BITS and 1 <= level <= MOST_BITS):
            raise AccsimError(
                f"a run must have 1 to {MOST_RUN_BITS} bits and a level 1 to {MOST_BITS}, got {run} and {level}"
            )
        if pairs < 1 or not pairs * (run + level) + 1 <= word <= MOST_WORD_BITS:
            raise AccsimError(
                f"a word must hold one pair or more and an end flag in up to {MOST_WORD_BITS} bits, got {pairs} "
                f"pairs of {run + level} bits in {word}"
            )
        return cls(huffman=huffman, run_bits=run, level_bits=level, pairs_per_word=pairs, word_bits=word)

    def check(self, frame: Frame) -> None:
        """Codes must fit a level."""
        if frame.bits > self.level_bits:
            raise AccsimError(f"{self}: a level of {self.level_bits} bits does not hold a code of {frame.bits}")

    def words(self, pairs: int) -> int:
        """Words of so many pairs."""
        return -(-pairs // self.pairs_per_word)

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Runs and levels; written apart only with Huffman coding."""
        expect_stream_counts(counts, "runs and levels", len(counts) == 2 and counts[0] == counts[1] <= frame.size)
        return (
            Field("runs", counts[0], self.run_bits),
            Field("levels", counts[1], self.level_bits, is_value=True),
        )

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Pairs, twice."""
        pairs = codes.nonzero + codes.fillers(self.run_bits) + self._closing(codes)
        return (pairs, pairs)

    def histograms(self, codes: Codes) -> tuple[Histogram, ...]:
        """Counts of runs and of levels, without their order."""
        lengths, counts, rest = codes.zero_runs
        if rest:  # zeros at the end are a run before their last one, which is stored as a level
            lengths, counts = np.append(lengths, rest - 1), np.append(counts, 1)
        symbols, stored = codes.stored
        levels = symbols | (self._negative(codes.frame, symbols) * self._above(codes.frame))
        zeros = codes.fillers(self.run_bits) + self._closing(codes)
        return (gap_histogram(lengths, counts, self.run_bits), with_zeros((levels, stored), zeros))

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Runs and levels."""
        values = codes.values.ravel()
        covered = 1 << self.run_bits
        at = np.flatnonzero(values)
        zeros = np.diff(at, prepend=-1) - 1
        rest = values.size - 1 - int(at[-1]) if at.size else values.size
        last = np.cumsum((zeros >> self.run_bits) + 1) - 1
        before = int(last[-1]) + 1 if last.size else 0
        runs = np.full(before + -(-rest // covered), covered - 1, np.int64)
        levels = np.zeros_like(runs)
        runs[last] = zeros & (covered - 1)
        levels[last] = values[at].astype(np.int64) & ((1 << self.level_bits) - 1)
        if rest % covered:
            runs[-1] = rest % covered - 1
        return runs, levels

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Put each level after its run."""
        runs, levels = symbols
        places = np.cumsum(runs + 1) - 1
        if not places.size or places[-1] != frame.size - 1:
            covered = int(places[-1]) + 1 if places.size else 0
            raise AccsimError(f"runs: cover {covered} words of {frame.size}")
        out = np.zeros(frame.size, np.int64)
        out[places] = levels
        return self._codes(frame, out)

    def measure(self, codes: Codes) -> Size:
        """Whole words; with Huffman coding the two streams."""
        return Encoding.measure(self, codes) if self.huffman else self._size(self.counts(codes)[0])

    def write(self, codes: Codes) -> tuple[Stream, ...]:
        """One stream of words."""
        if self.huffman:
            return Encoding.write(self, codes)
        from accsim.compress.encodings.bitstream import pack_pairs  # noqa: PLC0415

        runs, levels = self.symbols(codes)
        size = self._size(runs.size)
        data = zero_bytes(size.size_bits)
        pack_pairs(runs, levels, self.run_bits, self.level_bits, self.pairs_per_word, self.word_bits, data)
        words = self.words(runs.size)
        return (Stream(words, Coding.FIXED, size.size_bits, size.value_bits, data.tobytes()),)

    def read(self, frame: Frame, streams: tuple[Stream, ...]) -> Integers:
        """Undo :meth:`write`."""
        if self.huffman:
            return Encoding.read(self, frame, streams)
        from accsim.compress.encodings.bitstream import unpack_pairs  # noqa: PLC0415

        expect_stream_counts(tuple(s.count for s in streams), "words", len(streams) == 1)
        (words,) = streams
        if words.bits != words.count * self.word_bits:
            raise AccsimError(f"stream words: {words.count} words of {self.word_bits} bits are not {words.bits} bits")
        out = np.zeros(frame.size, np.int64)
        data = np.frombuffer(words.data, np.uint8)
        if not unpack_pairs(
            data, words.count, self.run_bits, self.level_bits, self.pairs_per_word, self.word_bits, out
        ):
            raise AccsimError(f"stream words: the pairs do not cover {frame.size} words up to the end flag")
        return self._codes(frame, out)

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Expected pairs P (:func:`expected_pairs`) in E[ceil(P / pairs_per_word)] words.

        P mod pairs_per_word is taken as uniform, which adds (pairs_per_word - 1) / 2 unused pairs; with density 0 or 1
        P is certain.
        """
        pairs = expected_pairs(frame.size, self.run_bits, density)
        if density in {0.0, 1.0}:
            words: float = self.words(round(pairs))
        else:
            words = (pairs + (self.pairs_per_word - 1) / 2) / self.pairs_per_word
        value_bits = pairs * self.level_bits
        return ExpectedSize(value_bits, words * self.word_bits - value_bits)

    def _size(self, pairs: int) -> Size:
        value_bits = pairs * self.level_bits
        return Size(value_bits, self.words(pairs) * self.word_bits - value_bits)

    def _closing(self, codes: Codes) -> int:
        """Pairs for the zeros after the last non-zero word."""
        return -(-codes.zero_runs[2] >> self.run_bits)

    def _above(self, frame: Frame) -> int:
        """Bits of a level above those of a code."""
        return (1 << self.level_bits) - (1 << frame.bits)

    def _negative(self, frame: Frame, symbols: Integers) -> Integers:
        """1 where a code is negative."""
        return symbols >> (frame.bits - 1) if frame.signed else np.zeros_like(symbols)

    def _codes(self, frame: Frame, levels: Integers) -> Integers:
        """Low bits of the codes from levels, which must be codes."""
        low = levels & ((1 << frame.bits) - 1)
        if bool((low + self._negative(frame, low) * self._above(frame) != levels).any()):
            raise AccsimError(f"levels: not every one is a code of {frame.bits} bits")
        return low


def expected_pairs(n: int, run_bits: int, density: float) -> float:
    """Expected pairs of n words that are non-zero independently with probability p, q = 1 - p, R = 2^run_bits.

    - A pair per non-zero word: n p.
    - A pair for each R zeros in a row before one: p sum_k (n - k R)^+ q^(k R), as for a relative index.
    - ceil(t / R) pairs for t zeros at the end: more than k of them have k R + 1 zeros at the end, so the sum over
      k >= 0 with k R < n of q^(k R + 1).
    """
    covered = 1 << run_bits
    closing = (1.0 - density) * (1.0 + filled_runs(n, density, covered))
    return n * density + runs_at(n, density, covered) + closing


def pairs_per_word(run_bits: int, density: float) -> float:
    """Expected pairs per word of a long tensor of independent words.

    A pair covers 1 + q + q^2 + ... + q^(R - 1) words on average, R = 2^run_bits, q = 1 - density: so each word takes
    (1 - q) / (1 - q^R) pairs, and 1 / R where all are zero.
    """
    covered: int = 2**run_bits
    if density <= 0.0:
        return 1.0 / covered
    if density >= 1.0:
        return 1.0
    return density / -math.expm1(covered * math.log1p(-density))
