"""What every convolution of coded weights does around its compiled loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.shapes import Slide

Compute = Callable[[NDArray[Any], Any, NDArray[Any]], None]


def check_maps(what: str, array: NDArray[Any]) -> None:
    """Whether an array has four dimensions.

    Raises:
        ValueError: it has not.
    """
    if array.ndim != 4:
        raise ValueError(f"{what} must have 4 dimensions, got shape {array.shape}")


def outputs(ifmap: NDArray[Any], filters: int, at: Slide, kind: Any, compute: Compute) -> NDArray[Any]:
    """Sums [N, M, P, Q] of a type.

    Args:
        ifmap: [N, C, H, W]; N may be zero.
        filters: M.
        at: groups and windows.
        kind: the type of the sums, and of the inputs that are handed on.
        compute: given the inputs, the ``accsim.kernels.windows.Window`` and zeros [N, groups, M / groups, P, Q], fills
            these in. Not called where there is nothing to fill.
    """
    sums = np.zeros((ifmap.shape[0], at.groups, filters // at.groups, at.p, at.q), kind)
    if sums.size:
        from accsim.kernels.windows import Window  # noqa: PLC0415

        compute(np.ascontiguousarray(ifmap, kind), Window(*at.window), sums)
    return sums.reshape(-1, filters, at.p, at.q)
