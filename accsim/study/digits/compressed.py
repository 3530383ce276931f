"""The digits' network compressed: calibrated, classified with, and fine-tuned with the passes in the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from accsim.compress.codes import Float
from accsim.compress.executor import run as execute
from accsim.compress.model import ActivationCode, LayerParameters, Model
from accsim.compress.passes.base import ModelPass
from accsim.compress.ranges import calibrated, ranges
from accsim.study.digits.data import Fold
from accsim.study.digits.learner import Parameters
from accsim.study.digits.training import FINE_TUNING, norm_of, parameters_of, train


def apply(model: Model, passes: Sequence[ModelPass]) -> Model:
    """A model after some passes."""
    for one in passes:
        model = one.apply(model)
    return model


def prepare(base: Model, passes: Sequence[ModelPass], fold: Fold) -> Model:
    """The compressed model with feature maps calibrated on as many training images as its batch has."""
    model = apply(base, passes)
    if not model.activations:
        return model
    return calibrated(model, ranges([execute(model, fold.images[: model.network.batch])]))


def classify(model: Model, fold: Fold) -> tuple[float, int]:
    """Per cent of the test images that are classified correctly, and layers computed in integers."""
    found = execute(model, fold.test_images)
    scores = found.values[model.network.layers[-1].name].reshape(len(fold.test_images), -1)
    return 100.0 * float((scores.argmax(axis=1) == fold.test_labels).mean()), len(found.sums)


def fine_tune(base: Model, passes: Sequence[ModelPass], fold: Fold, ready: Model, epochs: int) -> Model:
    """The compressed model after fine-tuning.

    Passes that change the network's shape, or fold its norms, are applied once, and the network they give is trained;
    the others are applied in every step.

    Args:
        ready: the compressed model before, whose codes of feature maps are kept while training, and calibrated again
            at the end.
    """
    last = _last_rewriting(base, passes)
    start, rest = apply(base, passes[:last]), passes[last:]

    def coded(held: Parameters) -> tuple[Parameters, Mapping[str, ActivationCode]]:
        return parameters_of(apply(with_values(start, held), rest)), ready.activations

    how = replace(FINE_TUNING, epochs=epochs)
    tuned = train(start.network, parameters_of(start), fold.images, fold.labels, how, coded)
    return prepare(with_values(start, tuned), rest, fold)


def _last_rewriting(base: Model, passes: Sequence[ModelPass]) -> int:
    """How many passes there are up to the last that gives another network or other norms."""
    last, model = 0, base
    for i, one in enumerate(passes):
        after = one.apply(model)
        if after.network.layers != model.network.layers or after.norms.keys() != model.norms.keys():
            last = i + 1
        model = after
    return last


def with_values(model: Model, parameters: Parameters) -> Model:
    """The model with other values; what was pruned stays pruned."""
    weights = {}
    for name, held in model.parameters.items():
        values = parameters[f"{name}.weight"].astype(np.float64)
        values = values if held.kept is None else np.where(held.kept, values, 0.0)
        bias = parameters[f"{name}.bias"].astype(np.float64) if held.bias is not None else None
        weights[name] = LayerParameters(Float(values), bias, held.kept, held.grain, values, held.encoding)
    norms = {name: norm_of(parameters, name, norm.epsilon) for name, norm in model.norms.items()}
    return replace(model, parameters=weights, norms=norms)
