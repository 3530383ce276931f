"""Tables of values, of sub-vectors and of kernels."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import ClassVar

import numpy as np

from accsim.compress.codes.base import Extra, Ints
from accsim.compress.grain import REAL_BITS, Reals


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

    def symbols(self) -> Ints:
        """The indexes; nothing where they are hashed."""
        return np.zeros(0, np.int64) if self.hashed else self.index

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

    def symbols(self) -> Ints:
        """The indexes, one per sub-vector."""
        return self.index

    @property
    def extra(self) -> tuple[Extra, ...]:
        """Inner products of every input pixel with all codewords, then one look-up and addition per sub-vector.

        They take the place of the MACs. An input pixel counts once per group of channels.
        """
        subspaces, entries, length = self.codewords.shape
        _, _, r, s = self.index.shape
        return (
            Extra("lookup_table_mac", "input", subspaces * entries * length),
            Extra("lookup", "output", subspaces * r * s),
        )


@dataclass(frozen=True, slots=True, eq=False)
class KernelCodebook:
    """Whole R x S kernels, each one of a few, with a factor of its own where there are any (Son et al., ECCV 2018).

    Attributes:
        index: int64 [M, C / G].
        kernels: float64 [entries, R, S].
        factors: float64 [M, C / G]; ``None`` for none.
    """

    name: ClassVar[str] = "kernel_codebook"
    index: Ints
    kernels: Reals
    factors: Reals | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return *self.index.shape, *self.kernels.shape[1:]

    @property
    def index_bits(self) -> int:
        """Of the index of a kernel."""
        return max(1, ceil(log2(max(2, self.kernels.shape[0]))))

    @property
    def bits(self) -> int:
        """Of a weight, rounded up: an index is shared by a whole kernel."""
        return ceil(self.index_bits / max(1, int(np.prod(self.kernels.shape[1:]))))

    @property
    def table_bits(self) -> int:
        """The kernels, and the factors."""
        return (int(self.kernels.size) + (0 if self.factors is None else int(self.factors.size))) * REAL_BITS

    def values(self) -> Reals:
        """Kernels times their factors."""
        out: Reals = self.kernels[self.index]
        return out if self.factors is None else out * self.factors[:, :, None, None]

    def symbols(self) -> Ints:
        """The indexes, one per kernel."""
        return self.index

    def convolutions(self) -> Ints:
        """Two-dimensional convolutions per filter [M]: its channels with the same kernel are added up first."""
        ordered = np.sort(self.index, axis=1)
        return np.asarray((np.diff(ordered, axis=1) != 0).sum(axis=1) + 1, np.int64)

    @property
    def extra(self) -> tuple[Extra, ...]:
        """A look-up per weight that is fetched; factors multiply the inputs before those are added up."""
        lookup = Extra("lookup", "weight", 1)
        return (lookup,) if self.factors is None else (lookup, Extra("scale", "weight", 1))
