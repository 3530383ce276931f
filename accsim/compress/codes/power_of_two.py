"""Powers of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accsim.compress.codes.base import Extra, Ints
from accsim.compress.grain import Reals, Scale


@dataclass(frozen=True, slots=True, eq=False)
class PowerOfTwo:
    """Value = sign * 2^exponent, or 0; times a scale where there is one.

    Attributes:
        signs: int64 [M, C / G, R, S], -1, 0 or 1.
        exponents: int64 of the same shape, from ``lowest`` to ``highest``; anything where the sign is 0.
        bits: of a code: one for the sign, the others for exponents and zero.
        scale: real factors beside the powers (ADMM, quinary); ``None`` where values are powers themselves.
    """

    name: ClassVar[str] = "power_of_two"
    signs: Ints
    exponents: Ints
    lowest: int
    highest: int
    bits: int
    scale: Scale | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.signs.shape

    @property
    def table_bits(self) -> int:
        """The largest exponent, in 8 bits, or the scales."""
        return 8 if self.scale is None else self.scale.stored_bits

    def integers(self) -> Ints:
        """Values over the smallest one, 2^lowest times the scale."""
        return self.signs << np.where(self.signs == 0, 0, self.exponents - self.lowest)

    def values(self) -> Reals:
        """Signed powers of two, times the scale."""
        powers: Reals = np.ldexp(self.signs.astype(np.float64), self.exponents.astype(np.int32))
        return powers if self.scale is None else powers * self.scale.over(self.shape)

    def symbols(self) -> Ints:
        """0, or the sign times 1 + how far the exponent is above the lowest.

        Where the bits leave no code for zero, how far it is above, and 2^(bits - 1) more for a negative weight.
        """
        above = self.exponents - self.lowest
        if 2 * (self.highest - self.lowest + 1) == 1 << self.bits:
            return above + np.where(self.signs < 0, 1 << (self.bits - 1), 0)
        return self.signs * (above + 1)

    @property
    def extra(self) -> tuple[Extra, ...]:
        """The scale, per output, if there is one; a shift takes the place of the multiplication."""
        return () if self.scale is None else (Extra("scale", "output", 1),)
