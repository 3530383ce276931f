"""Operands that are worked on together, from their values: what the widest, or the one with the most terms, needs.

The arrays here have the axes of a tile's folds. An operand's words are laid out along them once for each step that
takes other words; folds that do not index it have one entry, to be broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accsim.hardware.datapath import Digits
from accsim.mapping.dataflow import DIMENSIONS, TiledDataflow
from accsim.mapping.nest import Piece
from accsim.workload.layer import Geometry

Ints = npt.NDArray[np.int64]
Word = TypeVar("Word", bound=np.generic)


def narrow(magnitudes: Ints) -> Ints:
    """The magnitudes in the fewest bytes that hold three times each, which is what Booth's digits need."""
    most = 3 * int(magnitudes.max(initial=0))
    fits = next(t for t in (np.uint8, np.uint16, np.uint32, np.int64) if most <= np.iinfo(t).max)
    return magnitudes.astype(fits)


def terms(magnitudes: Ints, digits: Digits) -> Ints:
    """How many powers of two a magnitude is a sum, or with Booth's digits a sum and difference, of.

    The canonical signed form of x has a digit wherever x and 3 x differ (Reitwiesner, 1960).
    """
    marked = magnitudes if digits is Digits.BINARY else magnitudes ^ (3 * magnitudes)
    return np.bitwise_count(marked).astype(np.uint16)


def met(magnitudes: Ints, digits: Digits) -> Ints:
    """Bits set where a magnitude has a term."""
    return magnitudes if digits is Digits.BINARY else (magnitudes ^ (3 * magnitudes)) >> 1


def width(ored: Ints, trim_low: bool) -> Ints:
    """Bits from the highest one down to the lowest, or to bit 0, of magnitudes that were or-ed; 0 for 0."""
    highest = np.zeros_like(ored)
    left = ored.copy()
    while left.any():
        highest += left > 0
        left >>= 1
    if trim_low:
        lowest = np.bitwise_count((ored & -ored) - 1).astype(np.int64)
        highest = np.where(ored > 0, highest - lowest, 0)
    return highest


def every_window(words: npt.NDArray[Word], geometry: Geometry) -> npt.NDArray[Word]:
    """The words of a layer's windows, [N, G, C, P, Q, R, S]; padding is 0.

    Args:
        words: [N, C, H, W] of the layer.
    """
    g, c = geometry, geometry.channels_per_group
    pads = (0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)
    padded = np.pad(words, pads) if any(map(any, pads)) else words
    span = ((g.R - 1) * g.dilation_h + 1, (g.S - 1) * g.dilation_w + 1)
    every = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(2, 3))
    every = every[:, :, :: g.stride_h, :: g.stride_w, :: g.dilation_h, :: g.dilation_w]
    return every.reshape(g.N, g.G, c, *every.shape[2:]) if g.G == 1 else _by_group(every, g)


def in_tile(every: npt.NDArray[Word], sizes: Mapping[str, Piece]) -> npt.NDArray[Word]:
    """Of all windows those of a tile."""
    return every[tuple(slice(sizes[dim].start, sizes[dim].start + sizes[dim].size) for dim in "NGCPQ")]


def _by_group(every: npt.NDArray[Word], geometry: Geometry) -> npt.NDArray[Word]:
    shape, strides = every.shape, every.strides
    c = geometry.channels_per_group
    return np.lib.stride_tricks.as_strided(
        every, (shape[0], geometry.G, c, *shape[2:]), (strides[0], strides[1] * c, *strides[1:]), writeable=False
    )


def filters(words: npt.NDArray[Word], geometry: Geometry, sizes: Mapping[str, Piece]) -> npt.NDArray[Word]:
    """The words of a tile's filters, [G, M, C, R, S].

    Args:
        words: [M, C / G, R, S] of the layer.
    """
    g = geometry
    whole = words.reshape(g.G, g.filters_per_group, g.channels_per_group, g.R, g.S)
    return whole[tuple(slice(sizes[dim].start, sizes[dim].start + sizes[dim].size) for dim in "GMC")]


def laid_out(
    words: npt.NDArray[Word], dims: str, dataflow: TiledDataflow, unrolled: Mapping[str, int]
) -> npt.NDArray[Word]:
    """Words along the folds of a dataflow, outermost first, then what is on rows, columns and lanes together.

    Args:
        dims: the dimension of each axis of ``words``.
        unrolled: rows, columns and lanes.

    Returns:
        An axis for each fold (of length 1 where the words do not depend on it), then rows, columns, lanes; places
        without a word are 0.
    """
    order = [dim for name in dataflow.folds for dim in dataflow.axis(name)]
    missing = [dim for dim in DIMENSIONS if dim not in dims]
    full = words.reshape(*words.shape, *[1] * len(missing))
    names = dims + "".join(missing)
    full = full.transpose([names.index(dim) for dim in order])
    shape, pads, split = [], [], []  # type: list[int], list[tuple[int, int]], list[tuple[int, int]]
    at, inside = 0, {}  # type: int, dict[str, int]
    for i, name in enumerate(dataflow.folds):
        count = len(dataflow.axis(name))
        size = int(np.prod(full.shape[at : at + count], dtype=np.int64))
        at += count
        step = unrolled.get(name, 1) if size > 1 else 1
        trips = -(-size // step)
        shape.append(size)
        pads.append((0, trips * step - size))
        split.append((trips, step))
        inside[name] = i
    flat = full.reshape(shape)
    if any(after for _, after in pads):
        flat = np.pad(flat, pads)
    cut = flat.reshape([n for pair in split for n in pair])
    folds = [2 * i for i in range(len(split))]
    axes = [2 * inside[name] + 1 for name in ("rows", "cols", "lanes")]
    rest = [2 * i + 1 for i in range(len(split)) if 2 * i + 1 not in axes]
    return cut.transpose([*folds, *axes, *rest]).reshape(
        [split[i][0] for i in range(len(split))] + [cut.shape[a] for a in axes]
    )
