"""The inner-product tile as plain loops, an object for each lane: obviously right, and slow."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
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


@dataclass
class Brick:
    """A multiplier of two parts of ``bits`` bits; the highest part of an operand is signed."""

    bits: int
    x: int
    y: int
    place: int

    def product(self) -> int:
        """The product, shifted to its place; the parts must fit."""
        for part in (self.x, self.y):
            if not -(1 << (self.bits - 1)) <= part < 1 << self.bits:
                raise ValueError(f"{part} does not fit a brick of {self.bits} bits")
        return (self.x * self.y) << self.place


def parts(number: int, bits: int, brick: int) -> list[int]:
    """Two's complement in parts of ``brick`` bits, the lowest first; the highest keeps the sign."""
    count, out = -(-bits // brick), []
    for i in range(count):
        part = number >> (i * brick)
        out.append(part if i == count - 1 else part & ((1 << brick) - 1))
    return out


def bricks(x: int, y: int, x_bits: int, y_bits: int, brick: int) -> list[Brick]:
    """The bricks that fuse for a product: one for each pair of parts."""
    return [
        Brick(brick, a, b, (i + j) * brick)
        for i, a in enumerate(parts(x, x_bits, brick))
        for j, b in enumerate(parts(y, y_bits, brick))
    ]


def fused_width(bits: int, brick: int) -> int:
    """Bits that bricks fuse to: 2, 4, 8, 16 of 2-bit ones."""
    return next(brick << i for i in range(8) if brick << i >= bits)


def fused_lanes(path: Datapath, a_bits: int, w_bits: int, lanes: int) -> int:
    """Products that units of ``fused_bits`` a side take in at once: bricks of all units over those of a product."""
    a, w = (min(fused_width(bits, path.brick_bits), path.fused_bits) for bits in (a_bits, w_bits))
    return lanes * (path.fused_bits // a) * (path.fused_bits // w)


def fused_step(
    path: Datapath, a: list[list[int]], w: list[list[int]], a_bits: int, w_bits: int, lanes: int
) -> tuple[int, Any]:
    """Edges on units of bricks: every edge a unit has so many, for the parts of its own products in order."""
    each = (path.fused_bits // path.brick_bits) ** 2
    sums, edges = [], 0
    for row in w:
        sums.append([])
        for column in a:
            todo = [
                bricks(
                    x, y, fused_width(a_bits, path.brick_bits), fused_width(w_bits, path.brick_bits), path.brick_bits
                )
                for x, y in zip(column, row, strict=True)
            ]
            total, per_unit = 0, fused_lanes(path, a_bits, w_bits, 1)
            for unit in range(lanes):
                own = [brick for one in todo[unit * per_unit : (unit + 1) * per_unit] for brick in one]
                taken = 0
                while own:
                    total += sum(brick.product() for brick in own[:each])
                    own, taken = own[each:], taken + 1
                edges = max(edges, taken)
            sums[-1].append(total)
    return edges, sums


def terms(number: int, digits: Digits) -> list[int]:
    """Signed powers of two of a number."""
    sign = -1 if number < 0 else 1
    parts = booth(abs(number)) if digits is Digits.BOOTH else [1 << place for place in bits_of(abs(number))]
    return [sign * part for part in parts]


def outlier_step(path: Datapath, a: list[list[int]], w: list[list[int]], signed: bool) -> tuple[int, Any]:
    """Edges of PEs whose wide lanes take the products of outliers, and sums; narrow lanes refuse what does not fit."""
    bits = path.narrow_bits
    narrow_w = range(-(2 ** (bits - 1)), 2 ** (bits - 1))
    narrow_a = narrow_w if signed else range(2**bits)
    sums, edges = [[0] * len(a) for _ in w], 1
    for i, row in enumerate(w):
        for j, column in enumerate(a):
            pairs = list(zip(column, row, strict=True))
            queue = [pair for pair in pairs if pair[0] not in narrow_a or pair[1] not in narrow_w]
            sums[i][j] += sum(x * y for x, y in pairs if x in narrow_a and y in narrow_w)
            taken = 0
            while queue:
                now, queue = queue[: path.outlier_lanes], queue[path.outlier_lanes :]
                sums[i][j] += sum(x * y for x, y in now)
                taken += 1
            edges = max(edges, taken)
    return edges, sums


def together(lanes: list[Lane]) -> int:
    """Edges until no lane has anything left; each edge is one for all of them."""
    edges = 0
    while sum(lane.edge() for lane in lanes):
        edges += 1
    return max(1, edges)


def step(
    path: Datapath, a: list[list[int]], w: list[list[int]], a_bits: int, w_bits: int, lanes: int
) -> tuple[int, Any]:
    """Edges of one step on columns of activations and rows of weights, and the sums that it adds."""
    if path.kind is DatapathKind.FUSED_BRICKS:
        return fused_step(path, a, w, a_bits, w_bits, lanes)
    if path.kind is DatapathKind.OUTLIER_LANE:
        return outlier_step(path, a, w, signed=False)
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
    rows, cols, units = array
    lanes = fused_lanes(path, a_bits, w_bits, units) if path.kind is DatapathKind.FUSED_BRICKS else units
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
                            spent, added = step(path, a, w, a_bits, w_bits, units)
                            edges += spent
                            for m, row in zip(filters, added, strict=True):
                                for (n, p, q), total in zip(windows[c0 : c0 + cols], row, strict=True):
                                    sums[n, m, p, q] = sums.get((n, m, p, q), 0) + total
    return edges, sums


def places(weights: list[int], n: int, m: int) -> list[list[tuple[int, int]]]:
    """The weights of a tap that its blocks keep, with the channel of each; ``n`` places a block, or its length."""
    out = []
    for first in range(0, len(weights), m):
        block = weights[first : first + m]
        held = [(word, first + i) for i, word in enumerate(block) if word]
        if len(held) > n:
            raise ValueError(f"{len(held)} weights in a block that keeps {n}")
        out.append(held + [(0, first)] * (min(n, len(block)) - len(held)))
    return out


def run_skipping(path: Datapath, g: Any, ifmap: Any, weight: Any, array: tuple[int, int, int]) -> tuple[int, Any, int]:
    """Edges, sums and MACs of a layer whose lanes take the weights that blocks keep; folds as in ``run``.

    Whether weights are skipped is seen from them; a tap whose blocks would take longer takes every word a lane.
    """
    rows, cols, lanes = array
    per, deep = g.M // g.G, g.C // g.G
    whole = [[[[int(w) for w in weight[k, :, r, s]] for s in range(g.S)] for r in range(g.R)] for k in range(g.M)]
    every = [tap for filter_ in whole for line in filter_ for tap in line]
    sparse = all(sum(map(bool, tap[c : c + path.m])) <= path.n for tap in every for c in range(0, deep, path.m))
    short = ceil(ceil(deep / path.m) / (lanes // path.n)) <= ceil(deep / lanes)
    windows = [(n, p, q) for n in range(g.N) for q in range(g.Q) for p in range(g.P)]
    sums, edges, macs = {}, 0, 0
    for group in range(g.G):
        for c0 in range(0, len(windows), cols):
            for r0 in range(0, per, rows):
                filters = range(group * per + r0, group * per + min(per, r0 + rows))
                for r in range(g.R):
                    for s in range(g.S):
                        taken = 0
                        for k in filters:
                            tap = whole[k][r][s]
                            blocks = (
                                places(tap, path.n, path.m)
                                if sparse and short
                                else [[(w, c)] for c, w in enumerate(tap)]
                            )
                            at_once = lanes // path.n if sparse and short else lanes
                            steps = [blocks[b : b + at_once] for b in range(0, len(blocks), at_once)]
                            taken = max(taken, len(steps))
                            for n, p, q in windows[c0 : c0 + cols]:
                                y = p * g.stride_h + r * g.dilation_h - g.pad_top
                                x = q * g.stride_w + s * g.dilation_w - g.pad_left
                                inside = 0 <= y < g.H and 0 <= x < g.W
                                for word, c in [place for step in steps for block in step for place in block]:
                                    macs += 1
                                    pixel = int(ifmap[n, group * deep + c, y, x]) if inside else 0
                                    sums[n, k, p, q] = sums.get((n, k, p, q), 0) + word * pixel
                        edges += taken
    return edges, sums, macs
