"""A layer as a systolic array sees it: its values, and the folds of every tile written out loop by loop."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

from accsim.kernels import Accumulator
from accsim.mapping.dataflow import RELEVANT, Axis, SystolicDataflow
from accsim.workload.layer import Geometry, Operand
from tests.naive.kernels import rounded

Point = dict[str, int]
Tile = dict[str, tuple[int, int]]


@dataclass
class Tensors:
    """A layer's values: ``x[n, c, h, w]`` and ``k[m, c, r, s]`` (c within the group).

    ``accumulator`` says how products are shifted and rounded; they are exact without it.
    """

    geometry: Geometry
    x: dict[tuple[int, ...], int]
    k: dict[tuple[int, ...], int]
    accumulator: Accumulator | None = None

    def read(self, operand: Operand, at: Point) -> int:
        """The word of an input that loop indices ``at`` select; padding is zero."""
        g = self.geometry
        if operand is Operand.WEIGHT:
            return self.k[at["G"] * g.filters_per_group + at["M"], at["C"], at["R"], at["S"]]
        h = at["P"] * g.stride_h + at["R"] * g.dilation_h - g.pad_top
        w = at["Q"] * g.stride_w + at["S"] * g.dilation_w - g.pad_left
        return self.x.get((at["N"], at["G"] * g.channels_per_group + at["C"], h, w), 0)

    def product(self, pixel: int, weight: int) -> int:
        """A product as it enters a sum."""
        return pixel * weight if self.accumulator is None else rounded(pixel * weight, self.accumulator)

    def convolve(self) -> dict[tuple[int, ...], int]:
        """The outputs by plain loops, keyed (n, g, m, p, q)."""
        g, out = self.geometry, {}
        loops = (g.N, g.G, g.filters_per_group, g.P, g.Q)
        for key in product(*map(range, loops)):
            at = dict(zip("NGMPQ", key, strict=True))
            terms = product(range(g.channels_per_group), range(g.R), range(g.S))
            points = [{**at, "C": c, "R": r, "S": s} for c, r, s in terms]
            out[key] = sum(self.product(self.read(Operand.IFMAP, o), self.read(Operand.WEIGHT, o)) for o in points)
        return out


@dataclass(eq=False)
class Fold:
    """One fold: what each row, column and step stands for.

    ``first``: new stationary words, or new sums, start here; ``last``: the sums kept in the PEs are complete after it.
    """

    rows: list[Point]
    cols: list[Point]
    steps: list[Point]
    rest: Point
    first: bool = True
    last: bool = True
    opener: Fold | None = None

    @property
    def a(self) -> int:
        return len(self.rows)

    @property
    def b(self) -> int:
        return len(self.cols)

    def at(self, i: int, j: int, t: int) -> Point:
        return {**self.rest, **self.rows[i], **self.cols[j], **self.steps[t]}


def bound(geometry: Geometry, dim: str) -> int:
    """Length of a loop; M and C within a group."""
    return {"M": geometry.filters_per_group, "C": geometry.channels_per_group}.get(dim) or getattr(geometry, dim)


def walk(geometry: Geometry, loops: list[tuple[str, int]]) -> list[tuple[tuple[int, ...], Tile]]:
    """Every tile in order, with the index of every loop."""
    tiles: list[tuple[tuple[int, ...], Tile]] = [((), {d: (0, bound(geometry, d)) for d in "NGMCPQRS"})]
    for dim, step in loops:
        cut = []
        for index, tile in tiles:
            start, size = tile[dim]
            for n, low in enumerate(range(start, start + size, step)):
                cut.append(((*index, n), {**tile, dim: (low, min(step, start + size - low))}))
        tiles = cut
    return tiles


def points(dims: tuple[str, ...], tile: Tile) -> list[Point]:
    """The flattened loop over ``dims``, outermost first."""
    return [
        dict(zip(dims, at, strict=True)) for at in product(*(range(tile[d][0], tile[d][0] + tile[d][1]) for d in dims))
    ]


def chunks(flow: SystolicDataflow, tile: Tile, rows: int, cols: int) -> dict[str, list[list[Point]]]:
    """What each fold loop steps through."""
    out: dict[str, list[list[Point]]] = {}
    for name in flow.folds:
        if name in ("rows", "cols"):
            line, most = points(flow.axis(Axis(name)), tile), rows if name == "rows" else cols
            out[name] = [line[n : n + most] for n in range(0, len(line), most)]
        else:
            out[name] = [[at] for at in points((name,), tile)]
    return out


def fold_tiles(
    flow: SystolicDataflow, geometry: Geometry, loops: list[tuple[str, int]], rows: int, cols: int
) -> list[tuple[bool, list[list[Fold]]]]:
    """For every tile: whether it starts a new stationary operand, and its folds in groups that share one.

    The stationary operand changes with every step of the loops from the outermost to the innermost that indexes it and
    steps more than once in the largest tile; loops inside that one keep it.
    """
    tiles = walk(geometry, loops)
    largest = {d: (0, max(tile[d][1] for _, tile in tiles)) for d in "NGMCPQRS"}
    relevant = RELEVANT[flow.stationary]

    def indexes(name: str) -> bool:
        return flow.depends(flow.stationary, Axis(name)) if name in ("rows", "cols") else name in relevant

    trips = {name: len(parts) for name, parts in chunks(flow, largest, rows, cols).items()}
    depth = max((n + 1 for n, name in enumerate(flow.folds) if trips[name] > 1 and indexes(name)), default=0)
    outside = len(loops)
    if not depth:
        split = [any(index[n] for index, _ in tiles) for n in range(len(loops))]
        outside = max((n + 1 for n, (dim, _) in enumerate(loops) if split[n] and dim in relevant), default=0)
    out: list[tuple[bool, list[list[Fold]]]] = []
    before: object = None
    opener: Fold | None = None
    everything: list[Fold] = []
    for index, tile in tiles:
        groups: list[list[Fold]] = []
        parts, new_tile = chunks(flow, tile, rows, cols), False
        for at in product(*(range(len(parts[name])) for name in flow.folds)):
            chosen = {name: parts[name][n] for name, n in zip(flow.folds, at, strict=True)}
            rest: Point = {}
            for name, part in chosen.items():
                if name not in ("rows", "cols"):
                    rest.update(part[0])
            key = (index[:outside], at[:depth])
            fold = Fold(chosen["rows"], chosen["cols"], points(flow.stream, tile), rest, key != before)
            opener = fold if fold.first else opener
            fold.opener = opener
            if fold.first or not groups:
                new_tile |= fold.first and not groups
                groups.append([])
            groups[-1].append(fold)
            everything.append(fold)
            before = key
        out.append((new_tile, groups))
    for fold, following in pairwise(everything):
        fold.last = following.first
    return out
