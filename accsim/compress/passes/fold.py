"""Batch normalisations folded into the layers before them (T11)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from accsim.compress.codes import Float
from accsim.compress.graph import assemble, readers, take_apart
from accsim.compress.model import LayerParameters, Model, NormParameters
from accsim.compress.passes.base import ChosenLayersPass, require_finite
from accsim.errors import AccsimError
from accsim.workload.layer import LayerKind


class FoldBatchNorm(ChosenLayersPass):
    """Fold each batch normalisation into the convolution or fully connected layer that it alone reads.

    With sigma = sqrt(variance + epsilon) per output channel, w' = gamma / sigma * w and b' = beta + gamma / sigma *
    (b - mean), so the layer gains a bias and the normalisation goes (Jacob et al., CVPR 2018, section 3.2).
    A normalisation that reads anything else, or whose layer has other readers, stays. Pruned weights stay pruned. The
    weights must not be quantised yet: fold first, as the codes are chosen for the folded weights.
    """

    name: ClassVar[str] = "fold_batch_norm"

    def apply(self, model: Model) -> Model:
        """Fold what can be folded."""
        chosen = {layer.name: parameters for layer, parameters in self.chosen(model)}
        who = readers(model.network)
        folded: dict[str, LayerParameters] = {}
        renamed: dict[str, str] = {}
        for layer in model.network.layers:
            source = layer.inputs[0] if layer.inputs else ""
            if layer.kind is not LayerKind.BATCH_NORM or source not in chosen or len(who[source]) != 1:
                continue
            if layer.name not in model.norms:
                raise AccsimError(f"layer {layer.name!r}: its values are not known, so it cannot be folded")
            require_finite(model.network.layer(source), chosen[source])
            folded[source] = _folded(layer.name, source, chosen[source], model.norms[layer.name])
            renamed[layer.name] = source
        nodes = []
        for node in take_apart(model):
            if node.name in folded:
                nodes.append(replace(node.having(bias=True), parameters=folded[node.name]))
            elif node.name not in renamed:
                nodes.append(node)
        notes = tuple((source, f"{norm} folded into it") for norm, source in renamed.items())
        return assemble(model, nodes, renamed).after(self.record(notes))


def _folded(norm_name: str, name: str, parameters: LayerParameters, norm: NormParameters) -> LayerParameters:
    if not isinstance(parameters.weight, Float):
        raise AccsimError(
            f"layer {name!r}: its weights have code {parameters.weight.name!r}; fold batch normalisations before "
            "quantising"
        )
    below = norm.variance + norm.epsilon
    if not (below > 0).all():
        first = int(np.argmin(below > 0))
        raise AccsimError(
            f"layer {norm_name!r}: variance + epsilon of channel {first} is {below[first]:g}; it must be above 0"
        )
    factor = norm.gamma / np.sqrt(below)
    per_filter = factor[:, None, None, None]
    bias = np.zeros(len(factor)) if parameters.bias is None else parameters.bias
    return replace(
        parameters,
        weight=replace(parameters.weight, weights=parameters.weight.weights * per_filter),
        bias=norm.beta + factor * (bias - norm.mean),
        trained=None if parameters.trained is None else parameters.trained * per_filter,
    )
