"""From edges of the array's clock to cycles of the layer.

The machine is stepped as if every tile were there in time; the pass timeline then finds where it waits for DRAM. In
these stalls the array's clock stands, so an edge comes as many cycles later as there are stalled ones before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from accsim.simulate.stepped.pass_timeline import Event

Cycles = npt.NDArray[np.int64]


class ArrayClock:
    """The array's clock of one layer.

    Args:
        stalls: first cycle of each wait for DRAM and the one after its last, in order.
    """

    def __init__(self, stalls: Iterable[tuple[int, int]]) -> None:
        edges, waited = [], [0]
        for start, end in stalls:
            edges.append(start - waited[-1])
            waited.append(waited[-1] + end - start)
        self._edges = np.array(edges, dtype=np.int64)
        self._waited = np.array(waited, dtype=np.int64)

    @classmethod
    def of(cls, events: Iterable[Event], dram: str) -> ArrayClock:
        """The clock of a layer from its events; a wait for DRAM is a stall of the DRAM's name."""
        return cls((event.start, event.end) for event in events if (event.track, event.name) == ("stalls", dram))

    def cycles(self, edges: Cycles) -> Cycles:
        """The cycles of the layer on which edges fall."""
        moved: Cycles = edges + self._waited[np.searchsorted(self._edges, edges, side="right")]
        return moved

    def spans(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """The cycles of the edges from ``first`` to the one before ``end``, cut where the clock stands."""
        inside = self._edges[(self._edges > first) & (self._edges < end)].tolist()
        for start, stop in zip((first, *inside), (*inside, end), strict=True):
            if start < stop:
                begin = int(self.cycles(np.array([start]))[0])
                yield begin, begin + stop - start
