"""Factorisations of convolutions into chains: shapes, weights and MACs.

C channels, M filters, R x S kernels, P x Q outputs, r a rank.
"""

from __future__ import annotations

from typing import Any

from accsim.compress.codes import REAL_BITS
from accsim.compress.costs.cost import Cost, chain, no_groups, positive
from accsim.errors import AccsimError
from accsim.workload.layer import Geometry, Layer


def _window(g: Geometry, rows: bool, cols: bool) -> dict[str, Any]:
    """The layer's stride, dilation and padding along one axis or both."""
    return {
        "stride": (g.stride_h if rows else 1, g.stride_w if cols else 1),
        "dilation": (g.dilation_h if rows else 1, g.dilation_w if cols else 1),
        "pad": (*((g.pad_top, g.pad_bottom) if rows else (0, 0)), *((g.pad_left, g.pad_right) if cols else (0, 0))),
    }


def _geometry(layer: Layer, method: str) -> Geometry:
    no_groups(layer, method)
    if layer.geometry is None:
        raise AccsimError(f"layer {layer.name!r}: {method} is for convolutions")
    return layer.geometry


def _cost(
    layers: tuple[Layer, ...], method: str, formula: str, source: str, bits: int = REAL_BITS, **more: Any
) -> Cost:
    weights = sum(layer.weight_words for layer in layers)
    return Cost(method, formula, source, weights, weights * bits, sum(layer.macs for layer in layers), layers, **more)


def asymmetric_3d(layer: Layer, first: int, second: int) -> Cost:
    """R x 1: C -> r1, 1 x S: r1 -> r2, 1 x 1: r2 -> M. On weights it is ``spatial_svd``, then ``channel_svd`` of its
    second layer.
    """
    g = _geometry(layer, "Asym. 3d")
    positive(first=first, second=second)
    layers = chain(
        layer,
        [
            {"filters": first, "kernel": (g.R, 1), **_window(g, True, False)},
            {"filters": second, "kernel": (1, g.S), **_window(g, False, True)},
            {"filters": g.M, "kernel": (1, 1)},
        ],
    )
    return _cost(layers, "Asym. 3d", "r1 R C + r1 r2 S + r2 M weights", "Zhang et al., TPAMI 2016 (arXiv 1505.06798)")


def flattened(layer: Layer) -> Cost:
    """1 x 1: C -> M, depthwise R x 1, depthwise 1 x S; trained from the start in the paper."""
    g = _geometry(layer, "flattened convolution")
    layers = chain(
        layer,
        [
            {"filters": g.M, "kernel": (1, 1)},
            {"filters": g.M, "groups": g.M, "kernel": (g.R, 1), **_window(g, True, False)},
            {"filters": g.M, "groups": g.M, "kernel": (1, g.S), **_window(g, False, True)},
        ],
    )
    return _cost(
        layers, "flattened convolution", "M (C + R + S) weights", "Jin et al., ICLR 2015 workshop (arXiv 1412.5474)"
    )


def filter_groups(layer: Layer, groups: int) -> Cost:
    """R x S in g groups: C -> M, 1 x 1: M -> M."""
    g = _geometry(layer, "filter group approximation")
    positive(groups=groups)
    layers = chain(
        layer,
        [
            {"filters": g.M, "groups": groups, "kernel": (g.R, g.S), **_window(g, True, True)},
            {"filters": g.M, "kernel": (1, 1)},
        ],
    )
    return _cost(
        layers, "filter group approximation", "C M R S / g + M^2 weights", "Peng et al., ECCV 2018 (arXiv 1807.11254)"
    )


def fixed_point_factorized(layer: Layer, rank: int) -> Cost:
    """Ternary R x S: C -> r, a real factor for each of the r, ternary 1 x 1: r -> M: the semi-discrete W ~ X D Y^T.

    Ternary weights take 2 bits, the r factors 32. The factors cost r P Q multiplications.
    """
    g = _geometry(layer, "fixed-point factorized network")
    positive(rank=rank)
    layers = chain(
        layer,
        [
            {"filters": rank, "kernel": (g.R, g.S), **_window(g, True, True)},
            {"filters": g.M, "kernel": (1, 1)},
        ],
    )
    weights = sum(one.weight_words for one in layers)
    return Cost(
        "fixed-point factorized network",
        "2 bits x r (C R S + M) weights + 32 bits x r factors; r P Q multiplications",
        "Wang and Cheng, CVPR 2017 (arXiv 1611.01972)",
        weights + rank,
        2 * weights + REAL_BITS * rank,
        sum(one.macs for one in layers),
        layers,
        (("multiply", g.N * rank * g.P * g.Q),),
    )


def tensor_ring_conv(layer: Layer, rank: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Cost:
    """A ring of cores r x n x r, one per factor of C and of M, and one r x R S x r for the kernel.

    The cores of C are multiplied out, then those of M, and the layer runs as 1 x 1: C -> r^2, R x S in r groups:
    r^2 -> r^2, 1 x 1: r^2 -> M, which is the chain that is given; what multiplying out costs is ``merge``.

    Args:
        layer: the convolution.
        rank: r.
        inputs, outputs: factors whose products are C and M.
    """
    g = _geometry(layer, "tensor ring")
    positive(rank=rank)
    _factors(layer, "C", g.C, inputs)
    _factors(layer, "M", g.M, outputs)
    square = rank * rank
    layers = chain(
        layer,
        [
            {"filters": square, "kernel": (1, 1)},
            {"filters": square, "groups": rank, "kernel": (g.R, g.S), **_window(g, True, True)},
            {"filters": g.M, "kernel": (1, 1)},
        ],
    )
    parameters = square * (sum(inputs) + sum(outputs) + g.R * g.S)
    return Cost(
        "tensor ring",
        "r^2 (sum of the factors of C and of M + R S) weights",
        "Wang et al., CVPR 2018 (arXiv 1802.09052)",
        parameters,
        parameters * REAL_BITS,
        sum(one.macs for one in layers),
        layers,
        (("merge", _merge(rank, inputs) + _merge(rank, outputs)),),
    )


def _factors(layer: Layer, what: str, size: int, factors: tuple[int, ...]) -> None:
    product = 1
    for factor in factors:
        positive(factor=factor)
        product *= factor
    if product != size:
        shown = " x ".join(map(str, factors)) or "nothing"
        raise AccsimError(f"layer {layer.name!r}: {what} is {size}, but its factors {shown} make {product}")


def _merge(rank: int, factors: tuple[int, ...]) -> int:
    """MACs of multiplying a ring's cores out, from the first to the last."""
    total, size = 0, factors[0]
    for factor in factors[1:]:
        size *= factor
        total += rank**3 * size
    return total


def stride_merged_pool(conv: Layer, pool: Layer) -> Cost:
    """A convolution and the pooling behind it as one convolution: stride x stride (DeepRebirth's streamline merging).

    The new layer has the convolution's kernel and gives the pooling's outputs: padding behind is added, or what it does
    not reach is left out. Any norm or LRN between is dropped. It does not compute what the two did; the paper trains it
    anew.

    Raises:
        AccsimError: ``pool`` is no pooling, or no padding gives its outputs.
    """
    g = _geometry(conv, "streamline merging")
    arguments = dict(pool.made_by[1])
    if pool.kind.value != "pool" or pool.made_by[0] == "global_average_pool":
        raise AccsimError(f"layer {pool.name!r}: it is no pooling with a stride")
    by_h, by_w = arguments["stride"] or pool.window
    stride = (g.stride_h * by_h, g.stride_w * by_w)
    _, rows, cols = pool.output_shape
    reach = (g.dilation_h * (g.R - 1) + 1, g.dilation_w * (g.S - 1) + 1)
    bottom = max(0, (rows - 1) * stride[0] + reach[0] - g.H - g.pad_top)
    right = max(0, (cols - 1) * stride[1] + reach[1] - g.W - g.pad_left)
    layers = chain(
        conv,
        [
            {
                "filters": g.M, "kernel": (g.R, g.S), "stride": stride, "dilation": (g.dilation_h, g.dilation_w),
                "pad": (g.pad_top, bottom, g.pad_left, right),
            }
        ],
    )  # fmt: skip
    if layers[0].output_shape != pool.output_shape:
        raise AccsimError(
            f"layer {conv.name!r}: with a stride of {list(stride)} it gives {list(layers[0].output_shape)}, not the "
            f"{list(pool.output_shape)} of {pool.name!r}"
        )
    return _cost(
        layers, "streamline merging", "C M R S weights, P Q of the pooling", "Li et al., AAAI 2018 (arXiv 1708.04728)"
    )
