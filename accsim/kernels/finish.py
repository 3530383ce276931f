"""What an accumulator keeps of sums that were worked out exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Accumulator
from accsim.kernels.dense import Sums


def finish(sums: NDArray[Any], accumulator: Accumulator) -> Sums:
    """Exact integer sums of any shape, wrapped or saturated as :func:`accsim.kernels.gemm` does, and the overflows.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: an accumulator that shifts products, which a sum no longer shows.
    """
    if sums.dtype.kind not in "iu":
        raise TypeError(f"sums must hold integers, got {sums.dtype}")
    if accumulator.product_shift:
        raise ValueError(f"products are shifted by {accumulator.product_shift} bits before they are added, not after")
    exact = np.ascontiguousarray(sums, np.int64).reshape(1, -1)
    out = np.empty_like(exact)

    from accsim.kernels import ranges  # noqa: PLC0415

    overflows = int(ranges.store(exact, accumulator.rule, out))
    return Sums(out.reshape(sums.shape), overflows)
