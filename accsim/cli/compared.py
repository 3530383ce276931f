"""What ``accsim run --compare`` prints: machines side by side, made equal and as they are, and what held them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accsim.cli import console
from accsim.cli.console import Block, Line
from accsim.report.comparison import words
from accsim.report.quantities import significant


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """The blocks to print for a comparison (the dictionary ``--json`` writes)."""
    title = f"{result['workload']}, batch {result['batch']}"
    title += f", compressed by recipe {result['recipe']}" if result.get("recipe") else ""
    out: list[Block] = [Line(f"{title}, on {_asked(result['equal'])} machines", "bold"), ""]
    out += _side("equal node and equal peak", result["equal"])
    out += _side("as they are", result["raw"])
    out += _reasons(result["equal"])
    out += _missing(result["equal"])
    out += _missing({"machines": [], "absent": _raw_only(result)})
    return [*out, *(Line(f"note: {text}") for text in result["notes"]), ""]


def _asked(side: Mapping[str, Any]) -> int:
    """Machines that were asked for, whether or not they can run anything."""
    return len(side["machines"]) + len(side.get("absent", ()))


def _side(title: str, side: Mapping[str, Any]) -> list[Block]:
    unit = side["energy_unit"]
    head = [
        "machine", "dense bits", "MHz", "layers", "latency ms", "dense ms", "energy", "dense energy", "DRAM MB",
        "dense MB", "bound", "speed-up", "on array", "ideal", "arrived", "energy ratio",
    ]  # fmt: skip
    rows = [_row(machine, unit) for machine in side["machines"]]
    out: list[Block] = [
        Line(title, "bold"),
        side["statement"],
        console.table(head, rows, left={"machine", "bound"}),
        "",
    ]
    for subset in side["subsets"]:
        names = list(subset["machines"])
        every = "every machine runs" if len(names) == _asked(side) else "run"
        who = "" if len(names) == _asked(side) else f"{', '.join(names)} "
        out.append(f"{who}{every} {words.some(subset['layers'])}:")
        out += [
            console.table(_HEAD, [_total(name, both, unit) for name, both in subset["machines"].items()], {"machine"}),
            "",
        ]
    if not any(len(subset["machines"]) == _asked(side) for subset in side["subsets"]):
        out += [Line("no layer runs on every machine: there is no total to compare them all by", "yellow"), ""]
    return out


_HEAD = ("machine", "latency ms", "dense ms", "energy", "dense energy", "DRAM MB", "dense MB", "speed-up")


def _row(machine: Mapping[str, Any], unit: str) -> list[str]:
    now, before, bits = machine["compressed"], machine["dense"], machine["dense_bits"]
    return [
        machine["hardware"],
        f"{bits['weight']}x{bits['activation']}",
        significant(machine["clock_mhz"]),
        f"{len(machine['layers'])} of {len(machine['layers']) + len(machine['cannot'])}",
        *_figures(now, before, unit),
        f"{now['bound']} ({100 * now['waiting']:.0f} % DRAM)",
        f"{machine['speed_up']:.2f}",
        f"{machine['processing_speed_up']:.2f}",
        f"{machine['ideal_speed_up']:.2f}",
        "" if machine["arrived"] is None else f"{100 * machine['arrived']:.0f} %",
        f"{machine['energy_ratio']:.2f}",
    ]


def _total(name: str, both: Mapping[str, Any], unit: str) -> list[str]:
    now, before = both["compressed"], both["dense"]
    speed_up = before["latency_ms"] / now["latency_ms"] if now["latency_ms"] else 0.0
    return [name, *_figures(now, before, unit), f"{speed_up:.2f}"]


def _figures(now: Mapping[str, Any], before: Mapping[str, Any], unit: str) -> list[str]:
    return [
        *(significant(one["latency_ms"]) for one in (now, before)),
        *(_energy(one["energy"], unit) for one in (now, before)),
        *(significant(one["dram_bytes"] / 1e6) for one in (now, before)),
    ]


def _energy(value: float, unit: str) -> str:
    return f"{significant(value / 1e9)} mJ" if unit == "pJ" else f"{significant(value)} {unit}"


def _reasons(side: Mapping[str, Any]) -> list[Block]:
    """Of each machine's multiplier slots: what did a product that counts, and what took the others."""
    out: list[Block] = [Line("why the rest did not arrive: multiplier slots of the compressed network", "bold")]
    out += [f"  {machine['hardware']}: {words.reason(machine)}" for machine in side["machines"]]
    return [*out, ""]


def _missing(side: Mapping[str, Any]) -> list[Block]:
    out: list[Block] = [
        Line(f"{machine['hardware']} cannot run {layers}: {reason}", "yellow")
        for machine in side["machines"]
        for layers, reason in words.cannot(machine)
    ]
    out += [Line(f"{one['hardware']} is left out: {one['reason']}", "yellow") for one in side.get("absent", ())]
    return [*out, ""] if out else out


def _raw_only(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Machines that are left out as they are, for a reason that was not theirs when made equal."""
    named = result["equal"].get("absent", ())
    return [one for one in result["raw"].get("absent", ()) if one not in named]
