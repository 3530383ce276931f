"""Compiled systolic array: words enter at its edge, PEs multiply, sums move.

One fold is a wave through the array. *Lines* are the PEs along the axis that is swept (rows, or columns where sums are
added along the rows), *lanes* the PEs of one line. A line works ``line_skew`` edges after the line before it, a lane
``lane_skew`` edges after its neighbour. ``u`` counts the edges of a line from the one on which its first PE does the
first step, so every line sees the same valid bits at the same u.

A shift register of n stages is n neighbouring words of memory whose base moves by one place per edge:

* a word that moves from lane to lane lies still while the window of its line moves over it: at edge u the registers of
  the line are ``buffer[base - u : base - u + lanes]``;
* what moves from line to line (words, valid bits, the sums of a chain) lies still while the lines sweep over it: at
  edge u of a line its registers are slot u.

Lines are swept in blocks of edges, which is causal because nothing moves from a later line to an earlier one. Every
register holds its true value at every edge, and when a sweep stops, that of the last edge of each line.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel

LINE0, LINES, LANE0, LANES, REST_X, REST_Y, REST_OUT, FIRST, LAST = range(9)
"""Columns of a table of folds: used lines and lanes, addresses of what they have in common, new and complete sums."""
MACS, ZEROS_X, ZEROS_Y, LANE_ENTRIES, LINE_ENTRIES, CORNER_ENTRIES, PASSED, RETURNED, LEFT = range(9)
"""What is counted while folds run."""
LOADING, WORKING, LEAVING, BACK = range(4)
"""What is seen of each fold: its edges while it loads, works and leaves, and the sums that came back for it."""


CHUNK = 32
"""Steps that enter lane by lane before the next ones, so that the memory they go to stays in the cache."""


class Feed(NamedTuple):
    """How the words of one operand reach the array; an address is the sum of its parts.

    Attributes:
        source: the operand's words.
        line_at, lane_at, step_at: address by line, lane and step of the stream.
        window: every word is handed from lane to lane; else every lane has words of its own.
        own: lines have words of their own; else a word is handed from line to line.
        valid: valid bits that enter with the steps of a stream; without one, no word enters.
    """

    source: NDArray[Any]
    line_at: NDArray[np.int64]
    lane_at: NDArray[np.int64]
    step_at: NDArray[np.int64]
    window: bool
    own: bool
    valid: NDArray[np.uint8]


class Out(NamedTuple):
    """Where sums go: addresses by line, lane and step, the sums in the buffer, and which are there already."""

    line_at: NDArray[np.int64]
    lane_at: NDArray[np.int64]
    step_at: NDArray[np.int64]
    sums: NDArray[np.int64]
    visited: NDArray[np.uint8]


class Shape(NamedTuple):
    """The array as the waves see it.

    Attributes:
        line_skew, lane_skew: edges by which a line or lane is behind its neighbour.
        exit_line: last line that sums cross to leave at the edge; -1: the last used one.
        tree: the sums of a line of PEs are added in a tree; else they move from line to line, or stay.
        direct: complete sums leave onto a bus, all on one edge.
        each_lane: complete sums leave lane by lane, each as soon as its own are complete; else all lanes at once.
    """

    line_skew: int
    lane_skew: int
    exit_line: int
    tree: bool
    direct: bool
    each_lane: bool


@kernel
def ones(bits: Any) -> Any:
    """Number of ones in 64 bits."""
    word = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def shift_valid(
    valid: NDArray[np.uint8], lanes: int, skew: int, bits: NDArray[np.uint64], live: NDArray[np.int64]
) -> int:
    """Valid bits of a line at every edge, ``bits`` [edges, words], and how many of them are set; returns the edges.

    A valid bit enters with every word and moves on with it, lane by lane; without skew all lanes get theirs at once.
    """
    steps, words = valid.size, bits.shape[1]
    edges = steps + (lanes - 1) * skew
    for u in range(edges):
        carry = np.uint64(valid[u] if u < steps else 0)
        live[u] = 0
        for w in range(words):
            inside = lanes - 64 * w
            keep = np.uint64(0)
            if inside >= 64:
                keep = ~np.uint64(0)
            elif inside > 0:
                keep = (np.uint64(1) << np.uint64(inside)) - np.uint64(1)
            if skew:
                before = bits[u - 1, w] if u else np.uint64(0)
                bits[u, w] = ((before << np.uint64(1)) | carry) & keep
                carry = before >> np.uint64(63)
            else:
                bits[u, w] = keep if carry else np.uint64(0)
            live[u] += ones(bits[u, w])
    return edges


@kernel
def feed(f: Feed, rest: int, line0: int, lines: int, lane0: int, lanes: int, skew: int, buffer: NDArray[Any]) -> int:
    """Let the words of one fold enter ``buffer``; returns how many MACs meet a zero among them."""
    steps = f.step_at.size
    edges = steps + (lanes - 1) * skew
    zeros, gaps = 0, steps - f.valid.sum()
    for line in range(lines if f.own else 1):
        at = rest + f.line_at[line0 + line]
        if f.window:
            base = line * (edges + lanes - 1)
            for q in range(lanes - 1):
                buffer[base + q] = 0
                buffer[base + edges + lanes - 2 - q] = 0
            base += edges - 1
            for k in range(steps):
                buffer[base - k] = f.source[at + f.step_at[k]]
            if gaps:
                for k in range(steps):
                    buffer[base - k] *= f.valid[k]
            for q in range(base - steps + 1, base + 1):
                zeros += buffer[q] == 0
        else:
            base = line * edges * lanes
            if skew:
                buffer[base : base + edges * lanes] = 0
            for first in range(0, steps, CHUNK):
                for n in range(lanes):
                    start = at + f.lane_at[lane0 + n]
                    into = base + n * skew * lanes + n
                    for k in range(first, min(first + CHUNK, steps)):
                        word = f.source[start + f.step_at[k]] * f.valid[k]
                        zeros += word == 0
                        buffer[into + k * lanes] = word
    return zeros * (lanes if f.window else 1) * (1 if f.own else lines)


@kernel
def strides(f: Feed, edges: int, lanes: int) -> tuple[int, int, int]:
    """Base, and distance from line to line and from edge to edge, of the registers in a buffer."""
    if f.window:
        return edges - 1, (edges + lanes - 1) if f.own else 0, -1
    return 0, edges * lanes if f.own else 0, lanes
