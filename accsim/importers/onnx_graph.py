"""An ONNX graph while it is imported: what is known of each tensor, and the layers made so far."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from accsim.compress.model import ActivationCode, LayerParameters, NormParameters
from accsim.errors import AccsimError
from accsim.importers.extra import onnx_package
from accsim.importers.onnx_file import File, bits_of, tensor
from accsim.importers.onnx_values import Constant, Unsupported, Value
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
        uses: readers of each tensor, the graph's outputs among them.
        layers, shapes, parameters, norms, activations: the model so far.
    """

    file: File
    batch: int
    tensors: dict[str, Value | Constant] = field(default_factory=dict)
    stored_as: dict[str, Any] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    layers: dict[str, Layer] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    parameters: dict[str, LayerParameters] = field(default_factory=dict)
    norms: dict[str, NormParameters] = field(default_factory=dict)
    activations: dict[str, ActivationCode] = field(default_factory=dict)

    def nodes(self) -> Iterator[Node]:
        """The nodes in order."""
        graph = self.file.model.graph
        self.stored_as = {proto.name: proto for proto in graph.initializer}
        self.uses = Counter(name for node in graph.node for name in node.input if name)
        self.uses.update(output.name for output in graph.output)
        for node in graph.node:
            name = node.name or next(iter(node.output), "") or node.op_type
            attributes = {a.name: self._attribute(a) for a in node.attribute}
            yield Node(name, node.op_type, node.domain, tuple(node.input), tuple(node.output), attributes, self)

    def _attribute(self, proto: Any) -> Any:
        onnx = onnx_package()
        held = onnx.helper.get_attribute_value(proto)
        if proto.type == onnx.AttributeProto.STRING:
            return held.decode("utf-8", "replace")
        return held

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

    def sole(self, name: str) -> bool:
        """Whether only one node reads a tensor and nothing else what its layer gives."""
        found = self.tensors[name]
        return isinstance(found, Value) and found.sole and self.uses[name] == 1

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
            value = replace(self.emit(node, "slice", [value], range=(0, width)), dims=value.dims)
        self.activations[value.layer] = code
        return value


def entry_shape(value: Value, shape: Sequence[int], batch: int) -> tuple[int, ...]:
    """The shape, without the batch, that a Reshape asks for.

    Raises:
        Unsupported: it mixes the batch with other axes, or the sizes do not fit.
    """
    sizes = [int(size) for size in shape]
    if not sizes:
        raise Unsupported("it makes a scalar of a feature map")
    words = prod(value.dims)
    first, rest = sizes[0], sizes[1:]
    rest = [value.dims[i] if size == 0 and i < len(value.dims) else size for i, size in enumerate(rest)]
    if rest.count(-1) == 1 and first != -1:
        known = prod(size for size in rest if size != -1)
        rest[rest.index(-1)] = words // known if known else 0
    if not rest or min(rest) < 1 or prod(rest) != words:
        raise Unsupported(f"shape {list(shape)} mixes the batch with the {words} words of each entry")
    return tuple(rest)


def _listed(dims: Sequence[int]) -> str:
    return ", ".join(map(str, dims))


def _not_plain(value: Value) -> str:
    if value.pending is not None:
        return "it computes with codes between QuantizeLinear and DequantizeLinear; only Clip may stand there"
    if value.pads is not None:
        return "it reads what a Pad node gives; padding is folded only into convolutions and average pools"
    return f"it reads a feature map reshaped to [batch, {_listed(value.dims)}], of which no layer is known"
