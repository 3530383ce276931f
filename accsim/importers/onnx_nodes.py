"""Which function reads which ONNX operator, and why others are not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from accsim.importers import onnx_constants as constants
from accsim.importers import onnx_elementwise as elementwise
from accsim.importers import onnx_moves as moves
from accsim.importers import onnx_products as products
from accsim.importers import onnx_quantisers as quantisers
from accsim.importers import onnx_windows as windows
from accsim.importers.onnx_graph import Node
from accsim.importers.onnx_values import Constant, Pending, Result, Unsupported

Reader = Callable[[Node], Result | list[Result]]


def quant(node: Node) -> Result:
    """QONNX ``Quant`` and ``IntQuant``, on weights or feature maps."""
    found, rest = node[0], [node.constant(i) for i in (1, 2, 3)]
    if isinstance(found, Constant):
        return quantisers.quantised_weights(found, rest, node.attributes)
    return node.graph.coded(node, node.addressed(), quantisers.quantised_map(rest, node.attributes))


def bipolar(node: Node) -> Result:
    """QONNX ``BipolarQuant``."""
    found, scale = node[0], node.constant(1)
    if isinstance(found, Constant):
        return quantisers.bipolar_weights(found, scale)
    return node.graph.coded(node, node.addressed(), quantisers.bipolar_map(scale))


def trunc(node: Node) -> Result:
    """QONNX ``Trunc``, version 1 or 2, told apart by the number of inputs."""
    value = node.value()
    rest = [node.constant(i) for i in range(1, len(node.inputs))]
    held = node.graph.activations.get(value.layer)
    code = quantisers.truncated_map(rest, node.attributes, held is None or held.signed)
    return node.graph.coded(node, value, code)


def quantize_linear(node: Node) -> Result:
    """QuantizeLinear: codes, until a DequantizeLinear."""
    found, scale, zero = node[0], node.constant(1), node.constant(2)
    step = quantisers.scales(scale)
    width = (8, False)
    if zero is not None:
        if zero.width is None:
            raise Unsupported("it makes codes that are no integers (FP8)")
        width = zero.width
    elif node.attributes.get("output_dtype", 0):
        from accsim.importers.onnx_file import bits_of  # noqa: PLC0415

        known = bits_of(int(node.attributes["output_dtype"]))
        if known is None:
            raise Unsupported("it makes codes that are no integers (FP8 or FP4)")
        width = known
    low, high = quantisers.code_range(*width, narrow=False)
    point = np.zeros(step.shape, np.int64) if zero is None else zero.values.astype(np.int64)
    pending = Pending(step, point, low, high)
    if isinstance(found, Constant):
        axis, block = int(node.attributes.get("axis", 1)), int(node.attributes.get("block_size", 0))
        return quantisers.quantised_constant(found, pending, axis, block)
    return replace(node.addressed(), pending=pending)


def dequantize_linear(node: Node) -> Result:
    """DequantizeLinear: weights with their codes, or the end of a feature map's quantiser."""
    found, scale, zero = node[0], node.constant(1), node.constant(2)
    if isinstance(found, Constant):
        axis, block = int(node.attributes.get("axis", 1)), int(node.attributes.get("block_size", 0))
        return quantisers.dequantised(found, scale, zero, axis, block)
    p = found.pending
    if p is None:
        raise Unsupported("it reads a feature map that no QuantizeLinear gives")
    step = quantisers.scales(scale)
    point = np.zeros(1, np.int64) if zero is None else zero.values.astype(np.int64)
    if not (np.array_equal(step.reshape(-1), p.scale.reshape(-1)) and (point == p.zero_point.reshape(-1)).all()):
        raise Unsupported("its scale or zero point is not that of the QuantizeLinear before it")
    value = replace(found, pending=None, sole=node.graph.sole(node.inputs[0]))
    return node.graph.coded(node, value, quantisers.standard_code(p))


READERS: dict[str, Reader] = {
    "Constant": constants.constant,
    "ConstantOfShape": constants.filled,
    "Shape": constants.shape_of,
    "Conv": windows.conv,
    "Gemm": products.gemm,
    "MatMul": products.matmul,
    "BatchNormalization": elementwise.batch_norm,
    "Relu": elementwise.activation("relu"),
    "Sigmoid": elementwise.activation("sigmoid"),
    "Tanh": elementwise.activation("tanh"),
    "HardSwish": elementwise.activation("hard_swish"),
    "Swish": elementwise.activation("silu"),
    "LeakyRelu": elementwise.leaky_relu,
    "PRelu": elementwise.prelu,
    "HardSigmoid": elementwise.hard_sigmoid,
    "Gelu": elementwise.gelu,
    "Clip": elementwise.clip,
    "MaxPool": windows.pool("max"),
    "AveragePool": windows.pool("average"),
    "GlobalAveragePool": windows.global_average,
    "ReduceMean": windows.global_average,
    "GlobalMaxPool": windows.global_max,
    "LRN": windows.lrn,
    "Softmax": elementwise.softmax,
    "Add": elementwise.add,
    "Sub": elementwise.add,
    "Sum": elementwise.add,
    "Mul": elementwise.multiply,
    "Div": elementwise.multiply,
    "LayerNormalization": elementwise.layer_norm,
    "Where": elementwise.where,
    "Gather": moves.gather,
    "Concat": moves.concat,
    "Reshape": moves.reshape,
    "Flatten": moves.reshape,
    "Squeeze": moves.reshape,
    "Unsqueeze": moves.reshape,
    "Transpose": moves.transpose,
    "Identity": moves.identity,
    "Dropout": moves.identity,
    "Cast": moves.identity,
    "Pad": windows.pad,
    "Split": moves.split,
    "Slice": moves.slice_,
    "DepthToSpace": moves.depth_to_space,
    "Resize": moves.resize,
    "Upsample": moves.resize,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
}
"""Operators of the standard."""

QONNX_READERS: dict[str, Reader] = {"Quant": quant, "IntQuant": quant, "BipolarQuant": bipolar, "Trunc": trunc}
"""Operators of QONNX, in any of its domains."""

REASONS = {
    "FloatQuant": "minifloat codes have no integers; this project quantises to integers",
    "MultiThreshold": "thresholds of a streamlined graph; export the graph before streamlining, with Quant nodes",
    "XnorPopcountMatMul": "a streamlined product of signs; export the graph before streamlining, with BipolarQuant",
    "QuantAvgPool2d": "an average pool on codes with a truncation of its own; use AveragePool and Trunc",
    "MaxPoolNHWC": "channels come last; convert the graph to channels first",
    "Im2Col": "a lowered convolution; export the graph before it is lowered",
    "Conv2DTranspose": "transposed convolutions are no layer of this project",
    "ConvTranspose": "transposed convolutions are no layer of this project",
    "MXQuantize": "block floating point (MX) has no integer codes with a real scale",
    "QLinearConv": "fused integer operators; export QuantizeLinear and DequantizeLinear around Conv instead",
    "QLinearMatMul": "fused integer operators; export QuantizeLinear and DequantizeLinear around MatMul instead",
    "ConvInteger": "fused integer operators; export QuantizeLinear and DequantizeLinear around Conv instead",
    "MatMulInteger": "fused integer operators; export QuantizeLinear and DequantizeLinear around MatMul instead",
    "DynamicQuantizeLinear": "its scale depends on the input; calibrate a fixed one",
    "LSTM": "recurrent layers are not supported",
    "GRU": "recurrent layers are not supported",
    "RNN": "recurrent layers are not supported",
    "If": "the graph depends on values",
    "Loop": "the graph depends on values",
    "Scan": "the graph depends on values",
}
"""Why some operators are not read."""

_BY_VALUE = {"Constant", "ConstantOfShape", "Shape", "Clip", "QuantizeLinear", "DequantizeLinear"}


def read(node: Node) -> Result | list[Result]:
    """What a node gives: feature maps with the layers behind them, or constants.

    Raises:
        Unsupported: it is not read, or not in this form; says why.
    """
    if node.domain in quantisers.DOMAINS:
        reader = QONNX_READERS.get(node.operation)
    elif node.domain in ("", "ai.onnx"):
        reader = READERS.get(node.operation)
        if node.operation not in _BY_VALUE and _known(node):
            return constants.folded(node)
    else:
        raise Unsupported(f"operators of the domain {node.domain!r} are not known")
    if reader is None:
        raise Unsupported(REASONS.get(node.operation, "this operator is not supported"))
    return reader(node)


def _known(node: Node) -> bool:
    """Whether all inputs are constants."""
    found = [node.optional(i) for i in range(len(node.inputs))]
    return any(found) and all(f is None or isinstance(f, Constant) for f in found)
