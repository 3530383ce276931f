"""Local improvement: neighbours are mappings of the same space, and where it ends none of them is better."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Loop
from accsim.mapping.search.systolic.neighbours import improved, neighbours
from accsim.workload.layer import Operand
from tests.simulate.systolic_cases import SHIPPED_FLOWS

SIZES = {"G": (4, 2, 1), "M": (12, 6, 4, 3, 2, 1), "C": (10, 5, 3, 1), "P": (9, 5, 3, 2, 1)}
SLOTS = (("outer", Operand.IFMAP), ("inner", Operand.IFMAP), ("outer", Operand.WEIGHT), ("outer", Operand.PSUM))


@st.composite
def mappings(draw: st.DrawFn) -> SystolicMapping:
    """Some loops, groups outermost; an inner level holds no larger a tile than the outer one."""
    dims = sorted(draw(st.permutations(draw(st.lists(st.sampled_from("GMCP"), unique=True)))), key=lambda d: d != "G")
    loops = tuple(Loop(dim, draw(st.sampled_from(SIZES[dim][1:]))) for dim in dims)
    outer, inner = sorted(draw(st.integers(0, len(loops))) for _ in range(2))
    depths = (outer, inner, *(draw(st.integers(0, len(loops))) for _ in range(2)))
    hold = tuple((*slot, depth) for slot, depth in zip(SLOTS, depths, strict=True))
    return SystolicMapping(SHIPPED_FLOWS["weight_stationary"], loops, hold)


@given(mappings())
def test_neighbours_are_mappings_of_the_same_space(mapping: SystolicMapping) -> None:
    for other in neighbours(mapping, SIZES):
        dims = [loop.dim for loop in other.loops]
        assert len(set(dims)) == len(dims)
        assert "G" not in dims[1:]
        assert all(0 < loop.step < SIZES[loop.dim][0] for loop in other.loops)
        depths = [depth for *_, depth in other.hold]
        assert tuple(slot[:2] for slot in other.hold) == SLOTS
        assert all(0 <= depth <= len(dims) for depth in depths)
        assert depths[0] <= depths[1]
        assert other != mapping


@given(mappings())
def test_a_change_of_depth_or_order_can_be_taken_back(mapping: SystolicMapping) -> None:
    for other in neighbours(mapping, {}):
        assert mapping in list(neighbours(other, {}))


@given(mappings(), st.integers(0, 1000), st.integers(1, 5))
def test_where_it_ends_no_neighbour_is_better(start: SystolicMapping, salt: int, illegal: int) -> None:
    """Any costs will do, and some mappings that have none."""

    def cost(mapping: SystolicMapping) -> tuple[float, float] | None:
        number = crc32(f"{salt} {mapping.loops} {mapping.hold}".encode())
        return None if number % 7 < illegal and mapping != start else (float(number), 0.0)

    def bounds(mappings: Sequence[SystolicMapping]) -> np.ndarray:
        known = [cost(one) for one in mappings]
        share = [crc32(f"{salt} {one.hold}".encode()) % 8 / 8 for one in mappings]
        least = [np.inf if one is None else one[0] * part for one, part in zip(known, share, strict=True)]
        return np.array([(one, 0.0, one) for one in least])

    best = improved(start, SIZES, bounds, cost, lambda: False)
    spent, first = cost(best), cost(start)
    assert spent is not None
    assert first is not None
    assert spent <= first
    assert all(other is None or other >= spent for other in map(cost, neighbours(best, SIZES)))
    assert improved(start, SIZES, bounds, cost, lambda: True) == start
