"""What an accumulator does to products and sums, as the compiled kernels are told it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

TRUNCATE: Final = 0
NEAREST: Final = 1
NEAREST_EVEN: Final = 2

WRAP: Final = 0
SATURATE: Final = 1

WIDEST: Final = 64
LONGEST_SHIFT: Final = 63


class Rule(NamedTuple):
    """An :class:`Accumulator` as seven integers of 64 bits, for compiled code.

    A product p enters the sum as ``(p + bias + (even & (p >> shift))) >> shift`` with an arithmetic shift, which is
    each of the three roundings without a branch. A sum outside ``low .. high`` has overflowed.
    """

    shift: int
    bias: int
    even: int
    bits: int
    saturate: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A two's-complement accumulator.

    Attributes:
        bits: its width, 2 to 64.
        product_shift: bits dropped from the low end of every product before it is added, 0 to 63.
        rounding: what becomes of them, per product: ``TRUNCATE`` (0) rounds towards minus infinity, an arithmetic
            shift; ``NEAREST`` (1) to the nearest, ties towards plus infinity, which is one added bit in
            two's complement; ``NEAREST_EVEN`` (2) to the nearest, ties to even.
        overflow: what becomes of a final sum out of range: ``WRAP`` (0) keeps its low ``bits`` bits, ``SATURATE`` (1)
            gives the nearest bound.

    Overflow is a property of the *exact final sum*, so neither the result nor the count of overflows depends on the
    order of the additions. For ``WRAP`` that is what every machine does, since wrapping commutes with addition. A
    machine that clamps at each addition gives results that depend on its order of additions, and so on mapping and
    array; it agrees with ``SATURATE`` as long as no partial sum leaves the range.

    Raises:
        ValueError: a value that is not listed above.
    """

    bits: int
    product_shift: int = 0
    rounding: int = TRUNCATE
    overflow: int = WRAP

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= WIDEST:
            raise ValueError(f"an accumulator has 2 to {WIDEST} bits, got {self.bits}")
        if not 0 <= self.product_shift <= LONGEST_SHIFT:
            raise ValueError(f"a product is shifted by 0 to {LONGEST_SHIFT} bits, got {self.product_shift}")
        if self.rounding not in (TRUNCATE, NEAREST, NEAREST_EVEN):
            raise ValueError(f"rounding is 0 (truncate), 1 (nearest) or 2 (nearest even), got {self.rounding}")
        if self.overflow not in (WRAP, SATURATE):
            raise ValueError(f"overflow is 0 (wrap) or 1 (saturate), got {self.overflow}")

    @property
    def rule(self) -> Rule:
        """The same for compiled code."""
        half = (1 << self.product_shift) >> 1
        rounds_to_even = self.rounding == NEAREST_EVEN and self.product_shift > 0
        bias = 0 if self.rounding == TRUNCATE else half - rounds_to_even
        low = -(1 << (self.bits - 1))
        return Rule(self.product_shift, bias, int(rounds_to_even), self.bits, self.overflow, low, -low - 1)

    def exact_in_64_bits(self, products: int, largest_product: int) -> bool:
        """Whether no product, biased for rounding, and no sum of ``products`` of them leaves 64 bits."""
        biggest = (1 << 63) - 1
        rounded = (largest_product >> self.product_shift) + (self.product_shift > 0)
        return largest_product + self.rule.bias + 1 <= biggest and products * rounded <= biggest
