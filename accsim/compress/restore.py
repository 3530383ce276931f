"""Weights that are left after pruning, adapted to given inputs by least squares."""

from __future__ import annotations

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import Mask
from accsim.errors import AccsimError


def least_squares(weights: Reals, kept: Mask, inputs: Reals) -> Reals:
    """Choose the kept weights of each filter so that its outputs on some inputs change least.

    For each filter, min over w of ||X w_before - X w||^2 with w = 0 where ``kept`` is not set: the restoring step of
    energy-aware pruning (Yang et al., CVPR 2017) and of ThiNet (Luo et al., ICCV 2017). The error is never above that
    of pruning alone, whose weights are among those that are compared.

    Args:
        weights: [filters, C, R, S] before pruning.
        kept: of the same shape.
        inputs: X, [samples, C x R x S]: what the filters see, window by window.

    Raises:
        AccsimError: the shapes do not match.
    """
    rows, masks = weights.reshape(len(weights), -1), kept.reshape(len(weights), -1)
    if inputs.ndim != 2 or inputs.shape[1] != rows.shape[1] or kept.shape != weights.shape:
        raise AccsimError(
            f"filters of {rows.shape[1]} weights need inputs [samples, {rows.shape[1]}] and a mask of their shape, got "
            f"{list(inputs.shape)} and {list(kept.shape)}"
        )
    restored = np.zeros_like(rows)
    for row, mask, out in zip(rows, masks, restored, strict=True):
        # what is solved for is the change of the kept weights: of the many solutions there may be, the nearest to them
        lost = inputs[:, ~mask] @ row[~mask]
        change = np.linalg.lstsq(inputs[:, mask], lost, rcond=None)[0] if mask.any() else np.zeros(0)
        out[mask] = row[mask] + change
    return restored.reshape(weights.shape)
