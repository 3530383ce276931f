"""Real factors of requantisation as an integer multiplier and a shift."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, frexp

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError

Ints = npt.NDArray[np.int64]
WORD = 31
"""Fraction bits of a multiplier in a 32-bit word."""


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A positive real factor, as ``multiplier * 2^-shift``.

    Attributes:
        multiplier: a non-negative integer.
        shift: places to the right; to the left where it is negative.
    """

    multiplier: int
    shift: int

    @property
    def value(self) -> float:
        """The factor that it stands for."""
        return float(np.ldexp(float(self.multiplier), -self.shift))

    def apply(self, sums: Ints) -> Ints:
        """Sums times the factor, rounded to the nearest integer, ties upwards, with one rounding.

        Args:
            sums: int64 values that fit in 32 bits.
        """
        product = sums.astype(np.int64) * self.multiplier
        if self.shift <= 0:
            return np.asarray(product << -self.shift, np.int64)
        return np.asarray((product + (1 << (self.shift - 1))) >> self.shift, np.int64)


def fixed_point(factor: float) -> Multiplier:
    """A factor M as 2^-n * M0 with M0 in [0.5, 1) and M0 a 32-bit fixed-point number: within 2^-31 of it, relatively.

    Raises:
        AccsimError: the factor is not between 2^-31 and 2^31.

    Source: Jacob et al., CVPR 2018 (arXiv 1712.05877). They round twice, in the product's upper half and
    in the shift; ``Multiplier.apply`` rounds once.
    """
    _require_in_range(factor)
    mantissa, exponent = frexp(factor)
    whole = round(mantissa * (1 << WORD))
    if whole == 1 << WORD:
        whole, exponent = whole >> 1, exponent + 1
    return Multiplier(whole, WORD - exponent)


def integer_approximation(factor: float, bits: int) -> Multiplier:
    """A factor Q as A / 2^n, A of at most ``bits`` bits: n = floor(log2((2^bits - 1) / Q)), A = floor(2^n Q).

    A / 2^n is never above Q, and below it by less than 2^-n, a part of Q that is less than 1 / (2^(bits - 1) - 1/2).

    Raises:
        AccsimError: the factor is not between 2^-31 and 2^31, or bits are not from 1 to 31.

    Source: the integer multiplication mode of Distiller's post-training quantiser (Intel AI Lab).
    """
    _require_in_range(factor)
    if not 1 <= bits <= WORD:
        raise AccsimError(f"bits of a multiplier must be from 1 to 31, got {bits}")
    _, exponent = frexp(((1 << bits) - 1) / factor)
    shift = exponent - 1
    return Multiplier(floor(np.ldexp(factor, shift)), shift)


def _require_in_range(factor: float) -> None:
    if not 2.0**-WORD <= factor < 2.0**WORD:
        raise AccsimError(f"a factor of requantisation must be from 2^-31 to below 2^31, got {factor!r}")
