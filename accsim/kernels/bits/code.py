"""What a few bits stand for: numbers as sums of planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDEST = 16


class Reading(Enum):
    """Which bit of a stored integer is in which plane."""

    BITS = "plane p holds bit p"
    SIGN = "one plane, set where the integer is negative"
    TERNARY = "a plane set where it is positive, and one where it is negative"


@dataclass(frozen=True, slots=True)
class PlaneCode:
    """A code whose numbers are ``offset`` + the sum of ``bases[p]`` over the planes p whose bit is set.

    Attributes:
        bases: one number per plane, 1 to 16 of them. Products of integers are exact; any other number makes the result
            float64.
        offset: what a number without any set bit stands for.
        reading: how planes are cut out of the integers that an array holds.
        low: the least integer an array may hold.
        high: the largest one.
        integral: whether every number of the code is an integer; follows from the others.

    The functions below make the usual codes.
    """

    bases: tuple[float, ...]
    offset: float
    reading: Reading
    low: int
    high: int
    integral: bool = field(init=False)  # takes part in comparisons: 1 and 1.0 are equal, the codes are not

    def __post_init__(self) -> None:
        whole = all(isinstance(number, Integral) for number in (*self.bases, self.offset))
        object.__setattr__(self, "integral", whole)
        if not 1 <= len(self.bases) <= WIDEST:
            raise ValueError(f"a code has 1 to {WIDEST} planes, got {len(self.bases)}")
        if not all(np.isfinite(base) for base in (*self.bases, self.offset)):
            raise ValueError(f"bases and offset are finite, got {self.bases} and {self.offset}")

    @property
    def bits(self) -> int:
        """Planes."""
        return len(self.bases)

    @property
    def reach(self) -> float:
        """The largest absolute value of its numbers, or more."""
        up = self.offset + sum(base for base in self.bases if base > 0)
        down = self.offset + sum(base for base in self.bases if base < 0)
        return max(abs(up), abs(down))

    def checked(self, what: str, values: NDArray[Any]) -> NDArray[Any]:
        """``values`` as integers of 8 bits, or 16 if the code has more, in C order.

        Raises:
            TypeError: an array that does not hold integers.
            ValueError: an integer outside ``low .. high``.
        """
        if values.dtype.kind not in "iu":
            raise TypeError(f"{what} must hold integers, got {values.dtype}")
        narrow = np.int8 if self.bits <= 8 else np.int16
        if self.reading is Reading.SIGN:
            kept = values if values.dtype == np.int8 else -(values < 0).astype(np.int8)
            return np.ascontiguousarray(kept)
        info = np.iinfo(values.dtype)
        if values.size and (info.min < self.low or info.max > self.high):
            least, most = int(values.min()), int(values.max())
            if least < self.low or most > self.high:
                wrong = least if least < self.low else most
                raise ValueError(f"{what} holds {wrong}; this code has {self.low} to {self.high}")
        if values.dtype.itemsize == np.dtype(narrow).itemsize:
            return np.ascontiguousarray(values).view(narrow)
        return np.ascontiguousarray(values.astype(narrow))  # the low bits stay

    def planes(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """The bits of integers, [planes, ...]."""
        if self.reading is Reading.SIGN:
            return (values < 0)[None]
        if self.reading is Reading.TERNARY:
            return np.stack([values > 0, values < 0])
        return np.stack([(values >> p) & 1 for p in range(self.bits)]).astype(bool)

    def integers(self, planes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The integers whose :meth:`planes` they are; of signs -1 and 1."""
        whole: NDArray[np.int64] = planes.astype(np.int64)
        if self.reading is Reading.SIGN:
            signs: NDArray[np.int64] = 1 - 2 * whole[0]
            return signs
        if self.reading is Reading.TERNARY:
            trits: NDArray[np.int64] = whole[0] - whole[1]
            return trits
        patterns = np.zeros(planes.shape[1:], np.int64)
        for p, plane in enumerate(whole):
            patterns |= plane << p
        patterns[patterns > self.high] -= 1 << self.bits
        return patterns

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """What integers stand for: int64 if the code is :attr:`integral`, else float64."""
        kind: Any = np.int64 if self.integral else np.float64
        bases = np.array(self.bases, kind)
        numbers: NDArray[Any] = np.tensordot(bases, self.planes(np.asarray(values)).astype(kind), 1) + kind(self.offset)
        return numbers


def signed(bits: int) -> PlaneCode:
    """Two's complement: the plane of the top bit counts negative."""
    _check(bits)
    return PlaneCode(
        (*(1 << p for p in range(bits - 1)), -(1 << (bits - 1))), 0, Reading.BITS,
        -(1 << (bits - 1)), (1 << (bits - 1)) - 1,
    )  # fmt: skip


def unsigned(bits: int) -> PlaneCode:
    """Binary digits; one bit is {0, 1}."""
    _check(bits)
    return PlaneCode(tuple(1 << p for p in range(bits)), 0, Reading.BITS, 0, (1 << bits) - 1)


def binary() -> PlaneCode:
    """-1 and +1: the sign of any integer, 0 counts as +1 (Rastegari et al., XNOR-Net, ECCV 2016, with sign(0) = +1)."""
    return PlaneCode((-2,), 1, Reading.SIGN, -(1 << 63), (1 << 64) - 1)


def ternary(positive: float = 1, negative: float = 1) -> PlaneCode:
    """-1, 0 and +1, which stand for ``-negative``, 0 and ``positive`` (Zhu et al., TTQ, ICLR 2017, has both)."""
    return PlaneCode((positive, -negative), 0, Reading.TERNARY, -1, 1)


def signs(bases: Sequence[float]) -> PlaneCode:
    """All sums of ``± bases[p]``, minus where bit p of an unsigned integer is 0: the weights of LQ-Nets (Zhang et al.,
    ECCV 2018) and the residual planes of HORQ (Li et al., ICCV 2017).
    """
    return PlaneCode(tuple(2 * base for base in bases), -sum(bases), Reading.BITS, 0, (1 << len(bases)) - 1)


def choices(bases: Sequence[float]) -> PlaneCode:
    """All sums of some of ``bases``, those whose bit in an unsigned integer is 1: the activations of LQ-Nets."""
    return PlaneCode(tuple(bases), 0, Reading.BITS, 0, (1 << len(bases)) - 1)


def _check(bits: int) -> None:
    if not 1 <= bits <= WIDEST:
        raise ValueError(f"a code has 1 to {WIDEST} planes, got {bits}")
