"""Products with sparse operands: sparse rows, sparse columns and bitmaps; weights, activations, or both."""

from accsim.kernels.sparse.convolve import convolve
from accsim.kernels.sparse.formats import Bitmap, Csc, Csr, Folded, bitmap, csc, csr, dense, fold_ifmap, fold_weight
from accsim.kernels.sparse.multiply import gemm

__all__ = [
    "Bitmap",
    "Csc",
    "Csr",
    "Folded",
    "bitmap",
    "convolve",
    "csc",
    "csr",
    "dense",
    "fold_ifmap",
    "fold_weight",
    "gemm",
]
