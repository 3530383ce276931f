"""Sizes as a person writes them."""

from __future__ import annotations


def spell_size(bits: int) -> str:
    """A size in its largest whole unit: ``24 MiB``, ``108 KiB``, ``64 b``."""
    for unit, factor in (("MiB", 2**23), ("KiB", 2**13)):
        if bits % factor == 0:
            return f"{bits // factor} {unit}"
    return f"{bits} b"
