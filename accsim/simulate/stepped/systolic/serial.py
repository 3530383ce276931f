"""Compiled: PEs that take several edges for a MAC, a part of each operand on every one.

A line's words lie as ``feeds`` lays them, one place for each step: a word stays in its PE's register for all edges of
the step. On edge ``c`` of a step the datapath takes in part ``c // y_parts`` of one operand and ``c % y_parts`` of the
other, and adds their product to the PE's sum; with the last part the MAC is done. Where sums move from line to line,
what the MAC came to is added on that edge to the sum that arrives from the line above, which is there just then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from accsim.kernels.jit import kernel

WHOLE, BITS, UNARY = range(3)


class Mac(NamedTuple):
    """How a MAC is taken in.

    Attributes:
        edges: of a MAC: parts of one operand times those of the other.
        x_mode, x_parts, x_bits: of the first streaming operand, its parts; bits of a part.
        y_mode, y_parts, y_bits: of the other operand.
    """

    edges: int
    x_mode: int
    x_parts: int
    x_bits: int
    y_mode: int
    y_parts: int
    y_bits: int


@kernel
def part(word: int, at: int, mode: int, parts: int, bits: int) -> int:
    """What part ``at`` of a word adds: bits at their place, the highest signed; or the sign under a one of a stream."""
    if mode == WHOLE:
        return word
    if mode == UNARY:
        if at >= abs(word):
            return 0
        return -1 if word < 0 else 1
    taken = word >> (at * bits)
    if at < parts - 1:
        taken &= (1 << bits) - 1
    return taken << (at * bits)


@kernel
def serial_in_place(
    x: NDArray[Any], xs: Any, y: NDArray[Any], ys: Any, lines: int, lanes: int, skew: int, ends: NDArray[Any],
    steps: int, mac: Mac, acc: NDArray[Any],
) -> int:  # fmt: skip
    """Sums grow in the PEs; line l runs ``ends[l]`` edges. Returns the MACs done, counted with their last parts."""
    done = 0
    for line in range(lines):
        for u in range(ends[line]):
            for n in range(lanes):
                v = u - n * skew
                if v < 0 or v >= steps * mac.edges:
                    continue
                t, c = v // mac.edges, v % mac.edges
                slot = t + n * skew
                a = x[xs[0] + line * xs[1] + slot * xs[2] + n]
                b = y[ys[0] + line * ys[1] + slot * ys[2] + n]
                a = part(a, c // mac.y_parts, mac.x_mode, mac.x_parts, mac.x_bits)
                acc[line, n] += a * part(b, c % mac.y_parts, mac.y_mode, mac.y_parts, mac.y_bits)
                done += c == mac.edges - 1
    return done


@kernel
def serial_along(
    x: NDArray[Any], xs: Any, held: NDArray[Any], lines: int, lanes: int, skew: int, ends: NDArray[Any], steps: int,
    mac: Mac, own: NDArray[Any], slots: NDArray[Any],
) -> int:  # fmt: skip
    """Sums move from line to line, or into a tree: ``own`` [lines, lanes] is what each PE has of its present MAC."""
    done = 0
    for line in range(lines):
        for u in range(ends[line]):
            for n in range(lanes):
                v = u - n * skew
                if v < 0 or v >= steps * mac.edges:
                    continue
                t, c = v // mac.edges, v % mac.edges
                if c == 0:
                    own[line, n] = 0
                a = x[xs[0] + line * xs[1] + (t + n * skew) * xs[2] + n]
                a = part(a, c // mac.y_parts, mac.x_mode, mac.x_parts, mac.x_bits)
                own[line, n] += a * part(held[line, n], c % mac.y_parts, mac.y_mode, mac.y_parts, mac.y_bits)
                if c == mac.edges - 1:
                    slots[u, n] += own[line, n]
                    done += 1
    return done
