"""An outlier lane: time and energy follow the number of outliers, and expectations their share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.simulate.activity import Action, Activity
from accsim.simulate.inner_product.outliers import expected_edges
from tests.simulate.inner_product.machines import conv, run, square, tile

PATH = Datapath(DatapathKind.OUTLIER_LANE, normal_bits=4, outlier_group=16)
MACHINE = tile(4, 2, 32, datapath=PATH, weight_bits=8, activation_bits=8)
G = square(64, 4, 8, kernel=1, pad=0)
TABLE = load_table("horowitz_45nm")


def counted(ifmap: Any, weight: Any) -> Activity:
    """The layer with these values."""
    return run(conv(G, 8, 8), MACHINE, {"ifmap": ifmap, "weight": weight})


def wide(activity: Activity) -> int:
    """Products on the wide lanes."""
    return sum(c.accesses for c in activity.counts if c.action is Action.STEP)


def test_time_and_energy_follow_the_number_of_outliers_in_a_group() -> None:
    """16 steps a pass over 64 channels of 32 lanes: a group of k outliers takes max(1, k) edges."""
    ifmap = np.full((1, 64, 4, 4), 3)
    plain = counted(ifmap, np.full((8, 64, 1, 1), 3))
    assert plain.cycles.compute == 8 * 2 * 2
    assert wide(plain) == 0
    before = price(plain, MACHINE, TABLE).energy
    for k in (1, 2, 5, 16):
        weight = np.full((8, 64, 1, 1), 3)
        weight[:, :k] = 100
        seen = counted(ifmap, weight)
        assert seen.cycles.compute == 8 * 2 * (1 + k)  # the first step of each window pass has the outliers
        assert wide(seen) == 8 * 16 * k
        after = price(seen, MACHINE, TABLE).energy
        assert after > before
        before = after


def test_one_outlier_costs_its_energy_and_no_cycle() -> None:
    """The second one of a group costs a cycle; in another group it costs none."""
    ifmap, small = np.full((1, 64, 4, 4), 3), np.full((8, 64, 1, 1), 3)
    one, two, apart = small.copy(), small.copy(), small.copy()
    one[0, 0] = two[0, 0] = two[0, 1] = apart[0, 0] = apart[0, 16] = -100
    runs = [counted(ifmap, w) for w in (small, one, apart, two)]
    assert [r.cycles.compute - runs[0].cycles.compute for r in runs] == [0, 0, 0, 8]
    assert [wide(r) for r in runs] == [0, 16, 32, 32]
    energies = [price(r, MACHINE, TABLE).energy for r in runs]
    assert energies[0] < energies[1] < energies[2] <= energies[3]
    lane = price(runs[1], MACHINE, TABLE).energy - energies[0]
    assert lane == pytest.approx(16 * 0.2, rel=1e-6)  # horowitz_45nm: 8-bit multiplication, 0.2 pJ


def test_a_word_is_an_outlier_if_it_does_not_fit() -> None:
    """Unsigned activations of 4 bits go up to 15; in a layer with negative ones, up to 7, as weights do."""
    weight = np.full((8, 64, 1, 1), -8)
    ones = np.ones((1, 64, 4, 4), np.int64)
    assert wide(counted(ones * 15, weight)) == 0
    assert wide(counted(ones * 16, weight)) == G.macs
    signed = ones * 8
    signed[0, 0, 0, 0] = -1
    assert wide(counted(signed, weight)) == G.macs - 8
    assert wide(counted(ones, weight - 1)) == G.macs
    assert wide(counted(ones, -weight)) == G.macs


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 1.0])
def test_the_expectation_is_the_mean_of_draws(share: float) -> None:
    draws = np.random.default_rng(0).random((4000, 6, 3, 8)) < share
    seen = np.maximum(draws.sum(axis=-1).max(axis=(1, 2)), 1).mean()
    assert expected_edges(share, 8, 6, 24) == pytest.approx(float(seen), rel=0.03)


def test_without_values_the_share_decides_and_is_named() -> None:
    def cycles(share: float) -> Activity:
        path = Datapath(DatapathKind.OUTLIER_LANE, outlier_share=share)
        return run(conv(G, 8, 8), tile(4, 2, 32, datapath=path, weight_bits=8, activation_bits=8))

    some = [cycles(share) for share in (0.0, 0.01, 0.1, 1.0)]
    taken = [one.cycles.compute for one in some]
    assert taken == sorted(taken)
    assert (taken[0], taken[-1]) == (32, 32 * 16)
    assert [wide(one) for one in some] == [round(G.macs * (1 - (1 - s) ** 2)) for s in (0.0, 0.01, 0.1, 1.0)]
    assert some[2].notes == (
        "outlier_lane: cycles are expected with 0.1 of the words outliers, independent of each other; of each tile "
        "rounded up",
    )
