"""Layers with operands of any sparsity for the tests of sparse machines."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from accsim.kernels import Accumulator, convolve
from accsim.simulate.sparse.count import SparseCount
from accsim.workload.layer import Geometry
from tests.strategies import conv_geometries, fc_geometries


class Case(NamedTuple):
    """A layer and its operands."""

    g: Geometry
    ifmap: Any
    weight: Any


def draw_words(rng: np.random.Generator, shape: tuple[int, ...], density: float) -> Any:
    """Integers of 8 bits with independent zeros."""
    return rng.integers(1, 128, shape) * rng.choice([-1, 1], shape) * (rng.random(shape) < density)


def operands(g: Geometry, ifmap_density: float, weight_density: float, seed: int) -> Case:
    """A layer with drawn operands."""
    rng = np.random.default_rng(seed)
    ifmap = draw_words(rng, (g.N, g.C, g.H, g.W), ifmap_density)
    return Case(g, ifmap, draw_words(rng, (g.M, g.channels_per_group, g.R, g.S), weight_density))


@st.composite
def cases(draw: st.DrawFn, geometries: st.SearchStrategy[Geometry] | None = None) -> Case:
    """Any small layer at any pair of densities, 0 and 1 among them."""
    g = draw(st.one_of(conv_geometries(), fc_geometries()) if geometries is None else geometries)
    densities = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
    return operands(g, draw(densities), draw(densities), draw(st.integers(0, 2**32 - 1)))


def golden(case: Case) -> Any:
    """The layer's sums."""
    g = case.g
    return convolve(
        case.ifmap, case.weight, Accumulator(62), groups=g.G, stride=(g.stride_h, g.stride_w),
        dilation=(g.dilation_h, g.dilation_w), padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    ).values  # fmt: skip


def effectual(case: Case) -> int:
    """MACs whose words are both not zero."""
    mask = Case(case.g, np.not_equal(case.ifmap, 0).astype(np.int64), np.not_equal(case.weight, 0).astype(np.int64))
    return int(golden(mask).sum())


def full(case: Case) -> Case:
    """The layer without a zero."""
    return Case(case.g, np.ones_like(case.ifmap), np.ones_like(case.weight))


def adds_up(count: SparseCount) -> bool:
    """Whether multiplies and idle slots are all slots, and none is negative."""
    idle = [slots for _, slots in count.idle]
    return count.multiplies + sum(idle) == count.slots and min(idle) >= 0
