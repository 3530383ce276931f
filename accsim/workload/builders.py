"""Shape inference: one function per operation, from the shapes it reads to the finished layer.

Shapes are for one batch entry: (channels, height, width) for an image, (tokens, width) for a sequence. A vector is an
image of one pixel. Every function raises ``Mistake`` for a layer that cannot exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from accsim.workload.expression import Mistake
from accsim.workload.layer import Geometry, Layer, LayerKind
from accsim.workload.windows import slide

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A line of a network file with everything in it evaluated."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    shapes: tuple[Shape, ...]
    batch: int
    arguments: Mapping[str, Any]

    def layer(self, kind: LayerKind, output: Shape, operation: str | None = None, **more: Any) -> Layer:
        """Make the layer; ``operation`` defaults to the name in the file."""
        return Layer(
            self.name,
            kind,
            self.inputs,
            self.shapes,
            output,
            self.batch,
            operation=self.operation if operation is None else operation,
            made_by=(self.operation, tuple(self.arguments.items())),
            **more,
        )

    def image(self) -> tuple[int, int, int]:
        """The shape of the only input, which must be an image."""
        shape = self.shapes[0]
        if len(shape) != 3:
            raise Mistake(
                f"{self.operation} reads an image [channels, height, width], but {self.inputs[0]!r} gives"
                f" {_show(shape)}"
            )
        return shape[0], shape[1], shape[2]


def _show(shape: Shape) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _gives(call: Call) -> str:
    return ", ".join(f"{name!r} gives {_show(shape)}" for name, shape in zip(call.inputs, call.shapes, strict=True))


def conv(call: Call) -> Layer:
    """A convolution of ``filters`` kernels in ``groups`` groups."""
    return _convolve(call, call.arguments["filters"], call.arguments["groups"])


def depthwise(call: Call) -> Layer:
    """A convolution with one group per channel and ``multiplier`` filters in each."""
    channels = call.image()[0]
    return _convolve(call, channels * call.arguments["multiplier"], channels)


def _convolve(call: Call, filters: int, groups: int) -> Layer:
    channels, height, width = call.image()
    for what, count in (("input channels", channels), ("filters", filters)):
        if count % groups:
            raise Mistake(f"{count} {what} cannot be split into {groups} groups of equal size")
    (kernel_h, kernel_w), (stride_h, stride_w) = call.arguments["kernel"], call.arguments["stride"] or (1, 1)
    dilation_h, dilation_w = call.arguments["dilation"]
    pad = call.arguments["pad"]
    rows = slide("height", height, kernel_h, stride_h, dilation_h, pad and pad[:2], ceil=False)
    cols = slide("width", width, kernel_w, stride_w, dilation_w, pad and pad[2:], ceil=False)
    geometry = Geometry(
        N=call.batch, G=groups, M=filters, C=channels, P=rows.outputs, Q=cols.outputs, R=kernel_h, S=kernel_w,
        H=height, W=width, stride_h=stride_h, stride_w=stride_w, dilation_h=dilation_h, dilation_w=dilation_w,
        pad_top=rows.before, pad_bottom=rows.after, pad_left=cols.before, pad_right=cols.after,
    )  # fmt: skip
    return call.layer(
        LayerKind.CONV,
        (filters, rows.outputs, cols.outputs),
        geometry=geometry,
        weight_words=geometry.weight_words,
        bias_words=filters if call.arguments["bias"] else 0,
    )


def fc(call: Call) -> Layer:
    """A fully connected layer on a flattened image, or on each token of a sequence (P = tokens)."""
    outputs, shape = call.arguments["outputs"], call.shapes[0]
    tokens, width = (shape[0], shape[1]) if len(shape) == 2 else (1, prod(shape))
    geometry = Geometry(N=call.batch, G=1, M=outputs, C=width, P=tokens, Q=1, R=1, S=1, H=tokens, W=1)
    return call.layer(
        LayerKind.FC,
        (tokens, outputs) if len(shape) == 2 else (outputs, 1, 1),
        geometry=geometry,
        weight_words=geometry.weight_words,
        bias_words=outputs if call.arguments["bias"] else 0,
    )


def matmul(call: Call) -> Layer:
    """[rows, K] x [K, columns] of two sequences."""
    (rows, depth), (depth2, columns) = _sequence(call, 0), _sequence(call, 1)
    _agree(call, depth, depth2, "the first's width must equal the second's tokens")
    return _product(call, 1, rows, depth, columns, (rows, columns))


def query_key(call: Call) -> Layer:
    """Attention scores: [queries, d] x [keys, d] transposed, per head, giving [heads, queries, keys].

    They are multiplied by ``scale``, one over the square root of a head's width if none is given (Vaswani et al.,
    NIPS 2017, section 3.2.1); of ``causal`` ones those of keys behind the query are minus infinity.
    """
    (queries, width), (keys, width2), heads = _sequence(call, 0), _sequence(call, 1), call.arguments["heads"]
    _agree(call, width, width2, "queries and keys must be equally wide")
    return _product(call, heads, queries, _per_head(width, heads), keys, (heads, queries, keys))


def attention_value(call: Call) -> Layer:
    """The attended values: [heads, queries, keys] x [keys, d], per head, giving [queries, d]."""
    (keys, width), heads = _sequence(call, 1), call.arguments["heads"]
    if len(call.shapes[0]) != 3 or call.shapes[0][0] != heads:
        raise Mistake(f"the first input must be [heads, queries, keys] with {heads} heads, but {_gives(call)}")
    _, queries, keys2 = call.shapes[0]
    _agree(call, keys2, keys, "both must have equally many keys")
    return _product(call, heads, queries, keys, _per_head(width, heads), (queries, width))


def _product(call: Call, heads: int, rows: int, depth: int, columns: int, output: Shape) -> Layer:
    pairs = call.batch * heads
    geometry = Geometry(N=1, G=pairs, M=pairs * columns, C=pairs * depth, P=rows, Q=1, R=1, S=1, H=rows, W=1)
    return call.layer(LayerKind.MATMUL, output, geometry=geometry)


def _sequence(call: Call, index: int) -> tuple[int, int]:
    shape = call.shapes[index]
    if len(shape) != 2:
        raise Mistake(f"input {call.inputs[index]!r} must be a sequence [tokens, width], but gives {_show(shape)}")
    return shape[0], shape[1]


def _agree(call: Call, first: int, second: int, rule: str) -> None:
    if first != second:
        raise Mistake(f"{rule}, but {_gives(call)}")


def _per_head(width: int, heads: int) -> int:
    if width % heads:
        raise Mistake(f"a width of {width} cannot be split into {heads} heads of equal size")
    return width // heads


def pool(call: Call) -> Layer:
    """Max or average pooling."""
    channels, height, width = call.image()
    window = call.arguments["window"]
    (stride_h, stride_w), pad, ceil = call.arguments["stride"] or window, call.arguments["pad"], call.arguments["ceil"]
    rows = slide("height", height, window[0], stride_h, 1, pad and pad[:2], ceil)
    cols = slide("width", width, window[1], stride_w, 1, pad and pad[2:], ceil)
    for what, axis, taps in (("height", rows, window[0]), ("width", cols, window[1])):
        if max(axis.before, axis.after) >= taps:
            zeros = max(axis.before, axis.after)
            raise Mistake(
                f"a window of {taps} in {what} would hold nothing but padding with {zeros}; pad less than {taps}"
            )
    operation = call.operation.removesuffix("_pool")
    return call.layer(LayerKind.POOL, (channels, rows.outputs, cols.outputs), operation, window=window)


def global_pool(call: Call) -> Layer:
    """The average of each channel."""
    channels, height, width = call.image()
    return call.layer(LayerKind.POOL, (channels, 1, 1), "average", window=(height, width))


def batch_norm(call: Call) -> Layer:
    """A scale and a shift per channel, the running mean and variance folded in."""
    return call.layer(LayerKind.BATCH_NORM, call.shapes[0], "", weight_words=2 * call.image()[0])


def layer_norm(call: Call) -> Layer:
    """Normalisation of each token, with a scale and a shift per entry."""
    return call.layer(LayerKind.LAYER_NORM, call.shapes[0], "", weight_words=2 * _sequence(call, 0)[1])


def lrn(call: Call) -> Layer:
    """Local response normalisation over ``window`` neighbouring channels."""
    call.image()
    return call.layer(LayerKind.LRN, call.shapes[0], "across_channels", window=(call.arguments["window"], 1))


def activation(call: Call) -> Layer:
    """A function of each word."""
    return call.layer(LayerKind.ACTIVATION, call.shapes[0])


def prelu(call: Call) -> Layer:
    """A line of another slope below 0, trained: one slope for all, or one per channel (He et al., ICCV 2015)."""
    shape, slopes = call.shapes[0], call.arguments["slopes"]
    channels = shape[1] if len(shape) == 2 else shape[0]
    if slopes not in (1, channels):
        raise Mistake(f"prelu has one slope or {channels}, one per channel, got {slopes}")
    return call.layer(LayerKind.ACTIVATION, shape, weight_words=slopes)


def softmax(call: Call) -> Layer:
    """Softmax over the channels of a vector, or over the last axis of a sequence or of attention scores."""
    return call.layer(LayerKind.SOFTMAX, call.shapes[0], "")


def add(call: Call) -> Layer:
    """The sum of equally shaped inputs."""
    if len(set(call.shapes)) > 1:
        raise Mistake(f"add needs inputs of one shape, but {_gives(call)}")
    return call.layer(LayerKind.ADD, call.shapes[0], "")


def multiply(call: Call) -> Layer:
    """The product of equally shaped inputs; the second may be one word per channel."""
    first, second = call.shapes
    if second not in (first, (first[0], 1, 1)):
        raise Mistake(f"multiply needs inputs of one shape, or one word per channel second, but {_gives(call)}")
    return call.layer(LayerKind.MULTIPLY, first, "")


def concat(call: Call) -> Layer:
    """Inputs one behind the other, along the channels (the width of a sequence) or the tokens."""
    position = _axis(call)
    if len({_replaced(shape, position, 0) for shape in call.shapes}) > 1:
        raise Mistake(f"concat along {call.arguments['axis']} needs all other sizes equal, but {_gives(call)}")
    joined = sum(shape[position] for shape in call.shapes)
    return call.layer(LayerKind.CONCAT, _replaced(call.shapes[0], position, joined), "")


def _axis(call: Call) -> int:
    if call.arguments["axis"] == "channels":
        return 1 if len(call.shapes[0]) == 2 else 0
    _sequence(call, 0)
    return 0


def _replaced(shape: Shape, position: int, size: int) -> Shape:
    return (*shape[:position], size, *shape[position + 1 :])


def shuffle(call: Call) -> Layer:
    """The channel shuffle of ShuffleNet (Zhang et al., CVPR 2018, section 3.1)."""
    channels, groups = call.image()[0], call.arguments["groups"]
    if channels % groups:
        raise Mistake(f"{channels} channels cannot be split into {groups} groups of equal size")
    return call.layer(LayerKind.SHUFFLE, call.shapes[0], "channels")


def depth_to_space(call: Call) -> Layer:
    """Channels become pixels: block x block of them for one pixel (Shi et al., CVPR 2016)."""
    channels, height, width = call.image()
    block = call.arguments["block"]
    if channels % block**2:
        raise Mistake(f"{channels} channels cannot be split into blocks of {block} x {block} pixels")
    return call.layer(LayerKind.SHUFFLE, (channels // block**2, height * block, width * block))


def upsample(call: Call) -> Layer:
    """Each pixel, several times down and across (nearest neighbour)."""
    channels, height, width = call.image()
    down, across = call.arguments["factor"]
    return call.layer(LayerKind.SHUFFLE, (channels, height * down, width * across))


def embedding(call: Call) -> Layer:
    """One row of a table of ``entries`` rows per token; the input is [tokens, 1]."""
    tokens, numbers = _sequence(call, 0)
    if numbers != 1:
        raise Mistake(f"embedding reads one number per token, but {_gives(call)}")
    width = call.arguments["width"]
    return call.layer(LayerKind.EMBEDDING, (tokens, width), "", weight_words=call.arguments["entries"] * width)


def parameter(call: Call) -> Layer:
    """Trained rows that depend on no input, such as position embeddings; the first rows of a table of ``entries``."""
    rows, width = call.arguments["shape"]
    entries = rows if call.arguments["entries"] is None else call.arguments["entries"]
    if rows > entries:
        raise Mistake(f"{rows} rows are asked of a table of {entries}; at most {entries} are legal")
    return call.layer(LayerKind.EMBEDDING, (rows, width), weight_words=entries * width)


def flatten(call: Call) -> Layer:
    """All words as one vector."""
    return call.layer(LayerKind.RESHAPE, (prod(call.shapes[0]), 1, 1))


def tokens(call: Call) -> Layer:
    """Every pixel as a token as wide as the image has channels."""
    channels, height, width = call.image()
    return call.layer(LayerKind.RESHAPE, (height * width, channels))


def slice_(call: Call) -> Layer:
    """Some of the channels (of the width of a sequence) or of the tokens."""
    position, (first, end) = _axis(call), call.arguments["range"]
    if end > call.shapes[0][position]:
        raise Mistake(f"slice [{first}, {end}] of the {call.arguments['axis']} goes past the end: {_gives(call)}")
    return call.layer(LayerKind.RESHAPE, _replaced(call.shapes[0], position, end - first))


def pad_channels(call: Call) -> Layer:
    """Channels of zeros behind the input's (shortcut option A of He et al., CVPR 2016)."""
    channels, height, width = call.image()
    wanted = call.arguments["channels"]
    if wanted < channels:
        raise Mistake(f"pad_channels to {wanted} channels, but {_gives(call)}")
    return call.layer(LayerKind.RESHAPE, (wanted, height, width))


def cache(call: Call) -> Layer:
    """A cache of ``rows`` tokens whose newest are the input; the others are in memory from earlier tokens."""
    new, width = _sequence(call, 0)
    rows = call.arguments["rows"]
    if rows < new:
        raise Mistake(f"a cache of {rows} tokens cannot hold the {new} of {call.inputs[0]!r}")
    return call.layer(LayerKind.RESHAPE, (rows, width))
