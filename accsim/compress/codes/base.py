"""What a code is, and weights that have none yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import REAL_BITS, Reals

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Extra:
    """Work that a code adds to the layer's MACs.

    Attributes:
        what: ``requantise``, ``zero_point``, ``lookup``, ``scale``, ``transform`` ...
        per: what it is counted by: ``output``, ``weight``, ``input`` or ``layer``.
        operations: how many for each of them.
    """

    what: str
    per: str
    operations: int


class Code(Protocol):
    """A way to store weights."""

    name: ClassVar[str]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""

    @property
    def bits(self) -> int:
        """Bits of the code of one weight, as it is stored before any encoding."""

    @property
    def table_bits(self) -> int:
        """Bits of scales, codebooks and the like, for the whole layer."""

    def values(self) -> Reals:
        """The weights that the codes stand for, float64."""

    def symbols(self) -> Ints:
        """What is stored, as integers: one per weight, or per what shares a code; empty where nothing is."""

    @property
    def extra(self) -> tuple[Extra, ...]:
        """Work beside the MACs."""


@dataclass(frozen=True, slots=True, eq=False)
class Float:
    """Real weights, as trained.

    Attributes:
        weights: float64 [M, C / G, R, S].
        bits: of the format they are stored in.
    """

    name: ClassVar[str] = "float"
    weights: Reals
    bits: int = REAL_BITS

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.weights.shape

    @property
    def table_bits(self) -> int:
        """Nothing is shared."""
        return 0

    def values(self) -> Reals:
        """The weights themselves."""
        return self.weights

    def symbols(self) -> Ints:
        """Their bits, as numbers of 32 bits where that is their format, else of 64."""
        narrow = self.weights.astype(np.float32).view(np.int32).astype(np.int64)
        return narrow if self.bits == REAL_BITS else self.weights.view(np.int64)

    @property
    def extra(self) -> tuple[Extra, ...]:
        """None."""
        return ()
