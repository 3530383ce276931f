"""Activity -> estimate: a price on every counter of a layer, and the clock and leakage of the time it took."""

from __future__ import annotations

from collections.abc import Iterable

from accsim.energy.estimate import LayerEstimate, PricedCount
from accsim.energy.prices import STANDING, Price, price_list, unused
from accsim.energy.table import EnergyTable, TransferRule
from accsim.energy.transfers import Transfers
from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Activity, Count
from accsim.workload.layer import Operand


def price(activity: Activity, accelerator: Accelerator, table: EnergyTable) -> LayerEstimate:
    """Price a layer's activity on ``accelerator`` with ``table``.

    Each row costs its table price at the level's sizes: per access, or per bit moved where the table says so. Under
    ``dearer_level`` a row that is one end of a transfer (it has a ``peer``) is free when the other end was counted too
    and costs more per bit (``accsim.energy.transfers``). Levels for which the table knows a leakage power get one
    ``leak`` row, power x time, with the layer's core cycles as its accesses; those for which it knows the energy of a
    clock edge likewise get one ``clock`` row, whether they worked or not.

    Raises:
        AccsimError: the table has no entry for an action that happened, or the machine no such level.
    """
    prices = price_list(accelerator, table)
    counts = activity.priced
    transfers = Transfers(counts, prices) if table.transfer_rule is TransferRule.DEARER_LEVEL else None
    by_level = dict.fromkeys(prices.levels, 0.0)
    rows: list[PricedCount] = []
    applied: dict[int, Price] = {}
    standing = set()
    for count in counts:
        found = prices.price(count.level, count.action)
        applied[id(found)] = found
        if count.action in STANDING:
            standing.add((count.level, count.action))
        energy = found.per_access * count.accesses + found.per_bit * count.bits
        if transfers is not None:
            energy *= transfers.share(count)
        by_level[count.level] += energy
        rows.append(PricedCount(count, energy))
    cycles = activity.cycles.total
    for name, action, cost in prices.standing():
        if (name, action) in standing:
            continue
        applied[id(cost)] = cost
        energy = cost.per_access * cycles
        by_level[name] += energy
        rows.append(PricedCount(Count(name, Operand.COMPUTE, action, cycles, 0), energy))
    per_ms = accelerator.clock_mhz * 1e3
    return LayerEstimate(
        activity=activity,
        rows=tuple(rows),
        by_level=tuple(by_level.items()),
        processing_ms=activity.processing_cycles / per_ms,
        latency_ms=cycles / per_ms,
        notes=tuple(dict.fromkeys(note for p in applied.values() for note in p.notes)),
        warnings=tuple(dict.fromkeys(warning for p in applied.values() for warning in p.warnings)),
        used=tuple(dict.fromkeys(name for p in applied.values() for name in p.used)),
    )


def unused_entries(table: EnergyTable, estimates: Iterable[LayerEstimate], accelerator: Accelerator) -> tuple[str, ...]:
    """Names of the table's entries that ``accelerator`` could use and that priced nothing in a whole run.

    Entries for a DRAM standard or cell that the machine did not choose do not count, nor do entries of areas only, nor
    those for what the machine does not have: links, a vector unit, zero gating, off-chip coding.
    """
    return unused(table, {name for estimate in estimates for name in estimate.used}, accelerator)
