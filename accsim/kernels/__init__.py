"""Golden kernels: the definition of what a machine computes, compiled with Numba.

They take arrays and integers, import nothing else of accsim, and import Numba when they are first called. Values are
carried in any NumPy integer dtype; sums come out as int64.
"""

from accsim.kernels.accumulator import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator
from accsim.kernels.dense import Sums, convolve, gemm

__all__ = ["NEAREST", "NEAREST_EVEN", "SATURATE", "TRUNCATE", "WRAP", "Accumulator", "Sums", "convolve", "gemm"]
