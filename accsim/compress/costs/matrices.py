"""Structured forms of fully connected layers and hashed kernels: sizes and operations."""

from __future__ import annotations

from math import prod

from accsim.compress.codes import REAL_BITS
from accsim.compress.costs.cost import Cost, positive
from accsim.errors import AccsimError
from accsim.workload.layer import Geometry, Layer


def _fc(layer: Layer, method: str) -> Geometry:
    if layer.geometry is None or layer.kind.value != "fc":
        raise AccsimError(
            f"layer {layer.name!r}: {method} is for fully connected layers, and this is {layer.kind.value}"
        )
    return layer.geometry


def _product(layer: Layer, what: str, size: int, factors: tuple[int, ...]) -> None:
    for factor in factors:
        positive(factor=factor)
    if not factors or prod(factors) != size:
        shown = " x ".join(map(str, factors)) or "nothing"
        raise AccsimError(f"layer {layer.name!r}: {what} is {size}, but its factors {shown} make {prod(factors)}")


def tensor_ring_fc(layer: Layer, rank: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Cost:
    """A ring of cores r x n x r, one per factor of the layer's inputs C and outputs M.

    The cores of C and those of M are multiplied out once (``merge``); then each vector costs C r^2 + M r^2 MACs.

    Args:
        layer: the fully connected layer.
        rank: r.
        inputs, outputs: factors whose products are C and M.
    """
    g = _fc(layer, "tensor ring")
    positive(rank=rank)
    _product(layer, "C", g.C, inputs)
    _product(layer, "M", g.M, outputs)
    parameters = rank * rank * (sum(inputs) + sum(outputs))
    merge = sum(rank**3 * prod(factors[: i + 1]) for factors in (inputs, outputs) for i in range(1, len(factors)))
    return Cost(
        "tensor ring",
        "r^2 (sum of the factors of C and of M) weights; r^2 (C + M) MACs per vector",
        "Wang et al., CVPR 2018 (arXiv 1802.09052)",
        parameters,
        parameters * REAL_BITS,
        g.N * g.P * rank * rank * (g.C + g.M),
        operations=(("merge", merge),),
    )


def block_term(layer: Layer, blocks: int, rank: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Cost:
    """A sum of N Tucker blocks, each a core r^d and d factors I_k x J_k x r.

    Each block takes the input's axes in turn, first to last, and the core behind the last one.

    Args:
        layer: the fully connected layer.
        blocks: N.
        rank: r.
        inputs, outputs: I_k and J_k, d of each.
    """
    g = _fc(layer, "block term")
    positive(blocks=blocks, rank=rank)
    _product(layer, "C", g.C, inputs)
    _product(layer, "M", g.M, outputs)
    if len(inputs) != len(outputs):
        raise AccsimError(
            f"layer {layer.name!r}: inputs and outputs need equally many factors, got {len(inputs)} and {len(outputs)}"
        )
    order = len(inputs)
    parameters = blocks * (sum(i * j for i, j in zip(inputs, outputs, strict=True)) * rank + rank**order)
    steps = sum(prod(outputs[: k + 1]) * rank ** (k + 1) * prod(inputs[k:]) for k in range(order))
    return Cost(
        "block term",
        "N (r sum of I_k J_k + r^d) weights; N (sum of J_1..J_k r^k I_k..I_d + M r^d) MACs per vector",
        "Ye et al., CVPR 2018 (arXiv 1712.05134)",
        parameters,
        parameters * REAL_BITS,
        g.N * g.P * blocks * (steps + g.M * rank**order),
    )


def fastfood(layer: Layer) -> Cost:
    """ceil(M / d) blocks S H G Pi H B on d = C rounded up to a power of two: three diagonals and two fast
    Walsh-Hadamard transforms each.

    A block has 3 d parameters and does 3 d multiplications and 2 d log2(d) additions; Pi is d moves.
    """
    g = _fc(layer, "Fastfood")
    size = 1 << max(0, (g.C - 1).bit_length())
    blocks = -(-g.M // size)
    vectors = g.N * g.P
    return Cost(
        "Fastfood",
        "3 d ceil(M / d) parameters; 3 d multiplications and 2 d log2(d) additions per block",
        "Yang et al., ICCV 2015 (arXiv 1412.7149)",
        3 * size * blocks,
        3 * size * blocks * REAL_BITS,
        0,
        operations=(
            ("multiply", vectors * blocks * 3 * size),
            ("add", vectors * blocks * 2 * size * (size.bit_length() - 1)),
            ("move", vectors * blocks * size),
        ),
    )


def freshnets(layer: Layer, buckets: tuple[int, ...]) -> Cost:
    """Cosine coefficients of kernels that share values by a hash, with a bucket count for every frequency u + v.

    The R + S - 1 counts must not grow with the frequency. Weights are transformed back, M C (R^2 S + R S^2) MACs, one
    hash each; the layer's own MACs stay.
    """
    g = layer.geometry
    if g is None or layer.kind.value != "conv":
        raise AccsimError(f"layer {layer.name!r}: FreshNets is for convolutions, and this is {layer.kind.value}")
    if len(buckets) != g.R + g.S - 1:
        raise AccsimError(
            f"layer {layer.name!r}: a kernel of {g.R} x {g.S} has {g.R + g.S - 1} frequencies, got "
            f"{len(buckets)} counts"
        )
    for count in buckets:
        positive(buckets=count)
    if list(buckets) != sorted(buckets, reverse=True):
        raise AccsimError(f"layer {layer.name!r}: bucket counts must not grow with the frequency, got {list(buckets)}")
    back = g.M * g.channels_per_group * (g.R * g.R * g.S + g.R * g.S * g.S)
    return Cost(
        "FreshNets",
        "sum of the bucket counts; M C hashes x R S; M C (R^2 S + R S^2) MACs of the transform",
        "Chen et al., KDD 2016 (arXiv 1506.04449)",
        sum(buckets),
        sum(buckets) * REAL_BITS,
        g.macs + back,
        operations=(("hash", g.weight_words),),
    )


def strassen(layer: Layer, levels: int) -> Cost:
    """The layer as a matrix product by Strassen's algorithm: 7 products of half the size for 8, and 18 sums of blocks.

    M, C R S and the outputs are padded to multiples of 2^levels; operands grow by one bit per level.
    """
    g = layer.geometry
    if g is None:
        raise AccsimError(f"layer {layer.name!r}: Strassen's algorithm is for layers with MACs")
    positive(levels=levels)
    unit = 1 << levels
    rows, depth, columns = (
        -(-size // unit) * unit for size in (g.filters_per_group, g.channels_per_group * g.R * g.S, g.N * g.P * g.Q)
    )
    adds = 0
    for level in range(1, levels + 1):
        a, b, c = (size >> level for size in (rows, depth, columns))
        adds += 7 ** (level - 1) * (5 * a * b + 5 * b * c + 8 * a * c)
    macs = 7**levels * (rows >> levels) * (depth >> levels) * (columns >> levels)
    return Cost(
        "Strassen",
        "7^l products of blocks; 18 sums of blocks per level (5 of each operand's, 8 of the result's)",
        "Strassen, Numerische Mathematik 13, 1969",
        layer.weight_words,
        layer.weight_words * REAL_BITS,
        g.G * macs,
        operations=(("add", g.G * adds),),
        checked=True,
    )
