"""Golden kernels: the definition of what a machine computes, compiled with Numba.

They take arrays and integers, import nothing else of accsim, and import Numba when they are first called. Values are
carried in any NumPy integer dtype; sums come out as int64.

Compressed operands have kernels of their own, each equal to the dense one on what its operands stand for:
:mod:`accsim.kernels.bits` (planes of bits: binary, ternary, any width, any bases), :mod:`accsim.kernels.sparse` (rows,
columns, bitmaps) and :mod:`accsim.kernels.coded` (codebooks, product codebooks, clustered kernels, powers of two).
They give exact sums; :func:`finish` says what an accumulator keeps of them.
"""

from accsim.kernels.accumulator import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator
from accsim.kernels.dense import Sums, convolve, gemm
from accsim.kernels.finish import finish

__all__ = [
    "NEAREST",
    "NEAREST_EVEN",
    "SATURATE",
    "TRUNCATE",
    "WRAP",
    "Accumulator",
    "Sums",
    "convolve",
    "finish",
    "gemm",
]
