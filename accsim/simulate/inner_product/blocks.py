r"""Weights of which n of m are kept, on the lanes of an inner-product tile.

::

    activations of a block   a0 a1 a2 a3 | a4 a5 a6 a7      one register each, at the top of the column
                              \ \ / /      \ \ / /
    n lanes of a block       [m:1] [m:1]   [m:1] [m:1]      a multiplexer per lane, set by its weight's index
    stored weights             x     x       x     x        beside the row

A block is m channels of a filter's tap, counted from the first channel of the group; what a tile cuts off of one is a
shorter block. Its n lanes share its activations, so a step takes whole blocks: as many as the lanes hold. A block of
fewer than n words leaves lanes empty. Where short blocks would take more steps than all words do, the tile takes all
words (a layer with one channel, say). Activations are read whether or not a weight picks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from accsim.mapping.nest import Piece

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks on the lanes of a tile, in order.

    Attributes:
        size: words of each block.
        channels: words of each block along the channels of one tap.
        at_once: blocks in a step.
        n: words that a block keeps at most.
    """

    size: Ints
    channels: Ints
    at_once: int
    n: int

    @property
    def kept(self) -> Ints:
        """Weights that each block may keep."""
        return np.minimum(self.size, self.n)

    def by_step(self, words: Ints) -> Ints:
        """Sums of ``words``, one for each block, over the blocks of each step."""
        return np.add.reduceat(words, np.arange(0, len(words), self.at_once))


def single(words: int, channels: int, lanes: int) -> Blocks:
    """Blocks of one word each: every word takes a lane."""
    return Blocks(np.ones(words, np.int64), np.ones(channels, np.int64), lanes, 1)


def cut(piece: Piece, m: int) -> Ints:
    """Sizes of the blocks of ``m`` channels that a piece of the channels lies in."""
    inner = np.arange(piece.start // m + 1, -(-(piece.start + piece.size) // m)) * m
    return np.diff(inner, prepend=piece.start, append=piece.start + piece.size)


def blocks_of(
    dims: tuple[str, ...], size: dict[str, int], channels: Piece, lanes: int, n: int, m: int
) -> Blocks | None:
    """The blocks on the lanes; ``None`` where all words take no more steps, or no channel is on the lanes.

    Args:
        dims: dimensions on the lanes, outermost first.
        size: of each of them in the tile.
        channels: those of the tile.
    """
    if "C" not in dims or lanes < n:
        return None
    each, place = cut(channels, m), dims.index("C")
    before, after = prod(size[dim] for dim in dims[:place]), prod(size[dim] for dim in dims[place + 1 :])
    found = Blocks(np.tile(np.repeat(each, after), before), each, lanes // n, n)
    steps, dense = -(-len(found.size) // found.at_once), -(-prod(size[dim] for dim in dims) // lanes)
    return found if steps <= dense else None
