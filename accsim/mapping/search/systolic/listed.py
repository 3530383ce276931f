"""Compiled: bounds of mappings that are listed one by one."""

from __future__ import annotations

import math

from accsim.kernels.jit import kernel
from accsim.mapping.search.systolic.figures import add_loads, judged
from accsim.mapping.search.systolic.flows import Sums, add_axes, add_edges, add_flows, sums_of_tiles
from accsim.mapping.search.systolic.folds import Cuts, Floats, Ints, Machine, changes
from accsim.mapping.search.systolic.score import is_cut
from accsim.mapping.search.systolic.tiles import Buffers, Room, fill, hold_fits
from accsim.mapping.search.systolic.waits import Costs


@kernel
def score_listed(
    cuts: Cuts, machine: Machine, buffers: Buffers, costs: Costs, objective: int, real: int, options: Ints,
    cut: Ints, repeat: Ints, reuse: Ints, sums: Sums, room: Room, out: Floats,
) -> None:  # fmt: skip
    """The bound, the second figure and the guess (``score.judged``) of each mapping.

    Args:
        options: [mapping, dimension], places in ``cuts.options``.
        cut, repeat: [mapping, slot], as masks (``holds.Hold``).
        reuse: [mapping], likewise.
        out: receives [mapping, bound | second figure | guess]; infinite where tiles do not fit.
    """
    at, first = room.at, True
    for i in range(len(options)):
        changed = 255 if first else 0
        for dim in range(6):
            if at[dim] != options[i, dim]:
                at[dim] = options[i, dim]
                changed |= 1 << dim
        if changed:
            active = is_cut(cuts, at)
            fill(cuts, active, room)
            add_axes(cuts, machine, at, changed, sums)
            outer = changes(cuts, machine, at)
            first = False
        if not hold_fits(buffers, cut, i, room):
            out[i] = math.inf
            continue
        known = reuse[i] if outer == 0 else active
        sums_of_tiles(cuts, machine, at, outer, known, sums)
        add_flows(machine, sums, room.words)
        bound = add_loads(buffers, costs, cut, repeat, i, objective, real, room)
        add_edges(cuts, machine, at, outer, known, sums, costs.ports, room.words, room.edges)
        out[i, 0], out[i, 1], out[i, 2] = judged(cuts, machine, buffers, costs, cut, repeat, i, objective, bound, room)
