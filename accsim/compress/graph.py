"""Models taken apart into nodes, edited, and put together again with every size inferred anew.

A node says what a line of a network file says: an operation, its arguments and what it reads, with the values of its
parameters. Sizes that follow from the graph are not in it, so an edited list of nodes has only to be consistent: shape
inference is the project's own (``accsim.workload.builders``), and what it refuses cannot be built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from accsim.compress.model import LayerParameters, Model, NormParameters
from accsim.errors import AccsimError
from accsim.workload.layer import Layer, LayerKind, TensorStatistics
from accsim.workload.network import Network
from accsim.workload.rebuild import arguments_of, build

INPUT = "input"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One layer before its sizes are known.

    Attributes:
        name: unique within the model.
        operation: of network files, such as ``conv``.
        inputs: names of the nodes it reads; ``"input"`` is the network's input.
        arguments: the operation's, by the option's name, evaluated.
        parameters: of a convolution or a fully connected layer, if they are known.
        norm: of a batch normalisation, if they are known.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parameters: LayerParameters | None = None
    norm: NormParameters | None = None

    def having(self, **arguments: Any) -> Node:
        """The node with some arguments replaced."""
        return replace(self, arguments={**self.arguments, **arguments})


def take_apart(model: Model) -> list[Node]:
    """The model's layers as nodes, in their order.

    Raises:
        AccsimError: a layer does not say which operation made it, or reads a layer that is not in the network.
    """
    nodes, known = [], {INPUT}
    for layer in model.network.layers:
        arguments = arguments_of(layer)
        for source in layer.inputs:
            if source not in known:
                raise AccsimError(
                    f"layer {layer.name!r}: reads {source!r}, which is not among the layers; a selection of a "
                    "network's layers cannot be rewritten"
                )
        known.add(layer.name)
        parameters, norm = model.parameters.get(layer.name), model.norms.get(layer.name)
        nodes.append(Node(layer.name, layer.made_by[0], layer.inputs, arguments, parameters, norm))
    return nodes


def assemble(model: Model, nodes: Sequence[Node], renamed: Mapping[str, str] | None = None) -> Model:
    """Put nodes together into a model; everything else is taken from ``model``.

    Args:
        model: what the nodes were taken from; its input, batch, codes of feature maps and record are kept.
        nodes: each reads only earlier ones or ``"input"``.
        renamed: earlier layers whose feature map another node gives now, by their name: readers that still name the
            old one read the new one, and the code of the feature map goes with it.

    Raises:
        AccsimError: two nodes have one name, a node reads what comes later or nowhere, a layer cannot exist on its new
            inputs, or parameters have other shapes than their layer.
    """
    renamed = renamed or {}
    old = {layer.name: layer for layer in model.network.layers}
    layers: list[Layer] = []
    shapes: dict[str, tuple[int, ...]] = {INPUT: model.network.input_shape}
    for node in nodes:
        inputs = tuple(_end(source, renamed) for source in node.inputs)
        if node.name in shapes:
            raise AccsimError(f"layer {node.name!r}: this name is already used by another layer")
        for source in inputs:
            if source not in shapes:
                raise AccsimError(f"layer {node.name!r}: reads {source!r}, but no earlier layer has this name")
        layer = build(
            node.name, node.operation, inputs, tuple(shapes[s] for s in inputs), model.network.batch, node.arguments
        )
        _fits(layer, node)
        layers.append(_with_statistics(layer, old.get(node.name)))
        shapes[node.name] = layer.output_shape
    network = replace(model.network, layers=tuple(layers))
    return replace(
        model,
        network=network,
        parameters={node.name: node.parameters for node in nodes if node.parameters is not None},
        norms={node.name: node.norm for node in nodes if node.norm is not None},
        layer_norms=_still_there(model.layer_norms, network, {}),
        tables=_still_there(model.tables, network, {}),
        slopes=_still_there(model.slopes, network, {}),
        activations=_still_there(model.activations, network, renamed),
        accumulator_bits=_still_there(model.accumulator_bits, network, renamed),
    )


def _end(source: str, renamed: Mapping[str, str]) -> str:
    seen = {source}
    while source in renamed and renamed[source] not in seen:
        source = renamed[source]
        seen.add(source)
    return source


def _fits(layer: Layer, node: Node) -> None:
    """Whether parameters have the shapes that were inferred."""
    g = layer.geometry
    if node.parameters is not None and g is not None:
        wanted = (g.M, g.channels_per_group, g.R, g.S)
        if node.parameters.weight.shape != wanted:
            raise AccsimError(
                f"layer {layer.name!r}: its weights are {_show(node.parameters.weight.shape)}, but on its inputs they "
                f"must be {_show(wanted)}"
            )
    if node.norm is not None and node.norm.gamma.shape != layer.output_shape[:1]:
        raise AccsimError(
            f"layer {layer.name!r}: it has values for {node.norm.gamma.size} channels, but {layer.output_shape[0]} "
            "come in"
        )


def _show(shape: Iterable[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _with_statistics(layer: Layer, old: Layer | None) -> Layer:
    """What was known of the values, where the tensor has kept its shape."""
    if old is None:
        return layer
    unknown = TensorStatistics()
    return replace(
        layer,
        ifmap_statistics=old.ifmap_statistics if old.input_shapes == layer.input_shapes else unknown,
        weight_statistics=old.weight_statistics if old.weight_words == layer.weight_words else unknown,
        ofmap_statistics=old.ofmap_statistics if old.output_shape == layer.output_shape else unknown,
    )


def _still_there(table: Mapping[str, Any], network: Network, renamed: Mapping[str, str]) -> dict[str, Any]:
    names = {INPUT, *(layer.name for layer in network.layers)}
    moved = {_end(name, renamed): value for name, value in table.items() if name in renamed}
    return {name: value for name, value in {**table, **moved}.items() if name in names}


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One layer of a chain that takes the place of a layer.

    Attributes:
        operation, arguments: as in ``Node``.
        parameters: the layer's.
    """

    operation: str
    arguments: Mapping[str, Any]
    parameters: LayerParameters | None = None


SUFFIXES = "abcdefghijklmnopqrstuvwxyz"


def with_chains(model: Model, chains: Mapping[str, Sequence[Link]]) -> Model:
    """Replace layers by chains: ``conv2`` becomes ``conv2.a``, ``conv2.b`` ..., and what read it reads the last.

    An empty chain drops its layer; its readers then read what it read.
    """
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    bits: dict[str, int] = {}
    for node in take_apart(model):
        if node.name not in chains:
            nodes.append(node)
            continue
        source = node.inputs[0]
        for suffix, link in zip(SUFFIXES, chains[node.name], strict=False):
            name = f"{node.name}.{suffix}"
            nodes.append(Node(name, link.operation, (source,), link.arguments, link.parameters))
            if node.name in model.accumulator_bits:
                bits[name] = model.accumulator_bits[node.name]
            source = name
        renamed[node.name] = source
    made = assemble(model, nodes, renamed)
    return replace(made, accumulator_bits={**made.accumulator_bits, **bits})


def without(model: Model, names: Iterable[str]) -> Model:
    """Drop layers that read one layer and keep its shape; their readers read what they read.

    Raises:
        AccsimError: a layer reads several.
    """
    dropped = list(names)
    for name in dropped:
        layer = model.network.layer(name)
        if len(layer.inputs) != 1:
            raise AccsimError(f"layer {name!r}: it reads {len(layer.inputs)} layers, so it cannot be dropped")
    return with_chains(model, dict.fromkeys(dropped, ()))


def readers(network: Network) -> dict[str, list[Layer]]:
    """Layers that read each layer's feature map, by the name of the layer that gives it."""
    found: dict[str, list[Layer]] = {INPUT: [], **{layer.name: [] for layer in network.layers}}
    for layer in network.layers:
        for source in layer.inputs:
            found.setdefault(source, []).append(layer)
    return found


def is_depthwise(layer: Layer) -> bool:
    """Whether it is a convolution with one input channel per group and more than one group."""
    g = layer.geometry
    return g is not None and layer.kind is LayerKind.CONV and g.G > 1 and g.channels_per_group == 1
