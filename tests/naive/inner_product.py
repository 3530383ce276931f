"""The inner-product tile as plain loops, an object for each lane: obviously right, and slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accsim.hardware.datapath import Datapath, DatapathKind, Digits


def bits_of(number: int) -> list[int]:
    """Places of the ones of a magnitude."""
    return [place for place in range(number.bit_length()) if number >> place & 1]


def booth(number: int) -> list[int]:
    """Signed powers of two of the non-adjacent form of a magnitude, by the textbook's division."""
    out, weight = [], 1
    while number:
        if number % 2:
            digit = 2 - number % 4
            out.append(digit * weight)
            number -= digit
        number //= 2
        weight *= 2
    return out


@dataclass
class Lane:
    """What a lane still has to take in of its product."""

    todo: list[int]
    taken: int = 0

    def edge(self) -> bool:
        """Take in the next part; whether there was one."""
        if not self.todo:
            return False
        self.taken += self.todo.pop(0)
        return True


def terms(number: int, digits: Digits) -> list[int]:
    """Signed powers of two of a number."""
    sign = -1 if number < 0 else 1
    parts = booth(abs(number)) if digits is Digits.BOOTH else [1 << place for place in bits_of(abs(number))]
    return [sign * part for part in parts]


def together(lanes: list[Lane]) -> int:
    """Edges until no lane has anything left; each edge is one for all of them."""
    edges = 0
    while sum(lane.edge() for lane in lanes):
        edges += 1
    return max(1, edges)


def step(path: Datapath, a: list[list[int]], w: list[list[int]], a_bits: int, w_bits: int) -> tuple[int, Any]:
    """Edges of one step on columns of activations and rows of weights, and the sums that it adds."""
    group = [word for column in a for word in column]
    match path.kind:
        case DatapathKind.BIT_PARALLEL:
            edges = 1
        case DatapathKind.ACTIVATION_SERIAL:
            signed = path.sign_cycle if path.sign_cycle is not None else any(word < 0 for word in group)
            edges = a_bits + signed
        case DatapathKind.DYNAMIC_PRECISION:
            edges = max(1, *(abs(word).bit_length() for word in group))
        case DatapathKind.BOTH_SERIAL:
            edges = max(1, *(abs(word).bit_length() for word in group)) * w_bits
        case DatapathKind.TERM_SERIAL if path.shift_bits == 0:
            edges = max(1, len({abs(part) for word in group for part in terms(abs(word), path.digits)}))
        case DatapathKind.TERM_SERIAL:
            edges = together([Lane(terms(word, path.digits)) for word in group])
        case _:
            lanes = [
                Lane([x * y for x in terms(word, path.digits) for y in terms(row[k], path.digits)])
                for row in w
                for column in a
                for k, word in enumerate(column)
            ]
            edges = together(lanes)
    return edges, [[sum(x * y for x, y in zip(row, column, strict=True)) for column in a] for row in w]


def run(
    path: Datapath, g: Any, ifmap: Any, weight: Any, array: tuple[int, int, int], a_bits: int, w_bits: int
) -> tuple[int, Any]:
    """Edges and sums of a whole layer in one tile; folds: groups, windows (n, q, p), filters, taps, channels."""
    rows, cols, lanes = array
    per, deep = g.M // g.G, g.C // g.G
    windows = [(n, p, q) for n in range(g.N) for q in range(g.Q) for p in range(g.P)]
    sums = {}
    edges = 0
    for group in range(g.G):
        for c0 in range(0, len(windows), cols):
            for r0 in range(0, per, rows):
                filters = [group * per + m for m in range(r0, min(per, r0 + rows))]
                for r in range(g.R):
                    for s in range(g.S):
                        for k0 in range(0, deep, lanes):
                            channels = range(k0, min(deep, k0 + lanes))
                            a = []
                            for n, p, q in windows[c0 : c0 + cols]:
                                y = p * g.stride_h + r * g.dilation_h - g.pad_top
                                x = q * g.stride_w + s * g.dilation_w - g.pad_left
                                inside = 0 <= y < g.H and 0 <= x < g.W
                                a.append([int(ifmap[n, group * deep + k, y, x]) if inside else 0 for k in channels])
                            w = [[int(weight[m, k, r, s]) for k in channels] for m in filters]
                            spent, added = step(path, a, w, a_bits, w_bits)
                            edges += spent
                            for m, row in zip(filters, added, strict=True):
                                for (n, p, q), total in zip(windows[c0 : c0 + cols], row, strict=True):
                                    sums[n, m, p, q] = sums.get((n, m, p, q), 0) + total
    return edges, sums
