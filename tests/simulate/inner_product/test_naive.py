"""Counted edges and stepped sums against plain loops with an object for each lane."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.datapath import Datapath, DatapathKind, Digits
from accsim.simulate.network import simulate_mac
from accsim.simulate.stepped.layer import simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from tests.naive.inner_product import run
from tests.simulate.inner_product.machines import conv, mac_task, mapping, tile
from tests.strategies import conv_geometries

K = DatapathKind
PATHS = [
    Datapath(), Datapath(K.ACTIVATION_SERIAL, sign_cycle=False), Datapath(K.ACTIVATION_SERIAL, sign_cycle=True),
    Datapath(K.DYNAMIC_PRECISION), Datapath(K.BOTH_SERIAL), Datapath(K.TERM_SERIAL, shift_bits=0),
    Datapath(K.TERM_SERIAL), Datapath(K.TERM_SERIAL, digits=Digits.BOOTH), Datapath(K.BOTH_TERMS),
    Datapath(K.BOTH_TERMS, digits=Digits.BOOTH),
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    g=conv_geometries(largest=5), path=st.sampled_from(PATHS), seed=st.integers(0, 2**32 - 1),
    array=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), bits=st.integers(2, 6),
)  # fmt: skip
def test_edges_and_sums_are_those_of_plain_loops(g: Any, path: Datapath, seed: int, array: Any, bits: int) -> None:
    source = np.random.default_rng(seed)
    ifmap = source.integers(0, 1 << bits, (g.N, g.C, g.H, g.W))
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
