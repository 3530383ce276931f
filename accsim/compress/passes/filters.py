"""Whole filters removed, and what reads them made smaller (T9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from accsim.compress.channels import Flags, mask_channels, remove_channels
from accsim.compress.coupling import Coupling, coupling, owns_filters
from accsim.compress.grain import Reals
from accsim.compress.graph import is_depthwise
from accsim.compress.model import Model
from accsim.compress.passes.base import ChosenLayersPass, require_finite
from accsim.compress.passes.propagation import propagated_scores
from accsim.compress.passes.unstructured import share
from accsim.errors import AccsimError, InputError
from accsim.workload.layer import Layer

Cell = frozenset[tuple[str, str, int]]


class Filters(ChosenLayersPass):
    """Remove a fraction of the filters, and all that depends on them elsewhere (``accsim.compress.channels``).

    Filters are ranked by one of these criteria, the lowest go first, and of equal ones the first:

    ``l1``, ``l2``
        the norm of the filter (Li et al., ICLR 2017, section 3.1, for ``l1``);
    ``channel``
        the l1 norm of everything that reads its channel, the measure of channel pruning from the reader's side;
    ``apoz``
        the fraction of its outputs that are not 0 on some inputs, 1 - APoZ (Hu et al., 2016), given by ``apoz``;
    ``nisp``
        importance propagated back from the network's outputs through magnitudes, s = |W|^T s of what reads it (Yu et
        al., CVPR 2018, arXiv 1711.05908, equation 11); batch normalisations scale it by |gamma| / sigma, as if folded.
        The outputs are of equal importance, where the paper ranks the features before the classifier;
    ``given``
        ``scores``, whatever they measure: ``accsim.compress.importance`` has the entropy of outputs, Taylor expansions,
        gradients and intra-class correlation, ``accsim.compress.reconstruction`` the choices of ThiNet and of LASSO.

    Filters that can only be removed together, as those of layers that feed a residual sum, are one: their measures are
    added, and they are removed if one of their layers is chosen and none is to be skipped. Where a layer has groups,
    the groups lose equally many, and what a slice takes is a group. At least one filter of each group stays. The
    network's outputs are left alone. Of each set that may be chosen from, the whole number nearest to ``sparsity`` x
    filters is removed.

    With ``remove: false`` the filters are only set to 0 with their biases and norms, and all shapes stay.
    """

    name: ClassVar[str] = "filters"
    sparsity: float = Field(ge=0, le=1, description="fraction of a layer's filters that are removed")
    criterion: Literal["l1", "l2", "channel", "apoz", "nisp", "given"] = Field(
        "l1", description="what filters are ranked by"
    )
    apoz: dict[str, tuple[float, ...]] = Field({}, description="fraction of zero outputs of every filter, by layer")
    scores: dict[str, tuple[float, ...]] = Field({}, description="importance of every filter, by layer")
    remove: bool = Field(True, description="whether they are taken out of the network, or only set to 0")

    def apply(self, model: Model) -> Model:
        """Remove filters."""
        for layer, parameters in model.layers():
            require_finite(layer, parameters)
        numbered = coupling(model.network)
        removed = self.removed(model, numbered)
        counts = {
            layer.name: int(removed[numbered.numbers[layer.name]].sum())
            for layer, _ in model.layers()
            if owns_filters(layer)
        }
        notes = [
            (name, f"{count} of {len(numbered.numbers[name])} filters removed")
            for name, count in counts.items()
            if count
        ]
        if not self.remove:
            return mask_channels(model, numbered, removed).after(self.record(tuple(notes)))
        removal = remove_channels(model, numbered, removed)
        return removal.model.after(self.record((*notes, *removal.notes)))

    def removed(self, model: Model, numbered: Coupling) -> Flags:
        """The channels that go, by number."""
        score = self._scores(model, numbered)
        removed = np.zeros(numbered.count, np.bool_)
        for numbers in self._cells(model, numbered).values():
            count = min(share(self.sparsity, len(numbers)), len(numbers) - 1)
            ranked = sorted(numbers, key=lambda number: (score[number], number))
            removed[ranked[:count]] = True
        return removed

    def _cells(self, model: Model, numbered: Coupling) -> dict[Cell, list[int]]:
        """Numbers that may go, by the groups of layers that make and read them."""
        chosen = {layer.name for layer, _ in self.chosen(model)}
        where: dict[int, set[tuple[str, str, int]]] = {}
        owned: dict[int, set[str]] = {}
        for layer in model.network.mac_layers:
            g = layer.geometry
            if g is None or not owns_filters(layer):
                continue
            for place, number in enumerate(numbered.numbers[layer.name].tolist()):
                owned.setdefault(number, set()).add(layer.name)
                where.setdefault(number, set()).add((layer.name, "makes", place // g.filters_per_group))
            for place, number in enumerate(numbered.read[layer.name].tolist() if g.G > 1 else ()):
                where.setdefault(number, set()).add((layer.name, "reads", place // g.channels_per_group))
        for layer in model.network.layers:
            if layer.operation == "slice":
                for number in numbered.numbers[layer.name].tolist():
                    where.setdefault(number, set()).add((layer.name, "reads", 0))
        cells: dict[Cell, list[int]] = {}
        for number in sorted(owned):
            if number not in numbered.fixed and owned[number] & chosen and not self._spared(owned[number], chosen):
                cells.setdefault(frozenset(where[number]), []).append(number)
        return cells

    def _spared(self, owners: set[str], chosen: set[str]) -> bool:
        """Whether one of the layers is to be skipped."""
        return any(self.skips(name) for name in owners - chosen)

    def _scores(self, model: Model, numbered: Coupling) -> Reals:
        if self.criterion == "nisp":
            return propagated_scores(model, numbered)
        score = np.zeros(numbered.count)
        given = self._given(model, numbered) if self.criterion in ("apoz", "given") else {}
        for layer, parameters in model.layers():
            if is_depthwise(layer):
                continue
            magnitudes = np.abs(parameters.values())
            if self.criterion == "channel":
                np.add.at(score, numbered.read[layer.name], _by_channel(layer, magnitudes))
            else:
                np.add.at(score, numbered.numbers[layer.name], self._by_filter(layer, magnitudes, given))
        return score

    def _by_filter(self, layer: Layer, magnitudes: Reals, given: Mapping[str, Reals]) -> Reals:
        rows = magnitudes.reshape(len(magnitudes), -1)
        if self.criterion in ("apoz", "given"):
            return given.get(layer.name, np.zeros(len(rows)))
        out: Reals = rows.sum(axis=1) if self.criterion == "l1" else np.sqrt((rows**2).sum(axis=1))
        return out

    def _given(self, model: Model, numbered: Coupling) -> dict[str, Reals]:
        """The importances that were given, checked.

        Raises:
            InputError: a chosen layer has none, or not one for every filter; a fraction of zeros is not from 0 to 1.
        """
        mistakes, found = [], {}
        apoz = self.criterion == "apoz"
        key, said = ("apoz", self.apoz) if apoz else ("scores", self.scores)
        for layer, parameters in self.chosen(model):
            if is_depthwise(layer) or all(n in numbered.fixed for n in numbered.numbers[layer.name].tolist()):
                continue
            numbers = said.get(layer.name, ())
            filters = parameters.weight.shape[0]
            if len(numbers) != filters or (apoz and any(not 0 <= one <= 1 for one in numbers)):
                between = " from 0 to 1" if apoz else ""
                mistakes.append(
                    f"{self.name}: {key} of {layer.name!r} must be {filters} numbers{between}, one per filter, got "
                    f"{list(numbers) or 'none'}"
                )
            found[layer.name] = 1 - np.array(numbers) if apoz else np.array(numbers)
        if mistakes:
            raise InputError(mistakes)
        return found


def _by_channel(layer: Layer, magnitudes: Reals) -> Reals:
    """The sum of magnitudes that read each input channel, group after group."""
    g = layer.geometry
    if g is None:
        raise AccsimError(f"layer {layer.name!r}: it has no filters")
    groups = magnitudes.reshape(g.G, g.filters_per_group, g.channels_per_group, -1)
    out: Reals = groups.sum(axis=(1, 3)).reshape(-1)
    return out
