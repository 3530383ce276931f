"""A sparse array that is stepped: tile after tile, each with its real words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from accsim.simulate.sparse.array import run_of
from accsim.simulate.sparse.machines import machine_of
from accsim.simulate.sparse.slices import part_of
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Step, Words
from accsim.simulate.storage import Place
from accsim.simulate.tiled.count import Counted, flows_of
from accsim.simulate.timeline import Run
from accsim.workload.layer import Geometry


class SteppedSparse:
    """A sparse array that runs one layer.

    Args:
        place: the layer on its machine.
        operands: its values; sums of their products must fit 64 bits.
    """

    def __init__(self, place: Place, operands: Operands) -> None:
        self.place, self.geometry = place, place.nest.geometry
        self.machine = machine_of(place.accelerator)
        self.ifmap, self.weight = operands.ifmap, operands.weight

    def run(self, steps: Iterable[Step], probe: Probe | None = None) -> Observed:
        """Run the tiles of the layer, in order."""
        g, seen, zeros, runs = self.geometry, Counted(), 0, []
        sums: Words = np.zeros((g.N, g.G, g.filters_per_group, g.P, g.Q), np.int64)
        for step in steps:
            part, ifmap, weight = part_of(g, self.ifmap, self.weight, step.sizes)
            stepped = self.machine.step(part, ifmap, weight)
            tile = run_of(self.place, part, stepped.count)
            seen.add(tile, 1)
            seen.tail = tile.tail
            runs.append(Run(None, None, tile.cycles, tile.cycles + tile.tail))
            n, groups, m, p, q = (
                slice(step.sizes[dim].start, step.sizes[dim].start + step.sizes[dim].size) for dim in "NGMPQ"
            )
            shape = part.N, part.G, part.filters_per_group, part.P, part.Q
            sums[n, groups, m, p, q] += stepped.sums.reshape(shape)
        zeros = g.macs - _on_words(g, self.ifmap)
        return Observed(
            phase=seen.phase,
            runs=tuple(runs),
            sums=sums.reshape(g.N, g.M, g.P, g.Q),
            flows=flows_of(self.place, seen.words),
            macs=seen.done,
            zero_ifmap_macs=min(seen.done, zeros),
            register_updates=seen.words.psum_kept,
            occupancy=seen.occupancy,
            idle=tuple(seen.idle.items()),
        )


def _on_words(g: Geometry, ifmap: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> int:
    """MACs of the layer whose ifmap word is not zero."""
    padded = np.pad(ifmap != 0, ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)))
    found = 0
    for r in range(g.R):
        rows = slice(r * g.dilation_h, r * g.dilation_h + (g.P - 1) * g.stride_h + 1, g.stride_h)
        for s in range(g.S):
            cols = slice(s * g.dilation_w, s * g.dilation_w + (g.Q - 1) * g.stride_w + 1, g.stride_w)
            found += int(padded[:, :, rows, cols].sum())
    return found * g.filters_per_group
