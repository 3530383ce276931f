"""Every pass by its name in a recipe."""

from __future__ import annotations

from accsim.compress.passes.base import ModelPass
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
from accsim.compress.passes.structured import Blocks, Kernels, NofM, Pattern, Vectors
from accsim.compress.passes.transform import Dct
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.passes.unstructured import EnergyAware, Gradual, Largest, Level, Magnitude, Surgery

PASSES: dict[str, type[ModelPass]] = {
    one.name: one
    for one in (
        Symmetric,
        Magnitude,
        Level,
        Gradual,
        Surgery,
        Largest,
        EnergyAware,
        Filters,
        Kernels,
        Vectors,
        Pattern,
        Blocks,
        NofM,
        FcSvd,
        ChannelSvd,
        SpatialSvd,
        CpDecomposition,
        Tucker,
        DepthwiseSeparable,
        FoldBatchNorm,
        MergeBranches,
        Dct,
    )
}
