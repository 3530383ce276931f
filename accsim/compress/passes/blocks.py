"""Weights that share a scale, side by side, with what is pruned left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Ints
from accsim.compress.grain import REAL_BITS, Reals, Scale, Shape, block_of, by_block, from_blocks
from accsim.compress.model import LayerParameters, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """A layer's weights, a block in each row.

    Attributes:
        rows: float64 [blocks..., weights per block]; 0 where a weight is pruned or a block is smaller than the others.
        present: bool of the same shape: weights that exist and are not pruned. Statistics are taken over them.
        block, grain: see ``grain.Scale``.
        shape: of the weights.
    """

    rows: Reals
    present: Mask
    block: Shape
    grain: str
    shape: Shape

    @property
    def count(self) -> Reals:
        """Weights present in each block."""
        out: Reals = self.present.sum(axis=-1).astype(np.float64)
        return out

    @property
    def magnitudes(self) -> Reals:
        """Absolute values; 0 where none is present."""
        return np.abs(self.rows)

    def mean(self, rows: Reals) -> Reals:
        """Mean over the weights present in each block, 0 for none; ``rows`` is 0 where none is."""
        return ratio(rows.sum(axis=-1), self.count)

    def weights(self, rows: npt.NDArray[Any]) -> Ints:
        """Integers per weight, back in the weights' shape."""
        return from_blocks(rows.astype(np.int64, copy=False), self.block, self.shape)

    def scale(self, values: Reals, bits: int = REAL_BITS) -> Scale:
        """A factor per block."""
        return Scale(values, self.block, self.grain, bits)

    def each(self) -> Iterator[tuple[tuple[int, ...], Reals]]:
        """Place of each block, and the weights present in it, one dimension."""
        for place in np.ndindex(self.rows.shape[:-1]):
            yield place, self.rows[place][self.present[place]]


def blocks_of(parameters: LayerParameters, grain: str) -> Blocks:
    """A layer's weights in blocks.

    Raises:
        AccsimError: there is no such grain.
    """
    weights = parameters.values()
    m, c, r, s = weights.shape
    block = block_of(grain, (m, c, r, s))
    kept = np.ones(weights.shape, np.bool_) if parameters.kept is None else parameters.kept
    return Blocks(by_block(weights, block, 0.0), by_block(kept, block, False), block, grain, (m, c, r, s))


def ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> Reals:
    """Quotients, 0 where the divisor is 0."""
    out: Reals = np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
    return out


def step_of(peak: Reals, largest: float) -> Reals:
    """The step with which ``largest`` codes reach a peak; 1 for a block of zeros, or where it would be no number."""
    step = peak / largest
    return np.asarray(np.where(step > 0, step, 1.0), np.float64)


def surviving(parameters: LayerParameters) -> Reals:
    """The weights that are not pruned, one dimension."""
    values = parameters.weight.values()
    return values.ravel() if parameters.kept is None else values[parameters.kept]
