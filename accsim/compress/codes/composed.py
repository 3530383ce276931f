"""Codes made of another one: with a few weights kept wide, or of transformed kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from accsim.compress.codes.base import Code, Extra, Ints
from accsim.compress.grain import Reals


@dataclass(frozen=True, slots=True, eq=False)
class Outliers:
    """A code for most weights, and a few kept wide (V-Quant, Park et al., ECCV 2018).

    Attributes:
        bulk: code of all weights; what it has at an outlier's place means nothing.
        places: int64, flat places of the outliers, ascending.
        kept: float64, their values.
        wide_bits: bits of an outlier's value.
        place_bits: bits of its place.
        scale_bits: bits of what scales all of them.
    """

    name: ClassVar[str] = "outliers"
    bulk: Code
    places: Ints
    kept: Reals
    wide_bits: int = 16
    place_bits: int = 32
    scale_bits: int = 0

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
        wide = int(self.places.size) * (self.wide_bits + self.place_bits) + self.scale_bits
        return self.bulk.table_bits + wide

    def values(self) -> Reals:
        """The bulk's values, but for the outliers."""
        out = self.bulk.values().copy()
        out.reshape(-1)[self.places] = self.kept
        return out

    def symbols(self) -> Ints:
        """The bulk's."""
        return self.bulk.symbols()

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
        kept: which coefficients are kept; ``None`` if none was pruned. A pruned one is 0, whatever its code says, while
            the weights that it has a share in need not be.
    """

    name: ClassVar[str] = "transformed"
    coefficients: Code
    rows: Reals
    cols: Reals
    kept: npt.NDArray[np.bool_] | None = None

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

    def stored(self) -> Reals:
        """The coefficients, pruned ones 0."""
        values = self.coefficients.values()
        return values if self.kept is None else np.where(self.kept, values, 0.0)

    def values(self) -> Reals:
        """Kernels, transformed back."""
        out: Reals = np.einsum("ur,mcuv,vs->mcrs", self.rows, self.stored(), self.cols)
        return out

    def symbols(self) -> Ints:
        """The coefficients'."""
        return self.coefficients.symbols()

    @property
    def extra(self) -> tuple[Extra, ...]:
        """The transform back, once per weight that is fetched: R + S multiplications, as rows and columns part."""
        return (*self.coefficients.extra, Extra("transform", "weight", self.rows.shape[0] + self.cols.shape[0]))
