"""The operations of a network file: what each is called, which options it takes and which layer it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from accsim.workload import arguments as read
from accsim.workload import builders as build
from accsim.workload.arguments import Option
from accsim.workload.builders import Call
from accsim.workload.layer import Layer


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        build: makes the layer from the evaluated call.
        main: what the value behind the operation's name means (``conv: 64``), named for error messages; ``None`` if
            the operation takes no value.
        options: what may stand beside it.
        inputs: how many layers it reads, at least and at most.
        lists_inputs: whether the main value is the list of layers it reads (``add: [a, b]``).
    """

    build: Callable[[Call], Layer]
    main: tuple[str, Option] | None = None
    options: dict[str, Option] = field(default_factory=dict)
    inputs: tuple[int, int] = (1, 1)
    lists_inputs: bool = False


_MANY = 1_000_000
_WINDOW = {
    "stride": Option(read.pair, None),
    "pad": Option(read.padding, (0, 0, 0, 0)),
    "dilation": Option(read.pair, (1, 1)),
}
_BIAS = {"bias": Option(read.flag, None)}
_POOL = {
    "stride": Option(read.pair, None),
    "pad": Option(read.padding, (0, 0, 0, 0)),
    "ceil": Option(read.flag, False),
}
_AXIS = {"axis": Option(read.axis, "channels")}
_LRN = {"alpha": Option(read.real, 1e-4), "beta": Option(read.real, 0.75), "bias": Option(read.real, 1.0)}
"""The constants of AlexNet's response normalisation as Caffe has them, alpha for the sum over the whole window."""
_HEADS = {"heads": Option(read.size, 1)}


def _joins(make: Callable[[Call], Layer], least: int, most: int, **options: Option) -> Operation:
    return Operation(make, None, options, (least, most), lists_inputs=True)


ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "prelu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "hard_swish",
    "hard_sigmoid", "clip",
)  # fmt: skip

_CONSTANTS = {
    "leaky_relu": {"slope": Option(read.real, 0.01)},
    "hard_sigmoid": {"slope": Option(read.real, 1 / 6), "offset": Option(read.real, 0.5)},
    "clip": {"low": Option(read.real), "high": Option(read.real)},
}
"""Constants of activations; their defaults are those of torch.nn."""

OPERATIONS: dict[str, Operation] = {
    "conv": Operation(
        build.conv,
        ("filters", Option(read.size)),
        {"kernel": Option(read.pair), "groups": Option(read.size, 1), **_WINDOW, **_BIAS},
    ),
    "depthwise": Operation(
        build.depthwise, ("kernel", Option(read.pair)), {"multiplier": Option(read.size, 1), **_WINDOW, **_BIAS}
    ),
    "fc": Operation(build.fc, ("outputs", Option(read.size)), _BIAS),
    "matmul": _joins(build.matmul, 2, 2),
    "query_key": _joins(
        build.query_key, 2, 2, **_HEADS, scale=Option(read.real, None), causal=Option(read.flag, False)
    ),
    "attention_value": _joins(build.attention_value, 2, 2, **_HEADS),
    "max_pool": Operation(build.pool, ("window", Option(read.pair)), _POOL),
    "average_pool": Operation(
        build.pool, ("window", Option(read.pair)), {**_POOL, "count_pad": Option(read.flag, False)}
    ),
    "global_average_pool": Operation(build.global_pool),
    "batch_norm": Operation(build.batch_norm),
    "layer_norm": Operation(build.layer_norm),
    "lrn": Operation(build.lrn, ("window", Option(read.size, 5)), _LRN),
    "softmax": Operation(build.softmax),
    "add": _joins(build.add, 2, _MANY),
    "multiply": _joins(build.multiply, 2, 2),
    "concat": _joins(build.concat, 2, _MANY, **_AXIS),
    "shuffle": Operation(build.shuffle, ("groups", Option(read.size))),
    "embedding": Operation(build.embedding, ("entries", Option(read.size)), {"width": Option(read.size)}),
    "parameter": Operation(
        build.parameter, ("shape", Option(read.matrix)), {"entries": Option(read.size, None)}, (0, 0)
    ),
    "flatten": Operation(build.flatten),
    "tokens": Operation(build.tokens),
    "slice": Operation(build.slice_, ("range", Option(read.span)), _AXIS),
    "pad_channels": Operation(build.pad_channels, ("channels", Option(read.size))),
    "cache": Operation(build.cache, ("rows", Option(read.size))),
    "depth_to_space": Operation(
        build.depth_to_space, ("block", Option(read.size)), {"order": Option(read.order, "dcr")}
    ),
    "upsample": Operation(build.upsample, ("factor", Option(read.pair))),
    **{name: Operation(build.activation, None, _CONSTANTS.get(name, {})) for name in ACTIVATIONS},
    "prelu": Operation(build.prelu, None, {"slopes": Option(read.size, 1)}),
}
"""Every operation by the name a network file uses."""
