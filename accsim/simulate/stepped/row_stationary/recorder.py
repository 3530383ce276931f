"""Words on the networks of a row-stationary array, and stalls, edge by edge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from accsim.simulate.stepped.row_stationary import array, controller, sums
from accsim.simulate.stepped.row_stationary.passes import Slots, Table
from accsim.workload.layer import Operand

Integers = npt.NDArray[np.int64]


class Recorder:
    """Words that cross the array's edge, in arrays that grow with the layer."""

    def __init__(self, wanted: bool, layout: array.Layout, height: int, width: int) -> None:
        self.wanted, self.layout, self.size = wanted, layout, (height, width)
        self.rows = np.zeros((7, 0), np.int32)
        self.edge_of = np.zeros(0, np.int64)
        self.sends = [np.zeros(0, np.int64) for _ in range(3)]

    def words(
        self, table: Table, slots: Slots, state: Integers, networks: controller.Networks, returns: sums.Returns
    ) -> controller.Words:  # fmt: skip
        """Where the controller records the words of a chunk."""
        fetched = np.ones(0, np.bool_)
        if self.wanted:
            slowest = np.maximum(table["steps"], slots.max(axis=1, initial=0)) + table["weight_slots"]
            chain = int((table["sets_r"] * table["taps_r"]).max())
            longest = sums.longest_wait(chain, int(slowest.max()), returns)
            held = np.where(table["starts"], returns.between + slowest, longest)
            more = int((slowest + held + table["window_slots"]).sum()) + self.layout.rows * self.layout.cols
            size = int(state[controller.EDGE]) + more + networks.pipeline_stages
            self.rows = np.pad(self.rows, ((0, 0), (0, max(0, size - self.rows.shape[1]))))
            self.edge_of = _grown(self.edge_of, size)
            count = int((table["n"] * table["channels"] * table["ifmap_rows"] * table["row_words"]).sum())
            fetched = np.ones(count, np.bool_)
            macs = int((table["per_p"] * table["per_q"] * table["taps_s"]).max())
            both = max(int(table["weight_slots"].max()), int(table["next_slots"].max()))
            self.sends = [_grown(sends, size) for sends, size in zip(self.sends, (both, both, macs), strict=True)]
            if not self.layout.fetch_padding:
                array.list_fetched(table, self.layout, *self.size, fetched)
        ifmap, read, weight, psum_in, by_tick, _, stalled = self.rows
        return controller.Words(ifmap, read, weight, psum_in, by_tick, self.edge_of, fetched, stalled, *self.sends)

    def stalls(self, state: Integers) -> Iterator[tuple[int, int, int]]:
        """Runs of stalled edges: the paced network that is waited for, the first edge, and the one after the last."""
        waits = np.concatenate(([0], self.rows[6, : int(state[controller.EDGE])], [0]))
        changes = np.flatnonzero(np.diff(waits))
        for first, end in pairwise(changes.tolist()):
            if waits[end]:
                yield int(waits[end]) - 1, first, end

    def edge_words(self, state: Integers) -> dict[tuple[Operand, str], npt.NDArray[np.int32]]:
        """Words per edge of the layer."""
        edges, ticks = int(state[controller.EDGE]), int(state[controller.TICK])
        ifmap, read, weight, psum_in, by_tick, psum_out, _ = self.rows[:, :edges]
        psum_out[self.edge_of[:ticks]] = by_tick[:ticks]
        lead = int(state[controller.LEAD])
        if lead:
            early = int(weight[:lead].sum())
            weight[:-lead] = weight[lead:].copy()
            weight[-lead:] = 0
            weight[0] += early
        return {
            (Operand.IFMAP, "in"): ifmap,
            (Operand.IFMAP, "read"): read,
            (Operand.WEIGHT, "in"): weight,
            (Operand.PSUM, "in"): psum_in,
            (Operand.PSUM, "out"): psum_out,
        }


def _grown(array: Integers, size: int) -> Integers:
    """The array with zeros up to ``size``."""
    return np.pad(array, (0, max(0, size - array.size)))
