"""Rows that the vector unit goes over more than once: softmax and layer norm.

A softmax takes the largest word of a row, then the sum of exponentials, then each word's quotient: three passes, which
load every word three times and store it once (Milakov and Gimelshein, arXiv 1805.02867, 2018, Algorithm 2). A layer
norm takes the mean, then the variance about it, then the normalised words: three passes too. A row that the unit's
buffer holds is loaded once. A longer one is loaded again for each pass, and what a pass needs of an earlier one is
worked out anew: the difference to the maximum and its exponential, or the difference to the mean.

A row is loaded again from the on-chip level that its tensor lives in; of a tensor in DRAM, from the buffer that its
words are staged in, if that holds the row, and else from DRAM.
"""

from __future__ import annotations

from math import prod

from accsim.hardware.accelerator import VectorUnit
from accsim.workload.layer import Layer, LayerKind

PASSES = {LayerKind.SOFTMAX: 3, LayerKind.LAYER_NORM: 3}
"""Times that a row is gone over, where that is more than once."""

AGAIN_OPS = {LayerKind.SOFTMAX: 2, LayerKind.LAYER_NORM: 1}
"""Operations per word that the last pass does again: subtraction and exponential; subtraction."""


def row_words(layer: Layer) -> int:
    """Words of a row: the channels of a vector, or else the last axis."""
    shape = layer.input_shapes[0]
    return shape[0] if len(shape) != 2 and prod(shape[1:]) == 1 else shape[-1]


def loads(layer: Layer, unit: VectorUnit | None) -> int:
    """How often every word of a layer's ifmap is loaded into the vector unit."""
    if unit is None or unit.row_words is None or layer.kind not in PASSES or row_words(layer) <= unit.row_words:
        return 1
    return PASSES[layer.kind]


def operations_again(layer: Layer, unit: VectorUnit | None) -> int:
    """Operations that are done again because rows are longer than the unit's buffer, for the whole batch."""
    return AGAIN_OPS[layer.kind] * layer.ofmap_words if loads(layer, unit) > 1 else 0


def rows_note(layer: Layer, unit: VectorUnit | None) -> tuple[str, ...]:
    """What the reader must know of rows that are loaded again."""
    again = loads(layer, unit)
    if unit is None or again == 1:
        return ()
    return (f"rows of {row_words(layer)} words are loaded {again} times: {unit.name} holds {unit.row_words}",)
