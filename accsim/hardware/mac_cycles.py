"""Cycles that a PE takes for a MAC, where they follow operand widths alone: what a systolic array can keep step with.

Rules: Stripes (Judd et al., MICRO 2016) and Loom (Sharify et al., arXiv 1706.07853) for serial operands; Wu and
San Miguel, uSystolic, HPCA 2022, and diwu1990/uSystolic-Sim: 1 (parallel), N (serial), 2^N (unary) cycles for operands
of N bits. A unary stream ends after 2^n cycles where the layer's activations have n bits.
"""

from __future__ import annotations

from accsim.hardware.accelerator import Pe
from accsim.hardware.datapath import DatapathKind

K = DatapathKind
VALUES_DECIDE = frozenset({K.DYNAMIC_PRECISION, K.TERM_SERIAL, K.BOTH_TERMS, K.OUTLIER_LANE})
"""Datapaths whose cycles follow values, so that neighbours fall out of step."""
SEVERAL = frozenset({K.FUSED_BRICKS})
"""Datapaths that take in several products at once."""
EVERY_EDGE = frozenset({K.ACTIVATION_SERIAL, K.BOTH_SERIAL, K.UNARY})
"""Datapaths of systolic PEs whose registers and accumulators switch on every edge of a MAC."""


def parts(pe: Pe) -> tuple[int, int]:
    """Parts that an activation and a weight are taken in by; a MAC takes a cycle for each pair of them."""
    path, sign = pe.datapath, bool(pe.datapath.sign_cycle)
    match path.kind:
        case K.ACTIVATION_SERIAL:
            return -(-pe.activation_bits // path.serial_bits) + sign, 1
        case K.BOTH_SERIAL:
            return -(-pe.activation_bits // path.serial_bits) + sign, pe.weight_bits
        case K.UNARY:
            return 1 << pe.activation_bits, 1
        case _:
            return 1, 1


def mac_cycles(pe: Pe) -> int:
    """Cycles of a MAC with operands as wide as the PE's."""
    activation, weight = parts(pe)
    return activation * weight
