"""Compiled: bounds of every candidate of a range of tile sizes, the best of them kept in a heap.

A candidate is an option for each of the six dimensions and a hold (``holds``). Tile sizes are walked one after the
other; those of which even the smallest tiles do not fit, or of which no hold could be better than the worst candidate
kept, are ruled out as a whole.
"""

from __future__ import annotations

from typing import NamedTuple

from accsim.kernels.jit import kernel, part
from accsim.mapping.search.systolic.flows import Sums, add_axes, add_edges, add_flows, sums_of_tiles
from accsim.mapping.search.systolic.folds import (
    EXTENT,
    EXTENTS,
    FILLED,
    IFMAP,
    PIECES,
    PSUM,
    SIZE,
    STREAM,
    WEIGHT,
    Cuts,
    Floats,
    Ints,
    Machine,
    changes,
)  # fmt: skip

ENERGY, LATENCY, EDP, TRAFFIC = 0, 1, 2, 3
FREE, BANK = 0, 1
PARTITION, HELD, COPIES_BITS = 0, 1, 2
FETCHED_SLOT, TILES, WORD_BITS = 0, 1, 2


class Buffers(NamedTuple):
    """What the shared buffers hold.

    Attributes:
        operand: of each slot.
        partitions: [partition, FREE | BANK]: bits free, bits of a bank (1: none).
        demands: [demand, PARTITION | HELD | COPIES_BITS]: a slot's tile, times bits of all copies of a word.
    """

    operand: Ints
    partitions: Ints
    demands: Ints


class Costs(NamedTuple):
    """Linear terms, and the channel.

    Attributes:
        energy, traffic: constant, then per word of each flow, then per word of each slot.
        leak: energy of a cycle.
        ports: [port, bits of a word of each operand .. bits per cycle].
        fetched: [input, slot, tiles held at once, bits of a word].
        output: slot, tiles held at once, bits of an unfinished word, bits of a finished one.
        channel: cycles before a transfer, cycles per bit, least bits of a transfer, least cycles of all transfers.
    """

    energy: Floats
    traffic: Floats
    leak: float
    ports: Floats
    fetched: Floats
    output: Floats
    channel: Floats


class Holding(NamedTuple):
    """Holds by the mask of dimensions that are cut: [table, mask] to rows; table 1 tells reuse apart.

    Attributes:
        start, stop: [table, mask].
        cut, repeat: [row, slot].
        reuse: [row].
    """

    start: Ints
    stop: Ints
    cut: Ints
    repeat: Ints
    reuse: Ints


class Heap(NamedTuple):
    """The best candidates so far, the worst on top.

    Attributes:
        bound: [place, objective | second figure].
        at: [place, place of the tile sizes | row of the hold].
        state: candidates kept, candidates scored, whether one was left out, tile sizes of which some hold was scored.
    """

    bound: Floats
    at: Ints
    state: Ints


KEPT, SCORED, FULL, TILED = 0, 1, 2, 3


@part
def _worse(heap: Heap, i: int, j: int) -> bool:
    """Whether candidate i comes after j."""
    for k in range(2):
        if heap.bound[i, k] != heap.bound[j, k]:
            return heap.bound[i, k] > heap.bound[j, k]
    for k in range(2):
        if heap.at[i, k] != heap.at[j, k]:
            return heap.at[i, k] > heap.at[j, k]
    return False


@part
def _swap(heap: Heap, i: int, j: int) -> None:
    for k in range(2):
        bound, at = heap.bound[i, k], heap.at[i, k]
        heap.bound[i, k], heap.at[i, k] = heap.bound[j, k], heap.at[j, k]
        heap.bound[j, k], heap.at[j, k] = bound, at


@part
def _push(heap: Heap, bound: float, second: float, tiles: int, row: int) -> None:
    """Keep a candidate, if it is better than the worst kept or there is room."""
    kept, most = heap.state[KEPT], len(heap.bound)
    if kept == most:
        heap.state[FULL] = 1
        if bound > heap.bound[0, 0] or (bound == heap.bound[0, 0] and second >= heap.bound[0, 1]):
            return
        i = 0
    else:
        i = kept
        heap.state[KEPT] = kept + 1
    heap.bound[i, 0], heap.bound[i, 1] = bound, second
    heap.at[i, 0], heap.at[i, 1] = tiles, row
    while i > 0 and _worse(heap, i, (i - 1) // 2):
        _swap(heap, i, (i - 1) // 2)
        i = (i - 1) // 2
    while True:
        child = 2 * i + 1
        if child >= heap.state[KEPT]:
            return
        if child + 1 < heap.state[KEPT] and _worse(heap, child + 1, child):
            child += 1
        if not _worse(heap, child, i):
            return
        _swap(heap, child, i)
        i = child


class Room(NamedTuple):
    """Room for what is worked out of one combination of tile sizes.

    Attributes:
        at: option of each dimension.
        tile: [operand, mask]: words of a tile of which the dimensions of the mask are cut.
        pieces: [mask]: iterations of the loops of the mask.
        extents: [mask of P and Q]: words of the ifmap that tiles cut along them need together.
        needed: bits needed of each partition.
        words: as ``terms`` counts them.
        edges: as ``add_edges`` gives them.
        spent: cycles of the channel for each input.
        box, bits: one figure, as a float and as its bits.
    """

    at: Ints
    tile: Ints
    pieces: Floats
    extents: Floats
    needed: Ints
    words: Floats
    edges: Floats
    spent: Floats
    box: Floats
    bits: Ints


RELEVANT = (0b111011, 0b001110, 0b110111)
"""Masks of the dimensions that index ifmap, weight and psum."""
PLACES = 0b110000
"""The mask of P and Q."""


@part
def _whole(cuts: Cuts, operand: int) -> int:
    """Words of an operand that is not cut; of the ifmap, those that all windows cover."""
    words = cuts.bounds[6] * cuts.bounds[7] if operand == WEIGHT else 1
    for dim in range(6):
        if RELEVANT[operand] >> dim & 1:
            words *= cuts.whole[dim - 4] if operand == IFMAP and dim > 3 else cuts.bounds[dim]
    return words


@part
def _smallest(cuts: Cuts, at: Ints, operand: int) -> int:
    """Words of the tile of the innermost loop."""
    words = cuts.bounds[6] * cuts.bounds[7] if operand == WEIGHT else 1
    for dim in range(6):
        if RELEVANT[operand] >> dim & 1:
            words *= cuts.options[at[dim], EXTENT if operand == IFMAP and dim > 3 else SIZE]
    return words


@part
def _fill(cuts: Cuts, active: int, room: Room) -> None:
    """Fill ``tile``, ``pieces`` and ``extents`` for all sets of the dimensions ``active``."""
    at = room.at
    for operand in range(3):
        room.tile[operand, 0] = _whole(cuts, operand)
    room.pieces[0] = 1.0
    chosen = 0
    while chosen != active:
        chosen = ((chosen | ~active) + 1) & active
        dim = 0
        while not chosen >> dim & 1:
            dim += 1
        rest = chosen & (chosen - 1)
        size, bound = cuts.options[at[dim], SIZE], cuts.bounds[dim]
        room.pieces[chosen] = room.pieces[rest] * cuts.options[at[dim], PIECES]
        for operand in range(3):
            if RELEVANT[operand] >> dim & 1 == 0:
                room.tile[operand, chosen] = room.tile[operand, rest]
            elif operand == IFMAP and dim > 3:
                extent, whole = cuts.options[at[dim], EXTENT], cuts.whole[dim - 4]
                room.tile[operand, chosen] = room.tile[operand, rest] // whole * extent
            else:
                room.tile[operand, chosen] = room.tile[operand, rest] // bound * size
    each = float(cuts.bounds[0] * cuts.bounds[1] * cuts.bounds[3])
    for places in range(4):
        rows = cuts.options[at[4], EXTENTS] if places & 1 else cuts.whole[0]
        columns = cuts.options[at[5], EXTENTS] if places & 2 else cuts.whole[1]
        room.extents[places] = each * rows * columns


@part
def _fits(buffers: Buffers, room: Room) -> bool:
    """Whether the bits needed of every partition fit it."""
    fits = True
    for i in range(len(buffers.partitions)):
        fits = fits and room.needed[i] <= buffers.partitions[i, FREE]
    return fits


@part
def _need(buffers: Buffers, demand: int, words: int, room: Room) -> None:
    """Add a tile, in all its copies and whole banks, to what its partition needs."""
    where, bits = buffers.demands[demand, PARTITION], words * buffers.demands[demand, COPIES_BITS]
    bank = buffers.partitions[where, BANK]
    room.needed[where] += bits if bank == 1 else -(-bits // bank) * bank


@part
def _smallest_fit(cuts: Cuts, buffers: Buffers, room: Room) -> bool:
    """Whether the tiles of the innermost loop fit."""
    for i in range(len(room.needed)):
        room.needed[i] = 0
    for i in range(len(buffers.demands)):
        _need(buffers, i, _smallest(cuts, room.at, buffers.operand[buffers.demands[i, HELD]]), room)
    return _fits(buffers, room)


@part
def _hold_fits(buffers: Buffers, cut: Ints, room: Room) -> bool:
    """Whether the tiles of a hold fit."""
    for i in range(len(room.needed)):
        room.needed[i] = 0
    for i in range(len(buffers.demands)):
        slot = buffers.demands[i, HELD]
        _need(buffers, i, room.tile[buffers.operand[slot], cut[slot]], room)
    return _fits(buffers, room)


@part
def _moved(operand: int, cut: int, repeat: int, room: Room) -> float:
    """Words that all loads of a tile bring, halos included."""
    words = room.extents[cut >> 4] if operand == IFMAP else float(room.tile[operand, 0])
    return words * room.pieces[repeat]


@part
def _last(cuts: Cuts, at: Ints, cut: int) -> float:
    """Words of the last output tile."""
    words = 1.0
    for dim in range(6):
        if RELEVANT[PSUM] >> dim & 1:
            size = cuts.bounds[dim]
            if cut >> dim & 1:
                size -= cuts.options[at[dim], SIZE] * (cuts.options[at[dim], PIECES] - 1)
            words *= size
    return words


@part
def _filled(cuts: Cuts, at: Ints, cut: int) -> float:
    """The share of ifmap tiles that hold any pixel: windows may lie in the padding, and nothing is fetched for them."""
    share = 1.0 if cuts.whole[0] and cuts.whole[1] else 0.0
    for dim in range(4, 6):
        if cut >> dim & 1:
            share *= cuts.options[at[dim], FILLED] / cuts.options[at[dim], PIECES]
    return share


@part
def _last_stream(cuts: Cuts, at: Ints, loops: int) -> float:
    """Steps that are streamed, at least, in the last iteration of the loops of a mask."""
    steps = 1.0
    for dim in range(8):
        if cuts.axis[dim] == STREAM:
            size = cuts.bounds[dim]
            if dim < 6 and loops >> dim & 1:
                size -= cuts.options[at[dim], SIZE] * (cuts.options[at[dim], PIECES] - 1)
            steps *= size
    return steps


@part
def cycles(cuts: Cuts, buffers: Buffers, costs: Costs, cut: Ints, repeat: Ints, room: Room) -> float:
    """Cycles of a hold, at least.

    The channel moves one transfer after the other. A buffer with room for one tile is not filled while the array uses
    it: each transfer waits until the array is empty, and the array for the transfer. With room for two, a transfer
    waits in the same way for the tile before the last, so tiles form two such chains, the second of which begins after
    the first transfer; the layer takes no less than half of both. After the last fetch of an
    operand, and of all those that are fetched no later, the array works on that tile.
    """
    latency, per_bit, burst = costs.channel[0], costs.channel[1], costs.channel[2]
    array, streams, restart = room.edges[0], room.edges[1], room.edges[2] + room.edges[3]
    total = turns = ends = chained = stops = 0.0
    for i in range(len(costs.fetched)):
        slot = int(costs.fetched[i, FETCHED_SLOT])
        operand, bits = buffers.operand[slot], costs.fetched[i, WORD_BITS]
        n = room.pieces[cut[slot] | repeat[slot]]
        if operand == IFMAP:
            n *= _filled(cuts, room.at, cut[slot])
        spent = n * latency + max(_moved(operand, cut[slot], repeat[slot], room) * bits, n * burst) * per_bit
        total += spent
        room.spent[i] = spent
        if costs.fetched[i, TILES] < 2:
            turns += spent
            stops = max(stops, n)
        else:
            first = 0.0
            if n and (operand != IFMAP or cut[slot] & PLACES == 0):
                first = latency + max(burst, room.tile[operand, cut[slot]] * bits) * per_bit
            ends += first
            chained = max(chained, spent + n * restart + (first if n > 1 else 0.0))
    slot = int(costs.output[0])
    tiles = room.pieces[cut[slot]]
    again = tiles * room.pieces[repeat[slot]] - tiles
    words = float(room.tile[PSUM, 0])
    unfinished = words * (room.pieces[repeat[slot]] - 1)
    spent = 2 * (again * latency + max(unfinished * costs.output[2], again * burst) * per_bit)
    last = 0.0
    if costs.output[3] > 0:
        spent += tiles * latency + max(words * costs.output[3], tiles * burst) * per_bit
        last = latency + max(_last(cuts, room.at, cut[slot]) * costs.output[3], burst) * per_bit
    total += spent
    if costs.output[1] < 2:
        turns += spent
        stops = max(stops, tiles + again)
    else:
        chained = max(chained, spent - last + (tiles + again) * restart)
        ends += last
    for i in range(len(costs.fetched)):
        loops = cut[int(costs.fetched[i, FETCHED_SLOT])] | repeat[int(costs.fetched[i, FETCHED_SLOT])]
        before = 0.0
        for j in range(len(costs.fetched)):
            other = cut[int(costs.fetched[j, FETCHED_SLOT])] | repeat[int(costs.fetched[j, FETCHED_SLOT])]
            before += room.spent[j] if other & ~loops == 0 else 0.0
        if before:
            total = max(total, before + room.edges[4] + _last_stream(cuts, room.at, loops) + last)
    return max(total, array + turns + ends, streams + turns + stops * restart, (streams + chained) / 2)


@part
def _linear(terms: Floats, words: Floats) -> float:
    total = terms[0]
    for i in range(len(words)):
        total += terms[1 + i] * words[i]
    return total


@part
def _least_slots(cuts: Cuts, buffers: Buffers, terms: Floats, real: int, room: Room) -> float:
    """The least that the loads of all slots cost, whatever the hold."""
    total = 0.0
    rows, columns = cuts.least[0], cuts.least[1]
    for slot in range(real):
        operand = buffers.operand[slot]
        if operand == IFMAP:
            total += terms[12 + slot] * cuts.bounds[0] * cuts.bounds[1] * cuts.bounds[3] * rows * columns
        elif operand == WEIGHT:
            total += terms[12 + slot] * _whole(cuts, WEIGHT)
    return total


@part
def _coarse(value: float, room: Room) -> float:
    """A figure without the bits that are only rounding; never larger."""
    room.box[0] = value
    room.bits[0] = room.bits[0] >> 20 << 20
    return room.box[0]


@part
def _hopeless(bound: float, limit: float, heap: Heap) -> bool:
    """Whether a bound is not below the limit, or above that of the worst candidate of a full heap."""
    if bound >= limit:
        return True
    if heap.state[KEPT] == len(heap.bound) and bound > heap.bound[0, 0]:
        heap.state[FULL] = 1
        return True
    return False


@part
def _choose(cuts: Cuts, tiles: int, at: Ints) -> int:
    """Set the options of combination ``tiles``; the mask of the dimensions that have changed."""
    changed = 0
    for i in range(6):
        dim = cuts.order[5 - i]
        rest = tiles // cuts.count[dim]
        option = cuts.start[dim] + tiles - rest * cuts.count[dim]
        tiles = rest
        if option != at[dim]:
            at[dim] = option
            changed |= 1 << dim
    return changed


@part
def _active(cuts: Cuts, at: Ints) -> int:
    """The mask of the dimensions that are cut."""
    active = 0
    for dim in range(6):
        if cuts.options[at[dim], PIECES] > 1:
            active |= 1 << dim
    return active


@part
def _at_least(
    cuts: Cuts, machine: Machine, buffers: Buffers, costs: Costs, objective: int, real: int, outer: int, active: int,
    sums: Sums, room: Room,
) -> float:  # fmt: skip
    """The least objective of any hold, of sums worked out for as much reuse as the loops ``active`` allow."""
    words = room.words
    for i in range(11, len(words)):
        words[i] = 0.0
    if objective == TRAFFIC:
        return _coarse(_linear(costs.traffic, words) + _least_slots(cuts, buffers, costs.traffic, real, room), room)
    least = 0.0
    if objective != LATENCY:
        least = _linear(costs.energy, words) + _least_slots(cuts, buffers, costs.energy, real, room)
    if objective != ENERGY or costs.leak > 0:
        add_edges(cuts, machine, room.at, outer, active, sums, costs.ports, words, room.edges)
        spent = max(room.edges[0], costs.channel[3])
        if objective == LATENCY:
            least = spent
        else:
            least += costs.leak * spent
            least *= spent if objective == EDP else 1.0
    return _coarse(least, room)


@kernel
def score(
    cuts: Cuts, machine: Machine, buffers: Buffers, costs: Costs, holding: Holding, objective: int, real: int,
    begin: int, end: int, limit: float, rule_out: int, heap: Heap, sums: Sums, room: Room,
) -> None:  # fmt: skip
    """Score the candidates of tile sizes ``begin`` to ``end``, in mixed radix of the dimensions' options.

    The dimensions that vary fastest (``Cuts.inner``) only add loads to what the array does when they are cut, so sizes
    of the others can be ruled out with all of theirs, by the combination that does not cut them.

    Args:
        objective: ``ENERGY``, ``LATENCY``, ``EDP`` or ``TRAFFIC``.
        real: slots that are buffers; the others hold what the array takes straight from DRAM.
        limit: candidates whose bound is not below it are left out.
        rule_out: whether tile sizes may be ruled out as a whole.
        heap: receives the best.
    """
    at, words = room.at, room.words
    timed = objective in (LATENCY, EDP) or costs.leak > 0
    tiles, changed = begin, 255
    while tiles < end:
        changed |= _choose(cuts, tiles, at)
        active, first = _active(cuts, at), cuts.inner > 1 and tiles % cuts.inner == 0
        tiles += 1
        fits = _smallest_fit(cuts, buffers, room)
        if not fits and not (first and rule_out):
            continue
        add_axes(cuts, machine, at, changed, sums)
        changed = 0
        outer = changes(cuts, machine, at)
        sums_of_tiles(cuts, machine, at, outer, active, sums)
        add_flows(machine, sums, words)
        if rule_out and _hopeless(
            _at_least(cuts, machine, buffers, costs, objective, real, outer, active, sums, room), limit, heap
        ):
            if first:
                tiles += cuts.inner - 1
            continue
        if not fits:
            continue
        known, has_edges = active, bool(rule_out and timed)
        heap.state[TILED] += 1
        _fill(cuts, active, room)
        table = 1 if outer == 0 else 0
        for row in range(holding.start[table, active], holding.stop[table, active]):
            if not _hold_fits(buffers, holding.cut[row], room):
                continue
            heap.state[SCORED] += 1
            if table and holding.reuse[row] != known:
                known, has_edges = holding.reuse[row], False
                sums_of_tiles(cuts, machine, at, outer, known, sums)
                add_flows(machine, sums, words)
            for slot in range(real):
                operand = buffers.operand[slot]
                moved = _moved(operand, holding.cut[row, slot], holding.repeat[row, slot], room)
                words[11 + slot] = moved - room.tile[PSUM, 0] if operand == PSUM else moved
            energy = _linear(costs.energy, words)
            bound = energy
            if objective == TRAFFIC:
                bound = _linear(costs.traffic, words)
            elif objective == LATENCY:
                bound = 0.0
            if objective != EDP and _hopeless(_coarse(bound, room), limit, heap):
                continue
            if not has_edges:
                add_edges(cuts, machine, at, outer, known, sums, costs.ports, words, room.edges)
                has_edges = True
            spent = cycles(cuts, buffers, costs, holding.cut[row], holding.repeat[row], room)
            energy += costs.leak * spent
            second = energy
            if objective == ENERGY:
                bound, second = energy, spent
            elif objective == LATENCY:
                bound = spent
            elif objective == EDP:
                bound = energy * spent
            bound = _coarse(bound, room)
            if not _hopeless(bound, limit, heap):
                _push(heap, bound, second, tiles - 1, row)
