"""Fixed point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from accsim.compress.codes.base import Extra, Ints
from accsim.compress.grain import Reals, Scale


@dataclass(frozen=True, slots=True, eq=False)
class Uniform:
    """Fixed point: value = (code - zero point) * scale, or (2 * code - (2^bits - 1)) * scale for a mid-rise code.

    Attributes:
        codes: int64 [M, C / G, R, S], each of ``bits`` bits.
        scale: the step.
        bits: of a code.
        signed: whether codes are two's complement; else they begin at 0.
        zero_point: int64, the code of zero per block of ``scale``; 0 for symmetric codes.
        midrise: whether zero lies between two levels (DoReFa); codes begin at 0 then, and have no zero point.
    """

    name: ClassVar[str] = "uniform"
    codes: Ints
    scale: Scale
    bits: int
    signed: bool = True
    zero_point: Ints = field(default_factory=lambda: np.zeros((1, 1, 1, 1), np.int64))
    midrise: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.codes.shape

    @property
    def table_bits(self) -> int:
        """A scale per block, and a zero point where there is one."""
        return self.scale.stored_bits + self.scale.count * (self.bits if self.zero_point.any() else 0)

    def integers(self) -> Ints:
        """What the hardware multiplies: codes less their zero point; odd numbers for a mid-rise code."""
        if self.midrise:
            return 2 * self.codes - ((1 << self.bits) - 1)
        point = Scale(self.zero_point.astype(np.float64), self.scale.block, self.scale.grain)
        if self.zero_point.size == 1:
            out: Ints = self.codes - int(self.zero_point.reshape(-1)[0])
            return out
        return self.codes - point.over(self.codes.shape).astype(np.int64)

    def values(self) -> Reals:
        """The integers times the scale."""
        return self.integers() * self.scale.over(self.codes.shape)

    def symbols(self) -> Ints:
        """The codes."""
        return self.codes

    @property
    def extra(self) -> tuple[Extra, ...]:
        """Requantising per output, and the correction for zero points, or for the half step of a mid-rise code."""
        zero = (Extra("zero_point", "output", 1),) if self.midrise or self.zero_point.any() else ()
        return (Extra("requantise", "output", 1), *zero)
