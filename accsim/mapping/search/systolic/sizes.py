"""Tile sizes worth trying for one dimension of a layer.

What the buffers and the channel see of a cut is its number of pieces, the size of the largest one and, along P and Q,
the input rows or columns that all pieces need together. What the array sees is how pieces fall into folds of its rows
or columns: the number of folds, and the sum of the squares of used PEs (words that are shifted from PE to PE). So of
all sizes that make as many pieces only those count of which no smaller one is at least as good in all of these; where
the array sees neither, that is ceil(D / pieces), as long as padding does not clip some pieces more than others.

This holds for a dimension that is alone on its axis of the array. Where several share an axis it is their product that
falls into folds; then every size is tried, or, if that makes too many candidates, those that cut the dimension evenly
or are aligned to the array, and the search says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accsim.mapping.nest import Loop, Nest, window_span

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Size:
    """One way to cut a dimension.

    Attributes:
        size: of every piece but the last.
        pieces: how many there are.
        extents, extent: input rows (P) or columns (Q) of all pieces together, and of the largest; else the dimension
            and the size.
        filled: pieces whose windows are not all in the padding.
    """

    size: int
    pieces: int
    extents: int
    extent: int
    filled: int


@dataclass(frozen=True, slots=True)
class OnAxis:
    """How a dimension lies on an axis of the array.

    Attributes:
        pes: PEs along the axis.
        times: product of the other dimensions on it, which are not cut.
        squares: sign of the squares' price: more of them cost more (1), less (-1), or nothing (0).
        openers: whether only the first fold of a tile brings the stationary operand.
    """

    pes: int
    times: int
    squares: int
    openers: bool


MANY = 4096
"""Sizes of a dimension up to which all of them are tried."""


def every_size(nest: Nest, dim: str) -> list[Size]:
    """All sizes of a dimension, from the whole downwards; of one longer than ``MANY``, some of them."""
    return _listed(_cut(nest, dim))


def one_size(nest: Nest, dim: str, size: int) -> Size:
    """A size of a dimension."""
    bound = nest.bound(dim)
    pieces = -(-bound // size)
    return Size(size, pieces, *(_extents(nest, dim, size) if dim in "PQ" else (bound, size, pieces)))


def worthwhile(nest: Nest, dim: str, on_axis: OnAxis | None) -> list[Size]:
    """The sizes of a dimension that no smaller one with as many pieces matches, from the whole downwards."""
    cut = _cut(nest, dim)
    figures = [cut.extents, *((cut.extent,) if dim in "PQ" else ()), *_folds(nest.bound(dim), cut, on_axis)]
    rows = np.stack([cut.size, *figures], axis=1)
    kept = []
    for group in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(cut.pieces)) + 1):
        left = group[::-1]  # the smallest size first
        while len(left):
            kept.append(left[0])
            left = left[~(rows[left[0]] <= rows[left]).all(axis=1)]
    places = np.sort(np.array(kept))
    return _listed(_Cut(*(column[places] for column in cut)))


def even_or_aligned(nest: Nest, dim: str, pes: int) -> list[Size]:
    """The sizes of a dimension that cut it evenly, and those that divide the PEs of an axis or that they divide."""
    kept = {one.size for one in worthwhile(nest, dim, None)}
    return [one for one in every_size(nest, dim) if one.size in kept or not one.size % pes or not pes % one.size]


def conventional(nest: Nest, dim: str, on_array: tuple[int, int] | None) -> list[Size]:
    """The sizes a designer would try first, from the whole downwards.

    A few that cut the dimension evenly, single steps, and on an axis of the array whole arrays' worth of it, doubled
    again and again.

    Args:
        on_array: PEs along the dimension's axis, and how many of them a step of the dimension takes.
    """
    bound, cuts = nest.bound(dim), 1
    sizes = {bound, 1}
    while len(sizes) < _EVENLY and cuts < bound:
        sizes.add(-(-bound // cuts))
        cuts += max(1, cuts // 4)
    size = max(1, on_array[0] // on_array[1]) if on_array else bound
    while size < bound:
        sizes.add(size)
        size *= 2
    return [one_size(nest, dim, size) for size in sorted(sizes, reverse=True)]


_EVENLY = 9
"""Conventional sizes of a dimension that cut it about evenly, at most."""


class _Cut(NamedTuple):
    """Sizes as columns."""

    size: Ints
    pieces: Ints
    extents: Ints
    extent: Ints
    filled: Ints


def _listed(cut: _Cut) -> list[Size]:
    return [Size(*row) for row in zip(*(column.tolist() for column in cut), strict=True)]


def _some(bound: int) -> Ints:
    """Some sizes of a dimension of very many, from the whole downwards: evenly cut, in steps of a sixteenth or less."""
    pieces, cuts = 1, []
    while pieces < bound:
        cuts.append(pieces)
        pieces += max(1, pieces // 16)
    return np.unique([-(-bound // n) for n in (*cuts, bound)])[::-1].astype(np.int64)


def _cut(nest: Nest, dim: str) -> _Cut:
    """All sizes of a dimension, from the whole downwards."""
    bound = nest.bound(dim)
    size = np.arange(bound, 0, -1) if bound <= MANY else _some(bound)
    pieces = -(-bound // size)
    if dim not in "PQ":
        return _Cut(size, pieces, np.full_like(size, bound), size, pieces)
    needed = np.array([_extents(nest, dim, int(one)) for one in size])
    return _Cut(size, pieces, *needed.T)


def _extents(nest: Nest, dim: str, size: int) -> tuple[int, int, int]:
    """Input rows or columns of all pieces together, of the largest, and the pieces that need any."""
    g, bound = nest.geometry, nest.bound(dim)
    rows = dim == "P"
    stride, span = (
        (g.stride_h, window_span(g.R, g.dilation_h)) if rows else (g.stride_w, window_span(g.S, g.dilation_w))
    )
    if stride > span or nest.fetch_padding or bound > MANY * size:
        cut = Nest(g, (Loop(dim, size),), nest.fetch_padding).pieces(dim, 1)
        filled = sum(n for p, n in cut if p.extent)
        return sum(p.extent * n for p, n in cut), max(p.extent for p, _ in cut), filled
    length, before = (g.H, g.pad_top) if rows else (g.W, g.pad_left)
    first = np.arange(0, bound, size) * stride - before
    windows = np.minimum(size, bound - np.arange(0, bound, size))
    ends = np.minimum(first + (windows - 1) * stride + span, length)
    extents = np.maximum(0, ends - np.maximum(first, 0))
    return int(extents.sum()), int(extents.max()), int(np.count_nonzero(extents))


def _folds(bound: int, cut: _Cut, on_axis: OnAxis | None) -> list[Ints]:
    """What the array sees of each size, each the less the better."""
    if on_axis is None:
        return []
    pes, times = on_axis.pes, on_axis.times
    rest = bound - cut.size * (cut.pieces - 1)
    folds, squares, openers, opened = (np.zeros_like(cut.size) for _ in range(4))
    for size, n in ((cut.size, cut.pieces - 1), (rest, np.ones_like(rest))):
        full, left = np.divmod(size * times, pes)
        opens = np.minimum(size * times, pes)
        folds += (full + (left > 0)) * n
        squares += (full * pes * pes + left * left) * n
        openers += opens * n
        opened += opens * opens * n
    out = [folds]
    if on_axis.squares:
        out.append(on_axis.squares * squares)
    if on_axis.openers:
        out.append(openers)
        if on_axis.squares:
            out.append(on_axis.squares * opened)
    return out


def thinned(sizes: Iterable[Size], most: int) -> list[Size]:
    """At most ``most`` sizes, from the whole downwards: those that leave no smaller piece, and some between them."""
    every = list(sizes)
    if len(every) <= most:
        return every
    even = [i for i, one in enumerate(every) if one.size * one.pieces == every[0].size]
    kept = {even[i] for i in _spread(len(even), most)}
    others = [i for i in range(len(every)) if i not in kept]
    kept |= {others[i] for i in _spread(len(others), most - len(kept))}
    return [every[i] for i in sorted(kept)]


def _spread(length: int, most: int) -> list[int]:
    """At most ``most`` places of ``length``, spread evenly from the first to the last."""
    if length <= most:
        return list(range(length))
    return np.unique(np.linspace(0, length - 1, most).round().astype(int)).tolist() if most else []
