"""What a layer's weights come to at each number of bits and each density."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BITS = (2, 3, 4, 5, 6, 8)
DENSITIES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1)
"""What is tried unless something else is asked for."""

SCALE_BITS = 32
"""Of a layer's step, stored beside the codes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Weights of ``bits`` bits, of which the smallest were pruned until ``density`` of them were left."""

    bits: int
    density: float


@dataclass(frozen=True, slots=True, eq=False)
class LayerChoices:
    """The choices of a layer.

    Attributes:
        weights: how many there are.
        choices: bits slowest, density fastest.
        nonzeros: [choice] codes that are not zero.
        noise: [choice] ||W - W'||^2 / ||W||^2, the noise-to-signal ratio.
    """

    layer: str
    weights: int
    choices: tuple[Choice, ...]
    nonzeros: Ints
    noise: Floats

    @property
    def stored_bits(self) -> Ints:
        """[choice] bits at rest: all codes, or a bitmap and those not zero, whichever is less; and the step."""
        bits = np.array([choice.bits for choice in self.choices])
        smaller: Ints = np.minimum(self.weights * bits, self.weights + self.nonzeros * bits)
        return smaller + SCALE_BITS


def layer_choices(
    layer: str, values: Reals, bits: Sequence[int] = BITS, densities: Sequence[float] = DENSITIES
) -> LayerChoices:
    """Every choice of a layer, as the passes ``level`` and then ``symmetric`` make it, without making them.

    Sorted by magnitude, what is pruned is a prefix, so the errors of all densities are sums of two: of the squares that
    were pruned and of the rounding errors that were not.

    Args:
        values: the weights, any shape.
    """
    magnitudes = np.sort(np.abs(np.asarray(values, np.float64)), axis=None)
    count = len(magnitudes)
    squares = np.concatenate([[0.0], np.cumsum(magnitudes**2)])
    pruned = np.array([round((1 - density) * count) for density in densities])
    signal = float(squares[-1])
    peak = float(magnitudes[-1]) if count else 0.0
    nonzeros, noise = np.zeros((2, len(bits), len(densities)))
    for i, width in enumerate(bits):
        step = peak / ((1 << (width - 1)) - 1) or 1.0
        codes = np.rint(magnitudes / step)
        errors = np.concatenate([[0.0], np.cumsum((magnitudes - codes * step) ** 2)])
        zeros = int(np.searchsorted(codes, 0, side="right"))
        nonzeros[i] = count - np.maximum(pruned, zeros)
        if signal:
            noise[i] = (squares[pruned] + (errors[-1] - errors[pruned])) / signal
    choices = tuple(Choice(width, density) for width, density in product(bits, densities))
    return LayerChoices(layer, count, choices, nonzeros.ravel().astype(np.int64), noise.ravel())
