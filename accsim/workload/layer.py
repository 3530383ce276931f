"""One layer of a network, with every size known.

The seven loop dimensions (and groups) follow Sze et al., Proc. IEEE 2017, section III: N batch, M filters, C input
channels, P Q output height and width (the survey's E F), R S filter height and width. ``C`` and ``M`` are whole-layer
counts; a grouped layer runs ``G`` independent problems of ``M / G`` filters on ``C / G`` channels each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import Any

from accsim.errors import AccsimError

INT64_MAX = 2**63 - 1


class LayerKind(StrEnum):
    """What a layer computes. Only ``CONV``, ``FC`` and ``MATMUL`` run on the MAC array."""

    CONV = "conv"
    FC = "fc"
    MATMUL = "matmul"
    POOL = "pool"
    BATCH_NORM = "batch_norm"
    LAYER_NORM = "layer_norm"
    LRN = "lrn"
    ACTIVATION = "activation"
    ADD = "add"
    MULTIPLY = "multiply"
    CONCAT = "concat"
    SHUFFLE = "shuffle"
    SOFTMAX = "softmax"
    EMBEDDING = "embedding"
    RESHAPE = "reshape"

    @property
    def has_macs(self) -> bool:
        """Whether the layer runs on the MAC array."""
        return self in (LayerKind.CONV, LayerKind.FC, LayerKind.MATMUL)


class Operand(StrEnum):
    """A tensor of a layer, or the part of the machine a count belongs to when it is no tensor (``COMPUTE``)."""

    IFMAP = "ifmap"
    WEIGHT = "weight"
    PSUM = "psum"
    OFMAP = "ofmap"
    IFMAP2 = "ifmap2"
    METADATA = "metadata"
    COMPUTE = "compute"


@dataclass(frozen=True, slots=True)
class Geometry:
    """The loop bounds of a layer with MACs, per group where the name says so.

    A matrix product of two activations [rows x K] x [K x columns] for each of ``batch x heads`` pairs is written as
    G = batch x heads groups, N = 1, C = G * K, M = G * columns, P = rows; the second activation takes the weight's
    place and is called ``ifmap2``. A fully connected layer on T tokens has P = T.

    Attributes:
        N, G, M, C, P, Q, R, S: loop bounds (whole-layer M and C).
        H, W: input height and width without padding.
        stride_h, stride_w, dilation_h, dilation_w: steps of the window and of its taps, in pixels.
        pad_top, pad_bottom, pad_left, pad_right: rows and columns of zeros around the input.
    """

    N: int
    G: int
    M: int
    C: int
    P: int
    Q: int
    R: int
    S: int
    H: int
    W: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_bottom: int = 0
    pad_left: int = 0
    pad_right: int = 0

    @property
    def filters_per_group(self) -> int:
        """Filters in one group, M / G."""
        return self.M // self.G

    @property
    def channels_per_group(self) -> int:
        """Input channels in one group, C / G."""
        return self.C // self.G

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole batch, padding taps included (dense)."""
        return self.N * self.M * self.P * self.Q * self.channels_per_group * self.R * self.S

    @property
    def weight_words(self) -> int:
        """Words of the weight (or ``ifmap2``) operand, bias excluded."""
        return self.M * self.channels_per_group * self.R * self.S

    @property
    def ofmap_words(self) -> int:
        """Output words for the whole batch."""
        return self.N * self.M * self.P * self.Q

    @property
    def ifmap_words(self) -> int:
        """Input words for the whole batch, without padding."""
        return self.N * self.C * self.H * self.W


@dataclass(frozen=True, slots=True)
class TensorStatistics:
    """What is known of a tensor's values when the values themselves are absent.

    Attributes:
        density: expected fraction of non-zero words under an independent (Bernoulli) distribution of zeros; ``None``
            when nothing is known, and then nothing that depends on it is estimated.
        source: where the density, or the width, comes from.
        bits: width of the codes that its words have; ``None`` for as wide as the machine's operands.
        code: what the codes are: ``uniform``, ``binary``, ``ternary``, ``power_of_two``, ``codebook`` ...; ``None``
            where nothing is said.
        encoding, stored_bits: how the whole tensor is stored, and in how many bits; ``None`` for word by word.
        outliers: fraction of the words that are kept wider than ``bits``; ``None`` where nothing is said.
    """

    density: float | None = None
    source: str | None = None
    bits: int | None = None
    code: str | None = None
    encoding: str | None = None
    stored_bits: int | float | None = None
    outliers: float | None = None


MadeBy = tuple[str, tuple[tuple[str, Any], ...]]
"""An operation's name, and its evaluated arguments."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of a network, with its sizes inferred.

    Attributes:
        name: unique within the network.
        kind: what it computes.
        inputs: names of the layers whose outputs it reads; ``"input"`` is the network's input. Trained rows that depend
            on nothing, such as position embeddings, read no layer.
        input_shapes: shape of each input for one batch entry, channels first: (C, H, W), or (tokens, width) for
            sequences.
        output_shape: shape of the output for one batch entry.
        batch: batch entries N; every word count below is for the whole batch.
        geometry: loop bounds, for layers with MACs; ``None`` for the others.
        weight_words: trained words, bias excluded (a norm's scale and shift and an embedding's table count here).
        bias_words: bias words.
        operation: the variant: ``max``/``average`` pooling, ``relu``/``gelu`` activation, and so on.
        window: pooling or LRN window (R, S); (1, 1) otherwise.
        ifmap_statistics, weight_statistics, ofmap_statistics: value statistics, if known.
        residual: operations that the codes of weights leave beside the MACs, by what they are (``scale``,
            ``requantise``, ``zero_point`` ...), for the whole batch.
        made_by: the operation of a network file that made it, and its arguments, so that it can be made again on other
            inputs (``rebuild.rebuilt``); no part of what it computes, so layers that differ only here are equal.
    """

    name: str
    kind: LayerKind
    inputs: tuple[str, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    batch: int = 1
    geometry: Geometry | None = None
    weight_words: int = 0
    bias_words: int = 0
    operation: str = ""
    window: tuple[int, int] = (1, 1)
    ifmap_statistics: TensorStatistics = TensorStatistics()
    weight_statistics: TensorStatistics = TensorStatistics()
    ofmap_statistics: TensorStatistics = TensorStatistics()
    made_by: MadeBy = field(default=("", ()), compare=False, repr=False)
    residual: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for what, size in (("MACs", self.macs), ("output words", self.ofmap_words), ("weights", self.weight_words)):
            if size > INT64_MAX:
                raise AccsimError(
                    f"layer {self.name!r}: {size} {what} cannot be represented in 64 bits (at most {INT64_MAX})"
                )

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole batch; 0 for layers without MACs."""
        return self.geometry.macs if self.geometry is not None else 0

    @property
    def ofmap_words(self) -> int:
        """Output words for the whole batch."""
        return self.batch * prod(self.output_shape)

    @property
    def ifmap_words(self) -> int:
        """Input words of all inputs for the whole batch, without padding."""
        return self.batch * sum(prod(shape) for shape in self.input_shapes)
