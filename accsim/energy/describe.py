"""An energy table as a result holds it."""

from __future__ import annotations

from typing import Any

from accsim.energy.table import EnergyTable


def describe(table: EnergyTable) -> dict[str, Any]:
    """The table as plain data: what it prices, each entry with its source."""
    return {
        "name": table.name,
        "unit": table.unit.value,
        "transfer_rule": table.transfer_rule.value,
        "description": table.description,
        **({"calibration": table.calibration.label} if table.calibration else {}),
        "sources": dict(table.sources),
        "entries": [
            {
                "component": e.component.value,
                "variant": e.variant or "",
                "part": e.part,
                "figures": "; ".join(
                    " ".join(f"{name}={value:g}" for name, value in (*p.sizes, *p.values)) for p in e.points[:8]
                )
                + (f"; and {len(e.points) - 8} more" if len(e.points) > 8 else ""),
                "node_nm": e.node_nm,
                "source": e.source,
            }
            for e in table.entries
        ],
    }
