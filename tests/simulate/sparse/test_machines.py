"""What holds for every sparse machine: both forms agree, sums are golden, slots add up, zeros never cost cycles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.simulate.sparse import cnvlutin, eie, eyeriss_v2, n_m, scnn, sparten
from accsim.workload.layer import Geometry
from tests.naive import sparse_machines as naive
from tests.simulate.sparse.cases import Case, adds_up, cases, effectual, full, golden
from tests.strategies import fc_geometries

EXAMPLES = settings(max_examples=40, deadline=None)
small = st.integers(1, 4)
scnns = st.builds(scnn.Scnn, small, small, small, small, st.sampled_from([64, 80, 1024]), st.sampled_from([2, 5, 32]))
eyerisses = st.builds(
    eyeriss_v2.EyerissV2, small, small, small, small, st.integers(3, 16), st.integers(3, 40), small, small
)
eies = st.builds(eie.Eie, st.integers(1, 9), small, small)
cnvlutins = st.builds(cnvlutin.Cnvlutin, small, small, small)
spartens = st.builds(sparten.Sparten, small, small, st.sampled_from([1, 3, 64, 70, 128]), st.booleans())


def check(module: Any, case: Case, machine: Any) -> Any:
    """Counted equals stepped, sums are golden, slots add up, and no zero costs a cycle."""
    counted, stepped = module.count(*case, machine), module.step(*case, machine)
    assert counted == stepped.count
    assert (stepped.sums == golden(case)).all()
    assert adds_up(counted)
    assert counted.multiplies <= case.g.macs
    dense = module.count(*full(case), machine)
    assert counted.dense_cycles == dense.dense_cycles
    if module is not scnn:  # products may meet at a bank there
        assert dense.cycles == dense.dense_cycles
        assert counted.cycles <= counted.dense_cycles
    return counted


def same(counted: Any, expected: tuple[int, dict[str, int]]) -> None:
    """The count equals a naive twin's."""
    cycles, slots = expected
    assert counted.cycles == cycles
    assert {"multiplies": counted.multiplies, **dict(counted.idle)} == slots


wide_scnns = st.builds(
    scnn.Scnn, small, small, st.integers(1, 8), st.integers(5, 12), st.just(1024), st.sampled_from([32, 64])
)


@settings(max_examples=8, deadline=None)
@given(cases(), wide_scnns)
def test_scnn_of_wide_vectors(case: Case, machine: scnn.Scnn) -> None:
    """More filters in a step than residues of their number: groups that cannot be compared are counted one by one."""
    if scnn.together(case.g, machine):
        same(check(scnn, case, machine), naive.scnn(*case, machine, scnn.halo_area(case.g, machine)))


@EXAMPLES
@given(cases(), scnns)
def test_scnn(case: Case, machine: scnn.Scnn) -> None:
    if not scnn.together(case.g, machine):
        return
    counted = check(scnn, case, machine)
    same(counted, naive.scnn(*case, machine, scnn.halo_area(case.g, machine)))
    assert counted.multiplies == effectual(case)


@EXAMPLES
@given(cases(), eyerisses)
def test_eyeriss_v2(case: Case, machine: eyeriss_v2.EyerissV2) -> None:
    counted = check(eyeriss_v2, case, machine)
    same(counted, naive.eyeriss_v2(*case, machine))
    assert counted.multiplies == effectual(case)


@EXAMPLES
@given(cases(fc_geometries()), eies)
def test_eie(case: Case, machine: eie.Eie) -> None:
    counted = check(eie, case, machine)
    same(counted, naive.eie(*case, machine))
    assert counted.multiplies == effectual(case)


@EXAMPLES
@given(cases(), cnvlutins)
def test_cnvlutin(case: Case, machine: cnvlutin.Cnvlutin) -> None:
    counted = check(cnvlutin, case, machine)
    same(counted, naive.cnvlutin(case.g, case.ifmap, machine))
    assert counted.multiplies >= effectual(case)


@EXAMPLES
@given(cases(), spartens)
def test_sparten(case: Case, machine: sparten.Sparten) -> None:
    counted = check(sparten, case, machine)
    shared = [
        [[int(k) for k in pair if k >= 0] for pair in group] for group in sparten.pairs(case.g, case.weight, machine)
    ]
    same(counted, naive.sparten(*case, machine, shared))
    assert counted.multiplies == effectual(case)


@EXAMPLES
@given(cases(), st.integers(1, 4), st.integers(1, 5), small, small)
def test_n_m(case: Case, n: int, m: int, units: int, lanes: int) -> None:
    machine = n_m.NM(min(n, m), m, units, lanes)
    weight = case.weight.transpose(0, 2, 3, 1).reshape(case.g.M, -1).copy()
    for row in weight:
        for block in range(0, len(row), m):
            row[block : block + m][[i for i, w in enumerate(row[block : block + m]) if w][machine.n :]] = 0
    g = case.g
    pruned = Case(g, case.ifmap, weight.reshape(g.M, g.R, g.S, g.channels_per_group).transpose(0, 3, 1, 2))
    counted, stepped = n_m.count(*pruned, machine), n_m.step(*pruned, machine)
    assert counted == stepped.count
    assert (stepped.sums == golden(pruned)).all()
    assert adds_up(counted)
    assert counted.cycles <= counted.dense_cycles
    same(counted, naive.n_m(g, pruned.weight, machine))


def test_weights_that_are_not_n_m_are_named() -> None:
    g = Geometry(N=1, G=1, M=2, C=8, P=1, Q=1, R=1, S=1, H=1, W=1)
    case = Case(g, np.ones((1, 8, 1, 1)), np.ones((2, 8, 1, 1)))
    with pytest.raises(ValueError, match=r"^filter 0 has more than 2 non-zero weights in block 0 of 4$"):
        n_m.count(*case, n_m.NM())
