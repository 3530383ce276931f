"""Canonical Huffman codes (Huffman, Proc. IRE 40(9) 1952), with a table in the form of JPEG's.

Lengths. The two rarest nodes are joined until one is left. Among equally frequent ones a symbol comes before a joined
node, a smaller symbol before a larger one, a node joined earlier before one joined later, so the lengths are the same
on every machine, and the longest of them as short as an optimal code allows (Schwartz, Inf. Control 7, 1964).

Words. Canonical: symbols in order of length, then value, take consecutive words (Schwartz and Kallick, CACM 7(3) 1964).

Table, in front of the words, for symbols of w bits (ITU-T T.81 annex C and B.2.4.2: a count per length, then the
symbols; field widths are ours)::

    | longest L: 6 bits | L counts of w + 1 bits: words of length 1, 2 .. L | n symbols of w bits, in canonical order |

An alphabet of one symbol has L = 0, the symbol, and no words: each occurrence takes 0 bits.

Lengths need no limit. A word of d bits needs Fibonacci(d + 2) - 1 symbols or more, so 2^41 of them (the most that a
stream may have) keep words under 59 bits. The decoder looks up words of at most 11 bits in one step (a table of 2^11)
and walks longer ones bit by bit through the first word of each length.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accsim.compress.encodings.frame import Integers
from accsim.errors import AccsimError

LENGTH_BITS = 6
"""Bits of the field that gives the longest word."""
QUICK_BITS = 11
"""Words of up to this length are decoded in one look-up."""


@dataclass(frozen=True, eq=False)
class HuffmanCode:
    """A canonical prefix code.

    Attributes:
        width: bits of a symbol before coding.
        symbols: the alphabet in canonical order, int64 [n].
        lengths: bits of each word, int64 [n], ascending; one symbol alone has length 0.
    """

    width: int
    symbols: Integers
    lengths: Integers

    @property
    def longest(self) -> int:
        """Bits of the longest word."""
        return int(self.lengths[-1])

    @property
    def table_bits(self) -> int:
        """Bits of the table."""
        return LENGTH_BITS + self.longest * (self.width + 1) + self.symbols.size * self.width

    @cached_property
    def per_length(self) -> Integers:
        """Number of words of each length, int64 [longest + 1]."""
        return np.bincount(self.lengths, minlength=self.longest + 1)

    @cached_property
    def first(self) -> Integers:
        """First word of each length, int64 [longest + 1], its first bit highest."""
        out = np.zeros(self.longest + 1, np.int64)
        for length in range(1, self.longest + 1):
            out[length] = 2 * (out[length - 1] + (self.per_length[length - 1] if length > 1 else 0))
        return out

    @cached_property
    def before(self) -> Integers:
        """Number of words shorter than each length, int64 [longest + 1]."""
        return np.cumsum(self.per_length) - self.per_length

    @cached_property
    def words(self) -> Integers:
        """The words in canonical order, int64 [n], their first bit lowest, as they are written."""
        plain = self.first[self.lengths] + np.arange(self.lengths.size) - self.before[self.lengths]
        out = np.zeros_like(plain)
        for bit in range(self.longest):
            out = np.where(bit < self.lengths, (out << 1) | ((plain >> bit) & 1), out)
        return out

    @cached_property
    def quick(self) -> Integers:
        """For the next bits of a stream, int64 [2^QUICK_BITS]: 64 * rank + length of a word that short, or 0."""
        out = np.zeros(1 << QUICK_BITS, np.int64)
        for rank in range(int(np.searchsorted(self.lengths, QUICK_BITS, "right"))):
            length = int(self.lengths[rank])
            out[int(self.words[rank]) :: 1 << length] = 64 * rank + length
        return out


def code_lengths(counts: Integers) -> Integers:
    """Lengths of an optimal prefix code for symbols that occur ``counts`` times, int64 [n], all positive."""
    if counts.size == 1:
        return np.zeros(1, np.int64)
    leaves = deque((int(counts[i]), int(i)) for i in np.argsort(counts, kind="stable"))
    joined: deque[tuple[int, int]] = deque()
    parent = [0] * (2 * counts.size - 1)

    def rarest() -> tuple[int, int]:
        return leaves.popleft() if leaves and (not joined or leaves[0][0] <= joined[0][0]) else joined.popleft()

    for node in range(counts.size, 2 * counts.size - 1):
        (one, left), (other, right) = rarest(), rarest()
        parent[left] = parent[right] = node
        joined.append((one + other, node))
    depth = [0] * len(parent)
    for node in range(len(parent) - 2, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return np.array(depth[: counts.size], np.int64)


def build_code(symbols: Integers, counts: Integers, width: int) -> HuffmanCode:
    """The canonical Huffman code of an alphabet.

    Args:
        symbols: ascending, of ``width`` bits, int64 [n], n at least 1.
        counts: how often each occurs, positive.
        width: bits of a symbol before coding.
    """
    lengths = code_lengths(counts)
    order = np.lexsort((symbols, lengths))
    return HuffmanCode(width, symbols[order], lengths[order])


def coded_bits(symbols: Integers, counts: Integers, width: int) -> tuple[int, int]:
    """Bits of the table, and of all words, of symbols that occur ``counts`` times."""
    lengths = code_lengths(counts)
    table = LENGTH_BITS + int(lengths.max()) * (width + 1) + symbols.size * width
    return table, int((lengths * counts).sum())


def write_table(code: HuffmanCode, data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> int:
    """Write the table from the first bit of ``data`` on; the position after it."""
    from accsim.compress.encodings.bitstream import pack_words, put  # noqa: PLC0415

    at = int(put(data, 0, np.int64(code.longest), LENGTH_BITS))
    for number in code.per_length[1:]:
        at = int(put(data, at, np.int64(number), code.width + 1))
    widths = np.full(code.symbols.size, code.width, np.int64)
    return int(pack_words(np.arange(code.symbols.size), code.symbols, widths, data, at))


def read_table(data: np.ndarray[tuple[int], np.dtype[np.uint8]], width: int, bits: int) -> HuffmanCode:
    """Read a table from the first bit of ``data`` on.

    Args:
        width: bits of a symbol before coding.
        bits: bits of the stream that begins with the table.

    Raises:
        AccsimError: the bits are no table of a complete prefix code.
    """
    from accsim.compress.encodings.bitstream import get  # noqa: PLC0415

    def fail(why: str) -> AccsimError:
        return AccsimError(f"Huffman table: {why}")

    if bits < LENGTH_BITS + width:
        raise fail(f"{bits} bits are too few for one")
    longest = int(get(data, 0, LENGTH_BITS))
    at = LENGTH_BITS + longest * (width + 1)
    if at > bits:
        raise fail(f"{longest} lengths run past the end of the stream")
    numbers = [int(get(data, LENGTH_BITS + i * (width + 1), width + 1)) for i in range(longest)] or [1]
    count = sum(numbers)
    if at + count * width > bits:
        raise fail(f"{count} symbols run past the end of the stream")
    if longest and (numbers[-1] == 0 or sum(n << (longest - 1 - i) for i, n in enumerate(numbers)) != 1 << longest):
        raise fail("its words are not a complete prefix code")
    symbols = np.array([get(data, at + i * width, width) for i in range(count)], np.int64)
    lengths = np.repeat(np.arange(1, longest + 1) if longest else np.zeros(1, np.int64), numbers)
    rising = (np.diff(symbols) > 0) | (np.diff(lengths) > 0)
    if not rising.all() or np.unique(symbols).size != count:
        raise fail("its symbols are not in canonical order")
    return HuffmanCode(width, symbols, lengths)
