"""Layers made anew: by an operation with given arguments, or from an earlier layer on other inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accsim.errors import AccsimError
from accsim.workload.builders import Call, Shape
from accsim.workload.expression import Mistake
from accsim.workload.layer import Layer
from accsim.workload.operations import OPERATIONS


def build(
    name: str,
    operation: str,
    inputs: tuple[str, ...],
    shapes: tuple[Shape, ...],
    batch: int,
    arguments: Mapping[str, Any],
) -> Layer:
    """Make a layer by the shape inference of network files; options that are left out have their defaults.

    Args:
        name: of the layer.
        operation: one of ``operations.OPERATIONS``.
        inputs: names of the layers it reads.
        shapes: of what it reads, for one batch entry.
        batch: batch entries.
        arguments: values by the option's name; the main one by its meaning (``filters``, ``outputs``, ``window`` ...).

    Raises:
        AccsimError: such a layer cannot exist; says why.
    """
    known = OPERATIONS[operation]
    every = {key: option.default for key, option in known.options.items()}
    if known.main is not None:
        every[known.main[0]] = known.main[1].default
    every.update(arguments)
    try:
        return known.build(Call(name, operation, inputs, shapes, batch, every))
    except Mistake as mistake:
        raise AccsimError(f"layer {name!r}: {mistake}") from None


def rebuilt(layer: Layer, inputs: tuple[str, ...], shapes: tuple[Shape, ...], **changed: Any) -> Layer:
    """The layer on other inputs, all sizes inferred again; ``changed`` replaces some of its arguments.

    Raises:
        AccsimError: it was not made by an operation of network files, or cannot exist on these inputs.
    """
    operation, arguments = layer.made_by
    if operation not in OPERATIONS:
        raise AccsimError(f"layer {layer.name!r}: it does not say which operation made it, so it cannot be made again")
    return build(layer.name, operation, inputs, shapes, layer.batch, {**dict(arguments), **changed})
