"""QONNX graphs as standard ONNX operators, so that onnxruntime can be asked for their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")


def lowered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with ``Quant``, ``IntQuant``, ``BipolarQuant`` and ``Trunc`` written out; every tensor is an output."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes: list[Any] = []
    for node in model.graph.node:
        nodes += _written_out(node, stored, out) if node.domain in DOMAINS else [node]
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    standard = [entry for entry in out.opset_import if entry.domain == ""]
    del out.opset_import[:]
    out.opset_import.extend(standard)
    seen = {entry.name for entry in out.graph.output}
    for node in model.graph.node:
        known = all(name in stored for name in node.input)
        for name in node.output:
            if name and name not in seen and not known:
                out.graph.output.append(onnx.ValueInfoProto(name=name))
    return out


def _written_out(node: Any, stored: dict[str, Any], model: onnx.ModelProto) -> list[Any]:
    held = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    made: list[Any] = []
    (result,) = node.output

    def constant(value: object) -> str:
        name = f"{result}.{len(model.graph.initializer)}"
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def step(operation: str, *inputs: str) -> str:
        name = f"{result}.{operation}{len(made)}"
        made.append(helper.make_node(operation, list(inputs), [name]))
        return name

    at = node.input[0]
    if node.op_type == "BipolarQuant":
        positive = step("Cast", step("GreaterOrEqual", at, constant(0)))
        made[-1].attribute.append(helper.make_attribute("to", onnx.TensorProto.FLOAT))
        at = step("Mul", step("Sub", step("Mul", positive, constant(2)), constant(1)), node.input[1])
    else:
        scale, zero = stored[node.input[1]], stored[node.input[2]]
        at = step("Add", step("Div", at, constant(scale)), constant(zero))
        if node.op_type == "Trunc":
            at = step("Round", at)
            later = len(node.input) == 6
            bits = int(stored[node.input[-1]])
            wide = stored[node.input[4]] if later else scale
            divisor = 2.0 ** np.round(np.log2(wide / scale)) if later else 2.0 ** (int(stored[node.input[3]]) - bits)
            at = step("Div", at, constant(divisor))
            if later:
                at = step("Clip", at, *map(constant, _range(bits, held)))
            at = step("Floor", at)
            zero, scale = (zero / divisor, wide) if later else (zero, scale)
        else:
            at = step("Clip", at, *map(constant, _range(int(stored[node.input[3]]), held)))
            at = step({b"ROUND": "Round", b"FLOOR": "Floor", b"CEIL": "Ceil"}[held.get("rounding_mode", b"ROUND")], at)
        at = step("Mul", step("Sub", at, constant(zero)), constant(scale))
    made.append(helper.make_node("Identity", [at], [result]))
    return made


def _range(bits: int, held: dict[str, Any]) -> tuple[int, int]:
    narrow = held.get("narrow", 0)
    if held.get("signed", 1):
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow
