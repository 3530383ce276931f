"""Layers without MACs, and convolution of reals: what each computes, in NumPy and float64.

Feature maps are [N, C, H, W] for images and [N, tokens, width] for sequences. Options are those of the operation that
made the layer (``Layer.made_by``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import LayerNormParameters, NormParameters
from accsim.errors import AccsimError
from accsim.workload.layer import Geometry, Layer
from accsim.workload.windows import slide

_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(values: Reals) -> Reals:
    """The error function."""
    out: Reals = _erf(values)
    return out


def convolve_real(ifmap: Reals, weight: Reals, geometry: Geometry) -> Reals:
    """The convolution of real numbers, [N, M, P, Q].

    Args:
        ifmap: [N, C, H, W]. weight: [M, C / G, R, S].
    """
    g = geometry
    pads = ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right))
    padded = np.pad(ifmap, pads)
    out = np.zeros((g.N, g.G, g.filters_per_group, g.P * g.Q))
    filters = weight.reshape(g.G, g.filters_per_group, g.channels_per_group, g.R, g.S)
    for r in range(g.R):
        rows = slice(r * g.dilation_h, r * g.dilation_h + (g.P - 1) * g.stride_h + 1, g.stride_h)
        for s in range(g.S):
            cols = slice(s * g.dilation_w, s * g.dilation_w + (g.Q - 1) * g.stride_w + 1, g.stride_w)
            tap = padded[:, :, rows, cols].reshape(g.N, g.G, g.channels_per_group, g.P * g.Q)
            out += filters[None, :, :, :, r, s] @ tap
    return out.reshape(g.N, g.M, g.P, g.Q)


def pool(layer: Layer, values: Reals) -> Reals:
    """Maximum or average of each window; padding is no pixel, unless ``count_pad`` says that it counts."""
    options = dict(layer.made_by[1])
    if "window" not in options:
        mean: Reals = values.mean(axis=(2, 3), keepdims=True)
        return mean
    window = options["window"]
    stride, pad = options["stride"] or window, options["pad"]
    _, _, height, width = values.shape
    rows = slide("height", height, window[0], stride[0], 1, pad and pad[:2], options["ceil"])
    cols = slide("width", width, window[1], stride[1], 1, pad and pad[2:], options["ceil"])
    largest = layer.operation == "max"
    behind = [max(0, (a.outputs - 1) * a.stride + a.kernel - a.before - a.size) for a in (rows, cols)]
    pads = ((0, 0), (0, 0), (rows.before, behind[0]), (cols.before, behind[1]))

    def taps(padded: Reals) -> Sequence[Reals]:
        down = [slice(r, r + (rows.outputs - 1) * rows.stride + 1, rows.stride) for r in range(window[0])]
        across = [slice(s, s + (cols.outputs - 1) * cols.stride + 1, cols.stride) for s in range(window[1])]
        return [padded[:, :, r, s] for r in down for s in across]

    if largest:
        most: Reals = np.maximum.reduce(taps(np.pad(values, pads, constant_values=-np.inf)))
        return most
    total = np.add.reduce(taps(np.pad(values, pads)))
    pixels = np.ones((1, 1, height, width))
    if options.get("count_pad", False):
        around = ((0, 0), (0, 0), (rows.before, rows.after), (cols.before, cols.after))
        pixels = np.pad(pixels, around, constant_values=1.0)
        beyond = [max(0, b - a.after) for b, a in zip(behind, (rows, cols), strict=True)]
        pixels = np.pad(pixels, ((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1])))
    else:
        pixels = np.pad(pixels, pads)
    out: Reals = total / np.add.reduce(taps(pixels))
    return out


def normalise(values: Reals, norm: NormParameters) -> Reals:
    """Batch normalisation of [N, C, H, W] with running mean and variance."""
    factor = norm.gamma / np.sqrt(norm.variance + norm.epsilon)
    shift = norm.beta - norm.mean * factor
    return values * factor[:, None, None] + shift[:, None, None]


def lrn(layer: Layer, values: Reals) -> Reals:
    """Divide by (bias + alpha / window * sum of squares of neighbouring channels)^beta (Krizhevsky et al., NIPS 2012).

    Alpha is divided by the window, as Caffe and ONNX do; of an even window the longer side is behind.
    """
    options = dict(layer.made_by[1])
    window = options["window"]
    before = (window - 1) // 2
    squares = np.pad(values**2, ((0, 0), (before, window - 1 - before), (0, 0), (0, 0)))
    total = np.add.reduce([squares[:, i : i + values.shape[1]] for i in range(window)])
    out: Reals = values / (options["bias"] + options["alpha"] / window * total) ** options["beta"]
    return out


def normalise_tokens(values: Reals, norm: LayerNormParameters) -> Reals:
    """Layer normalisation over the last axis of [N, tokens, width] (Ba et al., 2016)."""
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + norm.epsilon)
    out: Reals = centred / deviation * norm.gamma + norm.beta
    return out


def look_up(layer: Layer, table: Reals, numbers: Reals) -> Reals:
    """Rows of a table by token numbers [N, tokens, 1].

    Raises:
        AccsimError: a number that is not whole, or names no row.
    """
    whole = numbers.astype(np.int64)
    wrong = (whole != numbers) | (whole < 0) | (whole >= len(table))
    if wrong.any():
        first = numbers[wrong][0]
        raise AccsimError(f"layer {layer.name!r}: its table has rows 0 to {len(table) - 1}, but row {first:g} is read")
    return table[whole[..., 0]]


def prelu(values: Reals, slopes: Reals) -> Reals:
    """Slopes below 0: one, or one per channel of [N, C, H, W], per entry of [N, tokens, width]."""
    over = slopes if slopes.size == 1 or values.ndim == 3 else slopes[:, None, None]
    return np.where(values < 0, over * values, values)


def scaled_scores(layer: Layer, scores: Reals, depth: int) -> Reals:
    """Attention scores [N, heads, queries, keys] with their scale, and minus infinity behind causal queries.

    The last query stands at the last key, so that queries behind a cache of keys see all of it.

    Args:
        depth: width of a head.
    """
    options = dict(layer.made_by[1])
    factor = options.get("scale")
    out: Reals = scores * (depth**-0.5 if factor is None else factor)
    if options.get("causal", False):
        queries, keys = scores.shape[2:]
        out[..., ~np.tri(queries, keys, keys - queries, dtype=np.bool_)] = -np.inf
    return out


def softmax(values: Reals, *, over_keys: bool = False) -> Reals:
    """Over the channels of an image or vector, over the last axis of a sequence or of attention scores."""
    axis = 1 if values.ndim == 4 and not over_keys else -1
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    out: Reals = powers / powers.sum(axis=axis, keepdims=True)
    return out


def _sigmoid(values: Reals) -> Reals:
    return 0.5 * (1.0 + np.tanh(0.5 * values))


ACTIVATIONS: Mapping[str, Callable[[Reals, Mapping[str, Any]], Reals]] = {
    "relu": lambda x, o: np.maximum(x, 0.0),
    "relu6": lambda x, o: np.clip(x, 0.0, 6.0),
    "clip": lambda x, o: np.clip(x, o["low"], o["high"]),
    "leaky_relu": lambda x, o: np.where(x < 0, o["slope"] * x, x),
    "gelu": lambda x, o: 0.5 * x * (1.0 + erf(x / np.sqrt(2.0))),
    "gelu_tanh": lambda x, o: 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x, o: x * _sigmoid(x),
    "tanh": lambda x, o: np.tanh(x),
    "sigmoid": lambda x, o: _sigmoid(x),
    "hard_swish": lambda x, o: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "hard_sigmoid": lambda x, o: np.clip(o["slope"] * x + o["offset"], 0.0, 1.0),
}
"""Activations that have no trained parameters."""


def shuffle(layer: Layer, values: Reals) -> Reals:
    """The operations that move words: channel shuffle, depth to space, nearest-neighbour upsampling."""
    options = dict(layer.made_by[1])
    n, c, h, w = values.shape
    match layer.operation:
        case "upsample":
            down, across = options["factor"]
            return values.repeat(down, axis=2).repeat(across, axis=3)
        case "depth_to_space":
            b = options["block"]
            if options["order"] == "crd":
                split = values.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
            else:
                split = values.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
            return split.reshape(n, c // b**2, h * b, w * b)
        case _:
            groups = options["groups"]
            return values.reshape(n, groups, c // groups, h, w).swapaxes(1, 2).reshape(values.shape)


def reshape(layer: Layer, values: Reals) -> Reals:
    """The operations that only address: flatten, tokens, slice, zero channels."""
    operation, made = layer.made_by
    options = dict(made)
    match operation:
        case "tokens":
            return values.reshape(*values.shape[:2], -1).swapaxes(1, 2)
        case "slice":
            first, end = options["range"]
            axis = 1 if values.ndim == 4 or options["axis"] == "tokens" else 2
            return values.take(np.arange(first, end), axis=axis)
        case "pad_channels":
            return np.pad(values, ((0, 0), (0, options["channels"] - values.shape[1]), (0, 0), (0, 0)))
        case _:
            return values.reshape(len(values), *layer.output_shape)
