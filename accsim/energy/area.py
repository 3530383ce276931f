"""Accelerator -> area: what the table's figures add up to, component by component."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.energy.scaling import scale
from accsim.energy.sizes import levels
from accsim.energy.table import AREA, Component, EnergyTable
from accsim.hardware.accelerator import Accelerator


@dataclass(frozen=True, slots=True)
class AreaEstimate:
    """Cell area of a machine: arrays and datapaths, without routing, control and pads.

    Attributes:
        by_level: square millimetres per level name, all instances together, in the accelerator's order and the MAC
            units (``pe``) last; ``None`` where the table has no figure. DRAM is off chip and not listed.
        total_mm2: the sum of the figures there are; ``None`` when there are none.
        published_mm2: the accelerator's published core area, if any.
        notes: the rules used, and what has no figure.
        warnings: rules used outside the range they were fitted on.
    """

    by_level: tuple[tuple[str, float | None], ...]
    total_mm2: float | None
    published_mm2: float | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def area(accelerator: Accelerator, table: EnergyTable) -> AreaEstimate:
    """Add up the area of every level and of the PEs; a banked buffer is the sum of its banks."""
    by_level: list[tuple[str, float | None]] = []
    notes: list[str] = []
    warnings: list[str] = []
    without: list[str] = []
    for level in levels(accelerator):
        if level.component is Component.DRAM:
            continue
        entries = table.find(level.component, level.variant, AREA)
        if not entries:
            without.append(level.name)
            by_level.append((level.name, None))
            continue
        machine = (accelerator.node_nm, accelerator.voltage_v)
        value = scale(table, entries, AREA, level.sizes, level.where, *machine)
        by_level.append((level.name, value.per_access * level.instances * 1e-6))
        notes += value.notes
        warnings += value.warnings
    known = [mm2 for _, mm2 in by_level if mm2 is not None]
    if without:
        notes.append(f"{table.name}: no area figure for {', '.join(without)}: not in the total")
    return AreaEstimate(
        by_level=tuple(by_level),
        total_mm2=sum(known) if known else None,
        published_mm2=accelerator.area_mm2,
        notes=tuple(dict.fromkeys(notes)),
        warnings=tuple(dict.fromkeys(warnings)),
    )
