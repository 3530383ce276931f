"""The totals of a network on a machine under any energy table, once its activities are known.

The sums are those of ``accsim.energy.price`` and ``accsim.result``, term by term in the same order, so that the figures
are the same to the last bit. Counters and cycles are arrays, made once; a table then costs a look at its prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from accsim.energy.area import area
from accsim.energy.prices import STANDING, price_list
from accsim.energy.table import EnergyTable, EnergyUnit
from accsim.hardware.accelerator import Accelerator
from accsim.result import PJ_PER_MS_IN_MW
from accsim.simulate.activity import Action, Activity
from accsim.totals import result_totals
from accsim.workload.network import Network


class Repricer:
    """Prices the activities of a network on a machine; not for tables that charge a transfer at its dearer end."""

    def __init__(self, network: Network, accelerator: Accelerator, activities: Sequence[Activity]) -> None:
        self.accelerator = accelerator
        known: dict[tuple[int, int], int] = {}
        self._layer = [known.setdefault((id(a.counts), a.cycles.total), len(known)) for a in activities]
        first = [activities[self._layer.index(i)] for i in range(len(known))]
        kinds: dict[tuple[str, Action], int] = {}
        rows = [
            (i, count.level, kinds.setdefault((count.level, count.action), len(kinds)), count.accesses, count.bits)
            for i, activity in enumerate(first)
            for count in activity.priced
        ]
        self._kinds = tuple(kinds)
        self._of = np.array([i for i, *_ in rows], np.int64)
        self._levels = [level for _, level, *_ in rows]
        self._kind = np.array([kind for _, _, kind, *_ in rows], np.int64)
        self._accesses = np.array([float(n) for *_, n, _ in rows])
        self._bits = np.array([float(n) for *_, n in rows])
        self._cycles = np.array([float(a.cycles.total) for a in first])
        self._stands = [{(c.level, c.action) for c in activity.priced if c.action in STANDING} for activity in first]
        self._plain = result_totals(network, accelerator, activities)

    def totals(self, table: EnergyTable) -> dict[str, Any]:
        """The totals, as ``Result.totals`` gives them.

        Raises:
            AccsimError: the table has no entry for an action that happened.
        """
        prices = price_list(self.accelerator, table)
        found = [prices.price(level, action) for level, action in self._kinds]
        access = np.array([one.per_access for one in found])
        bit = np.array([one.per_bit for one in found])
        spent = access[self._kind] * self._accesses + bit[self._kind] * self._bits
        width, at = len(prices.order), np.array([prices.order[level] for level in self._levels], np.int64)
        layers = len(self._cycles)
        by_level = np.bincount(self._of * width + at, weights=spent, minlength=layers * width).reshape(layers, width)
        for name, action, cost in prices.standing():
            more = cost.per_access * self._cycles
            for i, stands in enumerate(self._stands):
                if (name, action) not in stands:
                    by_level[i, prices.order[name]] += more[i]
        each = by_level.tolist()
        total = [sum(one) for one in each]
        levels = dict.fromkeys(prices.order, 0.0) if self._layer else {}
        for i in self._layer:
            for level, energy in zip(levels, each[i], strict=True):
                levels[level] += energy
        energy = sum(total[i] for i in self._layer)
        return self._with_prices(table, energy, levels)

    def _with_prices(self, table: EnergyTable, energy: float, levels: dict[str, float]) -> dict[str, Any]:
        plain, time = self._plain, self._plain["latency_ms"]
        on_chip = energy - levels.get(self.accelerator.dram.name, 0.0)
        powered = table.unit is EnergyUnit.PJ and time
        return {
            **plain,
            "energy": {"total": energy, **levels},
            "power_mw": on_chip / time * PJ_PER_MS_IN_MW if powered else None,
            "system_power_mw": energy / time * PJ_PER_MS_IN_MW if powered else None,
            "area_mm2": area(self.accelerator, table).total_mm2,
        }
