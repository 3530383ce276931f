"""Every pass by its name in a recipe."""

from __future__ import annotations

from accsim.compress.passes.activations import Activations
from accsim.compress.passes.admm import Admm, BinaryRelax
from accsim.compress.passes.allocation import SqnrAllocation
from accsim.compress.passes.base import ModelPass
from accsim.compress.passes.binary import BinaryConnect, Bwn, Syq, Xnor
from accsim.compress.passes.codebook import ClipQ, Hashed, KMeans, SoftSharing
from accsim.compress.passes.filters import Filters
from accsim.compress.passes.fold import FoldBatchNorm
from accsim.compress.passes.low_rank import (
    ChannelSvd,
    CpDecomposition,
    DepthwiseSeparable,
    FcSvd,
    SpatialSvd,
    Tucker,
)
from accsim.compress.passes.merge import MergeBranches
from accsim.compress.passes.outliers import VQuant
from accsim.compress.passes.planes import LqNets, Residual
from accsim.compress.passes.power_of_two import Inq, Quinary, Shift
from accsim.compress.passes.product import KernelClustering, ProductQuantisation
from accsim.compress.passes.structured import Blocks, Kernels, NofM, Pattern, Vectors
from accsim.compress.passes.ternary import Fgq, TernaryOptimum, Ttq, Twn
from accsim.compress.passes.transform import Dct
from accsim.compress.passes.uniform import Affine, DoReFa, DynamicFixedPoint, Symmetric
from accsim.compress.passes.unstructured import EnergyAware, Gradual, Largest, Level, Magnitude, Surgery

QUANTISING: tuple[type[ModelPass], ...] = (
    Symmetric, Affine, DynamicFixedPoint, DoReFa, SqnrAllocation, Activations,
    Bwn, Xnor, Syq, BinaryConnect,
    Twn, TernaryOptimum, Fgq, Ttq, Admm, BinaryRelax,
    Inq, Shift, Quinary,
    KMeans, ClipQ, SoftSharing, Hashed,
    ProductQuantisation, KernelClustering,
    Residual, LqNets, VQuant,
)  # fmt: skip

PRUNING: tuple[type[ModelPass], ...] = (
    Magnitude, Level, Gradual, Surgery, Largest, EnergyAware,
    Filters, Kernels, Vectors, Pattern, Blocks, NofM, Dct,
)  # fmt: skip

REWRITING: tuple[type[ModelPass], ...] = (
    FcSvd, ChannelSvd, SpatialSvd, CpDecomposition, Tucker, DepthwiseSeparable, FoldBatchNorm, MergeBranches,
)  # fmt: skip

PASSES: dict[str, type[ModelPass]] = {one.name: one for one in (*QUANTISING, *PRUNING, *REWRITING)}
