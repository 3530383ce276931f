"""The machines of a comparison by name, and which of them a ``--set`` changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accsim.errors import InputError, suggest
from accsim.hardware.accelerator import Accelerator
from accsim.source import printable


def open_machines(hardware: Sequence[str | Path | Accelerator], overrides: Sequence[str] = ()) -> list[Accelerator]:
    """The machines, each with the changes that are meant for it.

    Args:
        hardware: names, files or accelerators.
        overrides: ``key=value`` for every machine, or ``machine:key=value`` for the one that ``hardware`` spells so.

    Raises:
        InputError: every mistake in what was given, of all machines.
    """
    from accsim.importers.opening import open_accelerator  # noqa: PLC0415

    if not hardware:
        raise InputError(["a comparison needs at least one machine"])
    spelled = [one.name if isinstance(one, Accelerator) else str(one) for one in hardware]
    meant, mistakes = _meant(spelled, overrides)
    machines = []
    for name, one in zip(spelled, hardware, strict=True):
        if not isinstance(one, Accelerator):
            try:
                machines.append(open_accelerator(str(one), tuple(meant[name])))
            except InputError as error:
                mistakes += [f"{name}: {text}" if text.startswith("--set ") else text for text in error.mistakes]
        elif meant[name]:
            mistakes.append(f"--set {printable(meant[name][0])}: {name} was given as it is; only files can be changed")
        else:
            machines.append(one)
    if mistakes:
        raise InputError(dict.fromkeys(mistakes))
    names = [machine.name for machine in machines]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError([f"machines are told apart by name; named twice: {', '.join(twice)}"])
    return machines


def _meant(spelled: Sequence[str], overrides: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Assignments by machine, in their order, and mistakes in whom they are for."""
    out, mistakes = dict[str, list[str]]((name, []) for name in spelled), list[str]()
    for assignment in overrides:
        target = assignment.partition("=")[0]
        whom, colon, _ = target.rpartition(":")
        if not colon:
            for held in out.values():
                held.append(assignment)
        elif whom.strip() in out:
            out[whom.strip()].append(assignment[len(whom) + 1 :])
        else:
            hint = suggest(whom.strip(), out) or f"; they are {', '.join(out)}"
            mistakes.append(
                f"--set {printable(assignment)}: {printable(whom.strip())} is none of the machines compared{hint}"
            )
    return out, mistakes
