"""Accuracy that is measured: a small CNN, compressed by every pass, computed by the golden kernels, and priced.

Every row of the recipe is a list of passes. For each of five folds, the trained weights that ship with the study are
compressed, feature maps get their codes from ranges seen on training images, and the images that the fold was not
trained on are classified: accuracy after training. Then the trained weights are fine-tuned with the passes in the
loop, straight through, and tested again. Energy and latency are those of the compressed network on each machine, with
zeros counted from the weights and from the feature maps of test images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationError, field_validator

from accsim import library
from accsim.compress.compressed import compress
from accsim.compress.executor import run as execute
from accsim.compress.feature_tensors import tensors_of
from accsim.compress.passes.base import ModelPass
from accsim.compress.passes.registry import PASSES
from accsim.compress.recipe import Recipe
from accsim.errors import AccsimError, suggest
from accsim.pipeline import estimate
from accsim.report.front import front
from accsim.study.digits.compressed import classify, fine_tune, prepare
from accsim.study.digits.data import Fold, folds
from accsim.study.digits.learner import Parameters
from accsim.study.digits.training import FINE_TUNING, NETWORK, from_file, model_of
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from accsim.yamlfile import Model as FileModel

WEIGHTS = "weights.npz"
"""The trained weights, in the study's folder."""

STUDENT_95 = 2.776
"""97.5 % point of Student's t with 4 degrees of freedom: half the width of a 95 % interval of the mean of 5 folds, in
standard errors (any table of the distribution)."""

PassText = dict[str, dict[str, object] | None]


class Settings(FileModel):
    """What is compressed, how, and on which machines it runs."""

    seed: int = Field(0, ge=0, description="of the folds")
    fine_tuning_epochs: int = Field(FINE_TUNING.epochs, ge=0, description="0 for none")
    hardware: tuple[str, ...] = Field(("eyeriss",), min_length=1)
    images: int = Field(16, ge=1, le=256, description="test images whose feature maps are priced, as one batch")
    rows: dict[str, tuple[Annotated[PassText, Field(min_length=1, max_length=1)], ...]]

    @field_validator("rows")
    @classmethod
    def _known(cls, rows: dict[str, tuple[PassText, ...]]) -> dict[str, tuple[PassText, ...]]:
        for name, texts in rows.items():
            for text in texts:
                for one in text:
                    if one not in PASSES:
                        raise ValueError(f"{name}: unknown pass {one!r}{suggest(one, PASSES)}")
            try:
                passes_of(texts)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise ValueError(f"{name}: {error.title}: {place}: {first['msg']}") from None
        return rows


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Correctly classified images, in per cent.

    Attributes:
        folds: of each fold.
    """

    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the folds."""
        return sum(self.folds) / len(self.folds)

    @property
    def interval(self) -> float:
        """Half the width of the 95 % confidence interval of the mean: folds share training images, so it is narrow."""
        spread = sum((one - self.mean) ** 2 for one in self.folds) / (len(self.folds) - 1)
        return STUDENT_95 * sqrt(spread / len(self.folds))


@dataclass(frozen=True, slots=True)
class Cost:
    """One image of a batch on a machine, on and off chip."""

    energy_uj: float
    latency_us: float


@dataclass(frozen=True, slots=True)
class Row:
    """One way to compress the network.

    Attributes:
        passes: names, in order.
        stored_bits, density: of all weights.
        integer_layers: layers computed by the golden integer kernels, of those with MACs.
        trained: accuracy after compression, nothing trained again.
        tuned: after fine-tuning; ``None`` where it was not asked for.
        costs: by machine.
    """

    name: str
    passes: tuple[str, ...]
    stored_bits: float
    density: float
    macs: int
    integer_layers: int
    mac_layers: int
    trained: Accuracy
    tuned: Accuracy | None
    costs: Mapping[str, Cost]


@dataclass(frozen=True, slots=True)
class Found:
    """What the study found.

    Attributes:
        sizes: test images of each fold.
    """

    settings: Settings
    rows: tuple[Row, ...]
    sizes: tuple[int, ...]

    def front(self, machine: str, *, tuned: bool) -> list[Row]:
        """The rows that no other beats in accuracy and energy, cheapest first."""
        return front(self.rows, lambda row: row.costs[machine].energy_uj, lambda row: accuracy(row, tuned))


def accuracy(row: Row, tuned: bool) -> float:
    """Mean accuracy of a row, fine-tuned where that was done."""
    return (row.tuned if tuned and row.tuned is not None else row.trained).mean


def passes_of(texts: Sequence[PassText]) -> tuple[ModelPass, ...]:
    """Passes from their names and arguments."""
    return tuple(
        PASSES[name].model_validate_json(json.dumps(arguments or {}))  # in JSON a list may be a tuple
        for text in texts
        for name, arguments in text.items()
    )


def shipped_weights() -> dict[int, Parameters]:
    """The trained weights of every fold.

    Raises:
        AccsimError: they are missing.
    """
    path = library.shipped_folder("reports") / "digits-codesign" / WEIGHTS
    if not path.is_file():
        raise AccsimError(f"the trained weights are missing: {path}")
    return from_file(Path(path))


def run(settings: Settings) -> Found:
    """Compress, classify, fine-tune and price every row."""
    parts, weights = folds(settings.seed), shipped_weights()
    rows = [_row(name, passes_of(texts), parts, weights, settings) for name, texts in settings.rows.items()]
    return Found(settings, tuple(rows), tuple(len(part.test_images) for part in parts))


def _row(
    name: str, passes: tuple[ModelPass, ...], parts: Sequence[Fold], weights: Mapping[int, Parameters], how: Settings
) -> Row:
    trained, tuned, integer = [], [], 0
    for i, fold in enumerate(parts):
        base = model_of(network_for(len(fold.test_images)), weights[i], f"trained on fold {i}")
        ready = prepare(base, passes, fold)
        right, integer = classify(ready, fold)
        trained.append(right)
        if how.fine_tuning_epochs:
            tuned.append(classify(fine_tune(base, passes, fold, ready, how.fine_tuning_epochs), fold)[0])
    first = compress(model_of(network_for(how.images), weights[0], "trained on fold 0"), Recipe(name, passes=passes))
    held = first.model
    words = sum(p.values().size for p in held.parameters.values()) if held else 0
    kept = sum(int(np.count_nonzero(p.values())) for p in held.parameters.values()) if held else 0
    return Row(
        name,
        tuple(one.name for one in passes),
        float(first.stored_bits),
        kept / words,
        first.network.macs // how.images,
        integer,
        len(first.network.mac_layers),
        Accuracy(tuple(trained)),
        Accuracy(tuple(tuned)) if tuned else None,
        _costs(passes, parts[0], weights[0], how),
    )


def network_for(batch: int) -> Network:
    """The digits' network for so many images."""
    return load_network(NETWORK, batch=batch)


def _costs(passes: tuple[ModelPass, ...], fold: Fold, weights: Parameters, how: Settings) -> dict[str, Cost]:
    """Energy and latency per image, with the feature maps of test images and real weights."""
    batch = how.images
    part = replace(fold, images=fold.images, test_images=fold.test_images[:batch], test_labels=fold.test_labels[:batch])
    base = model_of(network_for(batch), weights, "trained on fold 0")
    model = prepare(base, passes, part)
    seen = tensors_of(model, execute(model, part.test_images))
    tensors = {
        layer: {which: array for which, array in held.items() if which != "weight"} for layer, held in seen.items()
    }
    for name, held in base.parameters.items():
        tensors.setdefault(name, {})["weight"] = held.values()
    recipe = Recipe("row", passes=passes)
    out = {}
    for machine in how.hardware:
        result = estimate(base.network, machine, compress=recipe, tensors=tensors)
        out[machine] = Cost(result.energy * 1e-6 / batch, result.latency_ms * 1e3 / batch)
    return out
