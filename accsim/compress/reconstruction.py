"""Which input channels of a layer can go while its outputs on some inputs change least: ThiNet and channel pruning.

Both look at the layer that reads the channels. ``contributions`` are what each of its input channels adds to outputs
that were drawn at random; what is left is then fitted by ``accsim.compress.restore.least_squares``.
"""

from __future__ import annotations

import numpy as np

from accsim.compress.codes import Ints
from accsim.compress.grain import Reals
from accsim.errors import AccsimError

SWEEPS = 1000
"""Turns of coordinate descent at most, for one penalty."""


def greedy_channels(contributions: Reals, kept: int) -> Ints:
    """The channels that ThiNet keeps, ascending: those removed are added one by one, each time the one with which the
    sum of what is removed has the smallest square (Luo et al., ICCV 2017, equation 6 and algorithm 1).

    Args:
        contributions: [samples, channels]: the part of a sampled output that comes from each input channel.
        kept: channels to keep.

    Raises:
        AccsimError: there are not so many.
    """
    channels = _channels(contributions, kept)
    gone = np.zeros(channels, np.bool_)
    total = np.zeros(len(contributions))
    for _ in range(channels - kept):
        errors = ((total[:, None] + contributions) ** 2).sum(axis=0)
        errors[gone] = np.inf
        worst = int(errors.argmin())
        gone[worst] = True
        total = total + contributions[:, worst]
    return np.flatnonzero(~gone)


def lasso_channels(contributions: Reals, outputs: Reals, kept: int) -> Ints:
    """The channels that channel pruning keeps, ascending: the last non-zeros of a LASSO whose penalty grows.

    min over b of ||y - X b||^2 / (2 N) + penalty |b|_1 by coordinate descent, the penalty growing by a tenth until at
    most ``kept`` factors are not 0 (He et al., ICCV 2017, equation 2 and section 3.1). Fewer may be left where several
    become 0 at once: then the largest factors before that fill up.

    Args:
        contributions: X, [samples, channels].
        outputs: y, [samples].
        kept: channels to keep.

    Raises:
        AccsimError: there are not so many, or the numbers of samples differ.
    """
    channels = _channels(contributions, kept)
    if outputs.shape != contributions.shape[:1]:
        raise AccsimError(f"contributions of {len(contributions)} samples, and {list(outputs.shape)} outputs")
    if kept == channels:
        return np.arange(channels)
    squares = (contributions**2).mean(axis=0)
    largest = float(np.abs(contributions.T @ outputs).max()) / len(outputs)
    factors, penalty = np.ones(channels), largest * 1e-4
    before = factors
    while np.count_nonzero(factors) > kept and penalty <= 2 * largest:
        before, factors = factors, _descend(contributions, outputs, squares, factors, penalty)
        penalty *= 1.1
    rank = np.lexsort((-np.abs(before), factors == 0))
    return np.sort(rank[:kept])


def _descend(inputs: Reals, outputs: Reals, squares: Reals, begin: Reals, penalty: float) -> Reals:
    factors, left = begin.copy(), outputs - inputs @ begin
    for _ in range(SWEEPS):
        moved = 0.0
        for c in range(len(factors)):
            if squares[c] == 0:
                factors[c] = 0.0
                continue
            along = float(inputs[:, c] @ left) / len(outputs) + squares[c] * factors[c]
            found = np.sign(along) * max(abs(along) - penalty, 0.0) / squares[c]
            if found != factors[c]:
                left += inputs[:, c] * (factors[c] - found)
                moved = max(moved, abs(found - factors[c]))
                factors[c] = found
        if moved <= 1e-9 * float(np.abs(factors).max(initial=1.0)):
            break
    return factors


def _channels(contributions: Reals, kept: int) -> int:
    if contributions.ndim != 2 or not 0 <= kept <= contributions.shape[1]:
        raise AccsimError(
            f"contributions [samples, channels] are {list(contributions.shape)}, of which {kept} channels cannot be "
            "kept"
        )
    return int(contributions.shape[1])
