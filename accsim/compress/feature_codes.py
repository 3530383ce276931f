"""Feature maps as codes and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals
from accsim.compress.model import ActivationCode
from accsim.compress.rounding import ROUNDINGS
from accsim.errors import AccsimError

Ints = npt.NDArray[np.int64]


def limits(code: ActivationCode) -> tuple[int, int]:
    """The smallest and the largest code."""
    if code.limits is not None:
        return code.limits
    if code.signed:
        return -(1 << (code.bits - 1)), (1 << (code.bits - 1)) - 1
    return 0, (1 << code.bits) - 1


def encode(values: Reals, code: ActivationCode) -> Ints:
    """The codes of a feature map.

    A uniform code is round(value / scale + zero point), held within the code's limits; a binary one is +1 for values
    of at least 0, else -1.

    Raises:
        AccsimError: the code has no scale yet, or is of a kind without integers.
    """
    if code.scale is None:
        raise AccsimError("a feature map has no range yet; calibrate the model on inputs first")
    if code.kind == "binary":
        return np.where(values >= 0, 1, -1).astype(np.int64)
    if code.kind != "uniform":
        raise AccsimError(f"feature maps of kind {code.kind!r} have no integer codes")
    low, high = limits(code)
    rounded = ROUNDINGS[code.rounding]
    if code.truncation is None:
        whole: Reals = rounded(values / code.scale + code.zero_point)
        return np.clip(whole, low, high).astype(np.int64)
    wide = np.rint(values / code.truncation.step + code.truncation.zero_point)
    held: Reals = np.clip(wide / code.truncation.divisor, low, high)
    return rounded(held).astype(np.int64)


def decode(codes: Ints, code: ActivationCode) -> Reals:
    """The values that codes stand for."""
    return (codes - code.zero_point).astype(np.float64) * (code.scale or 0.0)


def has_integers(code: ActivationCode) -> bool:
    """Whether ``encode`` gives codes for it."""
    return code.scale is not None and code.kind in ("uniform", "binary") and not code.threshold
