"""Parallel convolutions merged into one (T11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import Float
from accsim.compress.graph import Node, assemble, readers, take_apart
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.base import ModelPass
from accsim.errors import InputError, suggest
from accsim.workload.layer import Geometry, Layer, LayerKind


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """One input of a concatenation: a convolution, and the activation behind it if there is one."""

    conv: Layer
    geometry: Geometry
    parameters: LayerParameters
    activation: str

    @property
    def fits(self) -> tuple[object, ...]:
        """What must be equal in branches that are merged."""
        g = self.geometry
        return self.conv.inputs, g.stride_h, g.stride_w, g.P, g.Q, self.activation


class MergeBranches(ModelPass):
    """Merge neighbouring branches of a concatenation that are convolutions of one input into one convolution.

    Smaller kernels are embedded into the largest one with zeros where its taps fall on the same pixels: a 1 x 1 at the
    centre of a padded 3 x 3. The outputs are the same exactly. Branches must have equal strides, no groups, no
    dilation, the same activation function behind them or none, and no other readers; others, such as a pooling, stay.
    The embedded zeros are marked as pruned: a machine that does not skip them does all their MACs, nine times those of
    a 1 x 1 in a 3 x 3.

    The new convolution is called as the concatenation with ``.conv`` behind it (and a number, if only some of the
    branches are merged), its activation likewise.
    """

    name: ClassVar[str] = "merge_branches"
    concats: tuple[str, ...] = Field(("*",), description="names or patterns of the concatenations whose branches merge")

    def apply(self, model: Model) -> Model:
        """Merge what can be merged."""
        names = [layer.name for layer in model.network.layers if layer.kind is LayerKind.CONCAT]
        lost = [p for p in self.concats if not any(fnmatchcase(name, p) for name in names)]
        if lost and names:
            raise InputError(
                [
                    f"{self.name}: no concatenation of {model.network.name} matches {p!r}{suggest(p, names)}"
                    for p in lost
                ]
            )
        nodes = take_apart(model)
        renamed: dict[str, str] = {}
        notes: list[tuple[str, str]] = []
        for layer in model.network.layers:
            if layer.kind is LayerKind.CONCAT and any(fnmatchcase(layer.name, p) for p in self.concats):
                nodes = self._merge(model, layer, nodes, renamed, notes)
        return assemble(model, nodes, renamed).after(self.record(tuple(notes)))

    def _merge(
        self, model: Model, concat: Layer, nodes: list[Node], renamed: dict[str, str], notes: list[tuple[str, str]]
    ) -> list[Node]:
        """The nodes with the branches of one concatenation merged."""
        if dict(concat.made_by[1])["axis"] != "channels":
            return nodes
        runs = _runs([_branch(model, name) for name in concat.inputs])
        whole = len(runs) == 1 and len(runs[0]) == len(concat.inputs)
        inputs = list(concat.inputs)
        for number, run in enumerate(runs):
            branches = [branch for _, branch in run]
            made = _merged(concat.name if whole else f"{concat.name}.{number}", branches)
            if made is None:
                continue
            gone = {branch.conv.name for branch in branches} | {concat.inputs[place] for place, _ in run}
            at = min(index for index, node in enumerate(nodes) if node.name in gone)
            nodes = [*nodes[:at], *made, *(node for node in nodes[at:] if node.name not in gone)]
            inputs = [name for name in inputs if name not in gone or name == concat.inputs[run[0][0]]]
            inputs[inputs.index(concat.inputs[run[0][0]])] = made[-1].name
            before = sum(branch.geometry.macs for branch in branches)
            weights = made[0].parameters.weight.shape if made[0].parameters is not None else ()
            after = branches[0].geometry.N * branches[0].geometry.P * branches[0].geometry.Q * int(np.prod(weights))
            notes.append((made[0].name, f"{len(branches)} branches merged; {after} MACs for {before}"))
        if len(inputs) == 1:
            renamed[concat.name] = inputs[0]
            return [node for node in nodes if node.name != concat.name]
        swap = Node(concat.name, "concat", tuple(inputs), dict(concat.made_by[1]))
        return [swap if node.name == concat.name else node for node in nodes]


def _branch(model: Model, name: str) -> _Branch | None:
    """What a concatenation reads, if it can be merged with others."""
    if name == "input":
        return None
    who, activation = readers(model.network), ""
    layer = model.network.layer(name)
    if len(who[name]) == 1 and layer.kind is LayerKind.ACTIVATION and layer.inputs[0] != "input":
        activation, layer = layer.operation, model.network.layer(layer.inputs[0])
    g, parameters = layer.geometry, model.parameters.get(layer.name)
    good = (
        layer.kind is LayerKind.CONV and len(who[layer.name]) == 1 and g is not None and g.G == 1
        and (g.dilation_h, g.dilation_w) == (1, 1) and parameters is not None and isinstance(parameters.weight, Float)
    )  # fmt: skip
    return _Branch(layer, g, parameters, activation) if good and g is not None and parameters is not None else None


def _runs(branches: Sequence[_Branch | None]) -> list[list[tuple[int, _Branch]]]:
    """Neighbouring branches that fit each other, by their place, two or more at a time."""
    runs: list[list[tuple[int, _Branch]]] = []
    for place, branch in enumerate(branches):
        if branch is None:
            continue
        if runs and runs[-1][-1][0] == place - 1 and runs[-1][-1][1].fits == branch.fits:
            runs[-1].append((place, branch))
        else:
            runs.append([(place, branch)])
    return [run for run in runs if len(run) > 1]


def _merged(name: str, branches: Sequence[_Branch]) -> list[Node] | None:
    """The convolution that computes all branches, and its activation; ``None`` if no window gives their outputs.

    A tap j of a branch that is padded by t reads row p * stride - t + j for output p; in the merged kernel, padded by
    T, that is tap j + T - t.
    """
    g = branches[0].geometry
    top = max(branch.geometry.pad_top for branch in branches)
    left = max(branch.geometry.pad_left for branch in branches)
    rows = max(top - b.geometry.pad_top + b.geometry.R for b in branches)
    cols = max(left - b.geometry.pad_left + b.geometry.S for b in branches)
    bottom = max(0, (g.P - 1) * g.stride_h + rows - g.H - top)
    right = max(0, (g.Q - 1) * g.stride_w + cols - g.W - left)
    if (g.H + top + bottom - rows) // g.stride_h + 1 != g.P or (g.W + left + right - cols) // g.stride_w + 1 != g.Q:
        return None
    filters = sum(branch.geometry.M for branch in branches)
    weights, kept = np.zeros((filters, g.C, rows, cols)), np.zeros((filters, g.C, rows, cols), np.bool_)
    bias = np.zeros(filters)
    first = 0
    for branch in branches:
        b = branch.geometry
        r, s = top - b.pad_top, left - b.pad_left
        here = np.s_[first : first + b.M, :, r : r + b.R, s : s + b.S]
        weights[here] = branch.parameters.weight.values()
        kept[here] = True if branch.parameters.kept is None else branch.parameters.kept
        if branch.parameters.bias is not None:
            bias[first : first + b.M] = branch.parameters.bias
        first += b.M
    biased = any(branch.conv.bias_words for branch in branches)
    bits = max(branch.parameters.weight.bits for branch in branches)
    parameters = LayerParameters(
        Float(weights, bits), bias if biased else None, None if kept.all() else kept, "" if kept.all() else "embedded"
    )
    arguments = {
        "filters": filters, "kernel": (rows, cols), "stride": (g.stride_h, g.stride_w),
        "pad": (top, bottom, left, right), "bias": biased,
    }  # fmt: skip
    conv = Node(f"{name}.conv", "conv", branches[0].conv.inputs, arguments, parameters)
    activation = branches[0].activation
    return [conv, Node(f"{name}.{activation}", activation, (conv.name,))] if activation else [conv]
