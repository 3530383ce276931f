"""The vector unit's share of a network, and that of the layers without MACs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accsim.energy.estimate import LayerEstimate
from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action
from accsim.workload.network import Network


def vector_unit(
    network: Network, accelerator: Accelerator, estimates: Sequence[LayerEstimate]
) -> dict[str, Any] | None:
    """What the vector unit takes of a network; ``None`` if there is none, or it has nothing to do.

    ``operations`` are all of them, ``operations_of_codes`` those that codes of weights leave; ``energy`` is that of the
    operations, in the energy table's unit. ``stall_cycles`` are those that layers with MACs wait for the unit.
    ``without_macs`` has cycles and energy, of all levels, of the layers without MACs.
    """
    vector, layers = accelerator.vector, list(zip(network.layers, estimates, strict=True))
    if vector is None:
        return None
    done = [row for _, e in layers for row in e.rows if (row.count.level, row.count.action) == (vector.name, Action.OP)]
    if not done:
        return None
    others = [e for layer, e in layers if not layer.kind.has_macs]
    return {
        "operations": sum(row.count.accesses for row in done),
        "operations_of_codes": sum(n for layer in network.layers for _, n in layer.residual),
        "energy": sum(row.energy for row in done),
        "stall_cycles": sum(dict(e.activity.cycles.stalls).get(vector.name, 0) for _, e in layers),
        "without_macs": {
            "cycles": sum(e.activity.cycles.total for e in others),
            "energy": sum(e.energy for e in others),
        },
    }


def share_note(unit: Mapping[str, Any] | None, cycles: int, energy: float) -> tuple[str, ...]:
    """The same in a sentence, as shares of the network's cycles and energy."""
    if unit is None:
        return ()
    of_codes, others, stalls = unit["operations_of_codes"], unit["without_macs"], unit["stall_cycles"]
    left = f", {of_codes:,} of them left by the codes of weights" if of_codes else ""
    waits = f"; the array waits for it in {_share(stalls, cycles)} of the cycles" if stalls else ""
    return (
        f"vector unit: {unit['operations']:,.0f} operations{left}; {_share(unit['energy'], energy)} of the energy, and "
        f"layers without MACs take {_share(others['cycles'], cycles)} of the cycles and "
        f"{_share(others['energy'], energy)} of the energy, traffic included{waits}",
    )


def _share(part: float, whole: float) -> str:
    return f"{part / whole if whole else 0:.1%}"
