"""What published totals say about layers whose own figures are not published.

Two totals of a pruned network are published, its non-zero weights and its MACs that are not skipped. Both, and the
energy of ``accsim.energy.nonzero``, are linear in the non-zero fraction of each layer's weights, so what follows from
them is exact: the least and the most energy of all networks that have these totals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class Share:
    """One layer's, or one group of layers', part in the totals, at a non-zero fraction x of its weights.

    Attributes:
        weights: weights; x times as many are not zero.
        macs: MACs that are not skipped if no weight is zero; x times as many if some are.
        fixed, slope: its energy is fixed + slope * x.
    """

    weights: float
    macs: float
    fixed: float
    slope: float


def two_fractions(first: Share, second: Share, nonzero_weights: float, nonskipped_macs: float) -> tuple[float, float]:
    """The fractions of two groups of layers that have both totals.

    Raises:
        AccsimError: there are none between 0 and 1.
    """
    scale = first.weights * second.macs - second.weights * first.macs
    if scale:
        x = (nonzero_weights * second.macs - second.weights * nonskipped_macs) / scale
        y = (first.weights * nonskipped_macs - first.macs * nonzero_weights) / scale
        if 0 <= x <= 1 and 0 <= y <= 1:
            return x, y
    raise AccsimError(
        f"no non-zero fractions of two groups of layers give {nonzero_weights:g} weights and {nonskipped_macs:g} MACs"
    )


def energy_range(shares: Sequence[Share], nonzero_weights: float, nonskipped_macs: float) -> tuple[float, float]:
    """The least and the most energy of layers that have both totals together.

    A linear programme with two equations: at its optimum all fractions but two, those of a basis, are 0 or 1, each by
    the sign of what it gains over the prices that the basis puts on the two totals.

    Raises:
        AccsimError: no fractions have both totals.
    """
    merged = _merged(shares)
    fixed = sum(share.fixed for share in merged)
    least, most = (_best(merged, nonzero_weights, nonskipped_macs, sign) for sign in (-1, 1))
    return fixed + least, fixed + most


def _best(shares: Sequence[Share], nonzero_weights: float, nonskipped_macs: float, sign: int) -> float:
    for i, j in combinations(range(len(shares)), 2):
        first, second = shares[i], shares[j]
        scale = first.weights * second.macs - second.weights * first.macs
        if not scale:
            continue
        per_weight = (first.slope * second.macs - second.slope * first.macs) / scale
        per_mac = (first.weights * second.slope - second.weights * first.slope) / scale
        others = [share for at, share in enumerate(shares) if at not in (i, j)]
        kept = [s for s in others if sign * (s.slope - per_weight * s.weights - per_mac * s.macs) > 0]
        weights = nonzero_weights - sum(share.weights for share in kept)
        macs = nonskipped_macs - sum(share.macs for share in kept)
        try:
            x, y = two_fractions(first, second, weights, macs)
        except AccsimError:
            continue
        return sum(share.slope for share in kept) + x * first.slope + y * second.slope
    raise AccsimError(f"no layers have {nonzero_weights:g} non-zero weights and {nonskipped_macs:g} MACs")


def _merged(shares: Sequence[Share]) -> list[Share]:
    """Layers of the same proportions as one, since a fraction moved from one to the other changes nothing."""
    kinds: dict[tuple[float, float], list[Share]] = {}
    for share in shares:
        kinds.setdefault((round(share.macs / share.weights, 9), round(share.slope / share.weights, 9)), []).append(
            share
        )
    return [sum_of(same) for same in kinds.values()]


def sum_of(shares: Sequence[Share]) -> Share:
    """Several layers with one fraction, as one."""
    return Share(
        weights=sum(s.weights for s in shares),
        macs=sum(s.macs for s in shares),
        fixed=sum(s.fixed for s in shares),
        slope=sum(s.slope for s in shares),
    )
