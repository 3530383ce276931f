"""How many edges a step takes on each kind of datapath, and how many products a lane takes in: by operand widths.

Sources of the rules: Judd et al., MICRO 2016 (Stripes); Delmas et al., arXiv 1706.00504 and MICRO 2019 (dynamic
precision, ShapeShifter); Sharify et al., arXiv 1706.07853 (Loom); Albericio et al., MICRO 2017 (Pragmatic); Sharify et
al., ISCA 2019 (Laconic); Sharma et al., arXiv 1712.01507 and hsharma35/bitfusion (Bit Fusion). Which groups wait for
each other is that of isakedo/DNNsim, whose cycles the tests reproduce.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accsim.hardware.datapath import Datapath, DatapathKind, Digits

K = DatapathKind

STEPPING = frozenset(
    {
        K.ACTIVATION_SERIAL,
        K.DYNAMIC_PRECISION,
        K.BOTH_SERIAL,
        K.UNARY,
        K.TERM_SERIAL,
        K.BOTH_TERMS,
        K.FUSED_BRICKS,
    }
)
"""Datapaths whose PEs are charged for each edge at work: their registers and adders switch whatever a MAC takes."""


class Follows(StrEnum):
    """What a step's edges follow: widths alone, or values of operands that are worked on together.

    ``widths``: nothing else. ``width_used``: the bits that the widest activation of the group needs. ``terms_met``:
    powers of two that are a term of any activation of the group. ``most_terms``: terms of the activation with the most.
    ``term_pairs``: terms of the activation times terms of the weight, where that is most. ``outliers``: products of
    outliers in the group of lanes that has most.
    """

    WIDTHS = "widths"
    WIDTH_USED = "width_used"
    TERMS_MET = "terms_met"
    MOST_TERMS = "most_terms"
    TERM_PAIRS = "term_pairs"
    OUTLIERS = "outliers"


@dataclass(frozen=True, slots=True)
class Rate:
    """A datapath on operands of some widths.

    Attributes:
        products: products that a lane takes in at once.
        edges: of a step, where ``follows`` is ``widths``; else for each bit or term.
        follows: what decides.
        serial_bits: bits of an activation in one edge, where its width used decides.
        sign: an edge more for the sign, where its width used decides.
        digits: the terms of a number.
        trim_low: whether low bits that are 0 everywhere are left out.
        normal_bits, group, share: of an outlier lane, see ``Datapath``.
        bricks: multipliers of ``brick_bits`` that a product takes, of a fused datapath.
    """

    products: int = 1
    edges: int = 1
    follows: Follows = Follows.WIDTHS
    serial_bits: int = 1
    sign: bool = False
    digits: Digits = Digits.BINARY
    trim_low: bool = False
    bricks: int = 1
    normal_bits: int = 0
    group: int = 1
    share: float = 0.0


def rate_of(path: Datapath, weight_bits: int, activation_bits: int, signed: bool, fully_connected: bool) -> Rate:
    """What a datapath does with operands of these widths.

    Args:
        signed: whether activations are signed.
        fully_connected: whether every weight is used for one window only.
    """
    sign = signed if path.sign_cycle is None else path.sign_cycle
    match path.kind:
        case K.ACTIVATION_SERIAL:
            return Rate(edges=-(-activation_bits // path.serial_bits) + sign)
        case K.UNARY:
            return Rate(edges=1 << activation_bits)
        case K.DYNAMIC_PRECISION:
            return Rate(follows=Follows.WIDTH_USED, serial_bits=path.serial_bits, sign=sign, trim_low=path.trim_low)
        case K.BOTH_SERIAL if fully_connected:
            return Rate(edges=weight_bits)
        case K.BOTH_SERIAL:
            return Rate(
                edges=weight_bits,
                follows=Follows.WIDTH_USED,
                serial_bits=path.serial_bits,
                sign=sign,
                trim_low=path.trim_low,
            )
        case K.TERM_SERIAL:
            met = path.shift_bits == 0
            return Rate(follows=Follows.TERMS_MET if met else Follows.MOST_TERMS, digits=path.digits)
        case K.BOTH_TERMS:
            return Rate(follows=Follows.TERM_PAIRS, digits=path.digits)
        case K.OUTLIER_LANE:
            return Rate(
                follows=Follows.OUTLIERS,
                normal_bits=path.normal_bits,
                group=path.outlier_group,
                share=path.outlier_share,
            )
        case K.FUSED_BRICKS:
            return _fused(path, weight_bits, activation_bits)
        case _:
            return Rate()


def _fused(path: Datapath, weight_bits: int, activation_bits: int) -> Rate:
    """Bit Fusion: a unit of ``fused_bits`` a side is cut into as many parts as whole operands fit; wider take turns.

    Widths are those that bricks fuse to: 1 bit counts as 2, 3 as 4, 5 to 7 as 8; 16 bits take two turns a side.
    """
    products = edges = bricks = 1
    for bits in (weight_bits, activation_bits):
        held = fused_width(path, bits)
        products *= max(1, path.fused_bits // held)
        edges *= max(1, -(-held // path.fused_bits))
        bricks *= held // path.brick_bits
    return Rate(products=products, edges=edges, bricks=bricks)


def fused_width(path: Datapath, bits: int) -> int:
    """The width that bricks fuse to for an operand: a brick's, doubled until it holds the operand."""
    width = path.brick_bits
    while width < bits:
        width *= 2
    return width
