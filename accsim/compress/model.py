"""A network with the values of its parameters, and what has been done to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Code
from accsim.compress.grain import Reals
from accsim.workload.layer import Layer
from accsim.workload.network import Network

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LayerParameters:
    """The trained parameters of a layer with MACs.

    Attributes:
        weight: the code of its weights, [M, C / G, R, S].
        bias: float64 [M]; ``None`` for no bias.
        kept: which weights are kept; ``None`` if no weight was pruned. A pruned weight is 0, whatever its code says.
        grain: of what was pruned together: ``weight``, ``vector``, ``kernel``, ``block``, ``N:M`` ...; empty for
            nothing.
        trained: the weights before any compression, where the layer still has their shape; errors are measured
            against them.
        encoding: the encoding that was chosen; ``None`` lets whoever counts bits choose the smallest.
    """

    weight: Code
    bias: Reals | None = None
    kept: Mask | None = None
    grain: str = ""
    trained: Reals | None = None
    encoding: str | None = None

    def values(self) -> Reals:
        """The weights as the hardware computes with them, pruned ones 0."""
        values = self.weight.values()
        return values if self.kept is None else np.where(self.kept, values, 0.0)

    @property
    def density(self) -> float:
        """Fraction of weights that are not zero; 1 for a layer without weights."""
        values = self.values()
        return int(np.count_nonzero(values)) / values.size if values.size else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class NormParameters:
    """The trained parameters of a batch normalisation: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.

    Attributes:
        gamma, beta, mean, variance: float64 [channels].
    """

    gamma: Reals
    beta: Reals
    mean: Reals
    variance: Reals
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class LayerNormParameters:
    """The trained parameters of a layer normalisation: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.

    Mean and variance are those of each token (Ba et al., 2016).

    Attributes:
        gamma, beta: float64 [width].
    """

    gamma: Reals
    beta: Reals
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True)
class Truncation:
    """Low bits dropped from codes that are there already (QONNX ``Trunc``).

    Attributes:
        step, zero_point: of the codes before: code = round(value / step + zero point).
        divisor: what those are divided by, before they are rounded again.
    """

    step: float
    zero_point: float
    divisor: float


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """How a feature map is stored: value = (code - zero point) * scale.

    Attributes:
        bits: of a code.
        signed: whether codes are two's complement.
        scale: the step; ``None`` until ranges have been calibrated on inputs.
        zero_point: the code of zero.
        limits: smallest and largest code, where they are narrower than ``bits`` allow; ``None`` for all codes.
        rounding: one of ``rounding.ROUNDINGS``.
        truncation: how codes come from wider ones; ``None`` where they come from values.
        kind: ``uniform``, ``binary`` (+1 and -1), ``float`` ...
        threshold: values of at most this much become 0 before they are rounded (Two-Step Quantization); 0 for none.
        steps: how a range that is seen on inputs becomes a scale: ``symmetric``, ``affine`` (with a zero point) or
            ``power_of_two``; see ``ranges.calibrated``.
    """

    bits: int
    signed: bool = True
    scale: float | None = None
    zero_point: int = 0
    limits: tuple[int, int] | None = field(default=None, kw_only=True)
    rounding: str = field(default="half_even", kw_only=True)
    truncation: Truncation | None = field(default=None, kw_only=True)
    kind: str = "uniform"
    threshold: float = 0.0
    steps: str = field(default="symmetric", kw_only=True)


@dataclass(frozen=True, slots=True)
class Applied:
    """A pass that was applied: its name, its arguments as a recipe writes them, and what it has to say by layer."""

    name: str
    arguments: tuple[tuple[str, object], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network, its parameters, and the passes that made it.

    Attributes:
        network: the layers; passes that change shapes give another network.
        parameters: by layer, of every convolution and fully connected layer.
        norms: by layer, of every batch normalisation whose values are known.
        layer_norms: by layer, of every layer normalisation whose values are known.
        tables: by layer, the rows of embeddings and of layers that read nothing, float64 [entries, width]; rows that
            are not known are made up where they are computed with.
        slopes: by layer, of every PReLU: float64, one, or one per channel.
        activations: code of each feature map, by the layer that gives it (``"input"`` for the network's input).
        accumulator_bits: by layer; a layer that is not named has the machine's.
        origin: where the values come from: a file, or the distribution and seed that made them up.
        real: whether the values are trained ones.
        applied: the passes, in order.
    """

    network: Network
    parameters: Mapping[str, LayerParameters]
    norms: Mapping[str, NormParameters] = field(default_factory=dict)
    layer_norms: Mapping[str, LayerNormParameters] = field(default_factory=dict, kw_only=True)
    tables: Mapping[str, Reals] = field(default_factory=dict, kw_only=True)
    slopes: Mapping[str, Reals] = field(default_factory=dict, kw_only=True)
    activations: Mapping[str, ActivationCode] = field(default_factory=dict)
    accumulator_bits: Mapping[str, int] = field(default_factory=dict)
    origin: str = ""
    real: bool = False
    applied: tuple[Applied, ...] = ()

    def with_parameters(self, changed: Mapping[str, LayerParameters]) -> Model:
        """The model with the parameters of some layers replaced."""
        return replace(self, parameters={**self.parameters, **changed})

    def after(self, applied: Applied) -> Model:
        """The model with a pass on record."""
        return replace(self, applied=(*self.applied, applied))

    def layers(self) -> Iterable[tuple[Layer, LayerParameters]]:
        """Layers with trained weights, in order, with their parameters."""
        for layer in self.network.mac_layers:
            if layer.name in self.parameters:
                yield layer, self.parameters[layer.name]
