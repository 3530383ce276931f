"""A network run forwards and backwards: feature maps, and the gradients of its parameters.

Feature maps are [N, H, W, C] here. Convolutions (any groups, stride, padding and dilation), fully connected layers,
batch normalisation, ReLU, max pooling, concatenation and flattening are known, which is what the digits' network and
all its compressed forms are made of.

Codes are trained straight through (Bengio et al., 2013, arXiv 1308.3432): the network runs with the coded weights and
feature maps, and the gradient passes to the values behind them as if they had not been rounded. A feature map's
gradient passes only where the value is within the range of the code (Hubara et al., NIPS 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accsim.compress.executor import INPUT
from accsim.compress.feature_codes import decode, encode, has_integers, limits
from accsim.compress.model import ActivationCode
from accsim.errors import AccsimError
from accsim.study.digits.arithmetic import column_sums, product, transposed_product
from accsim.workload.layer import Geometry, Layer, LayerKind
from accsim.workload.network import Network

Floats = npt.NDArray[np.float32]
Parameters = dict[str, Floats]
"""Arrays by ``LAYER.weight`` [M, C / G, R, S], ``LAYER.bias``, ``LAYER.gamma``, ``LAYER.beta``."""

EPSILON = np.float32(1e-5)
"""Added to the variance of a batch normalisation."""

Backward = Callable[[Floats], tuple[Floats, ...]]
"""Gradients of a layer's inputs from that of its output."""


@dataclass(slots=True, eq=False)
class Pass:
    """One run of a network over a batch.

    Attributes:
        values: feature maps by layer.
        gradients: of the parameters, once ``backward`` has run.
        statistics: mean and variance of the batch by batch normalisation.
    """

    network: Network
    parameters: Mapping[str, Floats]
    codes: Mapping[str, ActivationCode] = field(default_factory=dict)
    values: dict[str, Floats] = field(default_factory=dict)
    gradients: Parameters = field(default_factory=dict)
    statistics: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    _back: dict[str, Backward] = field(default_factory=dict)
    _within: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def forward(self, images: Floats) -> Floats:
        """Run over images [N, C, H, W].

        Returns:
            The scores [N, classes].
        """
        self._keep(INPUT, np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
        for layer in self.network.layers:
            read = [self.values[name] for name in layer.inputs]
            out, self._back[layer.name] = self._run(layer, read)
            self._keep(layer.name, out)
        scores = self.values[self.network.layers[-1].name]
        return scores.reshape(len(images), -1)

    def backward(self, gradient: Floats) -> None:
        """Fill ``gradients`` from the gradient of the scores [N, classes]."""
        last = self.network.layers[-1].name
        above: dict[str, Floats] = {last: gradient.reshape(self.values[last].shape)}
        for layer in reversed(self.network.layers):
            if layer.name not in above:
                continue
            arrived = above.pop(layer.name)
            if layer.name in self._within:
                arrived = np.where(self._within[layer.name], arrived, np.float32(0))
            for name, part in zip(layer.inputs, self._back[layer.name](arrived), strict=True):
                above[name] = above[name] + part if name in above else part

    def _keep(self, name: str, values: Floats) -> None:
        code = self.codes.get(name)
        if code is not None and has_integers(code):
            wide = values.astype(np.float64)
            if code.kind == "binary":
                self._within[name] = np.abs(values) <= np.float32(code.scale or 1.0)
            else:
                low, high = ((limit - code.zero_point) * (code.scale or 1.0) for limit in limits(code))
                self._within[name] = (wide >= low) & (wide <= high)
            values = decode(encode(wide, code), code).astype(np.float32)
        self.values[name] = values

    def _run(self, layer: Layer, read: list[Floats]) -> tuple[Floats, Backward]:
        match layer.kind:
            case LayerKind.CONV | LayerKind.FC if layer.geometry is not None:
                return self._convolve(layer, layer.geometry, read[0])
            case LayerKind.BATCH_NORM:
                return self._normalise(layer.name, read[0])
            case LayerKind.ACTIVATION if layer.operation == "relu":
                positive = read[0] > 0
                zero = np.float32(0)
                return np.where(positive, read[0], zero), lambda g: (np.where(positive, g, zero),)
            case LayerKind.POOL if layer.operation == "max":
                return _max_pool(layer, read[0])
            case LayerKind.CONCAT:
                ends = np.cumsum([part.shape[-1] for part in read])[:-1]
                return np.concatenate(read, axis=-1), lambda g: tuple(np.split(g, ends, axis=-1))
            case LayerKind.RESHAPE if layer.operation == "flatten":
                shape = read[0].shape
                flat = read[0].transpose(0, 3, 1, 2).reshape(shape[0], 1, 1, -1)
                back = (shape[0], shape[3], shape[1], shape[2])
                return flat, lambda g: (g.reshape(back).transpose(0, 2, 3, 1),)
            case _:
                raise AccsimError(f"layer {layer.name!r}: {layer.operation or layer.kind.value} cannot be trained here")

    def _convolve(self, layer: Layer, g: Geometry, values: Floats) -> tuple[Floats, Backward]:
        name, batch, shape = layer.name, len(values), values.shape
        ifmap = values
        if (shape[1], shape[2], shape[3]) != (g.H, g.W, g.C):  # a fully connected layer behind a map
            ifmap = values.transpose(0, 3, 1, 2).reshape(batch, g.C, g.H, g.W).transpose(0, 2, 3, 1)
        padded = np.pad(ifmap, ((0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right), (0, 0)))
        weight, depth = self.parameters[f"{name}.weight"], g.channels_per_group
        out = np.empty((batch, g.P, g.Q, g.M), np.float32)
        columns, filters = [], []
        for group in range(g.G):
            own = slice(group * g.filters_per_group, (group + 1) * g.filters_per_group)
            columns.append(_columns(padded[..., group * depth : (group + 1) * depth], g))
            filters.append(np.ascontiguousarray(weight[own].transpose(2, 3, 1, 0)).reshape(-1, g.filters_per_group))
            out[..., own] = product(columns[-1], filters[-1]).reshape(batch, g.P, g.Q, -1)
        if f"{name}.bias" in self.parameters:
            out = out + self.parameters[f"{name}.bias"]

        def back(gradient: Floats) -> tuple[Floats, ...]:
            into = np.zeros_like(padded)
            found = np.empty(weight.shape, np.float32)
            for group in range(g.G):
                own = slice(group * g.filters_per_group, (group + 1) * g.filters_per_group)
                rows = np.ascontiguousarray(gradient[..., own]).reshape(-1, g.filters_per_group)
                of_filters = transposed_product(columns[group], rows)
                found[own] = of_filters.reshape(g.R, g.S, depth, -1).transpose(3, 2, 0, 1)
                of_columns = product(rows, np.ascontiguousarray(filters[group].T))
                _scatter(into[..., group * depth : (group + 1) * depth], of_columns, g)
            self.gradients[f"{name}.weight"] = found
            if f"{name}.bias" in self.parameters:
                self.gradients[f"{name}.bias"] = column_sums(np.ascontiguousarray(gradient).reshape(-1, g.M))
            inner = into[:, g.pad_top : g.pad_top + g.H, g.pad_left : g.pad_left + g.W]
            return (inner.transpose(0, 3, 1, 2).reshape(batch, shape[3], shape[1], shape[2]).transpose(0, 2, 3, 1),)

        return out, back

    def _normalise(self, name: str, values: Floats) -> tuple[Floats, Backward]:
        """By the mean and the variance of the batch (Ioffe and Szegedy, ICML 2015)."""
        shape = values.shape
        rows = np.ascontiguousarray(values).reshape(-1, shape[-1])
        count = np.float32(len(rows))
        mean = column_sums(rows) / count
        centred = rows - mean
        variance = column_sums(centred * centred) / count
        self.statistics[name] = (mean, variance)
        factor = np.float32(1) / np.sqrt(variance + EPSILON)
        normal = centred * factor
        gamma = self.parameters[f"{name}.gamma"]
        out = normal * gamma + self.parameters[f"{name}.beta"]

        def back(gradient: Floats) -> tuple[Floats, ...]:
            g = np.ascontiguousarray(gradient).reshape(-1, shape[-1])
            of_gamma, of_beta = column_sums(g * normal), column_sums(g)
            self.gradients[f"{name}.gamma"], self.gradients[f"{name}.beta"] = of_gamma, of_beta
            return ((gamma * factor * (g - of_beta / count - normal * (of_gamma / count))).reshape(shape),)

        return out.reshape(shape), back


def _taps(g: Geometry) -> list[tuple[slice, slice]]:
    """The rows and columns of the padded map that each tap of the filter meets, row by row."""
    down = [slice(r * g.dilation_h, r * g.dilation_h + (g.P - 1) * g.stride_h + 1, g.stride_h) for r in range(g.R)]
    across = [slice(s * g.dilation_w, s * g.dilation_w + (g.Q - 1) * g.stride_w + 1, g.stride_w) for s in range(g.S)]
    return [(rows, cols) for rows in down for cols in across]


def _columns(padded: Floats, g: Geometry) -> Floats:
    """The windows as rows: [N P Q, R S C]."""
    return np.concatenate([padded[:, rows, cols] for rows, cols in _taps(g)], axis=-1).reshape(
        -1, g.R * g.S * padded.shape[-1]
    )


def _scatter(into: Floats, columns: Floats, g: Geometry) -> None:
    """Add what belongs to windows, [N P Q, R S C], back to the padded map, tap by tap."""
    depth = into.shape[-1]
    parts = columns.reshape(len(into), g.P, g.Q, g.R * g.S, depth)
    for tap, (rows, cols) in enumerate(_taps(g)):
        into[:, rows, cols] += parts[:, :, :, tap]


def _max_pool(layer: Layer, values: Floats) -> tuple[Floats, Backward]:
    """Windows without padding; the gradient goes to the first of the largest pixels."""
    options = dict(layer.made_by[1])
    window = options["window"]
    stride = options["stride"] or window
    if options["pad"] and any(options["pad"]):
        raise AccsimError(f"layer {layer.name!r}: pooling with padding cannot be trained here")
    height, width = layer.output_shape[1:]
    places = [
        (slice(r, r + (height - 1) * stride[0] + 1, stride[0]), slice(s, s + (width - 1) * stride[1] + 1, stride[1]))
        for r in range(window[0])
        for s in range(window[1])
    ]
    taps = np.stack([values[:, rows, cols] for rows, cols in places])
    first = taps.argmax(axis=0)

    def back(gradient: Floats) -> tuple[Floats, ...]:
        into = np.zeros_like(values)
        for tap, (rows, cols) in enumerate(places):
            into[:, rows, cols] += np.where(first == tap, gradient, np.float32(0))
        return (into,)

    return taps.max(axis=0), back
