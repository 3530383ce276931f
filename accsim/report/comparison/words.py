"""What a comparison says in sentences: who wins, by how much and why, and where the speed-up went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accsim.report.comparison.view import ComparisonView, Contest, MachineView, SideView
from accsim.report.quantities import percent, si, significant
from accsim.report.sections import Card

CAUSES = 3
"""Causes named for each machine."""

SHOWN = 0.005
"""Least share of slots of a cause that is named."""


def some(layers: Sequence[str]) -> str:
    """Names, the first few of many."""
    return ", ".join(layers[:6]) + (f" and {len(layers) - 6} more" if len(layers) > 6 else "")


def lost(figures: Mapping[str, Any], most: int = CAUSES) -> list[tuple[str, float]]:
    """The causes that took most multiplier slots of a machine, with their shares."""
    return [
        (cause.replace("_", " "), share) for cause, share in figures["slots"]["lost"].items() if share >= SHOWN
    ][:most]  # fmt: skip


def reason(figures: Mapping[str, Any]) -> str:
    """Of a machine's multiplier slots: what did a product that counts, and what took the others."""
    said = ", ".join(f"{100 * share:.0f} % {cause}" for cause, share in lost(figures))
    more = ""
    if figures["arrived"] is not None and figures["arrived"] > 1:
        more = "; more than the ideal, since off-chip traffic shrank more than the work"
    return f"{100 * figures['slots']['effectual']:.1f} % effectual; lost: {said or 'nothing'}{more}"


def cannot(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Layers that a machine cannot run, and why."""
    by_reason: dict[str, list[str]] = {}
    for one in figures["cannot"]:
        by_reason.setdefault(one["reason"], []).append(one["layer"])
    return [(some(layers), why) for why, layers in by_reason.items()]


def layers_of(contest: Contest) -> str:
    """Which layers a contest is over."""
    return f"all {len(contest.layers)} layers with MACs" if contest.whole else some(contest.layers)


def cards(view: ComparisonView) -> list[Card]:
    """The summary at equal node and peak: over the most layers that several machines run."""
    side, out = view.equal, []
    contests = sorted(side.contests(), key=lambda one: (not one.whole, -len(one.layers)))
    if contests:
        first = contests[0]
        over = layers_of(first)
        fast, thrifty = first.best("latency_ms"), first.best("energy")
        time = si(first.totals[fast]["compressed"]["latency_ms"], "s", 1e-3)
        out.append(Card("Fastest", fast, "", f"{time} over {over}"))
        if side.unit is not None:
            energy = side.unit.show(first.totals[thrifty]["compressed"]["energy"])
            out.append(Card("Least energy", thrifty, "", f"{energy} over {over}"))
    best = max(side.machines, key=lambda one: float(one.figures["speed_up"]))
    out.append(Card("Largest speed-up over its dense self", significant(best.figures["speed_up"]), "times", best.name))
    arrived = [one for one in side.machines if one.figures["arrived"] is not None]
    if arrived:
        most = max(arrived, key=lambda one: float(one.figures["arrived"]))
        out.append(Card("Most of the ideal speed-up", *_split(percent(most.figures["arrived"])), most.name))
    whole = sum(1 for one in side.machines if not one.figures["cannot"])
    out.append(Card("Machines that run every layer", str(whole), f"of {len(side.machines)}"))
    return out


def _split(text: str) -> tuple[str, str]:
    value, _, unit = text.partition(" ")
    return value, unit


def findings(view: ComparisonView) -> list[tuple[str, str]]:
    """(subject, sentence) pairs, the decisive ones first."""
    out = [("Who wins", _winner(contest, view.equal)) for contest in view.equal.contests()]
    if not any(len(contest.totals) == len(view.equal.machines) for contest in view.equal.contests()):
        out.append(("Who wins", "No layer runs on every machine: there is no total to compare them all by."))
    out += [("Why", sentence) for sentence in _why(view.equal)]
    out += [
        ("Speed-up", f"{one.name}: {_arrived(one.figures)}; multiplier slots: {reason(one.figures)}.")
        for one in view.equal.machines
    ]
    out += [
        ("Cannot run", f"{one.name} cannot run {layers}: {why}.")
        for one in view.equal.machines
        for layers, why in cannot(one.figures)
    ]
    out += [
        ("Left out", f"{one['hardware']} is left out: {one['reason'].rstrip('.')}.")
        for one in {
            one["hardware"]: one for side in ("raw", "equal") for one in view.raw[side].get("absent", ())
        }.values()
    ]
    out += [("As they are", _winner(contest, view.sides[1])) for contest in view.sides[1].contests()]
    return out


def _winner(contest: Contest, side: SideView) -> str:
    """The fastest, and beside it the next one; likewise for energy."""
    fast = _ranked(contest, "latency_ms")
    first, second = fast[0], fast[1]
    time = [float(contest.totals[name]["compressed"]["latency_ms"]) for name in (first, second)]
    text = (
        f"Over {layers_of(contest)}, {first} is the fastest of {', '.join(contest.totals)}: "
        f"{si(time[0], 's', 1e-3)}{_times(time, 'as fast as', second)}"
    )
    if side.unit is None:
        return f"{text}. Energies are in different units and do not compare."
    thrifty = _ranked(contest, "energy")
    energy = [float(contest.totals[name]["compressed"]["energy"]) for name in thrifty[:2]]
    who = "It also takes" if thrifty[0] == first else f"{thrifty[0]} takes"
    return f"{text}. {who} the least energy: {side.unit.show(energy[0])}, {thrifty[1]} {_more(energy)}."


def _ranked(contest: Contest, what: str) -> list[str]:
    return sorted(contest.totals, key=lambda name: float(contest.totals[name]["compressed"][what]))


def _times(values: Sequence[float], said: str, other: str) -> str:
    return f", {values[1] / values[0]:.2f} times {said} {other}" if values[0] > 0 else ""


def _more(values: Sequence[float]) -> str:
    return f"{values[1] / values[0]:.2f} times as much" if values[0] > 0 else "more"


def _why(side: SideView) -> Iterable[str]:
    """What sets the winner of each contest apart from the last: useful slots, off-chip traffic, waits."""
    named = {machine.name: machine for machine in side.machines}
    for contest in side.contests():
        ranked = _ranked(contest, "latency_ms")
        first, last = named[ranked[0]], named[ranked[-1]]
        useful = [one.figures["slots"]["effectual"] for one in (first, last)]
        taken = lost(last.figures, 1)
        main = f" ({taken[0][0]} takes {percent(taken[0][1])})" if taken else ""
        moved = [si(contest.totals[one.name]["compressed"]["dram_bytes"], "B") for one in (first, last)]
        waits = percent(contest.totals[first.name]["compressed"]["waiting"])
        yield (
            f"{first.name} beside {last.name}: over the layers that each runs, {percent(useful[0])} of its multiplier "
            f"slots do a product that counts, of {last.name}'s {percent(useful[1])}{main}; "
            f"over {layers_of(contest)} it moves {moved[0]} off chip "
            f"where {last.name} moves {moved[1]}, and waits for the link {waits} of its cycles."
        )


def _arrived(figures: Mapping[str, Any]) -> str:
    speed, ideal = figures["speed_up"], figures["ideal_speed_up"]
    text = f"{speed:.2f} times its dense self"
    if figures["arrived"] is None:
        return f"{text}; there are no zeros to skip"
    return f"{text} of {ideal:.2f} that zeros would allow ({percent(figures['arrived'])} arrived)"


def alone(view: ComparisonView, machine: MachineView) -> str:
    """The command that runs one machine as it is, alone."""
    from shlex import join  # noqa: PLC0415

    words = ["accsim", "run", str(view.raw["workload"]), "--hardware", machine.name]
    words += ["--compress", str(view.raw["recipe"])] if view.raw.get("recipe") else []
    words += ["--batch", str(view.raw["batch"])] if view.raw["batch"] != 1 else []
    return join(words)
