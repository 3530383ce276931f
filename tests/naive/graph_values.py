"""The values of a network's feature maps, one loop of NumPy per layer: int64 in, int64 out, or float64 throughout.

Averages are sums here (an integer average would round), and a batch normalisation of integers is gamma * x + beta.
"""

from __future__ import annotations

from math import prod

import numpy as np

from accsim.compress.model import Model
from accsim.workload.layer import Layer, LayerKind


def convolve(x: np.ndarray, weight: np.ndarray, layer: Layer) -> np.ndarray:
    g = layer.geometry
    padded = np.pad(x, ((0, 0), (g.pad_top, max(g.pad_bottom, 0)), (g.pad_left, max(g.pad_right, 0))))
    out = np.zeros((g.M, g.P, g.Q), np.result_type(x, weight))
    per = g.channels_per_group
    for group in range(g.G):
        filters = slice(group * g.filters_per_group, (group + 1) * g.filters_per_group)
        channels = padded[group * per : (group + 1) * per]
        for r in range(g.R):
            for s in range(g.S):
                top, left = r * g.dilation_h, s * g.dilation_w
                seen = channels[
                    :, top : top + (g.P - 1) * g.stride_h + 1 : g.stride_h,
                    left : left + (g.Q - 1) * g.stride_w + 1 : g.stride_w,
                ]  # fmt: skip
                out[filters] += np.einsum("mc,cpq->mpq", weight[filters, :, r, s], seen)
    return out


def window(x: np.ndarray, layer: Layer) -> np.ndarray:
    arguments = dict(layer.made_by[1])
    (r, s), stride = layer.window, arguments.get("stride") or layer.window
    top, bottom, left, right = arguments.get("pad") or (0, 0, 0, 0)
    _, p, q = layer.output_shape
    room = ((0, 0), (top, bottom + r), (left, right + s))
    lowest = np.iinfo(np.int64).min if x.dtype.kind == "i" else -np.inf
    padded = np.pad(x, room, constant_values=lowest if layer.operation == "max" else 0)
    windows = [
        padded[:, i : i + (p - 1) * stride[0] + 1 : stride[0], j : j + (q - 1) * stride[1] + 1 : stride[1]]
        for i in range(r)
        for j in range(s)
    ]
    return np.max(windows, axis=0) if layer.operation == "max" else np.sum(windows, axis=0)


def values(model: Model, given: np.ndarray) -> dict[str, np.ndarray]:
    """Every feature map by its layer's name."""
    whole = given.dtype.kind == "i"
    found = {"input": given}
    for layer in model.network.layers:
        read = [found[name] for name in layer.inputs]
        x = read[0]
        arguments = dict(layer.made_by[1])
        match layer.kind:
            case LayerKind.CONV | LayerKind.FC:
                parameters = model.parameters[layer.name]
                weight = parameters.values()
                weight = np.rint(weight).astype(np.int64) if whole else weight
                y = (
                    convolve(x, weight, layer)
                    if layer.kind is LayerKind.CONV
                    else (weight[:, :, 0, 0] @ x.reshape(-1)).reshape(-1, 1, 1)
                )
                if parameters.bias is not None:
                    y = y + parameters.bias.astype(y.dtype)[:, None, None]
            case LayerKind.BATCH_NORM:
                norm = model.norms[layer.name]
                if whole:
                    y = norm.gamma.astype(np.int64)[:, None, None] * x + norm.beta.astype(np.int64)[:, None, None]
                else:
                    scale = norm.gamma / np.sqrt(norm.variance + norm.epsilon)
                    y = scale[:, None, None] * (x - norm.mean[:, None, None]) + norm.beta[:, None, None]
            case LayerKind.POOL:
                y = window(x, layer)
            case LayerKind.ACTIVATION:
                y = np.maximum(x, 0)
            case LayerKind.ADD:
                y = sum(read[1:], read[0])
            case LayerKind.MULTIPLY:
                y = read[0] * read[1]
            case LayerKind.CONCAT:
                y = np.concatenate(read)
            case LayerKind.SHUFFLE:
                y = x.reshape(arguments["groups"], -1, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)
            case LayerKind.RESHAPE if layer.operation == "flatten":
                y = x.reshape(-1, 1, 1)
            case LayerKind.RESHAPE if layer.operation == "slice":
                y = x[slice(*arguments["range"])]
            case LayerKind.RESHAPE if layer.operation == "pad_channels":
                y = np.concatenate([x, np.zeros((layer.output_shape[0] - len(x), *x.shape[1:]), x.dtype)])
            case _:
                raise NotImplementedError(layer.operation)
        if y.shape != layer.output_shape:
            raise ValueError(f"{layer.name}: {y.shape} is not {layer.output_shape}, {prod(y.shape)} words")
        found[layer.name] = y
    return found
