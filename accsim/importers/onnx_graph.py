"""An ONNX graph while it is imported: what is known of each tensor, and the layers made so far."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from accsim.compress.grain import Reals
from accsim.compress.model import ActivationCode, LayerNormParameters, LayerParameters, NormParameters
from accsim.errors import AccsimError
from accsim.importers.extra import onnx_package
from accsim.importers.onnx_file import File, bits_of, tensor
from accsim.importers.onnx_patterns import fused
from accsim.importers.onnx_schema import attribute, check_node, node_name
from accsim.importers.onnx_values import Constant, Unsupported, Value
from accsim.importers.onnx_views import Axes, regrouped, stored_axes
from accsim.source import printable
from accsim.workload.layer import Layer
from accsim.workload.rebuild import build, rebuilt

INPUT = "input"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node, its attributes as Python values and tensors."""

    name: str
    operation: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    graph: Graph

    def __getitem__(self, position: int) -> Value | Constant:
        """An input that must be there."""
        found = self.optional(position)
        if found is None:
            raise Unsupported(f"its input {position + 1} is missing")
        return found

    def optional(self, position: int) -> Value | Constant | None:
        """An input, or ``None`` where it is left out."""
        name = self.inputs[position] if position < len(self.inputs) else ""
        if not name:
            return None
        if name not in self.graph.tensors:
            self.graph.tensors[name] = self.graph.stored(name)
        return self.graph.tensors[name]

    def constant(self, position: int) -> Constant | None:
        """An input that must be known, or ``None`` where it is left out."""
        found = self.optional(position)
        if isinstance(found, Value):
            raise Unsupported(f"its input {self.inputs[position]!r} is not a constant")
        return found

    def value(self, position: int = 0) -> Value:
        """A feature map that a layer can read."""
        found = self[position]
        if not isinstance(found, Value):
            raise Unsupported(f"its input {self.inputs[position]!r} is a constant, where a feature map is expected")
        if not found.plain:
            raise Unsupported(_not_plain(found))
        return replace(found, sole=self.graph.sole(self.inputs[position]))

    def addressed(self, position: int = 0, *, scaled: bool = False) -> Value:
        """A feature map whose words are all there, however its axes are split, merged or ordered.

        Args:
            scaled: whether a factor that waits for a layer may come with it.
        """
        found = self[position]
        if not isinstance(found, Value) or found.pads is not None or found.pending is not None:
            return self.value(position)
        if found.factor != 1.0 and not scaled:
            raise Unsupported(_not_plain(found))
        return replace(found, sole=self.graph.sole(self.inputs[position]))

    def image(self, position: int = 0) -> Value:
        """A feature map [channels, height, width]."""
        found = self.value(position)
        if len(found.dims) != 3:
            raise Unsupported(f"it reads a tensor of shape [batch, {_listed(found.dims)}]; images have 4 axes")
        return found

    def ints(self, name: str, position: int | None = None) -> list[int] | None:
        """Whole numbers, from an attribute or, in later operator sets, from an input."""
        if name in self.attributes:
            held = self.attributes[name]
            return [int(v) for v in held] if isinstance(held, list | tuple) else [int(held)]
        constant = None if position is None else self.constant(position)
        return None if constant is None else [int(v) for v in constant.values.reshape(-1)]


@dataclass(slots=True, eq=False)
class Graph:
    """The state of an import.

    Attributes:
        file: the model.
        batch: batch entries.
        tensors: what is known of each tensor, by its name.
        stored_as: tensors in the file that were not needed yet.
        constants: tensors of Constant nodes.
        uses: readers of each tensor, the graph's outputs among them.
        layers, shapes, parameters, norms, layer_norms, tables, slopes, activations: the model so far.
    """

    file: File
    batch: int
    tensors: dict[str, Value | Constant] = field(default_factory=dict)
    stored_as: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    layers: dict[str, Layer] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    parameters: dict[str, LayerParameters] = field(default_factory=dict)
    norms: dict[str, NormParameters] = field(default_factory=dict)
    layer_norms: dict[str, LayerNormParameters] = field(default_factory=dict)
    tables: dict[str, Reals] = field(default_factory=dict)
    slopes: dict[str, Reals] = field(default_factory=dict)
    activations: dict[str, ActivationCode] = field(default_factory=dict)

    def nodes(self) -> list[Any]:
        """The nodes in order, as ``onnx.NodeProto``, those that exporters have written out put together."""
        graph = self.file.model.graph
        self.stored_as = {proto.name: proto for proto in graph.initializer}
        outputs = [output.name for output in graph.output]
        found = fused(list(graph.node), outputs, self._number, onnx_package().helper.make_node)
        self.uses = Counter(name for node in found for name in node.input if name)
        self.uses.update(outputs)
        return found

    def node(self, proto: Any) -> Node:
        """A node with its attributes as Python values.

        Raises:
            Unsupported: an attribute is missing or of another kind than its operator has, or inputs are too
                few or too many.
        """
        check_node(proto, self.file.opset)
        attributes = {a.name: attribute(a) for a in proto.attribute}
        name = node_name(proto)
        return Node(name, proto.op_type, proto.domain, tuple(proto.input), tuple(proto.output), attributes, self)

    def _number(self, name: str) -> float | None:
        """The one number that a stored tensor, or a Constant node, holds."""
        proto = self.stored_as.get(name) or self._constants().get(name)
        if proto is None or prod(proto.dims) != 1:
            return None
        try:
            return float(tensor(self.file, proto).reshape(-1)[0])
        except AccsimError:  # told where the tensor is used
            return None

    def _constants(self) -> Mapping[str, Any]:
        if not self.constants:
            held = [node for node in self.file.model.graph.node if node.op_type == "Constant" and node.output]
            values = ((n.output[0], [a.t for a in n.attribute if a.name == "value"]) for n in held)
            self.constants = {name: found[0] for name, found in values if found} or {"": None}
        return self.constants

    def stored(self, name: str) -> Constant:
        """A tensor of the file.

        Raises:
            Unsupported: it cannot be decoded, or nothing gives a tensor of this name.
        """
        if name not in self.stored_as:
            raise Unsupported(f"nothing gives its input {name!r}")
        return self.decoded(self.stored_as[name])

    def decoded(self, proto: Any) -> Constant:
        """A constant from a ``TensorProto``."""
        try:
            return Constant(tensor(self.file, proto), width=bits_of(proto.data_type))
        except AccsimError as error:
            raise Unsupported(str(error)) from None

    def axes(self, value: Value) -> Axes:
        """The axes of a feature map in the graph, the batch first among those of one that is stored as it is."""
        if value.view is not None:
            return value.view
        found = regrouped(stored_axes(self.shapes[value.layer], self.batch), (self.batch, *value.dims))
        if found is None:
            raise Unsupported(f"its axes [batch, {_listed(value.dims)}] are not those of {value.layer!r}")
        return found

    def sole(self, name: str) -> bool:
        """Whether only one node reads a tensor and nothing else what its layer gives."""
        found = self.tensors[name]
        return isinstance(found, Value) and found.sole and self.uses[name] == 1

    def left_over(self) -> list[str]:
        """Sentences on outputs that no layer gives as they are: quantised half-way, padded, or still to be scaled."""
        named = [(output.name, self.tensors.get(output.name)) for output in self.file.model.graph.output]
        return [
            f"output {printable(name)!r}: {_not_plain(value)}"
            for name, value in named
            if isinstance(value, Value) and not replace(value, view=None).plain
        ]

    def emit(
        self, node: Node, operation: str, reads: Sequence[Value], *, dims: tuple[int, ...] | None = None, **options: Any
    ) -> Value:
        """Make a layer.

        Raises:
            Unsupported: it cannot exist.
        """
        name = self.unused_name(node.name)
        inputs = tuple(value.layer for value in reads)
        try:
            layer = build(name, operation, inputs, tuple(self.shapes[i] for i in inputs), self.batch, options)
        except AccsimError as error:
            raise Unsupported(str(error).removeprefix(f"layer {name!r}: ")) from None
        self.layers[name], self.shapes[name] = layer, layer.output_shape
        return Value(name, layer.output_shape if dims is None else dims)

    def remake(self, name: str, **changed: Any) -> None:
        """Make a layer again with other arguments."""
        layer = self.layers[name]
        self.layers[name] = rebuilt(layer, layer.inputs, layer.input_shapes, **changed)

    def unused_name(self, wanted: str) -> str:
        """A name that a network file allows and no layer has."""
        name = re.sub(r"[^A-Za-z0-9_.+/-]", "_", wanted).lstrip("/.+-") or "layer"
        if name == INPUT:
            name = "input_layer"
        number, free = 2, name
        while free in self.layers:
            free, number = f"{name}_{number}", number + 1
        return free

    def coded(self, node: Node, value: Value, code: ActivationCode) -> Value:
        """Give a feature map a code; where something else reads it as it was, a layer of its own carries the code."""
        held = self.activations.get(value.layer)
        if held == code:
            return value
        if held is not None or not value.sole:
            first = self.shapes[value.layer]
            width = first[1] if len(first) == 2 else first[0]
            value = replace(self.emit(node, "slice", [value], range=(0, width)), dims=value.dims, view=value.view)
        self.activations[value.layer] = code
        return value


def _listed(dims: Sequence[int]) -> str:
    return ", ".join(map(str, dims))


def _not_plain(value: Value) -> str:
    if value.pending is not None:
        return "it computes with codes between QuantizeLinear and DequantizeLinear; only Clip may stand there"
    if value.pads is not None:
        return "it reads what a Pad node gives; padding is folded only into convolutions and average pools"
    if value.view is None:
        return f"it reads a sequence multiplied by {value.factor:g}, which is only known of queries, keys and scores"
    return f"it reads a feature map reshaped to [batch, {_listed(value.dims)}], of which no layer is known"
