"""Shape inference against a naive twin: every multiplication counted in plain loops."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given

from accsim.workload import builders
from accsim.workload.builders import Call
from accsim.workload.expression import Mistake
from accsim.workload.layer import Geometry, Layer
from tests.strategies import conv_geometries, mac_layers


def call(operation: str, *shapes: tuple[int, ...], batch: int = 1, **arguments: object) -> Call:
    names = tuple(f"x{index}" for index in range(len(shapes)))
    return Call("y", operation, names, shapes, batch, arguments)


def counted(g: Geometry) -> tuple[set[tuple[int, ...]], set[tuple[int, ...]], int]:
    """Outputs, weights and MACs of a convolution, found by placing every tap of every window."""
    outputs, weights, macs = set(), set(), 0
    last_row, last_col = g.pad_top + g.H + g.pad_bottom - 1, g.pad_left + g.W + g.pad_right - 1
    tops = [t for t in range(0, last_row + 1, g.stride_h) if t + g.dilation_h * (g.R - 1) <= last_row]
    lefts = [t for t in range(0, last_col + 1, g.stride_w) if t + g.dilation_w * (g.S - 1) <= last_col]
    for n, m, (p, _), (q, _) in product(range(g.N), range(g.M), enumerate(tops), enumerate(lefts)):
        outputs.add((n, m, p, q))
        group = m // (g.M // g.G)
        for c, r, s in product(range(g.C), range(g.R), range(g.S)):
            if c // (g.C // g.G) == group:
                weights.add((m, c, r, s))
                macs += 1
    return outputs, weights, macs


@given(conv_geometries(largest=5, groups=2))
def test_conv_equals_the_loops(g: Geometry) -> None:
    layer = builders.conv(
        call(
            "conv",
            (g.C, g.H, g.W),
            batch=g.N,
            filters=g.M,
            kernel=(g.R, g.S),
            stride=(g.stride_h, g.stride_w),
            pad=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
            dilation=(g.dilation_h, g.dilation_w),
            groups=g.G,
            bias=True,
        )
    )
    outputs, weights, macs = counted(g)
    assert layer.geometry == g
    assert (layer.ofmap_words, layer.weight_words, layer.macs) == (len(outputs), len(weights), macs)
    assert layer.bias_words == g.M


@given(mac_layers())
def test_word_counts_agree_between_layer_and_geometry(layer: Layer) -> None:
    g = layer.geometry
    assert g is not None
    assert layer.ofmap_words == g.ofmap_words
    second = 0 if layer.weight_words else g.weight_words
    assert layer.ifmap_words == g.ifmap_words + second


def test_depthwise_has_a_group_per_channel() -> None:
    arguments = {"kernel": (3, 3), "stride": None, "pad": None, "dilation": (1, 1), "bias": False}
    layer = builders.depthwise(call("depthwise", (6, 5, 5), multiplier=2, **arguments))
    assert layer.geometry is not None
    assert (layer.geometry.G, layer.geometry.M, layer.output_shape) == (6, 12, (12, 5, 5))
    assert (layer.weight_words, layer.macs) == (12 * 9, 12 * 25 * 9)


@pytest.mark.parametrize(
    ("built", "shape", "words"),
    [
        (builders.fc(call("fc", (4, 3, 2), outputs=5, bias=True)), (5, 1, 1), 120),
        (builders.fc(call("fc", (7, 4), outputs=5, bias=True)), (7, 5), 20),
        (builders.matmul(call("matmul", (7, 4), (4, 3))), (7, 3), 0),
        (builders.global_pool(call("global_average_pool", (8, 7, 5))), (8, 1, 1), 0),
        (builders.batch_norm(call("batch_norm", (8, 7, 5))), (8, 7, 5), 16),
        (builders.layer_norm(call("layer_norm", (7, 5))), (7, 5), 10),
        (builders.multiply(call("multiply", (8, 7, 5), (8, 1, 1))), (8, 7, 5), 0),
        (builders.concat(call("concat", (8, 7, 5), (2, 7, 5), axis="channels")), (10, 7, 5), 0),
        (builders.concat(call("concat", (8, 7), (8, 2), axis="channels")), (8, 9), 0),
        (builders.concat(call("concat", (8, 7), (2, 7), axis="tokens")), (10, 7), 0),
        (builders.embedding(call("embedding", (9, 1), entries=100, width=8)), (9, 8), 800),
        (builders.parameter(call("parameter", shape=(4, 8), entries=10)), (4, 8), 80),
        (builders.flatten(call("flatten", (8, 7, 5))), (280, 1, 1), 0),
        (builders.tokens(call("tokens", (8, 7, 5))), (35, 8), 0),
        (builders.slice_(call("slice", (8, 7, 5), range=(2, 8), axis="channels")), (6, 7, 5), 0),
        (builders.slice_(call("slice", (8, 7), range=(2, 5), axis="channels")), (8, 3), 0),
        (builders.slice_(call("slice", (8, 7), range=(2, 5), axis="tokens")), (3, 7), 0),
        (builders.pad_channels(call("pad_channels", (8, 7, 5), channels=16)), (16, 7, 5), 0),
        (builders.cache(call("cache", (1, 7), rows=20)), (20, 7), 0),
    ],
    ids=lambda value: value.operation or value.kind.value if isinstance(value, Layer) else "",
)
def test_output_shapes(built: Layer, shape: tuple[int, ...], words: int) -> None:
    assert built.output_shape == shape
    assert built.weight_words == words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: builders.matmul(call("matmul", (7, 4), (3, 4))),
            "the first's width must equal the second's tokens, but 'x0' gives [7, 4], 'x1' gives [3, 4]",
        ),
        (
            lambda: builders.query_key(call("query_key", (7, 4), (3, 5), heads=1)),
            "queries and keys must be equally wide, but 'x0' gives [7, 4], 'x1' gives [3, 5]",
        ),
        (
            lambda: builders.attention_value(call("attention_value", (2, 7, 4), (3, 6), heads=2)),
            "both must have equally many keys, but 'x0' gives [2, 7, 4], 'x1' gives [3, 6]",
        ),
        (
            lambda: builders.attention_value(call("attention_value", (3, 7, 4), (4, 6), heads=2)),
            "the first input must be [heads, queries, keys] with 2 heads, but 'x0' gives [3, 7, 4], 'x1' gives [4, 6]",
        ),
        (
            lambda: builders.layer_norm(call("layer_norm", (3, 7, 4))),
            "input 'x0' must be a sequence [tokens, width], but gives [3, 7, 4]",
        ),
        (
            lambda: builders.multiply(call("multiply", (3, 7, 4), (2, 1, 1))),
            "multiply needs inputs of one shape, or one word per channel second,"
            " but 'x0' gives [3, 7, 4], 'x1' gives [2, 1, 1]",
        ),
        (
            lambda: builders.shuffle(call("shuffle", (10, 7, 4), groups=3)),
            "10 channels cannot be split into 3 groups of equal size",
        ),
        (
            lambda: builders.embedding(call("embedding", (10, 7), entries=3, width=2)),
            "embedding reads one number per token, but 'x0' gives [10, 7]",
        ),
        (
            lambda: builders.pad_channels(call("pad_channels", (8, 7, 5), channels=4)),
            "pad_channels to 4 channels, but 'x0' gives [8, 7, 5]",
        ),
        (lambda: builders.cache(call("cache", (9, 7), rows=4)), "a cache of 4 tokens cannot hold the 9 of 'x0'"),
    ],
)
def test_layers_that_cannot_exist(make: object, message: str) -> None:
    with pytest.raises(Mistake) as caught:
        make()  # type: ignore[operator]
    assert str(caught.value) == message
