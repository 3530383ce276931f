"""The figures of a whole network that its activities decide, before anything is priced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Activity, Cycles
from accsim.workload.network import Network


def result_totals(network: Network, accelerator: Accelerator, activities: Sequence[Activity]) -> dict[str, Any]:
    """The figures of a whole network, with those that depend on prices left empty."""
    parts = [activity.cycles for activity in activities]
    stalls: dict[str, int] = {}
    for cycles in parts:
        for cause, n in cycles.stalls:
            stalls[cause] = stalls.get(cause, 0) + n
    whole = Cycles(
        sum(c.compute for c in parts),
        sum(c.fill for c in parts),
        sum(c.drain for c in parts),
        tuple(stalls.items()),
    )
    per_ms = accelerator.clock_mhz * 1e3
    latency_ms = sum(c.total for c in parts) / per_ms
    return {
        "macs": network.macs,
        "bit_operations": sum(activity.bit_operations for activity in activities),
        "cycles": cycles_of(whole),
        "stalls": {**no_stalls(accelerator), **stalls},
        "latency_ms": latency_ms,
        "processing_ms": sum(activity.processing_cycles for activity in activities) / per_ms,
        "energy": {},
        "power_mw": None,
        "system_power_mw": None,
        "fps": network.batch / latency_ms * 1e3 if latency_ms else None,
        "area_mm2": None,
        "utilization": _used_slots(accelerator, activities),
    }


def no_stalls(accelerator: Accelerator) -> dict[str, int]:
    """No stalls, by every level that could cause some."""
    return dict.fromkeys([accelerator.dram.name, *(level.name for level in accelerator.buffers)], 0)


def utilization(accelerator: Accelerator, activity: Activity, cycles: Cycles) -> float:
    """MACs over those that the PEs could have begun; MACs that are skipped do not count."""
    slots = accelerator.array.pes * activity.macs_per_pe * cycles.total
    return _begun(activity) / slots if slots else 0.0


def _used_slots(accelerator: Accelerator, activities: Sequence[Activity]) -> float:
    """The same of a whole network."""
    slots = sum(activity.macs_per_pe * activity.cycles.total for activity in activities)
    return sum(map(_begun, activities)) / (accelerator.array.pes * slots) if slots else 0.0


def _begun(activity: Activity) -> int:
    return activity.macs if activity.begun_macs is None else activity.begun_macs


def cycles_of(cycles: Cycles) -> dict[str, int]:
    """Cycles as the result format has them."""
    return {
        "total": cycles.total,
        "compute": cycles.compute,
        "fill": cycles.fill,
        "drain": cycles.drain,
        "stall": cycles.stall,
    }
