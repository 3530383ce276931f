"""Kernels pruned in another domain (T14)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from accsim.compress.codes import REAL_BITS, Float, Transformed
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.compress.passes.unstructured import share, without_smallest
from accsim.errors import AccsimError
from accsim.workload.layer import Layer


def dct(size: int) -> Reals:
    """The orthonormal DCT-II, [frequencies, places]: sqrt(2 / n) cos(pi (2x + 1) u / 2n), the first row sqrt(1 / n)."""
    places, frequencies = np.arange(size), np.arange(size)[:, None]
    out: Reals = np.sqrt(2 / size) * np.cos(np.pi * (2 * places + 1) * frequencies / (2 * size))
    out[0] = np.sqrt(1 / size)
    return out


class Dct(LayerPass):
    """Store kernels as the coefficients of their discrete cosine transform, and prune the smallest of these.

    Each kernel W becomes D W D^T with the orthonormal DCT-II, so what is lost in weights is what is lost in
    coefficients (Parseval). The whole number nearest to ``sparsity`` x coefficients goes. With ``band``, coefficient
    (u, v) is compared as |c| / (1 + band * (u + v)): high frequencies go first, in the spirit of frequency-domain
    dynamic pruning (Liu et al., NeurIPS 2018), whose own thresholds, like its splicing during training, are not used.

    Pruned coefficients are marked as such in the code, and are what an encoding leaves out; the weights they have a
    share in are dense, and all of them are multiplied. Later passes that work on one layer (quantisers, ``level`` ...)
    project the coefficients. A layer whose weights were pruned before is refused, as the transform back would fill them
    in.
    """

    name: ClassVar[str] = "dct"
    sparsity: float = Field(ge=0, le=1, description="fraction of the coefficients that are pruned")
    band: float = Field(0.0, ge=0, description="growth of the threshold from one frequency to the next")

    def project(self, layer: Layer, parameters: LayerParameters) -> LayerParameters:
        """Transform and prune."""
        if parameters.kept is not None and not parameters.kept.all():
            raise AccsimError(
                f"layer {layer.name!r}: its weights were pruned, and a transform would fill them in; transform first"
            )
        values = parameters.values()
        rows, cols = dct(values.shape[2]), dct(values.shape[3])
        coefficients = np.einsum("ur,mcrs,vs->mcuv", rows, values, cols)
        u, v = np.arange(values.shape[2])[:, None], np.arange(values.shape[3])
        rank = np.abs(coefficients) / (1 + self.band * (u + v))
        kept = without_smallest(rank, share(self.sparsity, rank.size))
        bits = parameters.weight.bits if isinstance(parameters.weight, Float) else REAL_BITS
        code = Transformed(Float(coefficients, bits), rows, cols, None if kept.all() else kept)
        return replace(parameters, weight=code, kept=None, grain="")

    def notes(self, layer: Layer, before: LayerParameters, after: LayerParameters) -> str:
        """How many coefficients are left."""
        del layer, before
        if not isinstance(after.weight, Transformed):
            return ""
        values = after.weight.stored()
        return f"{int(np.count_nonzero(values))} of {values.size} coefficients are not 0"
