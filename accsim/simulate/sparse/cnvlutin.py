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

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from accsim.simulate.sparse.count import Counters, SparseCount, Stepped, named
from accsim.simulate.sparse.window import Window, masks, words
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

    pixels, _ = masks(g, ifmap, weight)
    return _result(_count(g, pixels, machine, kernels), machine)


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Cnvlutin) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        ifmap, weight: integers [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import cnvlutin_kernels as kernels  # noqa: PLC0415

    pixels, taps = words(g, ifmap, weight)
    sums, out = kernels.step(pixels, taps, Window.of(g), machine.lanes, machine.brick, machine.filters)
    out[kernels.DENSE] = _count(g, masks(g, ifmap, weight)[0], machine, kernels)[kernels.DENSE]
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
