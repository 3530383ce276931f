"""How long a sweep should take, from a few of its points."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice, pairwise

from accsim.sweep.batches import mapped
from accsim.sweep.evaluate import Evaluator
from accsim.sweep.settings import Settings
from accsim.sweep.space import Space

SAMPLES = 4
"""Places of the space that are looked at."""

LONGEST_S = 30.0
"""How long that may take."""

_LOOK = 64
"""Points after a place among which its neighbours in prices are looked for."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a sweep should cost.

    Attributes:
        points: to be estimated.
        combinations: of them that need mappings of their own.
        mapped_s, priced_s: core seconds of such a point, and of one that differs in prices alone.
    """

    points: int
    combinations: int
    mapped_s: float
    priced_s: float

    def seconds(self, workers: int) -> float:
        """The time it takes; less where neighbours share layers."""
        return (self.combinations * self.mapped_s + (self.points - self.combinations) * self.priced_s) / workers

    def words(self, workers: int) -> str:
        """For people."""
        about = "" if self.combinations == self.points else f", {self.combinations:,} of them mapped, the others priced"
        with_ = f"{workers} workers" if workers > 1 else "1 worker"
        return f"{self.points:,} points to estimate{about}; about {spell_time(self.seconds(workers))} with {with_}"


def forecast(space: Space, points: int) -> Forecast:
    """Estimate a few points of a space, spread over it, and reckon up.

    Args:
        points: how many are to be estimated.
    """
    evaluator, began = Evaluator(), time.perf_counter()
    mapping, pricing = list[float](), list[float]()
    known: set[str] = set()
    for i in range(SAMPLES):
        some = _neighbours(space, i * space.product // SAMPLES)
        if not some:
            continue
        if some[0].workload not in known:  # the first point of a kind compiles and reads files
            known.add(some[0].workload)
            evaluator.evaluate(some[-1])
        evaluator.evaluate(some[0])  # what it shares with its neighbours is worked out for many points
        evaluator.counters()
        for settings in some[1:]:
            started = time.process_time()  # not the clock: others may be at work on these cores
            evaluator.evaluate(settings)
            spent = time.process_time() - started
            (mapping if evaluator.counters().mapped else pricing).append(spent)
        if time.perf_counter() - began > LONGEST_S:
            break
    each = sum(mapping) / len(mapping) if mapping else 0.0
    priced = sum(pricing) / len(pricing) if pricing else each
    return Forecast(points, max(1, round(points / _variants(space))), each, priced)


def _neighbours(space: Space, place: int) -> list[Settings]:
    """A point at a place or after it, a neighbour in prices if it has one, and two points that are mapped apart."""
    out, others = list[Settings](), 0
    for settings in (settings for _, settings in islice(space.points(place), _LOOK)):
        new = bool(out) and mapped(settings) != mapped(out[-1])
        if not out or len(out) == 1 or new:
            out.append(settings)
            others += new
        if others == 2:
            break
    return out


def _variants(space: Space) -> float:
    """Points per combination that is mapped, at the beginning of the space."""
    points = [mapped(settings) for _, settings in islice(space.points(), 2000)]
    changes = 1 + sum(a != b for a, b in pairwise(points))
    return len(points) / changes if points else 1.0


def spell_time(seconds: float) -> str:
    """A time for people: ``12 s``, ``4 min 10 s``, ``3 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
