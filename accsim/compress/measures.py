"""What a compression changed, layer by layer: errors of weights and what their codes hold. Not accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log10, sqrt

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Model


def relative_l2(reference: Reals, values: Reals) -> float:
    """||reference - values|| / ||reference||; infinite for a difference from zeros, 0 for none."""
    noise, signal = float(np.sum((reference - values) ** 2)), float(np.sum(reference**2))
    if noise == 0:
        return 0.0
    return sqrt(noise / signal) if signal else inf


def sqnr_db(reference: Reals, values: Reals) -> float:
    """Signal to quantisation noise ratio, 10 log10(||reference||^2 / ||reference - values||^2), in dB.

    Infinite without noise; minus infinity where there is noise and no signal.
    """
    relative = relative_l2(reference, values)
    if relative == 0:
        return inf
    return -inf if relative == inf else -20 * log10(relative)


def entropy_bits(symbols: npt.NDArray[np.int64]) -> float:
    """Entropy of the symbols' frequencies, in bits per symbol; 0 for none.

    A Huffman code needs at least this, and less than one bit more (Huffman, Proc. IRE 1952).
    """
    if not symbols.size:
        return 0.0
    _, counts = np.unique(symbols, return_counts=True)
    share = counts / symbols.size
    return max(0.0, float(-np.sum(share * np.log2(share))))


@dataclass(frozen=True, slots=True)
class LayerMeasures:
    """What a layer's weights have become.

    Attributes:
        layer: its name.
        code: the name of its weight code.
        weights: how many there are.
        bits: of a weight's code, before any encoding.
        table_bits: of scales, codebooks and the like, for the layer.
        relative_l2: error against the trained weights; ``None`` where the layer has no trained weights of its shape.
        sqnr_db: the same in dB.
        zero_fraction: weights that are zero.
        entropy_bits: per stored code; of weights that are not pruned, where a code is of one weight.
    """

    layer: str
    code: str
    weights: int
    bits: int
    table_bits: int
    relative_l2: float | None
    sqnr_db: float | None
    zero_fraction: float
    entropy_bits: float


def measure_layer(name: str, parameters: LayerParameters) -> LayerMeasures:
    """Measure one layer."""
    code, values, trained = parameters.weight, parameters.values(), parameters.trained
    known = trained is not None and trained.shape == values.shape
    symbols = code.symbols()
    if parameters.kept is not None and symbols.shape == values.shape:
        symbols = symbols[parameters.kept]
    return LayerMeasures(
        layer=name,
        code=code.name,
        weights=values.size,
        bits=code.bits,
        table_bits=code.table_bits,
        relative_l2=relative_l2(trained, values) if known and trained is not None else None,
        sqnr_db=sqnr_db(trained, values) if known and trained is not None else None,
        zero_fraction=1 - parameters.density if values.size else 0.0,
        entropy_bits=entropy_bits(symbols),
    )


def measure(model: Model) -> tuple[LayerMeasures, ...]:
    """Measure every layer with weights, in order."""
    return tuple(measure_layer(layer.name, parameters) for layer, parameters in model.layers())
