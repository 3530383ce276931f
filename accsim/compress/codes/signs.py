"""Signs: binary, ternary, and sums of several binary planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from accsim.compress.codes.base import Extra, Ints
from accsim.compress.grain import Reals, Scale


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """Signs: value = +scale or -scale.

    Attributes:
        positive: bool [M, C / G, R, S].
    """

    name: ClassVar[str] = "binary"
    positive: npt.NDArray[np.bool_]
    scale: Scale

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.positive.shape

    @property
    def bits(self) -> int:
        """One."""
        return 1

    @property
    def table_bits(self) -> int:
        """A scale per block."""
        return self.scale.stored_bits

    def integers(self) -> Ints:
        """+1 and -1."""
        return np.where(self.positive, 1, -1).astype(np.int64)

    def values(self) -> Reals:
        """Signs times the scale."""
        return self.integers() * self.scale.over(self.shape)

    def symbols(self) -> Ints:
        """1 for plus, 0 for minus."""
        return self.positive.astype(np.int64)

    @property
    def extra(self) -> tuple[Extra, ...]:
        """The scale, per output, if there is one."""
        return (Extra("scale", "output", 1),) if self.scale.stored_bits else ()


@dataclass(frozen=True, slots=True, eq=False)
class Ternary:
    """Value = +positive, 0 or -negative.

    Attributes:
        codes: int64 [M, C / G, R, S], -1, 0 or 1.
        positive, negative: scales of the two signs; the same object where they are equal.
    """

    name: ClassVar[str] = "ternary"
    codes: Ints
    positive: Scale
    negative: Scale

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.codes.shape

    @property
    def bits(self) -> int:
        """Two, dense."""
        return 2

    @property
    def symmetric(self) -> bool:
        """Whether both signs share their scale."""
        return self.positive is self.negative

    @property
    def table_bits(self) -> int:
        """One scale per block, or two."""
        return self.positive.stored_bits * (1 if self.symmetric else 2)

    def integers(self) -> Ints:
        """-1, 0 and 1."""
        return self.codes

    def values(self) -> Reals:
        """Signs times their scales."""
        positive = self.positive.over(self.shape)
        if self.symmetric:
            return self.codes * positive
        return np.where(self.codes > 0, positive, np.where(self.codes < 0, -self.negative.over(self.shape), 0.0))

    def symbols(self) -> Ints:
        """-1, 0 and 1."""
        return self.codes

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A scale per output, or two, for two sums."""
        return (Extra("scale", "output", 1 if self.symmetric else 2),)


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Value = sum over planes of sign * base (LQ-Nets, HORQ, ABC-Net).

    Attributes:
        positive: bool [planes, M, C / G, R, S].
        bases: one scale per plane.
    """

    name: ClassVar[str] = "planes"
    positive: npt.NDArray[np.bool_]
    bases: tuple[Scale, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.positive.shape[1:]

    @property
    def bits(self) -> int:
        """One per plane."""
        return len(self.bases)

    @property
    def table_bits(self) -> int:
        """The bases."""
        return sum(base.stored_bits for base in self.bases)

    def values(self) -> Reals:
        """Signed bases, added up."""
        out = np.zeros(self.shape)
        for plane, base in zip(self.positive, self.bases, strict=True):
            out += np.where(plane, 1.0, -1.0) * base.over(self.shape)
        return out

    def symbols(self) -> Ints:
        """A bit per plane, the first one least."""
        places = (1 << np.arange(len(self.bases), dtype=np.int64))[:, None, None, None, None]
        out: Ints = (self.positive * places).sum(axis=0)
        return out

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A scale per output and plane."""
        return (Extra("scale", "output", len(self.bases)),)
