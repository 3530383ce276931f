"""What a stored weight is: the codes of the compression literature, each with the values that it stands for.

Weights are [M, C / G, R, S]. A code knows its values exactly; where the hardware multiplies integers, ``integers``
gives them, and the values are the integers times the scale. Which weights are pruned is not part of a code: what it
says of a pruned weight means nothing (see ``model.LayerParameters.kept``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log2
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals, Scale

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

    @property
    def extra(self) -> tuple[Extra, ...]:
        """Work beside the MACs."""


REAL_BITS = 32
"""Bits of a scale or of a codebook's entry."""


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

    @property
    def extra(self) -> tuple[Extra, ...]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class Uniform:
    """Fixed point: value = (code - zero point) * scale.

    Attributes:
        codes: int64 [M, C / G, R, S], each of ``bits`` bits.
        scale: the step.
        bits: of a code.
        signed: whether codes are two's complement; else they begin at 0.
        zero_point: int64, the code of zero per block of ``scale``; 0 for symmetric codes.
    """

    name: ClassVar[str] = "uniform"
    codes: Ints
    scale: Scale
    bits: int
    signed: bool = True
    zero_point: Ints = field(default_factory=lambda: np.zeros((1, 1, 1, 1), np.int64))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.codes.shape

    @property
    def table_bits(self) -> int:
        """A scale per block, and a zero point where there is one."""
        return self.scale.count * (REAL_BITS + (self.bits if self.zero_point.any() else 0))

    def integers(self) -> Ints:
        """What the hardware multiplies: codes less their zero point."""
        point = Scale(self.zero_point.astype(np.float64), self.scale.block, self.scale.grain)
        if self.zero_point.size == 1:
            out: Ints = self.codes - int(self.zero_point.reshape(-1)[0])
            return out
        return self.codes - point.over(self.codes.shape).astype(np.int64)

    def values(self) -> Reals:
        """Codes less their zero point, times the scale."""
        return self.integers() * self.scale.over(self.codes.shape)

    @property
    def extra(self) -> tuple[Extra, ...]:
        """Requantising per output, and the correction for zero points."""
        zero = (Extra("zero_point", "output", 1),) if self.zero_point.any() else ()
        return (Extra("requantise", "output", 1), *zero)


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
        return self.scale.count * REAL_BITS

    def integers(self) -> Ints:
        """+1 and -1."""
        return np.where(self.positive, 1, -1).astype(np.int64)

    def values(self) -> Reals:
        """Signs times the scale."""
        return self.integers() * self.scale.over(self.shape)

    @property
    def extra(self) -> tuple[Extra, ...]:
        """The scale, per output."""
        return (Extra("scale", "output", 1),)


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
        return self.positive.count * REAL_BITS * (1 if self.symmetric else 2)

    def integers(self) -> Ints:
        """-1, 0 and 1."""
        return self.codes

    def values(self) -> Reals:
        """Signs times their scales."""
        positive = self.positive.over(self.shape)
        if self.symmetric:
            return self.codes * positive
        return np.where(self.codes > 0, positive, np.where(self.codes < 0, -self.negative.over(self.shape), 0.0))

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A scale per output, or two, for two sums."""
        return (Extra("scale", "output", 1 if self.symmetric else 2),)


@dataclass(frozen=True, slots=True, eq=False)
class PowerOfTwo:
    """Value = sign * 2^exponent, or 0.

    Attributes:
        signs: int64 [M, C / G, R, S], -1, 0 or 1.
        exponents: int64 of the same shape, from ``lowest`` to ``highest``; anything where the sign is 0.
        bits: of a code: one for the sign, the others for exponents and zero.
    """

    name: ClassVar[str] = "power_of_two"
    signs: Ints
    exponents: Ints
    lowest: int
    highest: int
    bits: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.signs.shape

    @property
    def table_bits(self) -> int:
        """The largest exponent, in 8 bits."""
        return 8

    def integers(self) -> Ints:
        """Values over the smallest one, 2^lowest."""
        return self.signs << np.where(self.signs == 0, 0, self.exponents - self.lowest)

    def values(self) -> Reals:
        """Signed powers of two."""
        return np.ldexp(self.signs.astype(np.float64), self.exponents.astype(np.int32))

    @property
    def extra(self) -> tuple[Extra, ...]:
        """None: a shift takes the place of the multiplication."""
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Value = table[index].

    Attributes:
        index: int64 [M, C / G, R, S].
        table: float64 [entries].
        hashed: whether a hash of a weight's place gives its index, which then is not stored; and its sign with
            ``signs``.
        signs: int64, -1 or 1, of the same shape as ``index``; ``None`` for no signs.
    """

    name: ClassVar[str] = "codebook"
    index: Ints
    table: Reals
    hashed: bool = False
    signs: Ints | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.index.shape

    @property
    def bits(self) -> int:
        """Of an index."""
        return 0 if self.hashed else max(1, ceil(log2(max(2, self.table.size))))

    @property
    def table_bits(self) -> int:
        """The table."""
        return int(self.table.size) * REAL_BITS

    def values(self) -> Reals:
        """Entries of the table."""
        out: Reals = self.table[self.index]
        return out if self.signs is None else out * self.signs

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A look-up per weight that is fetched, and the hash of its place."""
        return (Extra("lookup", "weight", 1), *((Extra("hash", "weight", 1),) if self.hashed else ()))


@dataclass(frozen=True, slots=True, eq=False)
class ProductCodebook:
    """Sub-vectors along the input channels, each one of a subspace's codewords (Q-CNN, Wu et al., CVPR 2016).

    Attributes:
        index: int64 [M, subspaces, R, S].
        codewords: float64 [subspaces, entries, channels per sub-vector].
        channels: input channels per group; the last sub-vector may be longer than what is left of them.
    """

    name: ClassVar[str] = "product_codebook"
    index: Ints
    codewords: Reals
    channels: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        m, _, r, s = self.index.shape
        return m, self.channels, r, s

    @property
    def index_bits(self) -> int:
        """Of the index of a sub-vector."""
        return max(1, ceil(log2(max(2, self.codewords.shape[1]))))

    @property
    def bits(self) -> int:
        """Of a weight, rounded up: an index is shared by a whole sub-vector."""
        return ceil(self.index_bits / max(1, int(self.codewords.shape[2])))

    @property
    def table_bits(self) -> int:
        """The codewords."""
        return int(self.codewords.size) * REAL_BITS

    def values(self) -> Reals:
        """Codewords one behind the other."""
        m, subspaces, r, s = self.index.shape
        picked = self.codewords[np.arange(subspaces)[None, :, None, None], self.index]
        out: Reals = np.moveaxis(picked, 4, 2).reshape(m, subspaces * self.codewords.shape[2], r, s)
        return out[:, : self.channels]

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A table of inner products for every input pixel takes the place of the MACs."""
        subspaces, entries, length = self.codewords.shape
        return (Extra("lookup_table_mac", "input", subspaces * entries * length), Extra("lookup", "weight", 1))


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
        return sum(base.count for base in self.bases) * REAL_BITS

    def values(self) -> Reals:
        """Signed bases, added up."""
        out = np.zeros(self.shape)
        for plane, base in zip(self.positive, self.bases, strict=True):
            out += np.where(plane, 1.0, -1.0) * base.over(self.shape)
        return out

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A scale per output and plane."""
        return (Extra("scale", "output", len(self.bases)),)


@dataclass(frozen=True, slots=True, eq=False)
class Outliers:
    """A code for most weights, and a few kept wide (V-Quant, Park et al., ECCV 2018).

    Attributes:
        bulk: code of all weights; what it has at an outlier's place means nothing.
        places: int64, flat places of the outliers, ascending.
        kept: float64, their values.
        wide_bits: bits of an outlier's value.
        place_bits: bits of its place.
    """

    name: ClassVar[str] = "outliers"
    bulk: Code
    places: Ints
    kept: Reals
    wide_bits: int = 16
    place_bits: int = 32

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.bulk.shape

    @property
    def bits(self) -> int:
        """Of a weight of the bulk."""
        return self.bulk.bits

    @property
    def table_bits(self) -> int:
        """The bulk's, and the outliers with their places."""
        return self.bulk.table_bits + int(self.places.size) * (self.wide_bits + self.place_bits)

    def values(self) -> Reals:
        """The bulk's values, but for the outliers."""
        out = self.bulk.values().copy()
        out.reshape(-1)[self.places] = self.kept
        return out

    @property
    def extra(self) -> tuple[Extra, ...]:
        """The bulk's."""
        return self.bulk.extra


@dataclass(frozen=True, slots=True, eq=False)
class Transformed:
    """Kernels stored as coefficients of an orthonormal transform of each R x S kernel.

    Attributes:
        coefficients: their code.
        rows, cols: the transforms, orthonormal [R, R] and [S, S]: coefficients = rows @ kernel @ cols.T.
    """

    name: ClassVar[str] = "transformed"
    coefficients: Code
    rows: Reals
    cols: Reals

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.coefficients.shape

    @property
    def bits(self) -> int:
        """Of a coefficient."""
        return self.coefficients.bits

    @property
    def table_bits(self) -> int:
        """The coefficients'; the transform is fixed."""
        return self.coefficients.table_bits

    def values(self) -> Reals:
        """Kernels, transformed back."""
        out: Reals = np.einsum("ur,mcuv,vs->mcrs", self.rows, self.coefficients.values(), self.cols)
        return out

    @property
    def extra(self) -> tuple[Extra, ...]:
        """The transform back, once per weight that is fetched: R + S multiplications, as rows and columns part."""
        return (*self.coefficients.extra, Extra("transform", "weight", self.rows.shape[0] + self.cols.shape[0]))
