"""What a method costs, as counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from accsim.errors import AccsimError
from accsim.workload.layer import Layer
from accsim.workload.rebuild import build


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a method that is modelled, not carried out.

    Attributes:
        method: its name.
        formula: how the figures follow from the sizes, in the letters of the function's docstring.
        source: where the method is from.
        layers: the chain of layers that takes the layer's place, where it is one.
        parameters: trained numbers that are stored.
        parameter_bits: bits of them all.
        macs: multiply-accumulates, for the whole batch.
        operations: work that is no MAC, by its name: ``add``, ``multiply``, ``lookup``, ``hash``, ``popcount`` ...
        checked: whether the formula was compared with the method's paper; else it is the usual form.
    """

    status: ClassVar[str] = "cost model only"
    method: str
    formula: str
    source: str
    parameters: int
    parameter_bits: int
    macs: int
    layers: tuple[Layer, ...] = ()
    operations: tuple[tuple[str, int], ...] = ()
    checked: bool = False


def chain(layer: Layer, links: Sequence[dict[str, Any]]) -> tuple[Layer, ...]:
    """Convolutions in the place of a layer, named as a pass would: ``conv2.a``, ``conv2.b`` ..."""
    source, shape = layer.inputs[0], layer.input_shapes[0]
    made: list[Layer] = []
    for suffix, arguments in zip("abcdefgh", links, strict=False):
        bias = layer.bias_words > 0 and len(made) == len(links) - 1
        one = build(f"{layer.name}.{suffix}", "conv", (source,), (shape,), layer.batch, {**arguments, "bias": bias})
        made.append(one)
        source, shape = one.name, one.output_shape
    return tuple(made)


def positive(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        AccsimError: one is; says which.
    """
    for name, size in sizes.items():
        if size < 1:
            raise AccsimError(f"{name} must be at least 1, got {size}")


def no_groups(layer: Layer, method: str) -> None:
    """Refuse layers that the method is not defined for.

    Raises:
        AccsimError: it is no convolution, or has groups.
    """
    g = layer.geometry
    if g is None or layer.kind.value != "conv":
        raise AccsimError(f"layer {layer.name!r}: {method} is for convolutions, and this is {layer.kind.value}")
    if g.G > 1:
        raise AccsimError(f"layer {layer.name!r}: {method} is for convolutions without groups, and this has {g.G}")
