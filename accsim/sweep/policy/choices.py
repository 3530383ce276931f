"""What a layer's weights, and the feature map it reads, come to at each choice."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Mask
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.structured import NofM
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.passes.unstructured import Level, share
from accsim.workload.layer import Layer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BITS = (2, 3, 4, 5, 6, 8)
DENSITIES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1)
"""What is tried unless something else is asked for."""

SCALE_BITS = 32
"""Of a layer's step, stored beside the codes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Weights of ``bits`` bits, of which the smallest were pruned until ``density`` of them were left.

    Attributes:
        pattern: n and m where, instead, the n largest of each m neighbouring channels were kept; ``density`` is n / m.
        activation_bits: of the codes of the feature map that the layer reads; ``None`` for the machine's width.
    """

    bits: int
    density: float
    pattern: tuple[int, int] | None = None
    activation_bits: int | None = None

    def __str__(self) -> str:
        kept = f"density {self.density:g}" if self.pattern is None else f"{self.pattern[0]} of {self.pattern[1]} kept"
        read = "" if self.activation_bits is None else f", activations of {self.activation_bits} bits"
        return f"{self.bits} bits, {kept}{read}"

    def passes(self) -> list[LayerPass]:
        """The passes that carry it out on a layer's weights, in order."""
        out = list[LayerPass]()
        if self.pattern is not None:
            out.append(NofM.model_validate({"n": self.pattern[0], "m": self.pattern[1]}))
        elif self.density < 1:
            out.append(Level.model_validate({"sparsity": 1 - self.density}))
        return [*out, Symmetric.model_validate({"bits": self.bits})]

    def applied(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """A layer's parameters after these passes."""
        for one in self.passes():
            parameters = one.project(layer, parameters)
        return parameters


class Sorted:
    """The weights of a layer in the order in which pruning takes them.

    Attributes:
        values: as they were given, [M, C / G, R, S].
        order: their places, smallest magnitude first; of equal ones those that come first.
        magnitudes: in that order.
    """

    def __init__(self, values: Reals) -> None:
        self.values = np.asarray(values, np.float64)
        magnitudes = np.abs(self.values).ravel()
        self.order = np.argsort(magnitudes, kind="stable")
        self.magnitudes = magnitudes[self.order]
        self.squares = np.concatenate([[0.0], np.cumsum(self.magnitudes**2)])

    def step(self, bits: int) -> float:
        """The step of codes of some bits; the largest weight is never pruned, so it is that of all densities."""
        peak = float(self.magnitudes[-1]) if len(self.magnitudes) else 0.0
        return peak / ((1 << (bits - 1)) - 1) or 1.0

    def kept(self, pattern: tuple[int, int]) -> Mask:
        """The weights that a pattern keeps, in this order."""
        n, m = pattern
        magnitudes = np.abs(self.values)
        layer = magnitudes if magnitudes.ndim == 4 else magnitudes.reshape(*magnitudes.shape[:2], 1, -1)
        filters, channels, rows, cols = layer.shape
        groups = -(-channels // m)
        padded = np.pad(layer, ((0, 0), (0, groups * m - channels), (0, 0), (0, 0)), constant_values=-1.0)
        split = padded.reshape(filters, groups, m, rows, cols)
        kept = np.zeros(split.shape, np.bool_)
        np.put_along_axis(kept, np.argsort(split, axis=2, kind="stable")[:, :, m - n :], True, axis=2)
        out: Mask = kept.reshape(padded.shape)[:, :channels].ravel()[self.order]
        return out

    def zeros(self, bits: int) -> int:
        """Weights that round to zero in codes of some bits: the first so many."""
        step = self.step(bits)
        return bisect_left(self.magnitudes, 1, key=lambda magnitude: np.rint(magnitude / step))

    def nonzero(self, choice: Choice) -> Mask:
        """Where weights are not zero after a choice, in the shape of the weights."""
        count, zeros = len(self.magnitudes), self.zeros(choice.bits)
        gone = zeros if choice.pattern is not None else max(zeros, share(1 - choice.density, count))
        tied = 0 < gone < count and self.magnitudes[gone - 1] == self.magnitudes[gone]
        if choice.pattern is None and gone < count and not tied:
            out: Mask = np.abs(self.values) >= self.magnitudes[gone]
            return out
        alive = np.ones(count, np.bool_) if choice.pattern is None else self.kept(choice.pattern)
        alive[:gone] = False
        out = np.zeros(count, np.bool_)
        out[self.order] = alive
        return out.reshape(self.values.shape)


@dataclass(frozen=True, slots=True, eq=False)
class LayerChoices:
    """The choices of a layer.

    Attributes:
        weights: how many there are.
        choices: bits slowest, then densities and patterns, activation bits fastest.
        nonzeros: [choice] codes that are not zero.
        noise: [choice] ||W - W'||^2 / ||W||^2, the noise-to-signal ratio; with that of the feature map added where its
            codes are chosen.
        reads: the feature map whose codes are chosen, by the layer that gives it; ``None`` for none.
    """

    layer: str
    weights: int
    choices: tuple[Choice, ...]
    nonzeros: Ints
    noise: Floats
    reads: str | None = None

    @property
    def stored_bits(self) -> Ints:
        """[choice] bits at rest: all codes, or a bitmap and those not zero, whichever is less; and the step."""
        bits = np.array([choice.bits for choice in self.choices])
        smaller: Ints = np.minimum(self.weights * bits, self.weights + self.nonzeros * bits)
        return smaller + SCALE_BITS


def layer_choices(
    layer: str,
    weights: Reals | Sorted,
    bits: Sequence[int] = BITS,
    densities: Sequence[float] = DENSITIES,
    patterns: Sequence[tuple[int, int]] = (),
) -> LayerChoices:
    """Every choice of a layer's weights, as the passes make it (``Choice.passes``), without making them.

    Sorted by magnitude, what is pruned is a prefix, so the errors of all densities are sums of two: of the squares that
    were pruned and of the rounding errors that were not.

    Args:
        weights: any shape; [M, C / G, R, S] for patterns.
    """
    held = weights if isinstance(weights, Sorted) else Sorted(weights)
    magnitudes, squares = held.magnitudes, held.squares
    count, signal = len(magnitudes), float(squares[-1])
    pruned = np.array([share(1 - density, count) for density in densities], np.int64)
    kept = [held.kept(pattern) for pattern in patterns]
    dropped = [float((magnitudes[~one] ** 2).sum()) for one in kept]
    nonzeros, noise = np.zeros((2, len(bits), len(densities) + len(patterns)))
    for i, width in enumerate(bits):
        step = held.step(width)
        codes = np.rint(magnitudes / step)
        each = (magnitudes - codes * step) ** 2
        errors = np.concatenate([[0.0], np.cumsum(each)])
        zeros = int(np.searchsorted(codes, 0, side="right"))
        alive = [int(np.count_nonzero(one[zeros:])) for one in kept]
        nonzeros[i] = [*(count - np.maximum(pruned, zeros)), *alive]
        lost = [d + float(each[one].sum()) for d, one in zip(dropped, kept, strict=True)]
        if signal:
            noise[i] = np.array([*(squares[pruned] + (errors[-1] - errors[pruned])), *lost]) / signal
    shapes: list[tuple[float, tuple[int, int] | None]] = [
        *((density, None) for density in densities),
        *((n / m, (n, m)) for n, m in patterns),
    ]
    choices = tuple(Choice(width, density, pattern) for width, (density, pattern) in product(bits, shapes))
    return LayerChoices(layer, count, choices, nonzeros.ravel().astype(np.int64), noise.ravel())
