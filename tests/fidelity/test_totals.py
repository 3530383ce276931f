"""What two totals say, against scipy's linear programmes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog

from accsim.errors import AccsimError
from accsim.fidelity.totals import Share, energy_range, two_fractions

SHARES = st.builds(Share, st.integers(1, 400), st.integers(1, 900), st.integers(0, 50), st.integers(1, 500))


@given(st.lists(st.tuples(SHARES, st.floats(0.05, 0.95)), min_size=2, max_size=8))
def test_the_range_is_that_of_the_linear_programme(layers: list[tuple[Share, float]]) -> None:
    shares = [share for share, _ in layers]
    assume(len({s.macs / s.weights for s in shares}) > 1)
    weights = sum(x * s.weights for s, x in layers)
    macs = sum(x * s.macs for s, x in layers)
    least, most = energy_range(shares, weights, macs)
    fixed = sum(s.fixed for s in shares)
    for found, sign in ((least, 1), (most, -1)):
        programme = linprog(
            [sign * s.slope for s in shares],
            A_eq=[[s.weights for s in shares], [s.macs for s in shares]],
            b_eq=[weights, macs],
            bounds=[(0, 1)] * len(shares),
        )
        assert found == pytest.approx(fixed + sign * programme.fun, rel=1e-6)


def test_two_groups_are_determined_by_two_totals() -> None:
    assert two_fractions(Share(10, 100, 0, 0), Share(100, 50, 0, 0), 25, 60) == pytest.approx((0.5, 0.2))


def test_totals_that_cannot_be() -> None:
    with pytest.raises(AccsimError) as caught:
        two_fractions(Share(10, 100, 0, 0), Share(100, 50, 0, 0), 200, 60)
    assert str(caught.value) == "no non-zero fractions of two groups of layers give 200 weights and 60 MACs"
    with pytest.raises(AccsimError, match=r"^no layers have 200 non-zero weights and 60 MACs$"):
        energy_range([Share(10, 100, 0, 0), Share(100, 50, 0, 0)], 200, 60)
