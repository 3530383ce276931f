"""Compiled: the figures of one hold, from the words it moves and the cycles it takes."""

from __future__ import annotations

from accsim.kernels.jit import part
from accsim.mapping.search.systolic.folds import PSUM, Cuts, Floats, Ints, Machine
from accsim.mapping.search.systolic.tiles import Buffers, Room, moved
from accsim.mapping.search.systolic.waits import Costs, cycles

ENERGY, LATENCY, EDP, TRAFFIC = 0, 1, 2, 3


@part
def linear(terms: Floats, words: Floats) -> float:
    """A constant, and so much for each word."""
    total = terms[0]
    for i in range(len(words)):
        total += terms[1 + i] * words[i]
    return float(total)


@part
def coarse(value: float, room: Room) -> float:
    """A figure without the bits that are only rounding; never larger."""
    room.box[0] = value
    room.bits[0] = room.bits[0] >> 20 << 20
    return float(room.box[0])


@part
def with_cycles(objective: int, energy: float, leak: float, spent: float) -> float:
    """The objective, if it is not traffic, from energy without leakage and from cycles."""
    if objective == LATENCY:
        return spent
    return (energy + leak * spent) * (spent if objective == EDP else 1.0)


@part
def add_loads(
    buffers: Buffers, costs: Costs, cut: Ints, repeat: Ints, row: int, objective: int, real: int, room: Room
) -> float:  # fmt: skip
    """Add the words of all loads of a hold to ``room.words``; the objective as far as these decide it, 0 for cycles."""
    words = room.words
    for slot in range(real):
        operand = buffers.operand[slot]
        brought = moved(operand, cut[row, slot], repeat[row, slot], room)
        words[11 + slot] = brought - room.tile[PSUM, 0] if operand == PSUM else brought
    if objective == LATENCY:
        return 0.0
    return linear(costs.traffic if objective == TRAFFIC else costs.energy, words)


@part
def judged(
    cuts: Cuts, machine: Machine, buffers: Buffers, costs: Costs, cut: Ints, repeat: Ints, row: int, objective: int,
    known: float, room: Room,
) -> tuple[float, float, float]:  # fmt: skip
    """The objective and the second figure of a hold, at least, and a guess at the objective, which is no less.

    ``known`` is what ``add_loads`` gave; ``room.edges`` is filled.
    """
    energy = linear(costs.energy, room.words) if objective in (LATENCY, TRAFFIC) else known
    spent = cycles(cuts, buffers, costs, machine.stationary, cut, repeat, row, room)
    guess = energy + costs.leak * room.edges[6]
    energy += costs.leak * spent
    bound, second = known, energy
    if objective == ENERGY:
        bound, second = energy, spent
    elif objective == LATENCY:
        bound, guess = spent, room.edges[6]
    elif objective == EDP:
        bound, guess = energy * spent, guess * room.edges[6]
    else:
        guess = known
    bound = coarse(bound, room)
    return bound, second, max(bound, coarse(guess, room))
