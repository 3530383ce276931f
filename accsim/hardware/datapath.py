"""What a PE does with its operands: the datapath, whose cycles and energy follow bits, digits or codes.

A PE with a bit-parallel datapath does a MAC per cycle whatever the operands. The others trade time for width: how many
cycles their PEs take, or how many products they take in at once, is worked out from the widths of a layer's operands,
or from the values (``accsim.simulate.inner_product``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DatapathKind(StrEnum):
    """The published kinds of datapaths.

    ``bit_parallel``: a multiplier; one MAC per cycle at any width up to its own.
    ``activation_serial``: a bit of the activation per cycle, whole weights (Stripes, MICRO 2016).
    ``unary``: a stream of 2^N cycles for an activation of N bits, the weight added in as many of them as its magnitude
        says (uSystolic, HPCA 2022; exact, as in temporal coding).
    ``dynamic_precision``: the same, with as many bits as the widest activation worked on together needs (ShapeShifter,
        MICRO 2019; Dynamic Stripes).
    ``both_serial``: bits of activations and of weights in turn (Loom, DAC 2018).
    ``term_serial``: a power of two of the activation per cycle (Pragmatic, MICRO 2017).
    ``both_terms``: a pair of powers of two per cycle (Laconic, ISCA 2019).
    ``fused_bricks``: multipliers of few bits that join to wider ones (Bit Fusion, ISCA 2018).
    ``binary_weight``: adds or subtracts the activation by the sign of a weight (YodaNN, TCAD 2017).
    ``xnor``: signs times signs: XNOR, population count.
    ``ternary``: adds, subtracts or does nothing, by a weight of -1, 0 or 1.
    ``shift``: shifts the activation by the power of two that is the weight.
    ``codebook``: looks the weight up in a table, then multiplies.
    ``outlier_lane``: narrow lanes for most products, and for each group of them a wide one that takes the products of
        outliers, one a cycle (after OLAccel, ISCA 2018; which lanes share one, and how, is assumed).
    """

    BIT_PARALLEL = "bit_parallel"
    ACTIVATION_SERIAL = "activation_serial"
    UNARY = "unary"
    DYNAMIC_PRECISION = "dynamic_precision"
    BOTH_SERIAL = "both_serial"
    TERM_SERIAL = "term_serial"
    BOTH_TERMS = "both_terms"
    FUSED_BRICKS = "fused_bricks"
    BINARY_WEIGHT = "binary_weight"
    XNOR = "xnor"
    TERNARY = "ternary"
    SHIFT = "shift"
    CODEBOOK = "codebook"
    OUTLIER_LANE = "outlier_lane"


class Digits(StrEnum):
    """The signed powers of two that a number is a sum of.

    ``binary``: the ones of its magnitude. ``booth``: the digits that are not zero of the canonical signed form, which
    has the fewest.
    """

    BINARY = "binary"
    BOOTH = "booth"


@dataclass(frozen=True, slots=True)
class Datapath:
    """A datapath and its parameters; those that its kind does not have keep their defaults.

    Attributes:
        serial_bits: bits of the serial operand (the activation, of two) in a cycle.
        sign_cycle: whether a serial activation takes a cycle for its sign; ``None``: where the layer's activations are
            signed; on a systolic array, which must not follow values: it does not. Stripes always takes it.
        trim_low: a dynamic precision leaves out low bits that are 0 everywhere, too.
        digits: terms of a term-serial datapath.
        shift_bits: reach of the shifters before the adder tree: terms within 2^shift_bits of the lowest one go in
            the same cycle; ``None`` for any distance, so that a cycle takes a term of every lane.
        brick_bits, fused_bits: widths of a brick and of the widest unit that bricks fuse to in one cycle; wider
            operands take a pass for each part.
        codebook_words: words of the table of a ``codebook`` datapath.
        normal_bits: width of the narrow lanes of an ``outlier_lane`` datapath; a word that does not fit is an outlier.
        outlier_group: lanes that share a wide one.
        outlier_share: share of words that are outliers where values are not known.
        n, m: ``n`` of ``m`` weights that follow each other along the channels are kept and take a lane each; the lanes
            of a block share its activations (``simulate.inner_product.blocks``). 0 for none skipped.
    """

    kind: DatapathKind = DatapathKind.BIT_PARALLEL
    serial_bits: int = 1
    sign_cycle: bool | None = None
    trim_low: bool = False
    digits: Digits = Digits.BINARY
    shift_bits: int | None = None
    brick_bits: int = 2
    fused_bits: int = 8
    codebook_words: int = 0
    normal_bits: int = 4
    outlier_group: int = 16
    outlier_share: float = 0.03
    n: int = 0
    m: int = 0


BIT_PARALLEL = Datapath()
"""The multiplier that a PE has where nothing is said."""
