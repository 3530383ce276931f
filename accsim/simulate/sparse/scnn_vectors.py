"""Compiled: products of SCNN at their accumulator banks, whole vectors of pixels and weights at a time.

Of a bank of 32 bits 0 and 1 are those of the filter, bits 2 and 3 the lowest of the output's column and row, and bit 4
is the exclusive or of their second lowest and of bit 2 of the filter. Products of filters of different residues by 4
so never meet. A word of eight bytes, one for each value of bits 2 to 4, says how many products a vector of pixels has
at each bank with one tap; where bit 2 of the filter is set its halves change places. Weights lie filters innermost, so
that most vectors of them are of one tap. What such a vector's worst bank takes then depends only on how many filters
there are of a residue with bit 2 clear and set, a and b with a >= b, and grows with a and with a + b (the worst bank
is a convex symmetric function of both). Vectors of weights that agree in tap, a and b are looked at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import part
from accsim.simulate.sparse.window import Window

Words = NDArray[Any]

TOPS, EACH = 0x8080808080808080, 0x0101010101010101


@part
def larger(a: Any, b: Any) -> Any:
    """The larger of every byte of two words whose bytes are below 128."""
    here = ((a | np.uint64(TOPS)) - b) & np.uint64(TOPS)
    here = here - (here >> np.uint64(7))
    return (a & here) | (b & ~here)


@part
def largest(word: Any) -> Any:
    """The largest byte of a word whose bytes are below 128; 1 if it is 0."""
    word = larger(word, word >> np.uint64(32))
    word = larger(word, word >> np.uint64(16))
    word = larger(word, word >> np.uint64(8))
    most = np.int64(word & np.uint64(255))
    return most if most > 0 else 1


@part
def turned(word: Any) -> Any:
    """The word for filters with bit 2 set."""
    return (word << np.uint64(32)) | (word >> np.uint64(32))


@part
def groups_of(
    tap: Words, n_taps: int, filters: int, cols: int, seen: Words, groups: Words, mixed: Words, taps_at: Words
) -> tuple[int, int]:
    """Vectors of weights in groups that take the same cycles; returns how many groups, and how many vectors have none.

    Args:
        tap: [weights, 3] of filter, and tap row and column; ``filters`` of them make a vector.
        cols: columns of taps.
        seen: zeros [taps, filters + 1, filters + 1]; left so.
        groups: filled with (tap, a, b, vectors).
        mixed: filled with the first weight of vectors that have several taps, or residues that cannot be compared.
        taps_at: filled with the weights of each tap.
    """
    n_groups = n_mixed = 0
    taps_at[:] = 0
    for i in range(n_taps):
        taps_at[tap[i, 1] * cols + tap[i, 2]] += 1
    for f in range(0, n_taps, filters):
        end = min(f + filters, n_taps)
        place, last = tap[f, 1] * cols + tap[f, 2], tap[end - 1, 1] * cols + tap[end - 1, 2]
        a = b = total = 0
        alike = place == last
        filters_of = np.uint64(0)  # a byte for each residue by 8
        for i in range(f, end):
            filters_of += np.uint64(1) << np.uint64((tap[i, 0] & 7) << 3)
        for residue in range(4):
            clear: Any = np.int64(filters_of >> np.uint64(8 * residue)) & 255
            other: Any = np.int64(filters_of >> np.uint64(8 * residue + 32)) & 255
            more, both = max(clear, other), clear + other
            if more >= a and both >= total:
                a, b, total = more, both - more, both
            elif more > a or both > total:
                alike = False
        if alike:
            seen[place, a, b] += 1
        else:
            mixed[n_mixed] = f
            n_mixed += 1
    for place in range(seen.shape[0]):
        if taps_at[place] == 0:
            continue
        for a in range(1, filters + 1):
            for b in range(filters + 1 - a):
                if seen[place, a, b]:
                    groups[n_groups, 0], groups[n_groups, 1], groups[n_groups, 2] = place, a, b
                    groups[n_groups, 3] = seen[place, a, b]
                    seen[place, a, b] = 0
                    n_groups += 1
    return n_groups, n_mixed


@part
def vectors_at_banks(
    pixel: Words, n_pixels: int, tap: Words, n_taps: int, groups: Words, mixed: Words, taps_at: Words, inputs: int,
    filters: int, at: Window, cols: int, at_banks: Words,
) -> tuple[Any, Any]:  # fmt: skip
    """Cycles of all products of some pixels and weights on one PE of 32 banks or more, and products that are needed.

    Args:
        pixel: [pixels, 2] of row and column; ``inputs`` of them make a vector.
        groups, mixed, taps_at: what ``groups_of`` gives.
        at_banks: room for a word of every tap and vector; inputs times filters are below 128.
    """
    if n_pixels == 0 or n_taps == 0:
        return 0, 0
    vectors, cycles, useful = -(-n_pixels // inputs), 0, np.uint64(0)
    for place in range(taps_at.shape[0]):
        if taps_at[place] == 0:
            continue
        r, s, met = place // cols, place % cols, np.uint64(0)
        for v in range(vectors):
            word = np.uint64(0)
            for i in range(v * inputs, min((v + 1) * inputs, n_pixels)):
                y, x = pixel[i, 0] - r, pixel[i, 1] - s
                inside = (y >= 0) & (y < at.p) & (x >= 0) & (x < at.q)
                word += np.uint64(inside) << np.uint64((((y ^ x) & 2) << 1 | (y & 1) << 1 | (x & 1)) << 3)
            at_banks[place, v] = word
            met += (word * np.uint64(EACH)) >> np.uint64(56)
        useful += met * np.uint64(taps_at[place])
    for i in range(groups.shape[0]):
        place, a, b, times = groups[i]
        spent = 0
        if b == 0:
            for v in range(vectors):
                spent += largest(at_banks[place, v] * np.uint64(a))
        else:
            for v in range(vectors):
                word = at_banks[place, v]
                spent += largest(word * np.uint64(a) + turned(word) * np.uint64(b))
        cycles += spent * times
    for i in range(mixed.shape[0]):
        f = mixed[i]
        for v in range(vectors):
            zero = one = two = three = np.uint64(0)
            for j in range(f, min(f + filters, n_taps)):
                k = tap[j, 0]
                word = at_banks[tap[j, 1] * cols + tap[j, 2], v]
                if k & 4:
                    word = turned(word)
                residue = k & 3
                zero += word if residue == 0 else np.uint64(0)
                one += word if residue == 1 else np.uint64(0)
                two += word if residue == 2 else np.uint64(0)
                three += word if residue == 3 else np.uint64(0)
            cycles += largest(larger(larger(zero, one), larger(two, three)))
    return cycles, np.int64(useful)
