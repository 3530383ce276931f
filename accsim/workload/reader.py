"""Networks from YAML files in which only what cannot be inferred is written.

A file gives the shape of the input and a list of lines; every other size follows. A small network::

    description: a digit classifier
    source: where the definition comes from
    input: [1, 28, 28]                # channels, height, width; [tokens, width] for a sequence; [entries] for a vector
    layers:
      - conv1: {conv: 20, kernel: 5, then: [relu, {max_pool: 2}]}
      - conv2: {conv: 50, kernel: 5, then: [relu, {max_pool: 2}]}
      - ip1: {fc: 500, then: relu}
      - ip2: {fc: 10, then: softmax}

A **line** is ``name: {operation: value, option: ...}``, or ``name: operation`` if there is nothing to say. It reads the
line before it; ``from: name`` reads another line and ``from: input`` the input. Reading a line means reading its end,
``then`` included. ``then`` applies single operations in turn; each is a layer named ``conv1.relu``.

**Sizes** are whole numbers, or expressions with ``+ - * /`` and brackets over named sizes. ``sizes: {sequence: 1024}``
names sizes with their defaults, which ``bindings`` replace.

**Blocks** are lines used more than once::

    sizes: {width: 16}
    blocks:
      residual:
        parameters: [filters, stride: 1]        # 'stride' has a default; 'filters' must be given
        layers:
          - conv1: {conv: filters, kernel: 3, stride: stride, pad: 1, then: [batch_norm, relu]}
          - conv2: {conv: filters, kernel: 3, pad: 1, then: batch_norm}
          - sum: {add: [conv2, input], then: relu}
    layers:
      - stem: {conv: width, kernel: 3, pad: 1, then: [batch_norm, relu]}
      - stage: {residual: width, repeat: 9}

A block is used like an operation: the value is its first parameter, the options are the others. Within it, ``input`` is
what the block reads and names are looked up in the block first; its last line is its output. Its layers are called
``use.line``; where a name holds ``$``, that stands for the use's name instead (``$_a`` in ``b1: {residual: 16}`` is
``b1_a``). ``repeat: 9`` uses a line nine times in a row, called ``stage.0`` to ``stage.8`` (``start: 1`` numbers from
1); where the name holds ``#``, that stands for the number instead.

**Operations**, with their options and defaults:

=================================  ====================================================================================
``conv: filters``                  ``kernel``, ``stride: 1``, ``pad: 0``, ``dilation: 1``, ``groups: 1``, ``bias``
``depthwise: kernel``              ``stride: 1``, ``pad: 0``, ``dilation: 1``, ``multiplier: 1``, ``bias``
``fc: outputs``                    ``bias``; flattens an image, works on each token of a sequence
``max_pool: window``               ``stride`` (the window), ``pad: 0``, ``ceil: false``
``average_pool: window``           the same; ``count_pad: false`` (whether padding counts as pixels)
``global_average_pool``
``batch_norm``, ``layer_norm``     a scale and a shift per channel or entry
``lrn: 5``                         local response normalisation across channels; ``alpha``, ``beta``, ``bias``
``relu`` and other activations     relu6 gelu silu tanh sigmoid hard_swish; leaky_relu (``slope: 0.01``), prelu
                                   (``slopes: 1``, or one per channel), gelu_tanh (the tanh form of gelu),
                                   hard_sigmoid (``slope: 1/6``, ``offset: 0.5``), clip (``low``, ``high``)
``softmax``
``add: [a, b]``, ``multiply``      ``multiply`` also takes one word per channel second
``concat: [a, b]``                 ``axis: channels`` (or ``tokens``)
``shuffle: groups``                channel shuffle
``matmul: [a, b]``                 [rows, K] x [K, columns] of two activations
``query_key: [q, k]``              ``heads: 1``; attention scores [heads, queries, keys]; ``scale`` (one over the
                                   root of a head's width), ``causal: false``
``attention_value: [p, v]``        ``heads: 1``; [heads, queries, keys] x [keys, d] to [queries, d]
``embedding: entries``             ``width``; one row per token of a [tokens, 1] input
``parameter: [rows, width]``       ``entries`` (rows of the table); trained rows that read nothing
``flatten``, ``tokens``            an image as a vector, or as one token per pixel
``slice: [first, end]``            ``axis: channels`` (or ``tokens``)
``depth_to_space: block``          ``order: dcr`` (or ``crd``); channels as block x block pixels
``upsample: factor``               each pixel several times (nearest neighbour)
``pad_channels: channels``         zero channels behind the input's
``cache: rows``                    the input as the newest of ``rows`` cached tokens
=================================  ====================================================================================

``kernel``, ``stride``, ``dilation`` and windows are one size or [height, width]. ``pad`` is a size, [height, width],
[top, bottom, left, right] or ``same`` (TensorFlow's). Conv and fc layers have a bias unless ``then`` begins with
``batch_norm``, whose shift takes its place, or ``bias: false`` says so.

**Densities** are optional::

    densities:
      - source: who measured them
        ifmap: {conv2: 0.613}         # fraction of non-zero words; also weight, ofmap
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from math import prod

from accsim.errors import InputError, suggest
from accsim.library import find
from accsim.source import Source
from accsim.workload import arguments
from accsim.workload.expand import Expansion
from accsim.workload.expression import Mistake
from accsim.workload.findings import Findings
from accsim.workload.layer import INT64_MAX, Layer, TensorStatistics
from accsim.workload.network import Network
from accsim.workload.schema import NetworkFile
from accsim.yamlfile import bind, load


def load_network(
    name_or_path: str,
    *,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
) -> Network:
    """Read a network and infer every size in it.

    Args:
        name_or_path: a name in the library or the path of a file in the form described above.
        batch: batch entries N.
        bindings: values for the file's named sizes, such as ``{"sequence": 256}``.
        layers: names or patterns (``conv*``) of the layers to keep; the others are cut away after all sizes are
            known, and the layers kept still name what they read. ``None`` keeps all.

    Raises:
        InputError: there is no such network, the file or a layer in it is wrong (every mistake with its place), or
            ``batch``, ``bindings`` or ``layers`` do not suit it.
    """
    return read_network(find("networks", name_or_path), batch=batch, bindings=bindings, layers=layers)


def read_network(
    source: Source,
    *,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
) -> Network:
    """Read a network from the text of a file; the arguments are those of ``load_network``.

    Raises:
        InputError: as ``load_network``.
    """
    document = load(source)
    file = bind(document, NetworkFile)
    findings = Findings(document)
    sizes = _bound(file, document.source.name, bindings or {}, batch, findings)
    shape = _input_shape(file, sizes, batch, findings)
    expanded = Expansion(file, sizes, shape, batch, findings).run()
    findings.check()  # a layer that is wrong is absent from ``expanded``: do not go on to miss it
    known = _with_densities(file, expanded, findings)
    findings.check()
    return Network(
        name=document.source.name,
        layers=known if layers is None else select_layers(document.source.name, known, layers),
        input_shape=shape or (),
        batch=batch,
        description=file.description,
        source=file.source,
        bindings=tuple(sizes.items()),
    )


def _bound(file: NetworkFile, name: str, bindings: Mapping[str, int], batch: int, findings: Findings) -> dict[str, int]:
    """The named sizes with ``bindings`` applied."""
    mistakes = []
    if not _positive(batch):
        mistakes.append(f"batch must be a whole number of at least 1, got {batch!r}")
    for size, value in bindings.items():
        if size not in file.sizes:
            known = f"; it has {', '.join(file.sizes)}" if file.sizes else "; it has no sizes to bind"
            mistakes.append(f"network {name!r} has no size {size!r}{suggest(size, file.sizes) or known}")
        elif not _positive(value):
            mistakes.append(f"size {size!r} must be a whole number of at least 1, got {value!r}")
    if mistakes:
        raise InputError(mistakes)
    for size, value in file.sizes.items():
        if not size.isidentifier():
            findings.add(("sizes", size), "sizes", f"a name is made of letters, digits and _, got {size!r}", key=True)
        if value < 1:
            findings.add(("sizes", size), f"sizes.{size}", f"must be at least 1, got {value}")
    return {**file.sizes, **bindings}


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= INT64_MAX


def _input_shape(file: NetworkFile, sizes: Mapping[str, int], batch: int, findings: Findings) -> tuple[int, ...] | None:
    """The input's shape; a vector is an image of one pixel."""
    shape = []
    for index, entry in enumerate(file.input):
        try:
            shape.append(arguments.size(entry, sizes))
        except Mistake as mistake:
            findings.add(("input", index), "input", str(mistake))
    if len(shape) < len(file.input):
        return None
    if batch * prod(shape) > INT64_MAX:
        sentence = f"{batch * prod(shape)} words cannot be represented in 64 bits (at most {INT64_MAX})"
        findings.add(("input",), "input", sentence)
        return None
    return (shape[0], 1, 1) if len(shape) == 1 else tuple(shape)


def _with_densities(file: NetworkFile, layers: tuple[Layer, ...], findings: Findings) -> tuple[Layer, ...]:
    """The layers with what the file knows of their values."""
    if not file.densities:
        return layers
    statistics: dict[str, dict[str, TensorStatistics]] = {layer.name: {} for layer in layers}
    for index, table in enumerate(file.densities):
        for operand, densities in (("ifmap", table.ifmap), ("weight", table.weight), ("ofmap", table.ofmap)):
            for name, density in densities.items():
                wrong = (
                    f"no layer is named {name!r}{suggest(name, statistics)}" if name not in statistics
                    else f"the {operand} density of {name!r} is given twice" if operand in statistics[name]
                    else ""
                )  # fmt: skip
                if wrong:
                    findings.add(("densities", index, operand, name), "densities", wrong, key=True)
                else:
                    statistics[name][operand] = TensorStatistics(density, table.source)
    return tuple(_with_statistics(layer, statistics[layer.name]) for layer in layers)


def _with_statistics(layer: Layer, found: Mapping[str, TensorStatistics]) -> Layer:
    if not found:
        return layer
    return replace(
        layer,
        ifmap_statistics=found.get("ifmap", layer.ifmap_statistics),
        weight_statistics=found.get("weight", layer.weight_statistics),
        ofmap_statistics=found.get("ofmap", layer.ofmap_statistics),
    )


def select_layers(network: str, layers: Iterable[Layer], patterns: Sequence[str]) -> tuple[Layer, ...]:
    """The layers of a network whose name matches one of the patterns.

    Raises:
        InputError: a pattern matches none, or there are no patterns.
    """
    every = tuple(layers)
    names = [layer.name for layer in every]
    if isinstance(patterns, str) or not patterns:
        raise InputError([f"layers must be a list of names or patterns such as 'conv*', got {patterns!r}"])
    some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    mistakes = [
        f"network {network!r} has no layer {pattern!r}{suggest(pattern, names) or f'; it has {some}'}"
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    if mistakes:
        raise InputError(mistakes)
    return tuple(layer for layer in every if any(fnmatchcase(layer.name, pattern) for pattern in patterns))
