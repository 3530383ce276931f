"""Estimate: a layer's activity with a price on every row."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.simulate.activity import Activity, Count, ExpectedCount


@dataclass(frozen=True, slots=True)
class PricedCount:
    """One counter and the energy it costs, in the table's unit (pJ, or one MAC for a normalised table)."""

    count: Count | ExpectedCount
    energy: float


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """A layer's activity, priced.

    Attributes:
        energy: the sum of ``rows``, exactly as summed by level in ``by_level``.
        by_level: energy per level name, in the accelerator's order.
        processing_ms, latency_ms: cycles over the core clock.
        notes: the table's rules that changed a figure, each named once.
        warnings: rules used outside the range they were fitted on.
        used: names of the table's entries that priced something here.
    """

    activity: Activity
    rows: tuple[PricedCount, ...]
    by_level: tuple[tuple[str, float], ...]
    processing_ms: float
    latency_ms: float
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    used: tuple[str, ...] = ()

    @property
    def energy(self) -> float:
        """Total energy of the layer, DRAM included."""
        return sum(e for _, e in self.by_level)
