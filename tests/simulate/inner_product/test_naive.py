"""Counted edges and stepped sums against plain loops with an object for each lane."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.datapath import Datapath, DatapathKind, Digits
from accsim.simulate.network import simulate_mac
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from tests.naive.inner_product import Brick, bricks, fused_width, run, run_skipping
from tests.simulate.inner_product.machines import conv, mac_task, mapping, tile
from tests.simulate.inner_product.machines import run as counted_of
from tests.simulate.inner_product.test_stepped import kept
from tests.strategies import conv_geometries

K = DatapathKind
PATHS = [
    Datapath(), Datapath(K.ACTIVATION_SERIAL, sign_cycle=False), Datapath(K.ACTIVATION_SERIAL, sign_cycle=True),
    Datapath(K.DYNAMIC_PRECISION), Datapath(K.BOTH_SERIAL), Datapath(K.TERM_SERIAL, shift_bits=0),
    Datapath(K.TERM_SERIAL), Datapath(K.TERM_SERIAL, digits=Digits.BOOTH), Datapath(K.BOTH_TERMS),
    Datapath(K.BOTH_TERMS, digits=Digits.BOOTH), Datapath(K.FUSED_BRICKS), Datapath(K.FUSED_BRICKS, fused_bits=4),
    Datapath(K.OUTLIER_LANE, narrow_bits=2), Datapath(K.OUTLIER_LANE, narrow_bits=2, outlier_lanes=2),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    g=conv_geometries(largest=5), path=st.sampled_from(PATHS), seed=st.integers(0, 2**32 - 1),
    array=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), bits=st.integers(2, 6),
)  # fmt: skip
def test_edges_and_sums_are_those_of_plain_loops(g: Any, path: Datapath, seed: int, array: Any, bits: int) -> None:
    source = np.random.default_rng(seed)
    low = -(1 << (bits - 1)) if path.kind is K.FUSED_BRICKS else 0
    ifmap = source.integers(low, (1 << bits) + low, (g.N, g.C, g.H, g.W))
    weight = source.integers(-(1 << (bits - 1)), 1 << (bits - 1), (g.M, g.channels_per_group, g.R, g.S))
    machine = tile(*array, datapath=path)
    task = mac_task(conv(g, bits, bits), machine, {"ifmap": ifmap, "weight": weight})
    if path.kind is K.BOTH_SERIAL and g.P * g.Q * g.R * g.S == 1:
        return  # fully connected: whole activations, see the datapath's rule
    edges, sums = run(path, g, ifmap, weight, array, bits, bits)
    assert simulate_mac(task, machine, mapping(machine)).cycles.compute == edges
    seen = simulate_mac_stepped(
        task, machine, mapping(machine), Operands(ifmap.astype(np.int32), weight.astype(np.int32))
    )
    assert all(seen.outputs[at] == total for at, total in sums.items())
    assert len(sums) == seen.outputs.size


@pytest.mark.parametrize("brick", [2, 4])
def test_bricks_of_every_pair_of_widths_make_the_product(brick: int) -> None:
    """Every pair of words up to 5 bits, and the ends of wider ones."""
    for x_bits, y_bits in product(range(1, 17), repeat=2):
        for x, y in product(words_of(x_bits), words_of(y_bits)):
            held = bricks(x, y, fused_width(x_bits, brick), fused_width(y_bits, brick), brick)
            assert len(held) == (fused_width(x_bits, brick) // brick) * (fused_width(y_bits, brick) // brick)
            assert sum(one.product() for one in held) == x * y


def words_of(bits: int) -> list[int]:
    """Words of a width: all, or those at the ends and in the middle."""
    if bits <= 3:
        return list(range(-(1 << (bits - 1)), 1 << (bits - 1)))
    return [
        -(1 << (bits - 1)),
        -(1 << (bits - 1)) + 1,
        -(1 << (bits // 2)),
        -1,
        0,
        1,
        1 << (bits // 2),
        (1 << (bits - 1)) - 1,
    ]


def test_a_part_that_is_wider_than_its_brick_is_found() -> None:
    with pytest.raises(ValueError, match="4 does not fit a brick of 2 bits"):
        Brick(2, 4, 1, 0).product()


@settings(max_examples=30, deadline=None)
@given(
    g=conv_geometries(largest=6), n_m=st.sampled_from([(1, 2), (1, 3), (2, 4), (2, 3), (4, 4)]),
    array=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_weights_that_blocks_keep_are_those_of_plain_loops(g: Any, n_m: Any, array: Any, seed: int) -> None:
    source, path = np.random.default_rng(seed), Datapath(n=n_m[0], m=n_m[1])
    rows, cols, blocks = array
    ifmap = source.integers(-8, 8, (g.N, g.C, g.H, g.W))
    weight = kept(path, source.integers(-8, 8, (g.M, g.channels_per_group, g.R, g.S)), source)
    machine = tile(rows, cols, blocks * path.n, datapath=path)
    task = mac_task(conv(g, 4, 4), machine, {"ifmap": ifmap, "weight": weight})
    edges, sums, macs = run_skipping(path, g, ifmap, weight, (rows, cols, blocks * path.n))
    counted = simulate_mac(task, machine, mapping(machine))
    assert counted.cycles.compute == edges
    assert (counted.macs if counted.begun_macs is None else counted.begun_macs) == macs <= g.macs
    words = Operands(ifmap.astype(np.int32), weight.astype(np.int32))
    seen = simulate_mac_stepped(task, machine, mapping(machine), words)
    assert {at: int(seen.outputs[at]) for at in sums} == sums
    assert len(sums) == seen.outputs.size
    every = counted_of(conv(g, 4, 4), tile(rows, cols, blocks * path.n), {"ifmap": ifmap, "weight": weight})
    assert counted.cycles.total <= every.cycles.total
