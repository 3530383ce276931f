"""Pruning of single weights (T8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Mask, Model
from accsim.compress.passes.base import ChosenLayersPass, LayerPass, require_finite
from accsim.errors import InputError, suggest
from accsim.workload.layer import Layer


def pruned(parameters: LayerParameters, kept: Mask, grain: str = "weight") -> LayerParameters:
    """The parameters with only ``kept`` weights left; those that were pruned before stay so."""
    if parameters.kept is not None:
        kept = kept & parameters.kept
    return replace(parameters, kept=kept, grain=grain)


def without_smallest(magnitudes: Reals, count: int) -> Mask:
    """All but the ``count`` smallest; of equal ones, those that come first go first."""
    kept = np.ones(magnitudes.size, np.bool_)
    kept[np.argsort(magnitudes, axis=None, kind="stable")[:count]] = False
    return kept.reshape(magnitudes.shape)


def at_level(parameters: LayerParameters, sparsity: float) -> LayerParameters:
    """The parameters with the smallest weights pruned, ``sparsity`` of all."""
    magnitudes = np.abs(parameters.values())
    return pruned(parameters, without_smallest(magnitudes, share(sparsity, magnitudes.size)))


def share(fraction: float, count: int) -> int:
    """The whole number that is nearest to a fraction of ``count``, half to even."""
    return round(fraction * count)


class Magnitude(LayerPass):
    """Prune weights of at most q standard deviations of their layer: keep |w| > q * std(W).

    The rule of Han et al. (NIPS 2015) as Distiller's sensitivity pruner has it (Intel AI Lab, Distiller documentation).
    The standard deviation is that of all weights, pruned ones as 0. A layer of equal weights has none, and loses only
    zeros.
    """

    name: ClassVar[str] = "magnitude"
    q: float = Field(1.0, ge=0, description="threshold in standard deviations of the layer's weights")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep what is above the threshold."""
        del layer
        values = parameters.values()
        return pruned(parameters, np.abs(values) > self.q * values.std())


class Level(LayerPass):
    """Prune a fraction of each layer's weights, the smallest ones (Distiller's level pruner).

    Exactly the whole number nearest to ``sparsity`` x weights are pruned, so the sparsity that is reached is at most
    half a weight from what was asked; of weights of one magnitude those that come first are pruned first. Weights that
    are 0 already are counted among them.
    """

    name: ClassVar[str] = "level"
    sparsity: float = Field(ge=0, le=1, description="fraction of weights that are pruned")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the largest."""
        del layer
        return at_level(parameters, self.sparsity)


def gradual_sparsity(step: int, *, initial: float, final: float, begin: int, steps: int) -> float:
    """The sparsity after training step ``step`` of automated gradual pruning.

    s(t) = s_f + (s_i - s_f) * (1 - (t - t0) / (n * dt))^3 from t0 to t0 + n * dt, s_i before and s_f behind (Zhu and
    Gupta, ICLR 2018 workshop, equation 1).

    Args:
        step: t.
        initial, final: s_i and s_f.
        begin: t0.
        steps: n * dt, at least 1.
    """
    gone = min(max((step - begin) / steps, 0.0), 1.0)
    return final + (initial - final) * (1 - gone) ** 3


class Gradual(LayerPass):
    """Prune to the level that automated gradual pruning has reached at a step (``gradual_sparsity``).

    Without training between the steps each is ``level`` at its sparsity: the mask at the last step is that of ``level``
    at ``final``. Models from a point of the schedule can be had with ``step``.
    """

    name: ClassVar[str] = "gradual"
    initial: float = Field(0.0, ge=0, le=1, description="sparsity before the first step")
    final: float = Field(ge=0, le=1, description="sparsity from the last step on")
    begin: int = Field(0, ge=0, description="step at which pruning begins")
    steps: int = Field(100, ge=1, description="steps from the first pruning to the last")
    step: int | None = Field(None, ge=0, description="step that is asked for; the last one if it is left out")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Keep the largest."""
        at = self.begin + self.steps if self.step is None else self.step
        sparsity = gradual_sparsity(at, initial=self.initial, final=self.final, begin=self.begin, steps=self.steps)
        del layer
        return at_level(parameters, min(max(sparsity, 0.0), 1.0))


def surgery_mask(weights: Reals, kept: Mask, low: float, high: float) -> Mask:
    """One update of dynamic network surgery's mask: off below ``low``, on from ``high``, as it was between.

    Guo et al. (NIPS 2016), equation 3. Weights that are off keep their values and may come back.
    """
    magnitudes = np.abs(weights)
    return (magnitudes >= high) | (kept & (magnitudes >= low))


class Surgery(LayerPass):
    """Dynamic network surgery: a mask with two thresholds, under which pruned weights may come back.

    The thresholds are ``low`` and ``high`` times mean|W| + c * std|W| over all weights, also those that are off (Guo et
    al., NIPS 2016, and its published code). Unlike other passes it also takes weights back that an earlier one pruned,
    if they are above the upper threshold. The multipliers' defaults are this project's.
    """

    name: ClassVar[str] = "surgery"
    c: float = Field(1.0, description="standard deviations in the threshold")
    low: float = Field(0.9, ge=0, description="multiplier of the threshold under which a weight goes off")
    high: float = Field(1.1, ge=0, description="multiplier of the threshold from which a weight comes on")

    @model_validator(mode="after")
    def _ordered(self) -> Surgery:
        if self.low > self.high:
            raise ValueError(f"low must be at most high, got {self.low} and {self.high}")
        return self

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Update the mask."""
        del layer
        weights = parameters.weight.values()
        magnitudes = np.abs(weights)
        base = max(0.0, float(magnitudes.mean() + self.c * magnitudes.std()))
        kept = np.ones(weights.shape, np.bool_) if parameters.kept is None else parameters.kept
        return replace(parameters, kept=surgery_mask(weights, kept, self.low * base, self.high * base), grain="weight")


class Largest(ChosenLayersPass):
    """Keep the largest weights of all chosen layers together.

    The compression step of the learning-compression algorithm for the constraint on the number of non-zeros: the
    projection of all weights onto vectors of at most ``count`` non-zeros (Carreira-Perpiñán and Idelbayev, CVPR 2018).
    Of weights of one magnitude those of earlier layers, and in them those that come first, are pruned first.
    """

    name: ClassVar[str] = "largest"
    density: float = Field(ge=0, le=1, description="fraction of all chosen layers' weights that are kept")

    def apply(self, model: Model) -> Model:
        """Keep the largest of all chosen layers."""
        chosen = self.chosen(model)
        for layer, parameters in chosen:
            require_finite(layer, parameters)
        if not chosen:
            return model.after(self.record())
        magnitudes = [np.abs(parameters.values()) for _, parameters in chosen]
        flat = np.concatenate([one.reshape(-1) for one in magnitudes])
        kept = without_smallest(flat, flat.size - share(self.density, flat.size))
        parts = np.split(kept, np.cumsum([one.size for one in magnitudes])[:-1])
        changed = {
            layer.name: pruned(parameters, part.reshape(parameters.weight.shape))
            for (layer, parameters), part in zip(chosen, parts, strict=True)
        }
        return model.with_parameters(changed).after(self.record())


class EnergyAware(ChosenLayersPass):
    """Prune layer by layer, those that take the most energy first, until enough is saved.

    Energy-aware pruning (Yang et al., CVPR 2017) prunes layers in the order of decreasing energy, because the last ones
    are pruned most cautiously. The order is given (from an estimate of the uncompressed network), or that of a stand-in
    for energy: MACs x bits of a weight. Each layer in turn is pruned to ``sparsity``; with ``budget``, only until what
    is left of that stand-in, MACs of kept weights x bits, is at most this fraction of the chosen layers' whole. The
    paper's restoring of weights that reduce the output error is ``accsim.compress.restore``, which needs inputs.
    """

    name: ClassVar[str] = "energy_aware"
    sparsity: float = Field(ge=0, le=1, description="fraction of a layer's weights that are pruned")
    budget: float = Field(0.0, ge=0, le=1, description="fraction of MACs x bits at which to stop; 0 prunes every layer")
    order: tuple[str, ...] = Field((), description="layers by decreasing energy; empty for decreasing MACs x bits")

    def ordered(self, chosen: Sequence[tuple[Layer, LayerParameters]]) -> list[tuple[Layer, LayerParameters]]:
        """The chosen layers in the order in which they are pruned.

        Raises:
            InputError: ``order`` names a layer that is not among them, or misses one.
        """
        if not self.order:
            return sorted(chosen, key=lambda one: -one[0].macs * one[1].weight.bits)
        names = {layer.name: (layer, parameters) for layer, parameters in chosen}
        mistakes = [
            f"{self.name}: order names {name!r}, which is not among the chosen layers{suggest(name, names)}"
            for name in self.order
            if name not in names
        ]
        mistakes += [
            f"{self.name}: order does not say where {name!r} comes" for name in names if name not in self.order
        ]
        if mistakes:
            raise InputError(mistakes)
        return [names[name] for name in dict.fromkeys(self.order)]

    def apply(self, model: Model) -> Model:
        """Prune layers in order."""
        chosen = self.ordered(self.chosen(model))
        for layer, parameters in chosen:
            require_finite(layer, parameters)
        costs = {layer.name: layer.macs * parameters.weight.bits for layer, parameters in chosen}
        left = sum(costs[layer.name] * parameters.density for layer, parameters in chosen)
        allowed = self.budget * sum(costs.values())
        changed: dict[str, LayerParameters] = {}
        notes: list[tuple[str, str]] = []
        for turn, (layer, parameters) in enumerate(chosen, 1):
            if self.budget and left <= allowed:
                break
            after = at_level(parameters, self.sparsity)
            left -= costs[layer.name] * (parameters.density - after.density)
            changed[layer.name] = after
            notes.append((layer.name, f"pruned as number {turn} of {len(chosen)}"))
        return model.with_parameters(changed).after(self.record(tuple(notes)))
