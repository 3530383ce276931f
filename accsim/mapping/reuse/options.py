"""Every size worth trying for each dimension: those that change the number of tiles, passes or PEs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import gcd

import numpy as np
import numpy.typing as npt

from accsim.mapping.reuse.dataflow import DIMENSIONS, ReuseDataflow
from accsim.mapping.reuse.kernel import distinct
from accsim.mapping.reuse.machine import ReuseMachine
from accsim.mapping.reuse.tiling import Split, bounds, ceil_div, runs
from accsim.workload.layer import Geometry

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of a layer as ``kernel.search`` takes them.

    Attributes:
        splits: choices per dimension.
        table, starts: the same as rows of sizes.
        windows_h, windows_w: input rows per choice of P and R, columns per choice of Q and S, at three levels.
    """

    splits: tuple[tuple[Split, ...], ...]
    table: Ints
    starts: Ints
    windows_h: Ints
    windows_w: Ints

    @classmethod
    def of(cls, splits: tuple[tuple[Split, ...], ...], geometry: Geometry) -> Options:
        """Choices as the kernel takes them."""
        starts = np.cumsum([0, *(len(dim) for dim in splits)], dtype=np.int64)
        return cls(
            splits=splits,
            table=np.array([row(split) for dim in splits for split in dim], dtype=np.int64),
            starts=starts,
            windows_h=_windows(splits, "P", "R", geometry.stride_h, geometry.dilation_h),
            windows_w=_windows(splits, "Q", "S", geometry.stride_w, geometry.dilation_w),
        )


def options(geometry: Geometry, dataflow: ReuseDataflow, machine: ReuseMachine) -> Options:
    """The choices of one layer: all, because a size that gives as many pieces as a smaller one is never better."""
    sizes = bounds(geometry).items()
    return Options.of(tuple(tuple(_splits(bound, dim, dataflow, machine)) for dim, bound in sizes), geometry)


def row(split: Split) -> list[int]:
    """The sizes of one dimension in the order of the kernel's columns."""
    first = ceil_div(split.in_pass, split.pe)
    of_tiles = sum(n * ceil_div(min(split.in_pass, size), split.pe) for size, n in runs(split.bound, split.tile))
    return [
        split.tile, split.in_pass, split.unrolled, split.pe,
        split.tiles, split.passes, first, of_tiles, split.shares,
    ]  # fmt: skip


def _splits(bound: int, dim: str, flow: ReuseDataflow, machine: ReuseMachine) -> list[Split]:
    """Choices of one dimension, largest unrolling and tile first."""
    cut, folded = dim in flow.tiles, dim in flow.passes
    unrolled, local = dim in flow.unrolled, dim in flow.pe
    loose = cut or folded
    out: list[Split] = []
    for pe in _sizes(bound) if local and (loose or unrolled) else [bound if local else 1]:
        shares = ceil_div(bound, pe)
        for over in (_sizes(shares) if loose else [shares]) if unrolled else [1]:
            if loose and over > machine.pes:
                continue
            step = min(bound, over * pe)
            if step < bound and not loose:
                continue
            trips = ceil_div(bound, step)
            tiles = [step] if not folded else [bound] if not cut else [min(bound, step * n) for n in _sizes(trips)]
            out += [Split(bound, tile, over, pe) for tile in tiles]
    return sorted(out, key=lambda s: (-s.unrolled * s.pe, -s.pe, -s.tile))


def _sizes(bound: int) -> list[int]:
    """Sizes ceil(bound / k), largest first: smaller ones with as many pieces are never worse."""
    out: list[int] = []
    size = bound
    while size > 1:
        out.append(size)
        size = ceil_div(bound, ceil_div(bound, size - 1))
    return [*out, 1]


def _windows(splits: tuple[tuple[Split, ...], ...], outer: str, inner: str, stride: int, dilation: int) -> Ints:
    """Input rows under all tiles, passes and shares, for every choice of the output's and the filter's rows."""
    outs, taps = (splits[DIMENSIONS.index(dim)] for dim in (outer, inner))
    step = steps(stride, dilation)
    found = np.empty((len(outs), len(taps), 3), dtype=np.int64)
    for (i, out), (j, tap) in product(enumerate(outs), enumerate(taps)):
        for level, (a, b) in enumerate(zip(_pieces(out), _pieces(tap), strict=True)):
            found[i, j, level] = sum(m * n * distinct(x, y, step) for (x, m), (y, n) in product(a, b))
    return found


def steps(stride: int, dilation: int) -> tuple[int, int]:
    """Stride and dilation over their common divisor: how far apart windows are that meet the same rows again."""
    common = gcd(stride, dilation)
    return stride // common, dilation // common


def _pieces(split: Split) -> list[list[tuple[int, int]]]:
    """Pieces of a dimension as (length, how many) by tile, by pass and by PE's share."""
    tiles = runs(split.bound, split.tile)
    passes = [(x, n * m) for size, n in tiles for x, m in runs(size, split.in_pass)]
    shares = [(x, n * m) for size, n in passes for x, m in runs(size, split.pe)]
    return [tiles, passes, shares]
