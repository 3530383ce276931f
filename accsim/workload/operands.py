"""The operands of a layer with MACs: their names, their shapes, and how they look in the layer's loops."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accsim.workload.layer import Layer, LayerKind

NAMES = ("ifmap", "weight", "ofmap")
PRODUCT_NAMES = ("ifmap", "ifmap2", "ofmap")
"""Tensors of a layer, and of a product of two activations."""

Kind = TypeVar("Kind", bound=np.generic)


def names_of(layer: Layer) -> tuple[str, str, str]:
    """Names of the tensors of a layer with MACs: two operands and the output."""
    return PRODUCT_NAMES if layer.kind is LayerKind.MATMUL else NAMES


def shape_of(layer: Layer, which: str) -> tuple[int, ...]:
    """Shape of a tensor of a layer with MACs."""
    if which == "ofmap":
        return (layer.batch, *layer.output_shape)
    if which == "ifmap":
        return (layer.batch, *layer.input_shapes[0])
    if which == "ifmap2":
        return (layer.batch, *layer.input_shapes[1])
    g = layer.geometry
    return () if g is None else (g.M, g.channels_per_group, g.R, g.S)


def as_map(layer: Layer, ifmap: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    """A layer's ifmap as [N, C, H, W] of its geometry.

    Tokens become the height of a map. The heads of a product of two activations become groups of channels: of the
    attended values, [batch, heads, queries, keys], the keys are the channels.
    """
    g = layer.geometry
    maps = ifmap.reshape(shape_of(layer, "ifmap"))
    if g is None:
        return maps
    if maps.ndim == 3 or layer.kind is LayerKind.MATMUL:
        maps = np.swapaxes(maps, -1, -2)
    return maps.reshape(g.N, g.C, g.H, g.W)


def as_filters(layer: Layer, weight: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    """A layer's second operand as [M, C / G, R, S] of its geometry.

    Of a product of two activations column m of head g is filter g * M / G + m.
    """
    g = layer.geometry
    if g is None:
        return weight
    if layer.kind is not LayerKind.MATMUL:
        return weight.reshape(g.M, g.channels_per_group, g.R, g.S)
    heads, columns, depth = g.G // layer.batch, g.filters_per_group, g.channels_per_group
    maps = weight.reshape(shape_of(layer, "ifmap2"))
    if layer.operation == "query_key":
        by_head = maps.reshape(layer.batch, columns, heads, depth).transpose(0, 2, 1, 3)
    else:
        by_head = maps.reshape(layer.batch, depth, heads, columns).transpose(0, 2, 3, 1)
    return by_head.reshape(g.M, depth, 1, 1)
