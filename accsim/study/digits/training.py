"""Training the digits' network, and fine-tuning it compressed. ``python -m accsim.study.digits.training -o FILE``
trains all five folds and writes their weights, the same bytes each time.

The loss is the squared hinge of each class against the rest (Tang, 2013, arXiv 1306.0239), the optimiser Adam (Kingma
and Ba, ICLR 2015) with a step that falls linearly to 0: both need only operations that IEEE 754 rounds correctly.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Float
from accsim.compress.model import ActivationCode, LayerParameters, Model, NormParameters
from accsim.study.digits.data import Fold, Labels, folds
from accsim.study.digits.learner import EPSILON, Floats, Parameters, Pass
from accsim.workload.layer import LayerKind
from accsim.workload.network import Network
from accsim.workload.reader import load_network

NETWORK = "digits_cnn"
NORM_PARTS = ("gamma", "beta", "mean", "variance")
NORM_MOMENTUM = np.float32(0.1)
"""How much of a running mean or variance each batch replaces."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Attributes:
        epochs: times that every image is seen.
        batch: images per step.
        rate: of Adam at the first step.
        seed: of the first weights and of the order of the images.
    """

    epochs: int = 40
    batch: int = 32
    rate: float = 0.004
    seed: int = 1


FINE_TUNING = Schedule(epochs=5, rate=0.001, seed=2)


def first_parameters(network: Network, seed: int) -> Parameters:
    """Uniform weights with variance 2 / fan-in (He et al., ICCV 2015), biases 0, norms of factor 1."""
    draw = np.random.RandomState(seed)
    out: Parameters = {}
    for layer in network.layers:
        g = layer.geometry
        if g is not None:
            shape = (g.M, g.channels_per_group, g.R, g.S)
            reach = np.sqrt(6.0 / (g.channels_per_group * g.R * g.S))
            out[f"{layer.name}.weight"] = (draw.random_sample(shape) * (2 * reach) - reach).astype(np.float32)
            if layer.bias_words:
                out[f"{layer.name}.bias"] = np.zeros(g.M, np.float32)
        elif layer.kind is LayerKind.BATCH_NORM:
            channels = layer.output_shape[0]
            out |= {f"{layer.name}.{part}": np.ones(channels, np.float32) for part in ("gamma", "variance")}
            out |= {f"{layer.name}.{part}": np.zeros(channels, np.float32) for part in ("beta", "mean")}
    return out


def loss_gradient(scores: Floats, labels: Labels) -> Floats:
    """Of the mean over the batch of sum over classes of max(0, 1 - t s)^2, t being +1 for the label and -1 else."""
    wanted = np.full(scores.shape, -1, np.float32)
    wanted[np.arange(len(labels)), labels] = 1
    short = np.maximum(np.float32(0), np.float32(1) - wanted * scores)
    gradient: Floats = wanted * short * np.float32(-2 / len(labels))
    return gradient


Coded = Callable[[Parameters], tuple[Mapping[str, Floats], Mapping[str, ActivationCode]]]
"""The parameters a network computes with, and the codes of its feature maps, from those that are trained."""


def train(
    network: Network, parameters: Parameters, images: Floats, labels: Labels, how: Schedule, coded: Coded | None = None
) -> Parameters:
    """Parameters after training; those given stay as they are.

    Args:
        coded: where given, the network computes with these instead, and gradients pass straight through.
    """
    held = {name: array.copy() for name, array in parameters.items()}
    adam = _Adam()
    draw = np.random.RandomState(how.seed)
    steps = how.epochs * -(-len(images) // how.batch)
    for _ in range(how.epochs):
        order = draw.permutation(len(images))
        for first in range(0, len(order), how.batch):
            some = order[first : first + how.batch]
            used, codes = (held, {}) if coded is None else coded(held)
            step = Pass(network, {**held, **used}, codes)
            step.backward(loss_gradient(step.forward(images[some]), labels[some]))
            adam.step(held, step.gradients, how.rate * (1 - adam.taken / steps))
            for name, (mean, variance) in step.statistics.items():
                for part, seen in (("mean", mean), ("variance", variance)):
                    old = held[f"{name}.{part}"]
                    held[f"{name}.{part}"] = old + NORM_MOMENTUM * (seen - old)
    return held


class _Adam:
    """Adam with its published constants: 0.9, 0.999, 1e-8."""

    def __init__(self) -> None:
        self.taken = 0
        self._moments: dict[str, tuple[Floats, Floats]] = {}
        self._left = (1.0, 1.0)

    def step(self, parameters: Parameters, gradients: Mapping[str, Floats], rate: float) -> None:
        self.taken += 1
        self._left = (self._left[0] * 0.9, self._left[1] * 0.999)
        for name, gradient in gradients.items():
            zero = np.zeros_like(gradient)
            first, second = self._moments.get(name, (zero, zero))
            first = np.float32(0.9) * first + np.float32(0.1) * gradient
            second = np.float32(0.999) * second + np.float32(0.001) * (gradient * gradient)
            self._moments[name] = (first, second)
            along = first * np.float32(1 / (1 - self._left[0]))
            size = np.sqrt(second * np.float32(1 / (1 - self._left[1]))) + np.float32(1e-8)
            parameters[name] = parameters[name] - np.float32(rate) * along / size


def model_of(network: Network, parameters: Mapping[str, Floats], origin: str) -> Model:
    """The network with trained parameters."""
    weights, norms = {}, {}
    for layer in network.layers:
        if f"{layer.name}.weight" in parameters:
            weight = parameters[f"{layer.name}.weight"].astype(np.float64)
            bias = parameters.get(f"{layer.name}.bias")
            weights[layer.name] = LayerParameters(
                Float(weight), None if bias is None else bias.astype(np.float64), trained=weight
            )
        elif layer.kind is LayerKind.BATCH_NORM:
            norms[layer.name] = norm_of(parameters, layer.name, float(EPSILON))
    return Model(network, weights, norms, origin=origin, real=True)


def norm_of(parameters: Mapping[str, Floats], name: str, epsilon: float) -> NormParameters:
    """The parameters of a batch normalisation in float64."""
    gamma, beta, mean, variance = (parameters[f"{name}.{part}"].astype(np.float64) for part in NORM_PARTS)
    return NormParameters(gamma, beta, mean, variance, epsilon)


def parameters_of(model: Model) -> Parameters:
    """What ``model_of`` takes, in float32."""
    out: Parameters = {}
    for name, held in model.parameters.items():
        out[f"{name}.weight"] = held.values().astype(np.float32)
        if held.bias is not None:
            out[f"{name}.bias"] = held.bias.astype(np.float32)
    for name, norm in model.norms.items():
        for part in NORM_PARTS:
            out[f"{name}.{part}"] = getattr(norm, part).astype(np.float32)
    return out


def train_fold(fold: Fold, how: Schedule) -> Parameters:
    """The network trained on one fold."""
    network = load_network(NETWORK)
    return train(network, first_parameters(network, how.seed), fold.images, fold.labels, how)


def to_bytes(trained: Mapping[int, Parameters]) -> bytes:
    """The weights of all folds as an ``.npz`` archive of ``FOLD.LAYER.PART``."""
    arrays: dict[str, npt.NDArray[np.float32]] = {
        f"{fold}.{name}": array for fold, held in trained.items() for name, array in held.items()
    }
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def from_file(path: Path) -> dict[int, Parameters]:
    """The weights of all folds, as ``to_bytes`` wrote them."""
    out: dict[int, Parameters] = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            fold, _, name = key.partition(".")
            out.setdefault(int(fold), {})[name] = archive[key]
    return out


def main() -> None:
    """Train every fold and write the weights."""
    parser = argparse.ArgumentParser(description="Train the digits' network on every fold.")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the .npz archive to write")
    parser.add_argument("--seed", type=int, default=0, help="of the folds (default: 0, the study's)")
    arguments = parser.parse_args()
    from accsim.report.files import write_whole  # noqa: PLC0415

    trained = {i: train_fold(fold, Schedule()) for i, fold in enumerate(folds(arguments.seed))}
    write_whole(Path(arguments.output), to_bytes(trained))


if __name__ == "__main__":
    main()
