"""How much a search for a mapping may do."""

from __future__ import annotations

from enum import StrEnum


class Effort(StrEnum):
    """``full``: every candidate there is, or as many as can be; ``quick``: a few tile sizes of each dimension.

    A quick search of a systolic mapping takes milliseconds and the best it finds may cost a few percent more. Searches
    for row-stationary mappings are the same either way.
    """

    FULL = "full"
    QUICK = "quick"
