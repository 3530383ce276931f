"""Compiled: the controller at the array's edge, one tick per cycle.

It starts loads and streams, and stops the array's clock while a port is behind. On a tick it sees what hardware would:
its own counters, and when valid bits are still in the array::

    loader  edges that the next group's stationary words still need; it begins when the words before are taken over
    feeder  steps of the fold at the edge; the next fold follows at once, a new group when its words are loaded, or when
            its sums will not be complete before the drain registers are free
    drain   edges until no drain register holds a sum of the group before
    ports   bits that each port still has to move for the group: streams, fold after fold, and the next group's load,
            or the group's sums
    array   edges until the last valid bit and the last sum of the folds under way are out, as the array was seen to do

A tick is a stall if only a port is behind. The array's clock stands still then for the tile that is running; the tail
of the tile before it goes on. Other ticks are edges: of compute if there is a valid bit in the array, else of
fill or drain. A port moves the words of a group's streams before those of the next load, and what it still owes when
the array has nothing else to do is waited for then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.simulate.stepped.systolic.feeds import FIRST, LAST, LEAVING, LINES, LOADING, WORKING

CYCLE, EDGE, FREE, FREE_EDGE, DRAIN, TAIL_MACS, TAIL_OUT, TAKEN, OPENED = range(9)
"""What is carried from tile to tile: cycles and edges so far; cycles for which the shadow registers have been free, and
from which edge on; cycles until the drain registers are free; cycles until the valid bits and the sums of the tiles
before are out; whether the shadow registers wait for a port; the tile that began the sums in the PEs."""

STATE = 9

COMPUTE, FILL, IDLE, LEAVE = range(4)
"""Edges: with a MAC; of the first load; with nothing but waiting; after the last MAC."""

LOAD, LAST_USE, NEXT, DONE = range(4)
"""What is seen of a tile, see ``timeline.Run``; ``NONE`` for what does not happen."""

NONE = -(1 << 62)


class Ports(NamedTuple):
    """The array's edge.

    Attributes:
        widths: bits per cycle of each port.
        shared: whether a port carries the operand that is stationary.
        inputs: whether it carries streams.
        in_place: sums stay in the PEs.
        direct: complete sums leave onto a bus.
        together: the sums of all rows are complete on the same edge, and cross all rows.
        rows: rows of the array.
    """

    widths: NDArray[np.int64]
    shared: NDArray[np.bool_]
    inputs: NDArray[np.bool_]
    in_place: bool
    direct: bool
    together: bool
    rows: int


class Notes(NamedTuple):
    """What is noted of a tile's folds.

    Attributes:
        starts, loads: edge of each fold's first step, and on which its first stationary word enters (-1 if none does).
        stalls: runs of stalled cycles, (edge, cycles, port), in order; no rows if they are not asked for.
        noted: how many of them there are.
        by_port: stalled cycles by port.
        owed: bits that each port still has to move for the group that streams.
        edges: see ``COMPUTE``.
        run: see ``LOAD``.
    """

    starts: NDArray[np.int64]
    loads: NDArray[np.int64]
    stalls: NDArray[np.int64]
    noted: NDArray[np.int64]
    by_port: NDArray[np.int64]
    owed: NDArray[np.int64]
    edges: NDArray[np.int64]
    run: NDArray[np.int64]


@kernel
def behind(owed: NDArray[np.int64]) -> int:
    """The first port that has not moved all of its bits; -1 if every one has."""
    for port in range(owed.size):
        if owed[port] > 0:
            return port
    return -1


@kernel
def stalled(notes: Notes, edge: int, cycles: int, port: int) -> None:
    """Note a run of stalled cycles before an edge."""
    if cycles:
        notes.by_port[port] += cycles
    if cycles and notes.stalls.size:
        notes.stalls[notes.noted[0], 0] = edge
        notes.stalls[notes.noted[0], 1] = cycles
        notes.stalls[notes.noted[0], 2] = port
        notes.noted[0] += 1


@kernel
def transfer(edges: int, owed: NDArray[np.int64], widths: NDArray[np.int64]) -> Any:
    """Tick until some edges are over and every port has moved its bits: cycles, and the port that came last (-1)."""
    cycles, late = 0, -1
    while cycles < edges or behind(owed) >= 0:
        if cycles >= edges:
            late = behind(owed)
        for port in range(owed.size):
            owed[port] -= widths[port]
        cycles += 1
    return cycles, late


@kernel
def leaving(edges: int, lines: int, sums: NDArray[np.int64], at: Ports) -> Any:
    """Tick until the sums of a fold are out: cycles, and the port that came last (-1).

    Sums leave on as many edges as rows hold them, the last ones. The first of these may be the edge of the last MAC,
    unless a port that brings inputs is still busy then.
    """
    owed = sums.copy()
    span = 1 if at.direct else lines
    for port in range(owed.size):
        free = min(span, edges) if at.inputs[port] else span
        owed[port] += (edges - free) * at.widths[port]
    return transfer(edges, owed, at.widths)


@kernel
def sums_busy(lines: int, after: int, at: Ports) -> int:
    """Edges from the last MAC of one set of sums to that of the next, so that no drain register holds two."""
    if at.direct:
        return 1
    return max(lines, after) if at.together else lines


@kernel
def run_alone(
    folds: NDArray[np.int64], seen: NDArray[np.int64], steps: int, streams: NDArray[np.int64], kept: NDArray[np.int64],
    tile: int, at: Ports, state: NDArray[np.int64], totals: NDArray[np.int64], notes: Notes,
) -> None:  # fmt: skip
    """A tile on an array without shadow registers: each fold loads, streams and leaves before the next one loads.

    Args:
        folds: columns ``LINES`` (used rows here), ``FIRST`` and ``LAST`` matter.
        seen: edges while each fold was seen to load, work and leave.
        steps: of each fold's stream.
        streams, kept: [folds, ports], bits of its streams, and of its stationary words or sums.
        tile: number of the tile.
        at: the edge.
        state: see ``CYCLE``.
        totals: cycles by tile, added up; those on which sums leave belong to the tile that began the sums.
        notes: filled in.
    """
    for f in range(folds.shape[0]):
        if folds[f, FIRST]:
            state[OPENED] = tile
        if seen[f, LOADING]:
            cycles, port = transfer(seen[f, LOADING], kept[f].copy(), at.widths)
            notes.loads[f] = state[EDGE]
            stalled(notes, state[EDGE], cycles - seen[f, LOADING], port)
            notes.edges[FILL] += seen[f, LOADING]
            state[EDGE] += seen[f, LOADING]
            totals[tile] += cycles
        cycles, port = transfer(steps, streams[f].copy(), at.widths)
        notes.starts[f] = state[EDGE]
        stalled(notes, state[EDGE], cycles - steps, port)
        notes.edges[COMPUTE] += seen[f, WORKING]
        state[EDGE] += seen[f, WORKING]
        totals[tile] += seen[f, WORKING] + cycles - steps
        cycles, port = seen[f, LEAVING], -1
        if at.in_place and folds[f, LAST]:
            cycles, port = leaving(seen[f, LEAVING], folds[f, LINES], kept[f], at)
        stalled(notes, state[EDGE], cycles - seen[f, LEAVING], port)
        notes.edges[LEAVE] += seen[f, LEAVING]
        state[EDGE] += seen[f, LEAVING]
        totals[state[OPENED] if at.in_place else tile] += cycles


@kernel
def pass_cycle(state: NDArray[np.int64]) -> None:
    """One cycle for what goes on whether the array's clock stands still or not."""
    state[CYCLE] += 1
    state[FREE] += not state[TAKEN]
    for counter in (DRAIN, TAIL_MACS, TAIL_OUT):
        state[counter] -= state[counter] > 0


@kernel
def pass_edge(state: NDArray[np.int64], working: bool, notes: Notes) -> None:
    """One edge: of compute if a valid bit is in the array."""
    notes.edges[COMPUTE if working or state[TAIL_MACS] > 0 else IDLE] += 1
    state[EDGE] += 1
    pass_cycle(state)


@kernel
def group_end(folds: NDArray[np.int64], first: int) -> int:
    """The fold after the last one that shares a stationary operand, or sums, with fold ``first``."""
    end = first + 1
    while end < folds.shape[0] and not folds[end, FIRST]:
        end += 1
    return end


@kernel
def stream_cycles(steps: int, streams: NDArray[np.int64], at: Ports) -> int:
    """Cycles that folds take to stream, one after the other."""
    total = 0
    for f in range(streams.shape[0]):
        cycles, _ = transfer(steps, streams[f].copy(), at.widths)
        total += cycles
    return total


@kernel
def open_tile(
    folds: NDArray[np.int64], loading: int, streamed: int, kept: NDArray[np.int64], at: Ports, state: NDArray[np.int64],
    notes: Notes,
) -> None:  # fmt: skip
    """Wait until a tile may stream: its stationary words are loaded, or the drain registers will be free in time.

    Args:
        loading: edges that its stationary words need; 0 if it brings none.
        streamed: cycles that its first group streams, after which the group's sums are complete.
        kept: bits of its stationary words by port.
    """
    if at.in_place:
        if folds[0, FIRST]:
            notes.run[LOAD] = -streamed
            while state[DRAIN] > streamed:
                pass_edge(state, False, notes)
        return
    if not loading:
        return
    needed, port = transfer(loading, kept.copy(), at.widths)
    notes.run[LOAD] = needed
    notes.loads[0] = state[FREE_EDGE]
    if state[CYCLE]:
        while state[FREE] < needed:
            pass_edge(state, False, notes)
        return
    notes.edges[FILL] += loading
    state[CYCLE], state[EDGE] = needed, loading
    stalled(notes, 0, needed - loading, port)


@kernel
def run_on(
    folds: NDArray[np.int64], seen: NDArray[np.int64], exits: NDArray[np.int64], steps: int,
    streams: NDArray[np.int64], kept: NDArray[np.int64], at: Ports, state: NDArray[np.int64], notes: Notes,
) -> None:  # fmt: skip
    """A tile on an array with shadow registers, from the end of the streams before it to the end of its own.

    Args:
        exits: edges from the last MAC of each fold to its last sum in the edge register, if its sums leave.
        folds, seen, steps, streams, kept, at, state, notes: as for ``run_alone``.
    """
    count, end = folds.shape[0], group_end(folds, 0)
    notes.run[:] = NONE
    open_tile(folds, seen[0, LOADING], stream_cycles(steps, streams[:end], at), kept[0], at, state, notes)
    begin = state[CYCLE]
    left = np.zeros(2, np.int64)  # edges until the last valid bit and the last sum of this tile's folds are out
    group = 0
    while group < count:
        end = group_end(folds, group)
        run_group(folds, seen, exits, steps, streams, kept, at, state, notes, group, end, begin, left)
        group = end
    if at.in_place:
        while behind(notes.owed * at.shared) >= 0:
            advance(state, left, notes, at)
    notes.run[NEXT] = state[CYCLE] - begin
    notes.run[DONE] = notes.run[NEXT] + max(left[0], left[1])
    state[TAIL_MACS] = max(state[TAIL_MACS], left[0])
    state[TAIL_OUT] = max(state[TAIL_OUT], left[0], left[1])


@kernel
def advance(state: NDArray[np.int64], left: NDArray[np.int64], notes: Notes, at: Ports) -> None:
    """One edge while a tile runs."""
    pass_edge(state, left[0] > 0, notes)
    for n in range(2):
        left[n] -= left[n] > 0
    for port in range(notes.owed.size):
        notes.owed[port] -= at.widths[port]


@kernel
def run_group(
    folds: NDArray[np.int64], seen: NDArray[np.int64], exits: NDArray[np.int64], steps: int,
    streams: NDArray[np.int64], kept: NDArray[np.int64], at: Ports, state: NDArray[np.int64], notes: Notes,
    group: int, end: int, begin: int, left: NDArray[np.int64],
) -> None:  # fmt: skip
    """Folds ``group`` to ``end`` of a tile that began on cycle ``begin``, until those after them may start."""
    final, owed = end == folds.shape[0], notes.owed
    owed[:] = 0
    for port in range(owed.size):
        owed[port] = streams[group:end, port].sum()
        if at.in_place:
            owed[port] += kept[group, port]
        elif not final:
            owed[port] += kept[end, port]
    loading = sum_steps = busy = 0
    if not final:
        loading, sum_steps = seen[end, LOADING], steps * (group_end(folds, end) - end)
        busy = sums_busy(folds[group, LINES], folds[end, LINES], at)
        notes.loads[end] = state[EDGE] if loading else -1
    elif not at.in_place and (folds[0, FIRST] or behind(owed * at.shared) >= 0):
        state[TAKEN] = 1
    fold, to_stream = group, 0
    bits, moving, moved, late, late_port = streams[group].copy(), group, 0, 0, -1
    late_by_port, slow, waits, waits_for = np.zeros(owed.size, np.int64), -1, 0, -1
    while True:
        if state[TAKEN] and behind(owed * at.shared) < 0:
            state[TAKEN], state[FREE], state[FREE_EDGE] = 0, 0, state[EDGE]
            notes.run[LAST_USE] = state[CYCLE] - begin
        feeding = fold < end or to_stream > 0
        waiting = not final and (loading > 0 or (at.in_place and state[DRAIN] > sum_steps))
        if not (feeding or waiting or moving < end or (behind(owed) >= 0 and not final)):
            break
        if feeding or waiting:
            if feeding and to_stream == 0:
                notes.starts[fold] = state[EDGE]
                out = exits[fold]
                if at.in_place and final:
                    out, _ = leaving(exits[fold], folds[fold, LINES], kept[fold], at)
                left[0] = max(left[0], seen[fold, WORKING])
                left[1] = max(left[1], seen[fold, WORKING] + out)
                fold, to_stream = fold + 1, steps
            advance(state, left, notes, at)
            loading -= loading > 0
            if feeding:
                to_stream -= 1
                if to_stream == 0 and fold == end:
                    state[DRAIN] = busy
        else:
            waits, waits_for = waits + 1, NONE if moving < end else behind(owed)
            pass_cycle(state)
            for port in range(owed.size):
                owed[port] -= at.widths[port]
        if moving < end:
            if moved >= steps:
                late, late_port = late + 1, behind(bits)
            moved += 1
            for port in range(bits.size):
                bits[port] -= at.widths[port]
            if moved >= steps and behind(bits) < 0:
                if late:
                    late_by_port[late_port] += late
                    slow = late_port if slow < 0 else slow
                moving, moved, late = moving + 1, 0, 0
                if moving < end:
                    bits[:] = streams[moving]
    if final:
        for port in range(owed.size):
            stalled(notes, state[EDGE], late_by_port[port], port)
        if at.in_place:
            state[DRAIN] = sums_busy(folds[group, LINES], at.rows, at)
            notes.run[LAST_USE] = state[CYCLE] + state[DRAIN] - begin
    else:
        stalled(notes, state[EDGE], waits, slow if waits_for == NONE else waits_for)


@kernel
def finish(state: NDArray[np.int64], notes: Notes) -> None:
    """Run the array until everything is out."""
    while state[TAIL_OUT] > 0:
        if state[TAIL_MACS] > 0:
            notes.edges[COMPUTE] += 1
        else:
            notes.edges[LEAVE] += 1
        state[EDGE] += 1
        pass_cycle(state)
