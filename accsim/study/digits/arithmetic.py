"""Sums in a fixed order: what NumPy and BLAS may sum differently on another processor.

Elementwise operations of NumPy round as IEEE 754 says and need no replacement. Each function here adds along an outer
loop, so that the inner one is vectorised without another order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.kernels.jit import kernel

Matrix = npt.NDArray[np.float32]


@kernel
def product(left: Matrix, right: Matrix) -> Matrix:
    """``left`` [I, K] times ``right`` [K, M]; both C contiguous. Summed from the first k to the last."""
    rows, depth = left.shape
    out = np.zeros((rows, right.shape[1]), np.float32)
    for i in range(rows):
        for k in range(depth):
            factor = left[i, k]
            if factor != 0:
                for m in range(right.shape[1]):
                    out[i, m] += factor * right[k, m]
    return out


@kernel
def transposed_product(left: Matrix, right: Matrix) -> Matrix:
    """The transpose of ``left`` [I, K] times ``right`` [I, M]: [K, M]. Summed from the first i to the last."""
    rows, depth = left.shape
    out = np.zeros((depth, right.shape[1]), np.float32)
    for i in range(rows):
        for k in range(depth):
            factor = left[i, k]
            if factor != 0:
                for m in range(right.shape[1]):
                    out[k, m] += factor * right[i, m]
    return out


@kernel
def column_sums(values: Matrix) -> npt.NDArray[np.float32]:
    """Sums over the rows of [I, M], from the first to the last."""
    out = np.zeros(values.shape[1], np.float32)
    for i in range(values.shape[0]):
        for m in range(values.shape[1]):
            out[m] += values[i, m]
    return out
