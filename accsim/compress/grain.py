"""Scales: real factors that integer codes are multiplied by, one per block of weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError, suggest

Kind = TypeVar("Kind", bound=np.generic)
Reals = npt.NDArray[np.float64]
REAL_BITS = 32
"""Bits of a scale or of a codebook's entry, unless it says otherwise."""
Shape = tuple[int, int, int, int]
"""Weights are [M, C / G, R, S]."""

GRAINS = ("layer", "filter", "channel", "kernel", "pixel", "channels:N")
"""Weights that share a factor: all; those of a filter; of an input channel; of one filter on one input channel; at one
place of the kernel, over all filters and channels (SYQ, Faraone et al., CVPR 2018); of a filter on N neighbouring input
channels (FGQ, Mellempudi et al., 2017)."""


def block_of(grain: str, shape: Shape) -> Shape:
    """Weights per block along each axis, for a grain's name.

    Raises:
        AccsimError: there is no such grain.
    """
    m, c, r, s = shape
    blocks = {
        "layer": (m, c, r, s), "filter": (1, c, r, s), "channel": (m, 1, r, s), "kernel": (1, 1, r, s),
        "pixel": (m, c, 1, 1),
    }  # fmt: skip
    if grain in blocks:
        return blocks[grain]
    group = re.fullmatch(r"channels:([1-9][0-9]*)", grain)
    if group:
        return 1, min(int(group[1]), max(c, 1)), r, s
    raise AccsimError(f"unknown grain {grain!r}: must be one of {', '.join(GRAINS)}{suggest(grain, GRAINS)}")


def in_blocks(values: npt.NDArray[np.generic], block: Shape) -> tuple[int, int, int, int]:
    """Blocks along each axis; the last one may be smaller."""
    counts = [-(-size // max(1, step)) for size, step in zip(values.shape, block, strict=True)]
    return counts[0], counts[1], counts[2], counts[3]


def by_block(values: npt.NDArray[Kind], block: Shape, fill: float | bool) -> npt.NDArray[Kind]:
    """The weights of each block in a row, [blocks..., weights per block], ``fill`` where a last block is smaller."""
    counts = in_blocks(values, block)
    pads = [(0, n * b - size) for n, b, size in zip(counts, block, values.shape, strict=True)]
    padded = np.pad(values, pads, constant_values=fill)
    split = [size for pair in zip(counts, block, strict=True) for size in pair]
    out: npt.NDArray[Kind] = padded.reshape(split).transpose(0, 2, 4, 6, 1, 3, 5, 7).reshape(*counts, prod(block))
    return out


def from_blocks(rows: npt.NDArray[Kind], block: Shape, shape: tuple[int, ...]) -> npt.NDArray[Kind]:
    """The inverse of :func:`by_block`: rows of blocks put back into the shape of the weights."""
    counts = rows.shape[:-1]
    split = rows.reshape(*counts, *block).transpose(0, 4, 1, 5, 2, 6, 3, 7)
    whole = split.reshape([n * step for n, step in zip(counts, block, strict=True)])
    out: npt.NDArray[Kind] = np.ascontiguousarray(whole[tuple(slice(size) for size in shape)])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Real factors, one per block of weights.

    Attributes:
        values: float64 [blocks along M, C / G, R, S].
        block: weights per block along each axis; the last block of an axis may be smaller.
        grain: the blocks' name, one of ``GRAINS``.
        bits: of a factor as it is stored; 0 where all are known to be 1.
    """

    values: Reals
    block: Shape
    grain: str
    bits: int = REAL_BITS

    def over(self, shape: tuple[int, ...]) -> Reals:
        """The factor of every weight."""
        out = self.values
        for axis, (step, size) in enumerate(zip(self.block, shape, strict=True)):
            if out.shape[axis] != size:
                out = np.repeat(out, step, axis=axis).take(np.arange(size), axis=axis)
        return out

    @property
    def count(self) -> int:
        """How many factors there are."""
        return int(self.values.size)

    @property
    def stored_bits(self) -> int:
        """Bits that all of them take."""
        return self.count * self.bits
