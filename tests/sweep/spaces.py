"""Small design spaces for the tests."""

from __future__ import annotations

from accsim.source import Source
from accsim.sweep.space import Space
from accsim.sweep.space_reader import read_space

NETWORK = """\
description: two layers
source: made up for a test
input: [3, 8, 8]
layers:
  - conv1: {conv: 4, kernel: 3, pad: 1, then: relu}
  - fc1: {fc: 10}
"""


def space(text: str, name: str = "space") -> Space:
    """A space from its text."""
    return read_space(Source(name, f"{name}.yaml", text))


SMALL = """\
workload: {network}
hardware: systolic_32x32
effort: quick
search_table: horowitz_45nm
energy_table: horowitz_45nm
dataflow: [weight_stationary, output_stationary]
set:
  array.rows: [2, 4, 8]
  levels.buffer.size: [1 KiB, 16 B, 8 KiB]
energy:
  entries.pe/multiplier.points.0.mac: [0.1, 0.2, 0.3]
where:
  - array.rows < 8 or dataflow == 'weight_stationary'
"""
"""45 points of ``network``, of which a buffer of 16 bytes makes some infeasible."""
