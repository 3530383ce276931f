"""Passes in tables: where a layer is cut into tables makes no difference to what is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accsim.simulate.stepped.row_stationary import chunks
from accsim.simulate.stepped.row_stationary.passes import Passes
from tests.simulate.stepped.row_stationary_runs import Layer, layers
from tests.simulate.stepped.test_row_stationary import check_counts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers(most_macs=3000), st.integers(1, 5))
def test_small_tables_give_the_same(monkeypatch: pytest.MonkeyPatch, layer: Layer, size: int) -> None:
    """A table may end within a burst, whose first window fills the FIFOs for all of its passes."""
    whole = layer.run()
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "CHUNK", size)
        cut = layer.run()
    check_counts(layer, cut)
    assert np.array_equal(cut.sums, whole.sums)
    assert (cut.zero_ifmap_macs, cut.register_updates) == (whole.zero_ifmap_macs, whole.register_updates)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers(most_macs=3000), st.integers(1, 5))
def test_tables_hold_every_pass_once(monkeypatch: pytest.MonkeyPatch, layer: Layer, size: int) -> None:
    """And each knows as much of the passes after it, wherever the tables are cut."""
    bursts = [table for table, _ in chunks.chunks(Passes(layer.place).of(layer.steps), whole_bursts=True)]
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "CHUNK", size)
        tables = [table for table, _ in chunks.chunks(Passes(layer.place).of(layer.steps), whole_bursts=False)]
    assert all(table.size >= size for table in tables[:-1])
    assert np.array_equal(np.concatenate(tables), np.concatenate(bursts))
