"""ONNX products with matrices of weights: fully connected layers, and products of two feature maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters
from accsim.importers.onnx_attention import product
from accsim.importers.onnx_fold import require_small
from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_rows import rows, settled, with_width
from accsim.importers.onnx_values import (
    Constant,
    Result,
    Unsupported,
    Value,
    finite,
    reals,
    weight_code,
)


def gemm(node: Node) -> Result:
    """Gemm with constant weights: a fully connected layer."""
    if node.attributes.get("transA", 0):
        raise Unsupported("transA: the feature map is transposed")
    weight, bias = node.constant(1), node.constant(2)
    if weight is None or weight.values.ndim != 2:
        raise Unsupported("its weights must be a constant of 2 axes")
    weight = weight if node.attributes.get("transB", 0) else weight.moved(lambda a: a.T)
    alpha, beta = float(node.attributes.get("alpha", 1.0)), float(node.attributes.get("beta", 1.0))
    if alpha != 1.0:
        if weight.codes is not None:
            raise Unsupported(f"alpha {alpha:g} on quantised weights")
        require_small(weight.values.size)
        weight = Constant(reals(weight.values) * alpha)
    shift = None
    if bias is not None:
        outputs = weight.values.shape[0]
        if bias.values.size not in (1, outputs) or bias.values.shape[-1:] not in ((), (1,), (outputs,)):
            raise Unsupported(f"a bias of shape {list(bias.values.shape)} for {outputs} outputs")
        shift = np.broadcast_to(reals(bias.values.reshape(-1)) * beta, (outputs,))
    return _fully_connected(node, weight, shift)


def matmul(node: Node) -> Result:
    """MatMul with constant weights, or of two feature maps."""
    second = node[1]
    if isinstance(second, Value):
        return product(node)
    if second.values.ndim != 2:
        raise Unsupported(f"weights of {second.values.ndim} axes; they have 2")
    return _fully_connected(node, second.moved(lambda a: a.T), None)


def _fully_connected(node: Node, weight: Constant, bias: Reals | None) -> Result:
    """``weight`` is [outputs, inputs]."""
    value, now = rows(node)
    outputs, width = (int(size) for size in weight.values.shape)
    stored = node.graph.shapes[value.layer]
    if len(stored) != 2 and len(value.dims) > 2:
        raise Unsupported(f"it reads [batch, {', '.join(map(str, value.dims))}]; only vectors and sequences")
    read = stored[1] if len(stored) == 2 else value.dims[-1]
    if read != width:
        raise Unsupported(f"weights of {width} inputs do not suit a map of {read}")
    code, trained = weight_code(weight, lambda a: a[:, :, None, None])
    out = node.graph.emit(node, "fc", [value], outputs=outputs, bias=bias is not None)
    known = None if bias is None else finite(bias, "bias")
    node.graph.parameters[out.layer] = LayerParameters(code, known, trained=trained)
    if len(stored) == 2:
        return settled(node, out, with_width(now, outputs))
    return replace(out, dims=(*value.dims[:-1], outputs))
