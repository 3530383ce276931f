"""What an ONNX node must look like: its attributes and inputs beside the schema of its operator.

A file says of each attribute itself of which kind it is, so a node is compared with its operator before it is read.
"""

from __future__ import annotations

from typing import Any

from accsim.importers.extra import onnx_package
from accsim.importers.onnx_quantisers import DOMAINS
from accsim.importers.onnx_values import Unsupported

FLOAT, INT, STRING = 1, 2, 3
"""Kinds of attributes by their ONNX numbers."""

_QONNX = {"signed": INT, "narrow": INT, "rounding_mode": STRING}
"""Attributes of QONNX's quantisers (qonnx, docs/qonnx-custom-ops)."""


def node_name(proto: Any) -> str:
    """What a node is called: by its first output where it has no name."""
    return str(proto.name or next(iter(proto.output), "") or proto.op_type)


def check_node(proto: Any, opset: int) -> None:
    """Compare a node with its operator's schema; operators without one are left alone.

    Raises:
        Unsupported: an attribute is missing, given twice or of another kind, or inputs or outputs are too few or too
            many.
    """
    names = [held.name for held in proto.attribute]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Unsupported(f"its attribute {twice!r} is given twice")
    if not proto.output or not proto.output[0]:
        raise Unsupported("it has no output")
    kinds, required = _attributes(proto, opset)
    for held in proto.attribute:
        wanted = kinds.get(held.name, held.type)
        if held.type != wanted or held.type not in _kinds():
            raise Unsupported(f"its attribute {held.name!r} must be {_spelled(wanted)}, got {_spelled(held.type)}")
    lost = [name for name in required if name not in names]
    if lost:
        raise Unsupported(f"its attribute {lost[0]!r} is missing")


def _attributes(proto: Any, opset: int) -> tuple[dict[str, int], list[str]]:
    """Kinds of an operator's attributes, and those that must be there; its inputs are counted on the way."""
    if proto.domain in DOMAINS:
        return _QONNX, []
    if proto.domain not in ("", "ai.onnx"):
        return {}, []
    onnx = onnx_package()
    try:
        schema = onnx.defs.get_schema(proto.op_type, opset, "")
    except onnx.defs.SchemaError:
        return {}, []
    if not schema.min_input <= len(proto.input) <= schema.max_input:
        most = schema.max_input if schema.max_input < 2**31 - 1 else "more"
        raise Unsupported(f"it has {len(proto.input)} inputs; {proto.op_type} has {schema.min_input} to {most}")
    kinds = {name: int(held.type.value) for name, held in schema.attributes.items()}
    return kinds, [name for name, held in schema.attributes.items() if held.required]


def _kinds() -> dict[int, str]:
    held = onnx_package().AttributeProto.AttributeType
    return {number: name for name, number in held.items() if number}


def _spelled(kind: int) -> str:
    return _kinds().get(kind, f"of kind {kind}").lower()


def attribute(proto: Any) -> Any:
    """An attribute as a Python value or tensor."""
    held = onnx_package().helper.get_attribute_value(proto)
    return held.decode("utf-8", "replace") if isinstance(held, bytes) else held
