"""A tensor of integer codes, with the counts that sizes are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accsim.compress.encodings.frame import DTYPES, Array, Frame, Integers, frame_mistake
from accsim.compress.encodings.stream import MOST_COUNTED_WIDTH, Histogram, histogram, present
from accsim.errors import AccsimError

LONG_RUN = 1 << 16
"""Runs of zeros this long are listed one by one; there are few."""
SPREAD_WIDTH = 12
"""Codes of up to this width are counted in four tables in turn."""


@dataclass(frozen=True, eq=False)
class Codes:
    """A tensor of integer codes, in storage order.

    Attributes:
        frame: its shape and word.
        values: the array, contiguous, of the frame's shape and type, in the machine's byte order.
    """

    frame: Frame
    values: Array

    @property
    def words(self) -> Array:
        """The words as unsigned integers of the array's own width [size]; zero is zero in any of them."""
        return self.values.ravel().view(f"u{self.values.dtype.itemsize}")

    @cached_property
    def mask(self) -> NDArray[np.uint8]:
        """Bytes that are zero where the words are [size]: the words themselves where they are bytes."""
        if self.values.dtype.itemsize == 1:
            return self.words
        return np.asarray(self.values != 0).ravel().view(np.uint8)

    @property
    def matrix(self) -> Array:
        """The array as [rows, cols]."""
        return self.values.reshape(self.frame.rows, self.frame.cols)

    def symbols(self, values: Array | None = None) -> Integers:
        """Low bits of the codes (of all of them, or of those given) as non-negative integers, one dimension."""
        chosen = self.values if values is None else values
        return chosen.ravel().astype(np.int64) & ((1 << self.frame.bits) - 1)

    @cached_property
    def nonzero(self) -> int:
        """Words that are not zero."""
        return int(np.count_nonzero(self.values))

    @cached_property
    def histogram(self) -> Histogram:
        """Distinct codes, as their low bits, and how often each occurs; zero included."""
        from accsim.compress.encodings.scans import histogram as count  # noqa: PLC0415

        bits = self.frame.bits
        if bits > MOST_COUNTED_WIDTH:
            return histogram(self.symbols(), bits)
        counts = np.zeros((4 if bits <= SPREAD_WIDTH else 1, 1 << bits), np.int64)
        count(self.words, (1 << bits) - 1, counts)
        return present(counts.sum(axis=0))

    @property
    def stored(self) -> Histogram:
        """The histogram without the code zero."""
        symbols, counts = self.histogram
        return symbols[symbols != 0], counts[symbols != 0]

    @cached_property
    def zero_runs(self) -> tuple[Integers, Integers, int]:
        """Lengths of runs of zeros before a non-zero word, how many of each, and the zeros after the last one."""
        from accsim.compress.encodings.scans import zero_runs  # noqa: PLC0415

        counts = np.zeros(LONG_RUN, np.int64)
        listed = np.zeros(self.frame.size // LONG_RUN + 1, np.int64)
        number, rest = zero_runs(self.mask, counts, listed)
        short, many = present(counts)
        long, few = np.unique(listed[:number], return_counts=True)
        return np.concatenate([short, long]), np.concatenate([many, few]), int(rest)

    @cached_property
    def line_counts(self) -> tuple[Integers, Integers]:
        """Non-zero words of each row of the matrix, and of each column."""
        from accsim.compress.encodings.scans import line_counts  # noqa: PLC0415

        rows, cols = np.zeros(self.frame.rows, np.int64), np.zeros(self.frame.cols, np.int64)
        line_counts(self.mask.reshape(rows.size, cols.size), rows, cols)
        return rows, cols

    def fillers(self, gap_bits: int) -> int:
        """Filler zeros of a relative index: the sum of floor(z / 2^gap_bits) over runs of z zeros."""
        lengths, counts, _ = self.zero_runs
        return int(((lengths >> gap_bits) * counts).sum())


def with_zeros(counted: Histogram, zeros: int) -> Histogram:
    """A histogram without the symbol zero, and that many of it."""
    symbols, counts = counted
    if not zeros:
        return counted
    return np.concatenate([[0], symbols]), np.concatenate([[zeros], counts])


def gap_histogram(lengths: Integers, counts: Integers, gap_bits: int) -> Histogram:
    """Gap fields of runs of zeros: z mod 2^gap_bits before each non-zero word, all ones for each filler."""
    longest = (1 << gap_bits) - 1
    out = np.zeros(longest + 1, np.int64)
    np.add.at(out, lengths & longest, counts)
    out[longest] += int(((lengths >> gap_bits) * counts).sum())
    return present(out)


def frame_codes(array: Array, bits: int | None = None, signed: bool | None = None) -> Codes:
    """Take an array of integers as codes.

    Args:
        array: of any shape, of booleans or integers.
        bits: width of a code; the least that holds every value unless given.
        signed: whether codes are two's complement; if not given they are where a value is negative.

    Raises:
        AccsimError: not integers, no words, or a value that a code of that width does not hold.
    """
    given = np.asarray(array)
    if given.dtype.name not in DTYPES:
        raise AccsimError(f"codes must be integers of up to 64 bits, got {given.dtype}")
    mistake = frame_mistake(Frame(given.shape, given.dtype.name, 1, signed=False))
    if mistake:
        raise AccsimError(mistake)
    least, most = int(given.min()), int(given.max())
    if signed is None:
        signed = least < 0
    if bits is None:
        bits = max(1, max(0, most).bit_length() + signed, (-least - 1).bit_length() + 1 if least < 0 else 1)
    frame = Frame(given.shape, given.dtype.name, bits, signed)
    mistake = frame_mistake(frame)
    if mistake:
        raise AccsimError(mistake)
    low, high = frame.range
    if least < low or most > high:
        kind = "signed" if signed else "unsigned"
        wrong = least if least < low else most
        raise AccsimError(f"{wrong} is not a {bits}-bit {kind} code; allowed are {low} to {high}")
    native = np.ascontiguousarray(given, given.dtype.newbyteorder("="))
    return Codes(frame, native.reshape(given.shape))
