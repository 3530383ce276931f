"""Compiled: bounds of every candidate of a range of tile sizes, the best of them kept in a heap.

A candidate is an option for each of the six dimensions and a hold (``holds``). Tile sizes are walked one after the
other; those of which even the smallest tiles do not fit, or of which no hold could be better than the worst candidate
kept, are ruled out as a whole.
"""

from __future__ import annotations

from typing import NamedTuple

from accsim.kernels.jit import kernel, part
from accsim.mapping.search.systolic.figures import (
    EDP,
    ENERGY,
    LATENCY,
    TRAFFIC,
    add_loads,
    coarse,
    judged,
    linear,
    with_cycles,
)  # fmt: skip
from accsim.mapping.search.systolic.flows import Sums, add_axes, add_edges, add_flows, sums_of_tiles
from accsim.mapping.search.systolic.folds import (
    IFMAP,
    PIECES,
    PSUM,
    WEIGHT,
    Cuts,
    Floats,
    Ints,
    Machine,
    changes,
)  # fmt: skip
from accsim.mapping.search.systolic.heap import KEPT, SCORED, TILED, Heap, push
from accsim.mapping.search.systolic.tiles import Buffers, Room, fill, hold_fits, moved, smallest_fit, whole
from accsim.mapping.search.systolic.waits import Costs


class Holding(NamedTuple):
    """Holds by the mask of dimensions that are cut: [table, mask] to rows; table 1 tells reuse apart.

    Attributes:
        start, stop: [table, mask].
        cut, repeat: [row, slot].
        reuse: [row].
        pair: [row, slot]: which of the loads of [table, mask] that are told apart the slot has.
        first, last: [table, mask], rows of ``loads``.
        loads: [load, slot | cut | repeat].
    """

    start: Ints
    stop: Ints
    cut: Ints
    repeat: Ints
    reuse: Ints
    pair: Ints
    first: Ints
    last: Ints
    loads: Ints


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
            total += terms[12 + slot] * whole(cuts, WEIGHT)
    return total


@part
def _above(bound: float, heap: Heap) -> bool:
    """Whether a bound is above that of the worst candidate of a full heap."""
    return bool(heap.state[KEPT] == len(heap.bound) and (len(heap.bound) == 0 or bound > heap.bound[0, 0]))


@part
def _hopeless(bound: float, limit: float, heap: Heap, likely: Heap) -> bool:
    """Whether a candidate of this bound can be in neither heap."""
    return bound >= limit or (_above(bound, heap) and _above(bound, likely))


@part
def _choose(cuts: Cuts, tiles: int, at: Ints) -> int:
    """Set the options of combination ``tiles``; the mask of the dimensions that have changed."""
    changed = 0
    for i in range(6):
        dim = cuts.order[5 - i]
        rest = tiles // cuts.number[dim]
        option = cuts.start[dim] + tiles - rest * cuts.number[dim]
        tiles = rest
        if option != at[dim]:
            at[dim] = option
            changed |= 1 << dim
    return changed


@part
def _led(cuts: Cuts, tiles: int) -> int:
    """Combinations from this one on that only cut more of the dimensions that then add loads, and nothing else."""
    for i in range(len(cuts.inner)):
        if tiles % cuts.inner[i] == 0:
            return int(cuts.inner[i])
    return 1


@part
def _may_cut(cuts: Cuts, active: int, led: int) -> int:
    """The mask of the dimensions that are cut in some of the ``led`` combinations: ``active`` and those that vary."""
    mask, product = active, 1
    for i in range(6):
        if product >= led:
            break
        dim = cuts.order[5 - i]
        if cuts.number[dim] > 1:
            mask |= 1 << dim
        product *= cuts.number[dim]
    return mask


@part
def _least_changes(machine: Machine, outer: int, more: int) -> int:
    """``outer`` (``changes``), or none where a fold loop is among the dimensions ``more`` that may be cut yet.

    Cut to nothing, it is a loop over tiles, and the array then reuses what is stationary over the loops inside it.
    """
    for i in range(len(machine.folds)):
        if machine.folds[i] >= 0 and more >> machine.folds[i] & 1:
            return 0
    return outer


@part
def is_cut(cuts: Cuts, at: Ints) -> int:
    """The mask of the dimensions that are cut."""
    active = 0
    for dim in range(6):
        if cuts.options[at[dim], PIECES] > 1:
            active |= 1 << dim
    return active


@part
def _at_least(
    cuts: Cuts, machine: Machine, buffers: Buffers, costs: Costs, objective: int, real: int, outer: int, active: int,
    limit: float, heap: Heap, likely: Heap, sums: Sums, room: Room,
) -> float:  # fmt: skip
    """The least objective of any hold, of sums worked out for as much reuse as the loops ``active`` allow.

    Edges are worked out only if what words alone tell leaves hope.
    """
    words = room.words
    for i in range(11, len(words)):
        words[i] = 0.0
    if objective == TRAFFIC:
        return coarse(linear(costs.traffic, words) + _least_slots(cuts, buffers, costs.traffic, real, room), room)
    least = 0.0
    if objective != LATENCY:
        least = linear(costs.energy, words) + _least_slots(cuts, buffers, costs.energy, real, room)
        known = coarse(with_cycles(objective, least, costs.leak, costs.channel[3]), room)
        if _hopeless(known, limit, heap, likely):
            return known
    if objective != ENERGY or costs.leak > 0:
        add_edges(cuts, machine, room.at, outer, active, sums, costs.ports, words, room.edges)
        spent = max(room.edges[0], costs.channel[3])
        least = with_cycles(objective, least, costs.leak, spent)
    return coarse(least, room)


@part
def _price_loads(
    buffers: Buffers, terms: Floats, holding: Holding, table: int, active: int, real: int, room: Room
) -> None:  # fmt: skip
    """Fill ``room.prices`` with what each load costs that holds of ``active`` tell apart."""
    first = holding.first[table, active]
    for load in range(first, holding.last[table, active]):
        slot = holding.loads[load, 0]
        if slot < real:
            brought = moved(buffers.operand[slot], holding.loads[load, 1], holding.loads[load, 2], room)
            brought -= room.tile[PSUM, 0] if buffers.operand[slot] == PSUM else 0
            room.prices[load - first] = terms[12 + slot] * brought


@part
def _array_price(terms: Floats, words: Floats) -> float:
    """The constant, and the price of the words at the array and in it."""
    total = terms[0]
    for i in range(11):
        total += terms[1 + i] * words[i]
    return float(total)


@part
def _hold_price(at_array: float, holding: Holding, row: int, real: int, room: Room) -> float:
    """What the words of a hold cost, but for rounding."""
    total = at_array
    for slot in range(real):
        total += room.prices[holding.pair[row, slot]]
    return total * (1 - 1e-12)


@kernel
def score(
    cuts: Cuts, machine: Machine, buffers: Buffers, costs: Costs, holding: Holding, objective: int, real: int,
    begin: int, end: int, limit: float, rule_out: int, heap: Heap, likely: Heap, sums: Sums, room: Room,
) -> None:  # fmt: skip
    """Score the candidates of tile sizes ``begin`` to ``end``, in mixed radix of the dimensions' options.

    The dimensions that vary fastest (``Cuts.inner``) only add loads to what the array does when they are cut, so sizes
    of the others can be ruled out with all of theirs, by the combination that does not cut them; and so on with those
    of these that vary faster still.

    Args:
        objective: ``ENERGY``, ``LATENCY``, ``EDP`` or ``TRAFFIC``.
        real: slots that are buffers; the others hold what the array takes straight from DRAM.
        limit: candidates whose bound is not below it are left out.
        rule_out: whether tile sizes may be ruled out as a whole.
        heap: receives the best by bound.
        likely: receives the best by a guess, with their bounds; the guess is no less. It may have no room at all.
    """
    at, words = room.at, room.words
    timed = objective in (LATENCY, EDP) or (objective == ENERGY and costs.leak > 0)
    terms = costs.traffic if objective == TRAFFIC else costs.energy
    tiles, changed = begin, 255
    while tiles < end:
        changed |= _choose(cuts, tiles, at)
        active, led = is_cut(cuts, at), _led(cuts, tiles)
        tiles += 1
        fits = smallest_fit(cuts, buffers, room)
        if not fits and not (led > 1 and rule_out):
            continue
        add_axes(cuts, machine, at, changed, sums)
        changed = 0
        outer = changes(cuts, machine, at)
        most = _may_cut(cuts, active, led) if rule_out else active  # the more loops, the more reuse there can be
        least = _least_changes(machine, outer, most ^ active) if rule_out else outer
        sums_of_tiles(cuts, machine, at, least, most, sums)
        add_flows(machine, sums, words)
        if rule_out and _hopeless(
            _at_least(cuts, machine, buffers, costs, objective, real, least, most, limit, heap, likely, sums, room),
            limit, heap, likely,
        ):  # fmt: skip
            tiles += led - 1
            continue
        if not fits:
            continue
        exact = most == active and least == outer
        if not exact:
            sums_of_tiles(cuts, machine, at, outer, active, sums)
            add_flows(machine, sums, words)
        known, has_edges = active, bool(rule_out and timed and exact)
        heap.state[TILED] += 1
        fill(cuts, active, room)
        table = 1 if outer == 0 else 0
        at_array, floor = 0.0, costs.channel[3]
        if objective != LATENCY:
            _price_loads(buffers, terms, holding, table, active, real, room)
            at_array = _array_price(terms, words)
        for row in range(holding.start[table, active], holding.stop[table, active]):
            if table and holding.reuse[row] != known:
                known, has_edges = holding.reuse[row], False
                sums_of_tiles(cuts, machine, at, outer, known, sums)
                add_flows(machine, sums, words)
                at_array = _array_price(terms, words)
            if objective != LATENCY:
                quick = _hold_price(at_array, holding, row, real, room)
                if objective != TRAFFIC:
                    spent = max(floor, room.edges[0]) if has_edges else floor
                    quick = with_cycles(objective, quick, costs.leak, spent)
                if _hopeless(coarse(quick, room), limit, heap, likely):
                    continue
            if not hold_fits(buffers, holding.cut, row, room):
                continue
            heap.state[SCORED] += 1
            bound = add_loads(buffers, costs, holding.cut, holding.repeat, row, objective, real, room)
            if not has_edges:
                add_edges(cuts, machine, at, outer, known, sums, costs.ports, words, room.edges)
                has_edges = True
            if timed and _hopeless(
                coarse(with_cycles(objective, bound, costs.leak, room.edges[0]), room), limit, heap, likely
            ):
                continue
            bound, second, guess = judged(
                cuts, machine, buffers, costs, holding.cut, holding.repeat, row, objective, bound, room
            )
            if bound < limit and not _above(bound, heap):
                push(heap, bound, second, tiles - 1, row)
            if len(likely.bound) and bound < limit and not _above(guess, likely):
                push(likely, guess, bound, tiles - 1, row)
