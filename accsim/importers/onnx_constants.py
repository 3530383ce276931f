"""Constants of ONNX graphs, stored or worked out."""

from __future__ import annotations

import numpy as np

from accsim.importers.onnx_fold import constant_of_shape, fold
from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_values import (
    Constant,
    Result,
    Unsupported,
    Value,
)


def constant(node: Node) -> Result:
    """Constant."""
    held = node.attributes
    if "value" in held:
        return node.graph.decoded(held["value"])
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                       ("value_ints", np.int64)):  # fmt: skip
        if name in held:
            return Constant(np.asarray(held[name], kind))
    raise Unsupported("it holds no numbers")


def filled(node: Node) -> Result:
    """ConstantOfShape."""
    shape = node.constant(0)
    if shape is None:
        raise Unsupported("its shape is missing")
    fill = node.graph.decoded(node.attributes["value"]).values if "value" in node.attributes else None
    return Constant(constant_of_shape(shape.values, fill))


def shape_of(node: Node) -> Result:
    """Shape, of a feature map with the batch that is bound."""
    found = node[0]
    sizes = (node.graph.batch, *found.dims) if isinstance(found, Value) else found.values.shape
    end = node.attributes.get("end", len(sizes))
    return Constant(np.asarray(sizes[node.attributes.get("start", 0) : end], np.int64))


def folded(node: Node) -> Result:
    """A node on constants."""
    return fold(node.operation, [node.constant(i) for i in range(len(node.inputs))], node.attributes)
