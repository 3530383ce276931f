"""Compiled: the controller and the networks of a row-stationary array, edge by edge."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.simulate.stepped.row_stationary import sums

EDGE, TICK, CHAIN, HEIGHT, FILTER, ARRIVED, TAKEN, ROOM, DUMP, SENT, RETURNED, EARLY, LEAD, BUSY_TICK, BUSY_EDGE = (
    range(15)
)
"""What is carried from pass to pass: edges and ticks so far; PEs in the chain of the burst and in that of one set, its
first filter, its ifmap words that have arrived and that were taken, and the most that may wait; the next dump; ifmap
words sent in the layer; sums that have come back in the pass; transactions of the next pass's filters that came beside
this one; by how many edges a filter word came after its first MAC, which the network has to run ahead by; tick and edge
on which the sums that the pass before adds to have come back at the latest."""

STATE = 15

FILL, OPEN, COMPUTE, DRAIN, STALLS = range(5)
"""Columns of the edges spent in a pass: first window, filters in the open, steps, waits for sums and drain; then stalls
by network."""

FINE, LATE, CROWDED = range(3)
"""How a walk ends: well, with a word that was used before it arrived, or with one that had no room to wait in."""


class Networks(NamedTuple):
    """The networks that bring words, and the PE's timing.

    Attributes:
        ifmap_bits, weight_bits, psum_bits: bits of a word.
        ifmap_width, weight_width, psum_width: bits of a transaction; 0 for a network that keeps up with the array.
        ifmap_slot, psum_slot: their place among the paced networks.
        pipeline_stages, add_cycles: as in ``hardware.accelerator.Pe``.
    """

    ifmap_bits: int
    weight_bits: int
    psum_bits: int
    ifmap_width: int
    weight_width: int
    psum_width: int
    ifmap_slot: int
    psum_slot: int
    pipeline_stages: int
    add_cycles: int


class Words(NamedTuple):
    """Where words that cross the array's edge are recorded; empty arrays if they are not.

    Attributes:
        ifmap, read, weight, psum_in: words per edge of the layer; ``read`` are those of ``ifmap`` that were fetched.
        psum_out: sums per tick of the layer.
        edge_of: the edge of every tick.
        fetched: of every ifmap word of the burst in order, whether it is fetched.
        stalled: of every edge of the layer, the paced network that it waits for, counted from 1; 0 for none.
        sends, next_sends: edges of the transactions of a pass's filters, and of the next one's.
        uses: edges of the MACs of the first column.
    """

    ifmap: NDArray[Any]
    read: NDArray[Any]
    weight: NDArray[Any]
    psum_in: NDArray[Any]
    psum_out: NDArray[Any]
    edge_of: NDArray[Any]
    fetched: NDArray[Any]
    stalled: NDArray[Any]
    sends: NDArray[Any]
    next_sends: NDArray[Any]
    uses: NDArray[Any]


@kernel
def note(state: NDArray[Any], asked: NDArray[Any], ticks: NDArray[Any]) -> None:
    """Note the tick of every dump that is asked for after the edge before the present one."""
    while state[DUMP] < asked.size and asked[state[DUMP]] == state[EDGE] - 1:
        ticks[state[DUMP]] = state[TICK] - 1
        state[DUMP] += 1


@kernel
def pass_edge(state: NDArray[Any], enabled: bool, asked: NDArray[Any], ticks: NDArray[Any], words: Words) -> None:
    """One edge of the array's clock."""
    if enabled:
        if words.edge_of.size:
            words.edge_of[state[TICK]] = state[EDGE]
        state[TICK] += 1
    state[EDGE] += 1
    note(state, asked, ticks)


@kernel
def bring_ifmap(state: NDArray[Any], arrived: int, words: Words) -> None:
    """Record that the ifmap words of the burst up to ``arrived`` come in on this edge."""
    words.ifmap[state[EDGE]] += arrived - state[ARRIVED]
    for word in range(state[ARRIVED], arrived):
        words.read[state[EDGE]] += words.fetched[word]


@kernel
def note_filters(one: Any, net: Networks, state: NDArray[Any], words: Words) -> None:
    """Record the filter words of a pass, whose first column has ended, on the edges of their transactions.

    A word comes with the last transaction that carries some of it.
    """
    sent = 0
    for channel in range(one.per_q):
        sets_r = one.sets_r if channel < one.channels - (one.sets_r - 1) * one.per_q else one.sets_r - 1
        for tap in range(one.taps_s):
            for f in range(one.per_p):
                sets_t = one.sets_t if f < one.filters - (one.sets_t - 1) * one.per_p else one.sets_t - 1
                for _ in range(sets_t * sets_r * one.taps_r):
                    sent += 1
                    edge = words.sends[(sent * net.weight_bits - 1) // net.weight_width]
                    words.weight[edge] += 1
                use = words.uses[(channel * one.taps_s + tap) * one.per_p + f]
                state[LEAD] = max(state[LEAD], edge - use)


@kernel
def begin_burst(
    one: Any, state: NDArray[Any], net: Networks, asked: NDArray[Any], ticks: NDArray[Any], words: Words
) -> int:
    """Bring the first window into the FIFOs; returns the edges that takes."""
    state[CHAIN], state[HEIGHT], state[FILTER] = one.sets_r * one.taps_r, one.taps_r, one.m0
    state[ARRIVED] = state[TAKEN] = 0
    state[ROOM] = one.window
    for slot in range(one.window_slots):
        arrived = min(one.window, (slot + 1) * net.ifmap_width // net.ifmap_bits)
        if words.ifmap.size:
            bring_ifmap(state, arrived, words)
        state[SENT] += arrived - state[ARRIVED]
        state[ARRIVED] = arrived
        pass_edge(state, False, asked, ticks, words)
    return int(one.window_slots)


@kernel
def hold_pass(
    one: Any, slowest: int, edges: NDArray[Any], state: NDArray[Any], asked: NDArray[Any], ticks: NDArray[Any],
    words: Words, returns: sums.Returns,
) -> None:  # fmt: skip
    """Hold a pass until filter words left need no more edges than its first column, and no sum it adds to is late.

    Sums of earlier passes climb on meanwhile. An edge on which no filters come is drain.
    """
    early, height = state[EARLY], state[HEIGHT]
    late = state[CHAIN] - one.sets_r * height + height - one.taps_r + returns.pipeline_stages - 1
    at, busy = one.m0 - state[FILTER], state[BUSY_TICK : BUSY_EDGE + 1]
    recording, ticking, sending = words.edge_of.size > 0, not one.starts, words.sends.size > 0
    if sending:
        words.sends[:early] = words.next_sends[:early]
    while True:
        if one.weight_slots - early - edges[OPEN] > one.first:
            if sending:
                words.sends[early + edges[OPEN]] = state[EDGE]
            edges[OPEN] += 1
        elif returns.ticks.size and sums.late_by(one, at, late, slowest, state[TICK], state[EDGE], busy, returns):
            edges[DRAIN] += 1
        else:
            state[BUSY_TICK] = state[TICK] + one.steps - 1 + late
            state[BUSY_EDGE] = state[EDGE] + slowest - 1 + late
            return
        if recording and ticking:
            words.edge_of[state[TICK]] = state[EDGE]
        state[TICK] += ticking
        state[EDGE] += 1
        if asked.size:
            note(state, asked, ticks)


@kernel
def end_burst(state: NDArray[Any], net: Networks, asked: NDArray[Any], ticks: NDArray[Any], words: Words) -> int:
    """Run the array until the top PEs have written their last sums; returns the edges that takes."""
    last = state[TICK] - 1 + state[CHAIN] - 1 + net.pipeline_stages - 1
    edges = 0
    while state[TICK] - 1 < last:
        pass_edge(state, True, asked, ticks, words)
        edges += 1
    return edges


@kernel
def walk(
    table: NDArray[Any], slots: NDArray[Any], net: Networks, state: NDArray[Any], asked: NDArray[Any],
    ticks: NDArray[Any], begins: NDArray[Any], spent: NDArray[Any], words: Words, returns: sums.Returns,
) -> int:  # fmt: skip
    """Walk passes edge by edge.

    Args:
        table: the passes, records of ``passes.PASS``.
        slots: [passes, networks], transactions of each network that may hold the array.
        net: the networks.
        state: see ``EDGE`` and the others.
        asked: edges whose ticks are wanted, ascending.
        ticks: receives the last tick up to each of them.
        begins: receives the tick of the first step of each pass.
        spent: [passes, 4 + networks], receives the edges of each pass, see ``FILL`` and the others.
        words: where words are recorded.
        returns: sums on their way to the buffer and back.

    Returns:
        ``FINE``, or what is wrong.
    """
    for number in range(table.size):
        one, edges, slowest = table[number], spent[number], table[number].steps
        for network in range(slots.shape[1]):
            slowest = max(slowest, slots[number, network])
        if one.starts:
            sums.begin_burst(one, state[EDGE] - 1, returns)
            edges[FILL] = begin_burst(one, state, net, asked, ticks, words)
        hold_pass(one, slowest, edges, state, asked, ticks, words, returns)
        begins[number], edge = state[TICK], state[EDGE]
        wrong = run_steps(one, edges, slots[number], net, state, asked, ticks, words, returns)
        if wrong:
            return wrong
        if returns.ticks.size:
            sums.send(one, one.m0 - state[FILTER], state[CHAIN], begins[number], edge, returns)
        if one.ends:
            edges[DRAIN] += end_burst(state, net, asked, ticks, words)
    return FINE


@kernel
def run_steps(
    one: Any, edges: NDArray[Any], slots: NDArray[Any], net: Networks, state: NDArray[Any], asked: NDArray[Any],
    ticks: NDArray[Any], words: Words, returns: sums.Returns,
) -> int:  # fmt: skip
    """The steps of one pass, each on the first edge on which no network or port is behind."""
    count, steps, recording = slots.size, one.steps, words.ifmap.size > 0
    moved, due = np.zeros(count, np.int64), np.zeros(count, np.int64)
    soon, share = -(-slots // steps), slots - -(-slots // steps) * steps
    here, room, state[RETURNED] = state[ARRIVED], state[ROOM], 0
    coming = state[TAKEN] + one.ifmap + one.ahead - here
    if net.ifmap_width:
        room += 2 * (slots[net.ifmap_slot] // steps + 1) * (net.ifmap_width // net.ifmap_bits + 1)
    sent, early, columns, local, length = state[EARLY] + edges[OPEN], 0, 0, 0, one.first
    column_ifmap, column_sums = one.ifmap_rows * one.channels * one.new, one.filters * one.rows
    row_ifmap = one.ifmap_rows * one.channels * (one.span - one.new)
    at, each = one.m0 - state[FILTER], max(net.add_cycles, 1)
    adding = one.per_p * each if returns.ticks.size else 0
    for step in range(steps):
        for k in range(count):
            due[k] = soon[k]
            share[k] += slots[k]
            while share[k] > 0 and soon[k] < slots[k]:
                soon[k] += 1
                share[k] -= steps
        while True:
            behind = -1
            for k in range(count):
                if moved[k] < soon[k]:
                    moved[k] += 1
                if moved[k] < due[k] and (behind < 0 or slots[k] > slots[behind]):
                    behind = k
            if net.ifmap_width:
                arrived = here + min(coming, moved[net.ifmap_slot] * net.ifmap_width // net.ifmap_bits)
                if recording:
                    bring_ifmap(state, arrived, words)
                state[SENT] += arrived - state[ARRIVED]
                state[ARRIVED] = arrived
            if recording:
                bring_sums(one, moved, net, state, words)
            if behind < 0:
                break
            edges[STALLS + behind] += 1
            if recording:
                words.stalled[state[EDGE]] = behind + 1
            state[EDGE] += 1
            if asked.size:
                note(state, asked, ticks)
        if local == 0:
            fresh = column_ifmap + (row_ifmap if columns % one.cols == 0 else 0)
            if not net.ifmap_width:
                if recording:
                    bring_ifmap(state, state[TAKEN] + fresh, words)
                state[SENT] += fresh
                state[ARRIVED] += fresh
            state[TAKEN] += fresh
            if state[TAKEN] > state[ARRIVED]:
                return LATE
        if state[ARRIVED] - state[TAKEN] > room:
            return CROWDED
        mine, next_one = sent < one.weight_slots, step >= one.head and early < one.next_slots
        if recording:
            if mine:
                words.sends[sent] = state[EDGE]
            if next_one:
                words.next_sends[early] = state[EDGE]
            record_step(one, columns, local, length, state, net, words)
        sent += mine
        early += next_one
        local += 1
        if length - local < adding and (length - local) % each == 0:
            f = one.per_p - 1 - (length - local) // each
            returns.ticks[at + f, columns], returns.edges[at + f, columns] = state[TICK], state[EDGE]
        if local == length:
            if recording and columns == 0 and one.weight_slots:
                note_filters(one, net, state, words)
            columns += 1
            local, length = 0, one.column if columns % one.cols else one.first
            came = moved[net.psum_slot] * net.psum_width // net.psum_bits if net.psum_width else columns * column_sums
            if one.returns and came < columns * column_sums:
                return LATE
        edges[COMPUTE] += 1
        state[TICK] += 1
        state[EDGE] += 1
        if asked.size:
            note(state, asked, ticks)
    state[EARLY] = early
    return FINE if sent == one.weight_slots else LATE


@kernel
def bring_sums(one: Any, moved: NDArray[Any], net: Networks, state: NDArray[Any], words: Words) -> None:
    """Record the sums that come back on this edge over a network with a pace."""
    if one.returns and net.psum_width:
        came = min(one.n * one.cols * one.filters * one.rows, moved[net.psum_slot] * net.psum_width // net.psum_bits)
        words.psum_in[state[EDGE]] += came - state[RETURNED]
        state[RETURNED] = came


@kernel
def record_step(
    one: Any, columns: int, local: int, length: int, state: NDArray[Any], net: Networks, words: Words
) -> None:
    """Record a step's tick, the first use of filter words, and words that come without a pace or leave at the top."""
    words.edge_of[state[TICK]] = state[EDGE]
    if columns == 0 and one.loads:
        mac = local - (length - one.per_p * (one.per_q * one.taps_s + net.add_cycles))
        if 0 <= mac < one.per_p * one.per_q * one.taps_s:
            words.uses[mac] = state[EDGE]
        if local == 0 and not net.weight_width:
            words.weight[state[EDGE]] += one.filters * one.channels * one.taps_r * one.taps_s
    each = max(net.add_cycles, 1)
    first = length - one.per_p * each
    if local == first and one.returns and not net.psum_width:
        words.psum_in[state[EDGE]] += one.filters * one.rows
    done, rest = divmod(local - first + 1, each)
    if done > 0 and rest == 0:
        sets = one.sets_t if done <= one.filters - (one.sets_t - 1) * one.per_p else one.sets_t - 1
        words.psum_out[state[TICK] + state[CHAIN] + net.pipeline_stages - 2] += sets * one.rows
