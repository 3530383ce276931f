"""What a worker keeps between points is bounded, by keys and by bytes."""

from __future__ import annotations

import gc
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator
from accsim.memo import Recent, footprint
from accsim.sweep.evaluate import Evaluator, Status
from tests.sweep.spaces import NETWORK, space

SPACE = """\
workload: {network}
hardware: systolic_32x32
effort: quick
search_table: horowitz_45nm
energy_table: horowitz_45nm
set:
  array.rows: {{from: 8, to: 64, step: 1}}
  array.cols: {{from: 8, to: 64, step: 1}}
"""


@given(keys=st.lists(st.integers(0, 20), max_size=60), most=st.integers(1, 8), room=st.integers(1, 4000))
def test_the_least_recent_go_first(keys: list[int], most: int, room: int) -> None:
    held, order = Recent[bytes](most, room), list[int]()
    size = {key: footprint((key, bytes(50 * key))) for key in keys}
    for key in keys:
        assert held.get(key, lambda key=key: bytes(50 * key)) == bytes(50 * key)  # type: ignore[misc]
        order = [*(other for other in order if other != key), key]
        while len(order) > most or (sum(size[one] for one in order) > room and len(order) > 1):
            order.pop(0)
        assert len(held) == len(order)
        assert held.bytes == sum(size[one] for one in order)
    misses = held.misses
    for key in order:
        held.get(key, lambda: b"made again")
    assert held.misses == misses


def test_footprint() -> None:
    words = np.zeros(1000)
    assert footprint(words) == sys.getsizeof(words)
    assert footprint(words[10:]) >= 990 * 8
    assert footprint((words, words)) == sys.getsizeof((0, 0)) + sys.getsizeof(words)
    inner = ("abc",)
    assert footprint({"k": inner}) == sum(map(sys.getsizeof, ({"k": inner}, "k", inner, "abc")))


@pytest.mark.slow
def test_machines_of_points_long_gone_are_let_go(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NETWORK)
    points = space(SPACE.format(network=tmp_path / "net.yaml")).points()
    evaluator, held = Evaluator(), list[int]()
    for n in (600, 200):
        for _, settings in islice(points, n):
            assert evaluator.evaluate(settings).status is Status.DONE
        gc.collect()
        held.append(sum(isinstance(one, Accelerator) for one in gc.get_objects()))
    assert held[1] <= 1.02 * held[0]
    memo = evaluator.memo
    assert all(kept.bytes <= (kept.most_bytes or 0) for kept in (memo.searched, memo.simulated, memo.terms))
