"""How long a sweep should take, from a few of its points."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

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
        if some and some[0].workload not in known:  # the first point of a kind compiles and reads files
            known.add(some[0].workload)
            evaluator.evaluate(some[-1])
        for at, settings in enumerate(some[:3]):
            started = time.perf_counter()
            evaluator.evaluate(settings)
            spent = time.perf_counter() - started
            (pricing if evaluator.counters().mapped == 0 and at else mapping).append(spent)
        if time.perf_counter() - began > LONGEST_S:
            break
    each = sum(mapping) / len(mapping) if mapping else 0.0
    priced = sum(pricing) / len(pricing) if pricing else each
    return Forecast(points, max(1, round(points / _variants(space))), each, priced)


def _neighbours(space: Space, place: int) -> list[Settings]:
    """A few points from a place on."""
    out = []
    for _, settings in space.points(place):
        out.append(settings)
        if len(out) == 4:
            break
    return out


def _variants(space: Space) -> float:
    """Points per combination that is mapped, at the beginning of the space."""
    from itertools import islice  # noqa: PLC0415

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
