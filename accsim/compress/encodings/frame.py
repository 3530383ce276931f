"""What a decoder must be told of a tensor beside its streams."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.errors import AccsimError

Array = NDArray[Any]
Integers = NDArray[np.int64]

DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
"""Types of arrays that can be encoded, in the order of their numbers in a file."""
MOST_BITS = 32
"""The widest code."""
MOST_WORDS = 2**40
"""The largest tensor: sums of its counts and bits stay far inside 64 bits."""
MOST_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """Shape and word of a tensor of integer codes.

    Attributes:
        shape: of the array.
        dtype: of the array, one of ``DTYPES``.
        bits: width of a code, 1 to 32.
        signed: codes are two's complement of that width, or unsigned.
    """

    shape: tuple[int, ...]
    dtype: str
    bits: int
    signed: bool

    @property
    def size(self) -> int:
        """Words of the tensor."""
        return math.prod(self.shape)

    @property
    def rows(self) -> int:
        """Rows of the tensor as a matrix: its first dimension (filters of a weight); a vector is one row."""
        return self.shape[0] if len(self.shape) > 1 else 1

    @property
    def cols(self) -> int:
        """Columns of the tensor as a matrix: all dimensions but the first."""
        return self.size // self.rows

    @property
    def range(self) -> tuple[int, int]:
        """Least and largest code."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)

    def values(self, symbols: Integers) -> Array:
        """Codes given as their low bits, int64 [size], as the array they came from.

        Raises:
            AccsimError: a code that the array's type does not hold.
        """
        if self.signed:
            half = 1 << (self.bits - 1)
            symbols = (symbols ^ half) - half
        least, most = (0, 1) if self.dtype == "bool" else (np.iinfo(self.dtype).min, np.iinfo(self.dtype).max)
        low, high = self.range
        if (low < least and int(symbols.min()) < least) or (high > most and int(symbols.max()) > most):
            raise AccsimError(
                f"codes from {int(symbols.min())} to {int(symbols.max())} are not all of type {self.dtype}"
            )
        return symbols.astype(self.dtype).reshape(self.shape)


def frame_mistake(frame: Frame) -> str:
    """A sentence on what is wrong with a frame, or an empty string."""
    if len(frame.shape) > MOST_DIMENSIONS or not all(side >= 1 for side in frame.shape) or frame.size > MOST_WORDS:
        return (
            f"a tensor of shape {frame.shape} cannot be encoded: 1 to {MOST_WORDS} words in at most "
            f"{MOST_DIMENSIONS} dimensions"
        )
    if not 1 <= frame.bits <= MOST_BITS:
        return f"a code must have 1 to {MOST_BITS} bits, got {frame.bits}"
    return ""


def index_bits(count: int) -> int:
    """Bits that tell ``count`` things apart: ceil(log2 count), none for a single one."""
    return max(0, count - 1).bit_length()
