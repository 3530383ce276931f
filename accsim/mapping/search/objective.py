"""What a search minimises."""

from __future__ import annotations

from enum import StrEnum


class Objective(StrEnum):
    """What the search for a mapping minimises, per layer.

    Energy; cycles with DRAM; their product; or bits moved over the DRAM channel. Between equals the lower energy
    decides, or the fewer cycles where energy itself is the objective.
    """

    ENERGY = "energy"
    LATENCY = "latency"
    EDP = "edp"
    TRAFFIC = "traffic"
