"""Which channels of a network can only be removed together.

Every channel of every feature map gets a number. A convolution's filters begin new numbers; what works on each channel
by itself (a depthwise convolution, a norm, a pooling, an activation) hands them on, a concatenation lays them side by
side, and flattening repeats each for its pixels. Where channels are added, the partners' numbers become one, so the
layers that feed a residual sum lose the same set; a channel shuffle of g groups makes one of the g channels that stand
at one place of their groups, so that it stays a shuffle; channels that become pixels of one channel go
together. Some numbers cannot be removed: those of the network's
input and outputs, and those that a layer mixes without weights (softmax, layer norm, products of two feature maps).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from accsim.compress.codes import Ints
from accsim.compress.graph import INPUT, is_depthwise, readers
from accsim.workload.layer import Layer, LayerKind
from accsim.workload.network import Network
from accsim.workload.rebuild import arguments_of

_MIXING = {
    LayerKind.SOFTMAX: "softmax mixes them",
    LayerKind.LAYER_NORM: "a layer norm mixes them",
    LayerKind.MATMUL: "a product of two feature maps mixes them",
}


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """Channels by number.

    Attributes:
        numbers: the numbers of each layer's output channels (of a sequence: of its width), by the layer's name; with
            ``"input"``.
        read: the numbers of what a convolution or fully connected layer reads, one for each entry of its C.
        fixed: why a number cannot be removed, for those that cannot.
        count: numbers in use are below it.
    """

    numbers: Mapping[str, Ints]
    read: Mapping[str, Ints]
    fixed: Mapping[int, str]
    count: int


def coupling(network: Network) -> Coupling:
    """Number the channels of a network."""
    return _Numbering(network).run()


def owns_filters(layer: Layer) -> bool:
    """Whether its filters begin numbers of their own: a convolution that is not depthwise, or a fully connected one."""
    return layer.kind in (LayerKind.CONV, LayerKind.FC) and not is_depthwise(layer)


def _width(shape: tuple[int, ...]) -> int:
    return shape[1] if len(shape) == 2 else shape[0]


class _Numbering:
    """One walk through the layers; ``parent`` leads from a number to the one it became."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parent: list[int] = []
        self.numbers: dict[str, Ints] = {}
        self.read: dict[str, Ints] = {}
        self.reasons: list[tuple[Ints, str]] = []

    def run(self) -> Coupling:
        self.numbers[INPUT] = self._new(_width(self.network.input_shape))
        self._fix(self.numbers[INPUT], "they are the network's input")
        for layer in self.network.layers:
            self.numbers[layer.name] = self._output(layer)
        last = [name for name, who in readers(self.network).items() if not who and name != INPUT]
        for name in last:
            self._fix(self.numbers[name], "they are the network's output")
        final = np.array([self._root(i) for i in range(len(self.parent))], np.int64)
        fixed: dict[int, str] = {}
        for numbers, reason in self.reasons:
            for number in final[numbers].tolist():
                fixed.setdefault(number, reason)
        return Coupling(
            {name: final[numbers] for name, numbers in self.numbers.items()},
            {name: final[numbers] for name, numbers in self.read.items()},
            fixed,
            len(final),
        )

    def _new(self, count: int) -> Ints:
        first = len(self.parent)
        self.parent.extend(range(first, first + count))
        return np.arange(first, first + count)

    def _root(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def _join(self, first: Ints, second: Ints) -> None:
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            low, high = sorted((self._root(a), self._root(b)))
            self.parent[high] = low

    def _fix(self, numbers: Ints, reason: str) -> None:
        self.reasons.append((numbers, reason))

    def _output(self, layer: Layer) -> Ints:
        inputs = [self.numbers[source] for source in layer.inputs]
        if layer.kind in (LayerKind.CONV, LayerKind.FC):
            return self._weighted(layer, inputs[0])
        if layer.kind in _MIXING:
            for numbers in inputs:
                self._fix(numbers, f"{layer.name!r} reads them and {_MIXING[layer.kind]}")
        if layer.kind in (LayerKind.ADD, LayerKind.MULTIPLY):
            for partner in inputs[1:]:
                self._join(inputs[0], partner)
            return inputs[0]
        if layer.kind is LayerKind.CONCAT:
            return self._concat(layer, inputs)
        if layer.kind is LayerKind.SHUFFLE:
            return self._moved(layer, inputs[0])
        if layer.kind is LayerKind.RESHAPE:
            return self._reshape(layer, inputs[0])
        if layer.kind in (LayerKind.EMBEDDING, LayerKind.MATMUL):
            fresh = self._new(_width(layer.output_shape))
            self._fix(fresh, f"{layer.name!r} makes them without filters")
            return fresh
        return inputs[0]

    def _weighted(self, layer: Layer, source: Ints) -> Ints:
        g = layer.geometry
        if g is None:
            return source
        shape = layer.input_shapes[0]
        if layer.kind is LayerKind.FC and len(shape) == 3:
            source = np.repeat(source, prod(shape[1:]))
        self.read[layer.name] = source
        if is_depthwise(layer):
            return np.repeat(source, g.filters_per_group)
        return self._new(g.M)

    def _concat(self, layer: Layer, inputs: list[Ints]) -> Ints:
        if arguments_of(layer)["axis"] == "channels":
            return np.concatenate(inputs)
        for partner in inputs[1:]:
            self._join(inputs[0], partner)
        return inputs[0]

    def _moved(self, layer: Layer, numbers: Ints) -> Ints:
        arguments = arguments_of(layer)
        match layer.operation:
            case "upsample":
                return numbers
            case "depth_to_space":
                return self._pixels(numbers, int(arguments["block"]) ** 2, arguments["order"] == "crd")
            case _:
                return self._shuffle(numbers, int(arguments["groups"]))

    def _pixels(self, numbers: Ints, count: int, together: bool) -> Ints:
        """Channels that become pixels of one: neighbours of each other, or one from each of ``count`` groups."""
        rows = numbers.reshape(-1, count).T if together else numbers.reshape(count, -1)
        for row in rows[1:]:
            self._join(rows[0], row)
        first: Ints = rows[0]
        return first

    def _shuffle(self, numbers: Ints, groups: int) -> Ints:
        by_group = numbers.reshape(groups, -1)
        for row in by_group[1:]:
            self._join(by_group[0], row)
        return by_group.T.reshape(-1)

    def _reshape(self, layer: Layer, numbers: Ints) -> Ints:
        operation, arguments, shape = layer.made_by[0], arguments_of(layer), layer.input_shapes[0]
        if operation == "flatten":
            return np.tile(numbers, shape[0]) if len(shape) == 2 else np.repeat(numbers, prod(shape[1:]))
        if operation == "slice" and arguments["axis"] == "channels":
            first, end = arguments["range"]
            return numbers[first:end]
        if operation == "pad_channels":
            return np.concatenate([numbers, self._new(layer.output_shape[0] - len(numbers))])
        return numbers
