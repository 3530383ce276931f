"""Weights with at most N words in each block of M, stored in N places with an index each.

::

    K = R S C/G activations of a window, blocks of M        unit: L places per cycle
    [a0 a1 a2 a3][a4 a5 a6 a7] ...   --> multiplexers M:1 --> x stored words --> adder tree --> sum
                                           ^ index of each stored word

Every output takes ceil(places / L) cycles of a unit, with N places for each block (a last, shorter block has as many
as it has words, up to N). Places are read whether or not a weight lies there (``padding``); the last cycle may have
places left over (``fragmentation``), and the last units no filter (``unmapped``). Zero activations are multiplied like
any others: nothing is gained from them. Channels lie innermost in a block, as in the sparse tensor cores of NVIDIA's
A100 (white paper, 2020), which are of the kind 2:4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.simulate.sparse.count import SparseCount, Stepped, named
from accsim.simulate.sparse.window import Window, check_shapes
from accsim.workload.layer import Geometry

IDLE = ("padding", "fragmentation", "unmapped")


@dataclass(frozen=True, slots=True)
class NM:
    """The machine.

    Attributes:
        n, m: at most n words in each block of m.
        units: dot products at a time, of as many filters.
        lanes: places a unit takes per cycle.
    """

    n: int = 2
    m: int = 4
    units: int = 64
    lanes: int = 8

    @property
    def multipliers(self) -> int:
        """Multipliers of all units."""
        return self.units * self.lanes


def cannot(g: Geometry, machine: NM) -> str | None:
    """Why the machine cannot run a layer; ``None``: whether it can depends on the weights (see ``stored``)."""
    return None


def places(depth: int, machine: NM) -> int:
    """Places of a filter of ``depth`` words: ceil(depth x n / m) where m is a multiple of n."""
    return depth // machine.m * machine.n + min(machine.n, depth % machine.m)


def stored(g: Geometry, weight: NDArray[Any], machine: NM) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The weights in their places, and the index of each in its block: two arrays [M, places].

    Raises:
        ValueError: a block has more than n words.
    """
    from accsim.simulate.sparse import n_m_kernels as kernels  # noqa: PLC0415

    rows = np.ascontiguousarray(weight.transpose(0, 2, 3, 1), np.int64).reshape(g.M, -1)
    size = g.M, places(rows.shape[1], machine)
    at, index = np.zeros(size, np.int64), np.zeros(size, np.int64)
    wrong = int(kernels.store(rows, machine.n, machine.m, at, index)) - 1
    if wrong >= 0:
        k, i = divmod(wrong, rows.shape[1])
        raise ValueError(
            f"filter {k} has more than {machine.n} non-zero weights in block {i // machine.m} of {machine.m}"
        )
    return at, index


def count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: NM) -> SparseCount:
    """Count a layer from the zeros of its weights.

    Args:
        ifmap, weight: [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's; a block of weights has more than n words.
    """
    check_shapes(g, ifmap, weight)
    stored(g, weight, machine)
    nonzero, outputs = int(np.count_nonzero(weight)), g.N * g.P * g.Q
    words = places(g.channels_per_group * g.R * g.S, machine)
    per_output, passes = -(-words // machine.lanes), -(-g.filters_per_group // machine.units)
    return _result(
        g,
        machine,
        cycles=outputs * g.G * passes * per_output,
        multiplies=outputs * nonzero,
        idle=(
            outputs * (g.M * words - nonzero),
            outputs * g.M * (per_output * machine.lanes - words),
            outputs * g.G * (passes * machine.units - g.filters_per_group) * per_output * machine.lanes,
        ),
    )


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: NM) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        ifmap, weight: integers [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's; a block of weights has more than n words.
    """
    from accsim.simulate.sparse import n_m_kernels as kernels  # noqa: PLC0415

    check_shapes(g, ifmap, weight)
    words, index = stored(g, weight, machine)
    sums, out = kernels.step(
        np.ascontiguousarray(ifmap.transpose(0, 2, 3, 1), np.int64), words, index, (g.R, g.S), Window.of(g),
        machine.n, machine.m, g.channels_per_group, machine.units, machine.lanes,
    )  # fmt: skip
    cycles, multiplies, *idle = (int(v) for v in out)
    return Stepped(sums, _result(g, machine, cycles, multiplies, tuple(idle)))


def _result(g: Geometry, machine: NM, cycles: int, multiplies: int, idle: tuple[int, ...]) -> SparseCount:
    depth, passes = g.channels_per_group * g.R * g.S, -(-g.filters_per_group // machine.units)
    padding = idle[0]
    return SparseCount(
        cycles=cycles,
        dense_cycles=g.N * g.P * g.Q * g.G * passes * -(-depth // machine.lanes),
        multiplies=multiplies,
        slots=cycles * machine.multipliers,
        idle=named(IDLE, idle),
        accesses=named(
            ("ifmap_reads", "weight_reads", "index_reads"),
            (g.N * g.P * g.Q * g.G * passes * depth, multiplies + padding, multiplies + padding),
        ),
    )
