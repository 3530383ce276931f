"""Training steps and the exchange of gradients: MACs, stored feature maps and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from accsim.compress.costs.cost import positive
from accsim.errors import AccsimError
from accsim.workload.layer import LayerKind
from accsim.workload.network import Network


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One step of training on the network's batch. Cost model only.

    Attributes:
        forward_macs: of inference.
        data_gradient_macs: gradients of what each layer reads; a layer that reads only the network's input has none.
        weight_gradient_macs: gradients of trained weights.
        stash_bits: feature maps kept for the backward pass, the input and every layer's output once.
        gradient_bits: gradients of all weights and biases.
    """

    forward_macs: int
    data_gradient_macs: int
    weight_gradient_macs: int
    stash_bits: int
    gradient_bits: int

    @property
    def macs(self) -> int:
        """Of the whole step: three times the forward pass, but for the layers that read the input."""
        return self.forward_macs + self.data_gradient_macs + self.weight_gradient_macs


def training_step(network: Network, activation_bits: int = 32, gradient_bits: int = 32) -> TrainingStep:
    """Count one step: each gradient of a product takes as many MACs as the product.

    A product of two feature maps has two gradients of data and none of weights. Norms, activations and the optimiser
    are not counted.
    """
    positive(activation_bits=activation_bits, gradient_bits=gradient_bits)
    data = weights = parameters = 0
    words = network.batch * prod(network.input_shape)
    for layer in network.layers:
        words += layer.ofmap_words
        parameters += layer.weight_words + layer.bias_words
        if layer.kind in (LayerKind.CONV, LayerKind.FC):
            weights += layer.macs
        data += layer.macs * sum(name != "input" for name in layer.inputs) if layer.kind.has_macs else 0
    return TrainingStep(network.macs, data, weights, words * activation_bits, parameters * gradient_bits)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one worker sends per step. Cost model only.

    Attributes:
        method, formula, source: as in ``Cost``.
        bits: sent by one worker in a step, on average; exact, so it may be a fraction.
        macs: of compressing and restoring.
    """

    method: str
    formula: str
    source: str
    bits: float
    macs: int = 0

    @property
    def bytes(self) -> int:
        """Whole bytes."""
        return ceil(self.bits / 8)


def ring_all_reduce(parameters: int, bits: int, workers: int) -> Exchange:
    """Every worker sends 2 (n - 1) / n of all gradients."""
    positive(parameters=parameters, bits=bits, workers=workers)
    return Exchange(
        "ring all-reduce", "2 (n - 1) / n x P x b bits", "Patarasuk and Yuan, JPDC 2009",
        2 * (workers - 1) * parameters * bits / workers,
    )  # fmt: skip


def decentralized(parameters: int, bits: int, neighbours: int) -> Exchange:
    """DCD- and ECD-PSGD: each worker sends its quantised difference to its neighbours."""
    positive(parameters=parameters, bits=bits, neighbours=neighbours)
    return Exchange(
        "DCD/ECD-PSGD", "neighbours x P x b bits", "Tang et al., NeurIPS 2018 (arXiv 1803.06443)",
        float(neighbours * parameters * bits),
    )  # fmt: skip


def periodic(parameters: int, bits: int, workers: int, period: int) -> Exchange:
    """PQASGD: a quantised all-reduce every p steps."""
    positive(period=period)
    every = ring_all_reduce(parameters, bits, workers)
    return Exchange("PQASGD", "2 (n - 1) / n x P x b / p bits", "Jiang and Agrawal, NeurIPS 2018", every.bits / period)


def gradient_vectors(parameters: int, bits: int, workers: int, length: int, kept: int) -> Exchange:
    """GradiVeQ: slices of D gradients as d principal components, summed by the ring in that form.

    A slice costs D d MACs to project and D d to restore.

    Raises:
        AccsimError: ``kept`` is more than ``length``.
    """
    positive(length=length, kept=kept)
    if kept > length:
        raise AccsimError(f"kept must be at most length, got {kept} components of {length}")
    slices = -(-parameters // length)
    every = ring_all_reduce(slices * kept, bits, workers)
    return Exchange(
        "GradiVeQ", "2 (n - 1) / n x ceil(P / D) d x b bits; 2 D d MACs per slice",
        "Yu et al., NeurIPS 2018 (arXiv 1811.03617)", every.bits, 2 * slices * length * kept,
    )  # fmt: skip
