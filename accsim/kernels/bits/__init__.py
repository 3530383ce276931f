"""Products of operands packed into planes of bits, by counting bits: binary, ternary, any integers, any bases.

Pack the weights once, with ``pack_rows`` or ``pack_filters``; ``gemm`` and ``convolve`` pack the other operand on the
way. What the planes stand for is a code: ``signed``, ``unsigned``, ``binary``, ``ternary``, ``signs``, ``choices``.
"""

from accsim.kernels.bits.code import PlaneCode, binary, choices, signed, signs, ternary, unsigned
from accsim.kernels.bits.multiply import convolve, gemm
from accsim.kernels.bits.operands import (
    Columns,
    Filters,
    Rows,
    pack_columns,
    pack_filters,
    pack_rows,
    unpack_columns,
    unpack_rows,
)

__all__ = [
    "Columns",
    "Filters",
    "PlaneCode",
    "Rows",
    "binary",
    "choices",
    "convolve",
    "gemm",
    "pack_columns",
    "pack_filters",
    "pack_rows",
    "signed",
    "signs",
    "ternary",
    "unpack_columns",
    "unpack_rows",
    "unsigned",
]
