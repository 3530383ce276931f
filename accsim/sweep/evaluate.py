"""A worker's way from settings to figures: the pipeline of ``accsim run``, with everything that points share kept.

What is kept: files that were read, searches and simulations of layers (``memo``), and the activities of the points that
differ in prices alone. The figures are those of ``accsim.estimate`` to the last bit.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from accsim.energy.reader import load_table
from accsim.energy.table import EnergyTable, TransferRule
from accsim.errors import AccsimError, InputError, MappingError
from accsim.hardware.accelerator import Accelerator
from accsim.importers.opening import open_accelerator
from accsim.inputs import Inputs, load_inputs
from accsim.mapper import Search, parse_effort, parse_objective
from accsim.mapping.dataflow_reader import require_family
from accsim.mapping.mapping import Mapping
from accsim.memo import Memo, Recent
from accsim.pipeline import as_stored, price_all, simulate_network
from accsim.result import Result
from accsim.simulate.activity import Activity
from accsim.sweep.repricing import Repricer
from accsim.sweep.settings import Settings


class Status(StrEnum):
    """What became of a point."""

    DONE = "done"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that points are compared by."""

    energy: float
    latency_ms: float
    cycles: int
    area_mm2: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a point came to.

    Attributes:
        totals: the totals of ``accsim run --json``, as JSON; empty unless done.
        unit: of energies.
        reason: why there are no figures.
        figures: some of the totals, as numbers.
    """

    status: Status
    totals: str = ""
    unit: str = ""
    reason: str = ""
    figures: Figures | None = None


class Counters(NamedTuple):
    """How much of a batch was worked out and how much was known.

    Attributes:
        points: estimated.
        mapped: points whose layers were mapped; the others differ from a neighbour in prices alone.
        searched: layers whose mapping was searched.
        search_hits: layers whose search was known.
        simulated: layers simulated under a mapping.
        simulation_hits: simulations that were known.
    """

    points: int = 0
    mapped: int = 0
    searched: int = 0
    search_hits: int = 0
    simulated: int = 0
    simulation_hits: int = 0


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A network on a machine, mapped and simulated, without prices."""

    inputs: Inputs
    activities: list[Activity]
    mappings: tuple[Mapping | None, ...]
    repricer: Repricer


class Evaluator:
    """Estimates points, one after another; made once per worker."""

    def __init__(self) -> None:
        self._networks: Recent[Inputs] = Recent(16)
        self._machines: Recent[Accelerator] = Recent(64)
        self._tables: Recent[EnergyTable] = Recent(64)
        self._mapped: Recent[_Mapped] = Recent(8)
        self.memo = Memo()
        self._points = 0

    def evaluate(self, settings: Settings) -> Outcome:
        """What a point comes to; mistakes in it and layers that do not fit are outcomes, too."""
        self._points += 1
        try:
            result = self.totals(settings)
        except MappingError as error:
            return Outcome(Status.INFEASIBLE, reason=str(error))
        except InputError as error:
            return Outcome(Status.INFEASIBLE, reason="; ".join(error.mistakes))
        except AccsimError as error:
            return Outcome(Status.FAILED, reason=str(error))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rpartition('accsim')[2].lstrip('/')}:{where.lineno}"
            return Outcome(Status.FAILED, reason=f"{type(error).__name__}: {error} (accsim/{place})")
        totals, unit = result
        figures = Figures(
            totals["energy"]["total"], totals["latency_ms"], totals["cycles"]["total"], totals["area_mm2"]
        )
        return Outcome(Status.DONE, json.dumps(totals, separators=(",", ":")), unit, "", figures)

    def totals(self, settings: Settings) -> tuple[dict[str, Any], str]:
        """The totals of a point, and the unit of its energies.

        Raises:
            AccsimError: there are none.
        """
        table = self._table(settings)
        mapped = self._mapped.get(_without_prices(settings, table), lambda: self._map(settings))
        inputs = mapped.inputs
        table = table or self._read_table(inputs.accelerator.energy_table, settings.energy_overrides)
        if table.transfer_rule is TransferRule.BOTH_ENDS:
            return mapped.repricer.totals(table), table.unit.value
        return _result(mapped, table).totals(), table.unit.value

    def counters(self) -> Counters:
        """What was worked out since the last call."""
        memo, points = self.memo, self._points
        kept = (self._mapped, memo.searched, memo.simulated)
        out = Counters(points, self._mapped.misses, memo.searched.misses, memo.searched.hits,
                       memo.simulated.misses, memo.simulated.hits)  # fmt: skip
        for one in kept:
            one.hits = one.misses = 0
        self._points = 0
        return out

    def _map(self, settings: Settings) -> _Mapped:
        inputs = self._inputs(settings)
        name = settings.search_table or settings.energy_table or inputs.accelerator.energy_table
        overrides = () if settings.search_table else settings.energy_overrides
        goal, effort = parse_objective(settings.objective), parse_effort(settings.effort)
        how = Search(goal, settings.search, None, effort)
        activities, used, _ = simulate_network(
            inputs.network, inputs.accelerator, inputs.dataflow, self._read_table(name, overrides),
            search=how, given=inputs.mappings, tensors=inputs.tensors, memo=self.memo,
        )  # fmt: skip
        if inputs.compressed is not None and inputs.accelerator.array.sparse is None:
            activities = [as_stored(activity, inputs.compressed) for activity in activities]
        mappings = tuple(one.mapping if one else None for one in used)
        return _Mapped(inputs, activities, mappings, Repricer(inputs.network, inputs.accelerator, activities))

    def _inputs(self, settings: Settings) -> Inputs:
        """What the point works on, the network and the dataflow read once."""
        machine = self._machines.get(
            (settings.hardware, settings.sets),
            lambda: open_accelerator(settings.hardware, settings.overrides),
        )

        def read() -> Inputs:
            return load_inputs(
                settings.workload,
                machine,
                dataflow=settings.dataflow,
                batch=settings.batch,
                bindings=settings.bindings,
                layers=settings.layers or None,
                compress=settings.compress,
            )

        key = (settings.workload, settings.compress, settings.batch, settings.bind, settings.layers)
        flow = (settings.dataflow or machine.dataflow, machine.array.family)  # what is read of weights depends on it
        first = self._networks.get((key, flow), read)
        require_family(first.dataflow, machine)
        return replace(first, accelerator=machine)

    def _table(self, settings: Settings) -> EnergyTable | None:
        """The table of a point that names one."""
        if settings.energy_table is None:
            return None
        return self._read_table(settings.energy_table, settings.energy_overrides)

    def _read_table(self, name: str, overrides: tuple[str, ...]) -> EnergyTable:
        return self._tables.get((name, overrides), lambda: load_table(name, overrides))


def _without_prices(settings: Settings, table: EnergyTable | None) -> Settings:
    """The settings that mappings depend on."""
    if settings.search_table is None:
        return settings
    return replace(settings, energy_table=None, energy=())


def _result(mapped: _Mapped, table: EnergyTable) -> Result:
    inputs = mapped.inputs
    return Result(
        network=inputs.network,
        accelerator=inputs.accelerator,
        dataflow=inputs.dataflow,
        table=table,
        estimates=price_all(mapped.activities, inputs.accelerator, table),
        mappings_used=mapped.mappings,
        compressed=inputs.compressed,
    )
