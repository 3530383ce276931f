"""Cnvlutin: lanes that take only the activations that are not zero (Albericio et al., ISCA 2016).

::

    bricks of 16 channels,     lane 0: (word, offset) ...  --> word x weights of 16 units' 16 filters at that offset
    zeros left out, dealt      lane 1: (word, offset) ...  --> ...                               |
    out over the lanes         ...                                                               v
                               lane 15                                          adder tree per filter: sum[256]

A window's bricks go to the lanes in turn, channels of a tap first, then taps along the filter's rows. Each lane
takes one word of its brick per cycle, with the offset that says which weights it meets; a brick without words costs
nothing. The next window begins for all lanes when the last lane is done (``barrier``). Groups of filters beyond the
machine's are further passes; places of a pass without a filter are ``unmapped``. Weights are dense.

Which brick of a window goes to which lane the paper leaves open where a tap has fewer bricks than there are lanes;
the turn is assumed here. The first layer is run like any other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.simulate.sparse.count import Counters, Expected, SparseCount, Stepped, named
from accsim.simulate.sparse.window import Window, check_shapes, mask, words
from accsim.workload.layer import Geometry

IDLE = ("barrier", "unmapped")


@dataclass(frozen=True, slots=True)
class Cnvlutin:
    """The machine; defaults of one node of the published one, which extends DaDianNao's.

    Attributes:
        lanes: activations per cycle.
        filters: filters that each activation meets in a cycle, of all units.
        brick: channels of a brick.
    """

    lanes: int = 16
    filters: int = 256
    brick: int = 16

    @property
    def multipliers(self) -> int:
        """Multipliers of all units."""
        return self.lanes * self.filters


def cannot(g: Geometry, machine: Cnvlutin) -> str | None:
    """Why the machine cannot run a layer; ``None``, since it can run any."""
    return None


def count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Cnvlutin) -> SparseCount:
    """Count a layer from the zeros of its ifmap.

    Args:
        ifmap, weight: [N, C, H, W] and [M, C / G, R, S]; only zeros of the ifmap matter.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import cnvlutin_kernels as kernels  # noqa: PLC0415

    check_shapes(g, ifmap, weight)
    return _result(_count(g, mask(ifmap), machine, kernels), machine)


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Cnvlutin) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        ifmap, weight: integers [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import cnvlutin_kernels as kernels  # noqa: PLC0415

    pixels, taps = words(g, ifmap, weight)
    size = g.H, g.W, -(-g.channels_per_group // machine.brick)
    words_in, offsets = np.zeros((*size, machine.brick), np.int64), np.zeros((*size, machine.brick), np.int64)
    sums = np.zeros((g.N, g.M, g.P, g.Q), np.int64)
    out = kernels.step(
        pixels, np.ascontiguousarray(taps.transpose(2, 3, 1, 0)), Window.of(g), machine.lanes, machine.brick,
        machine.filters, words_in, offsets, np.zeros(size, np.int64), sums,
    )  # fmt: skip
    out[kernels.DENSE] = _count(g, mask(ifmap), machine, kernels)[kernels.DENSE]
    return Stepped(sums, _result(out, machine))


def _count(g: Geometry, pixels: NDArray[Any], machine: Cnvlutin, kernels: Any) -> Counters:
    out: Counters = kernels.count(
        pixels, g.R, g.S, g.filters_per_group, Window.of(g), machine.lanes, machine.brick, machine.filters
    )
    return out


def _result(out: Counters, machine: Cnvlutin) -> SparseCount:
    cycles, dense, multiplies, barrier, unmapped, ifmap_reads = out
    return SparseCount(
        cycles=int(cycles),
        dense_cycles=int(dense),
        multiplies=int(multiplies),
        slots=int(cycles) * machine.multipliers,
        idle=named(IDLE, (barrier, unmapped)),
        accesses=named(("ifmap_reads", "weight_reads"), (ifmap_reads, multiplies)),
    )


def expect(g: Geometry, ifmap: float, weight: float, machine: Cnvlutin) -> Expected:
    """What is expected of a layer at densities of its ifmap and weights; cycles are exact.

    Words of different lanes are independent, so P(longest <= k) is the product of the lanes' binomial distributions.
    """
    passes, cycles, met = -(-g.filters_per_group // machine.filters), 0.0, 0
    for lanes, times in _windows(g, machine).items():
        cycles += times * _longest(tuple(sorted(lanes)), ifmap)
        met += times * sum(lanes)
    multiplies = g.N * g.M * met * ifmap
    return Expected(
        cycles=g.N * g.G * passes * cycles,
        multiplies=multiplies,
        accesses=(("ifmap_reads", g.N * g.G * passes * met * ifmap), ("weight_reads", multiplies)),
    )


def _windows(g: Geometry, machine: Cnvlutin) -> Counter[tuple[int, ...]]:
    """How often windows of a group give their lanes so many words, zeros among them."""
    bricks = [min(machine.brick, g.channels_per_group - c) for c in range(0, g.channels_per_group, machine.brick)]
    rows = Counter(_inside(p, g.R, g.stride_h, g.dilation_h, g.pad_top, g.H) for p in range(g.P))
    cols = Counter(_inside(q, g.S, g.stride_w, g.dilation_w, g.pad_left, g.W) for q in range(g.Q))
    out: Counter[tuple[int, ...]] = Counter()
    for (down, high), (across, wide) in product(rows.items(), cols.items()):
        lanes = [0] * machine.lanes
        for r, s in product(down, across):
            for z, words_in in enumerate(bricks):
                lanes[((r * g.S + s) * len(bricks) + z) % machine.lanes] += words_in
        out[tuple(lanes)] += high * wide
    return out


def _inside(at: int, taps: int, stride: int, dilation: int, pad: int, length: int) -> tuple[int, ...]:
    """Taps of a window that lie on pixels."""
    return tuple(r for r in range(taps) if 0 <= at * stride + r * dilation - pad < length)


@lru_cache(maxsize=1024)
def _longest(lanes: tuple[int, ...], density: float) -> float:
    """Expected largest of independent binomial counts."""
    most = max(lanes, default=0)
    below = np.ones(most + 1)  # P(all lanes have at most k words), k = 0 ...
    for size, n in Counter(lanes).items():
        below *= _cumulated(size, density, most) ** n
    return float(most - below[:most].sum())


def _cumulated(size: int, density: float, most: int) -> NDArray[np.float64]:
    """P(at most k of ``size`` words are not zero), k = 0 to ``most``."""
    shares = np.zeros(most + 1)
    shares[0] = 1.0
    for n in range(size):
        shares[1 : n + 2] = shares[1 : n + 2] * (1 - density) + shares[: n + 1] * density
        shares[0] *= 1 - density
    return np.minimum(1.0, np.cumsum(shares))
