"""Edges of the steps of a tile from the values of a layer's operands: who works together waits for the slowest.

What a tile's activations (and its weights) come to is worked out once for each piece of them: tiles that share it, such
as those of other filters on the same windows, look it up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from accsim.hardware.datapath import Digits
from accsim.mapping.dataflow import TiledDataflow
from accsim.simulate.inner_product import groups, outliers
from accsim.simulate.inner_product.datapaths import Follows, Rate
from accsim.simulate.inner_product.steps import Steps
from accsim.simulate.tiled.run import Sizes
from accsim.workload.layer import Geometry

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.integer[Any]]
Word = TypeVar("Word", bound=np.generic)
Made = TypeVar("Made")

PLACES = (-3, -2, -1)
"""Rows, columns and lanes of words that are laid out."""
MOST_HELD = 4096
"""Pieces of an operand of which something is kept."""


class KnownValues:
    """A layer's values on a datapath that follows them.

    Args:
        ifmap: integers [N, C, H, W].
        weight: integers [M, C / G, R, S]; ``None`` where activations alone decide and they are not known.
        unrolled: rows, columns and lanes.
        signed: whether activations are.
    """

    def __init__(
        self, geometry: Geometry, dataflow: TiledDataflow, rate: Rate, unrolled: dict[str, int], ifmap: Words,
        weight: Words | None, signed: bool,
    ) -> None:  # fmt: skip
        self.geometry, self.dataflow, self.rate, self.unrolled = geometry, dataflow, rate, unrolled
        self.ifmap, self.signed = ifmap, signed
        self._known_weight = weight
        self._held = dict[tuple[object, ...], Any]()

    @property
    def weight(self) -> Words:
        """The weights, where they decide."""
        if self._known_weight is None:
            raise ValueError("the weights are not known")
        return self._known_weight

    def widths(self) -> tuple[int, int | None]:
        """The largest magnitudes of activations and weights; ``None`` for weights that are not known."""
        weight = self._known_weight
        of_weight = None if weight is None or not weight.size else max(int(weight.max()), -int(weight.min()))
        return int(self._magnitudes.max(initial=0)), of_weight

    def edges(self, sizes: Sizes, steps: Steps) -> Ints:
        """Edges of each step of a tile."""
        rate = self.rate
        match rate.follows:
            case Follows.TERM_PAIRS:
                a, w = self._kept(sizes, "NGCPQ", self._of_terms), self._kept(sizes, "GMC", self._of_weight_terms)
                return np.asarray(np.maximum((a * w).max(axis=-1), 1), np.int64)
            case Follows.OUTLIERS:
                wide = self._activations(sizes, self._wide_windows), self._weights(sizes, self._wide_weight)
                return outliers.edges_of(outliers.most_outliers(*wide, steps), rate.outlier_lanes)
            case _:
                return self._kept(sizes, "NGCPQ", self._of_activations)

    def own(self, sizes: Sizes, kept: int) -> int:
        """Edges that the MACs of a tile take for themselves, one at least."""
        match self.rate.follows:
            case Follows.OUTLIERS:
                return kept
            case Follows.TERM_PAIRS:
                of_a, some_a, n = self._kept(sizes, "NGCPQ", self._sums_of_terms)
                of_w, some_w = self._kept(sizes, "GMC", self._sums_of_weight_terms)
                return int(of_a @ of_w) - int(some_a @ some_w) + n * sizes["M"].size
            case _:
                return self._kept(sizes, "NGCPQ", self._own_of_activations) * sizes["M"].size

    def wide_products(self, sizes: Sizes) -> int:
        """Products of a tile with an outlier."""
        a = groups.in_tile(self._wide_windows, sizes)
        w = groups.filters(self._wide_weight, self.geometry, sizes)
        by_a, by_w = a.sum(axis=(0, 3, 4), dtype=np.int64), w.sum(axis=1, dtype=np.int64)
        of_weights = int(by_w.sum()) * int(a.shape[0] * a.shape[3] * a.shape[4])
        return int(by_a.sum()) * int(w.shape[1]) + of_weights - int((by_a * by_w).sum())

    def outlier_shares(self) -> tuple[float, float]:
        """Fractions of the activations and of the weights that do not fit a narrow lane."""
        narrow = self.rate.narrow_bits
        of_ifmap = outliers.wide(self.ifmap, narrow, self.signed)
        return float(of_ifmap.mean()), float(outliers.wide(self.weight, narrow, signed=True).mean())

    def _kept(self, sizes: Sizes, dims: str, make: Callable[[Sizes], Made]) -> Made:
        """What is made of the piece of an operand that a tile works on, kept."""
        key = (make.__name__, *((sizes[dim].start, sizes[dim].size) for dim in dims))
        found: Made | None = self._held.get(key)
        if found is None:
            if len(self._held) >= MOST_HELD:
                self._held.clear()
            found = self._held[key] = make(sizes)
        return found

    def _of_activations(self, sizes: Sizes) -> Ints:
        """Edges of each step where activations alone decide."""
        rate = self.rate
        match rate.follows:
            case Follows.WIDTH_USED:
                ored = np.bitwise_or.reduce(self._activations(sizes, self._magnitude_windows), axis=PLACES)
                bits = -(-groups.width(ored.astype(np.int64), rate.trim_low) // rate.serial_bits)
                edges = np.where(bits > 0, bits + rate.sign, 1) * rate.edges
            case Follows.TERMS_MET:
                ored = np.bitwise_or.reduce(self._activations(sizes, self._met_windows), axis=PLACES)
                edges = np.maximum(np.bitwise_count(ored).astype(np.int64), 1) * rate.edges
            case _:
                most = self._activations(sizes, self._term_windows).max(axis=PLACES).astype(np.int64)
                edges = np.maximum(most, 1) * rate.edges
        return np.asarray(edges, np.int64)

    def _of_terms(self, sizes: Sizes) -> npt.NDArray[np.uint16]:
        """Most terms of each lane, over the columns."""
        return np.asarray(self._activations(sizes, self._term_windows).max(axis=(-3, -2)), np.uint16)

    def _of_weight_terms(self, sizes: Sizes) -> npt.NDArray[np.uint16]:
        """Most terms of each lane, over the rows."""
        return np.asarray(self._weights(sizes, self._weight_terms).max(axis=(-3, -2)), np.uint16)

    def _sums_of_terms(self, sizes: Sizes) -> tuple[Ints, Ints, int]:
        """Terms under each place of a filter, words that have some, and how many words there are."""
        from accsim.simulate.inner_product.term_counts import over_windows  # noqa: PLC0415

        windows = groups.in_tile(self._term_windows, sizes)
        return (*over_windows(windows), windows.size)

    def _sums_of_weight_terms(self, sizes: Sizes) -> tuple[Ints, Ints]:
        """The same of the weights, over the filters."""
        from accsim.simulate.inner_product.term_counts import over_filters  # noqa: PLC0415

        words = groups.filters(self._weight_terms, self.geometry, sizes)
        of, some = over_filters(np.ascontiguousarray(words).reshape(*words.shape[:2], -1))
        return of, some

    def _own_of_activations(self, sizes: Sizes) -> int:
        seen = groups.in_tile(self._own_windows, sizes)
        return int(seen.sum(dtype=np.int64)) + seen.size * self.rate.edges

    def _activations(self, sizes: Sizes, windows: npt.NDArray[Word]) -> npt.NDArray[Word]:
        """Activations laid out along the folds, then rows (one), columns and lanes."""
        return groups.laid_out(groups.in_tile(windows, sizes), "NGCPQRS", self.dataflow, self.unrolled)

    def _weights(self, sizes: Sizes, words: npt.NDArray[Word]) -> npt.NDArray[Word]:
        return groups.laid_out(groups.filters(words, self.geometry, sizes), "GMCRS", self.dataflow, self.unrolled)

    @cached_property
    def _magnitudes(self) -> Ints:
        """Of the activations."""
        return groups.narrow(np.abs(self.ifmap))

    @cached_property
    def _terms(self) -> npt.NDArray[np.uint8]:
        """Terms of every activation."""
        return self._counted(self.ifmap)

    @cached_property
    def _weight_terms(self) -> npt.NDArray[np.uint8]:
        """Terms of every weight."""
        return self._counted(self.weight)

    def _counted(self, words: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        from accsim.simulate.inner_product.term_counts import term_counts  # noqa: PLC0415

        counts: npt.NDArray[np.uint8] = term_counts(np.ascontiguousarray(words), self.rate.digits is Digits.BOOTH)
        return counts

    @cached_property
    def _term_windows(self) -> npt.NDArray[np.uint8]:
        return groups.every_window(self._terms, self.geometry)

    @cached_property
    def _magnitude_windows(self) -> Ints:
        return groups.every_window(self._magnitudes, self.geometry)

    @cached_property
    def _met_windows(self) -> Ints:
        return groups.every_window(groups.met(self._magnitudes, self.rate.digits), self.geometry)

    @cached_property
    def _own_windows(self) -> Ints:
        return groups.every_window(self._own_more, self.geometry)

    @cached_property
    def _own_more(self) -> Ints:
        """Edges of every activation for itself, beyond those of a zero; padding is 0 and takes what a zero takes."""
        rate = self.rate
        if rate.follows is Follows.WIDTH_USED:
            bits = -(-groups.width(self._magnitudes.astype(np.int64), rate.trim_low) // rate.serial_bits)
            return (np.where(bits > 0, bits + rate.sign, 1) - 1) * rate.edges
        return (np.maximum(self._terms.astype(np.int64), 1) - 1) * rate.edges

    @cached_property
    def _wide_windows(self) -> outliers.Masks:
        wide = outliers.wide(self.ifmap, self.rate.narrow_bits, self.signed)
        return groups.every_window(wide, self.geometry)

    @cached_property
    def _wide_weight(self) -> outliers.Masks:
        return outliers.wide(self.weight, self.rate.narrow_bits, signed=True)
