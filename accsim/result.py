"""Result: everything a run found, as tables for people and as the stable JSON form for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from accsim import __version__
from accsim.energy.area import area
from accsim.energy.describe import describe
from accsim.energy.estimate import LayerEstimate, PricedCount
from accsim.energy.price import unused_entries
from accsim.energy.table import EnergyTable, EnergyUnit
from accsim.hardware.accelerator import Accelerator, Array, Dram, LevelKind, Link, RegisterFile, Sram
from accsim.hardware.datapath import Datapath
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping
from accsim.simulate.scalesim import ScaleSimReport
from accsim.simulate.vector_rows import PASSES
from accsim.totals import cycles_of, no_stalls, result_totals, utilization
from accsim.vector_share import share_note, vector_unit
from accsim.workload.layer import Layer
from accsim.workload.network import Network

if TYPE_CHECKING:
    import pandas as pd

    from accsim.compress.compressed import Compressed

SCHEMA = 1
PE = "pe"
PJ_PER_MS_IN_MW = 1e-6


@dataclass(frozen=True, slots=True)
class Result:
    """A network on a machine, estimated.

    Attributes:
        estimates: one per layer, in execution order.
        mappings_used: the mapping of each layer; ``None`` for layers without MACs.
        objective: what the search for mappings minimised.
        command: the command that made it, if any.
        scalesim: what SCALE-Sim 3.0.0 reports for each layer, where that comparison was asked for and applies.
        engine: ``counted`` or ``stepped``.
        values: what value-dependent figures rest on: ``expected`` (at density 1 that is a count), ``synthetic`` or
            ``real``.
        compressed: what a recipe has made of the network; ``None`` for the network as it is.
        seed: of made-up values; ``None`` for the counted engine, which makes none up.
    """

    network: Network
    accelerator: Accelerator
    dataflow: Dataflow
    table: EnergyTable
    estimates: tuple[LayerEstimate, ...]
    mappings_used: tuple[Mapping | None, ...]
    objective: str = "energy"
    command: str | None = None
    scalesim: tuple[ScaleSimReport | None, ...] = ()
    engine: str = "counted"
    values: str = "expected"
    compressed: Compressed | None = None
    seed: int | None = None

    @property
    def cycles(self) -> int:
        """Core cycles of the whole network."""
        return sum(e.activity.cycles.total for e in self.estimates)

    @property
    def latency_ms(self) -> float:
        """Time of the whole batch."""
        return self.cycles / (self.accelerator.clock_mhz * 1e3)

    @property
    def processing_ms(self) -> float:
        """Time of the whole batch without waits for off-chip transfers."""
        return sum(e.activity.processing_cycles for e in self.estimates) / (self.accelerator.clock_mhz * 1e3)

    @property
    def energy(self) -> float:
        """Energy of the whole batch, DRAM included, in the table's unit."""
        return sum(e.energy for e in self.estimates)

    @property
    def on_chip_energy(self) -> float:
        """Energy of the whole batch without DRAM."""
        return self.energy - self.energy_by_level().get(self.accelerator.dram.name, 0.0)

    @property
    def fps(self) -> float | None:
        """Inferences per second; ``None`` if nothing takes time."""
        return self.network.batch / self.latency_ms * 1e3 if self.latency_ms else None

    def energy_by_level(self) -> dict[str, float]:
        """Energy of the whole batch per level."""
        out: dict[str, float] = {}
        for estimate in self.estimates:
            for level, energy in estimate.by_level:
                out[level] = out.get(level, 0.0) + energy
        return out

    def power_mw(self, energy: float) -> float | None:
        """Average power of an energy over the run; ``None`` for a normalised table or when nothing takes time."""
        if self.table.unit is not EnergyUnit.PJ or not self.latency_ms:
            return None
        return energy / self.latency_ms * PJ_PER_MS_IN_MW

    def totals(self) -> dict[str, Any]:
        """The figures of the whole network, as ``to_dict`` gives them."""
        return self._totals(area(self.accelerator, self.table).total_mm2)

    def mappings(self) -> dict[str, dict[str, object]]:
        """The mapping of each layer with MACs, in the form a mapping file takes."""
        return {e.activity.layer: m.describe() for e, m in zip(self.estimates, self.mappings_used, strict=True) if m}

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, in the stable JSON form (``accsim/report/schema/result.schema.json``)."""
        layers = [
            self._layer(layer, estimate) for layer, estimate in zip(self.network.layers, self.estimates, strict=True)
        ]
        for layer, compared in zip(layers, self.scalesim, strict=False):
            if compared is not None:
                layer["scalesim"] = asdict(compared)
        used = area(self.accelerator, self.table)
        out: dict[str, Any] = {
            "schema": SCHEMA,
            "accsim": __version__,
            "workload": self.network.name,
            "hardware": self.accelerator.name,
            "dataflow": self.dataflow.name,
            "recipe": self.compressed.recipe.name or None if self.compressed else None,
            "batch": self.network.batch,
            "engine": self.engine,
            "values": self.values,
            "clock_mhz": self.accelerator.clock_mhz,
            "objective": self.objective,
            "energy_table": describe(self.table),
            "levels": self._levels(),
            "layers": layers,
            "totals": self._totals(used.total_mm2),
            "not_modelled": self._not_modelled(),
            "notes": list(dict.fromkeys([*self._notes(), *used.notes])),
            "warnings": list(dict.fromkeys([*self._warnings(), *used.warnings])),
            "hardware_description": self._hardware(),
            "area": {"by_level": {k: v for k, v in used.by_level if v is not None}, "notes": list(used.notes)},
        }
        unit = vector_unit(self.network, self.accelerator, self.estimates)
        if unit is not None:
            out["vector_unit"] = unit
        out["versions"] = versions()
        if self.seed is not None:
            out["seed"] = self.seed
        if self.network.bindings:
            out["bindings"] = dict(self.network.bindings)
        if self.command is not None:
            out["command"] = self.command
        return out

    def layers_table(self) -> pd.DataFrame:
        """One row per layer, with units in the column names."""
        import pandas as pd  # noqa: PLC0415

        unit = self.table.unit.value.lower()
        rows = []
        kinds = {lv.name: lv.kind for lv in self.accelerator.levels}
        for layer, e in zip(self.network.layers, self.estimates, strict=True):
            a, cycles = e.activity, e.activity.cycles
            moved = {LevelKind.DRAM: 0.0, LevelKind.SRAM: 0.0}
            for row in e.rows:
                kind = kinds.get(row.count.level)
                if kind in moved and row.count.action.value not in ("encode", "decode"):
                    moved[kind] += row.count.bits / 8
            row_: dict[str, object] = {
                "layer": a.layer,
                "kind": layer.kind.value,
                "macs": a.macs,
                "effectual_macs": a.effectual_macs,
                "start_cycle": a.start_cycle,
                "total_cycles": cycles.total,
                "compute_cycles": cycles.compute,
                "fill_cycles": cycles.fill,
                "drain_cycles": cycles.drain,
                "stall_cycles": cycles.stall,
                "utilization": utilization(self.accelerator, a, cycles),
                "pe_active_max": a.pe_active_max,
                "pe_active_average": a.pe_active_average,
                "dram_bytes": moved[LevelKind.DRAM],
                "buffer_bytes": moved[LevelKind.SRAM],
                "processing_ms": e.processing_ms,
                "latency_ms": e.latency_ms,
                f"energy_{unit}": e.energy,
            }
            row_.update({f"energy_{level}_{unit}": energy for level, energy in e.by_level})
            rows.append(row_)
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """A few lines on the whole run."""
        unit = "pJ" if self.table.unit is EnergyUnit.PJ else "MAC energies"
        fps = f", {self.fps:.4g} inferences/s" if self.fps is not None else ""
        return (
            f"{self.network.name} on {self.accelerator.name} ({self.dataflow.name}, batch {self.network.batch}): "
            f"{self.network.macs:,} MACs, {self.cycles:,} cycles, {self.latency_ms:.4g} ms{fps}, "
            f"{self.energy:.4g} {unit} ({self.table.name})"
        )

    def __repr__(self) -> str:
        return f"<Result: {self.summary()}>"

    def _repr_html_(self) -> str:
        """A notebook shows the summary and the table of layers."""
        from html import escape  # noqa: PLC0415

        return f"<p>{escape(self.summary())}</p>{self.layers_table().to_html(index=False, escape=True)}"

    def _layer(self, layer: Layer, estimate: LayerEstimate) -> dict[str, Any]:
        a = estimate.activity
        return {
            "name": a.layer,
            "kind": layer.kind.value,
            "macs": a.macs,
            "effectual_macs": a.effectual_macs,
            "bit_operations": a.bit_operations,
            "start_cycle": a.start_cycle,
            "cycles": cycles_of(a.cycles),
            **({} if a.expected_compute_cycles is None else {"expected_compute_cycles": a.expected_compute_cycles}),
            "stalls": {**no_stalls(self.accelerator), **dict(a.cycles.stalls)},
            "processing_ms": estimate.processing_ms,
            "latency_ms": estimate.latency_ms,
            "pe": {
                "active_max": a.pe_active_max,
                "active_average": a.pe_active_average,
                "utilization": utilization(self.accelerator, a, a.cycles),
                "idle_slots": dict(a.idle_slots),
            },
            "tensors": {
                t.operand.value: {
                    "bits": t.bits,
                    "encoding": t.encoding,
                    "stored_bits": t.stored_bits,
                    "metadata_bits": t.metadata_bits,
                    "density": t.density,
                    "lived_in": t.lived_in,
                }
                for t in a.tensors
            },
            "activity": [_row(row) for row in estimate.rows],
            "energy": {"total": estimate.energy, **dict(estimate.by_level)},
            "mapping": a.mapping,
            "notes": list(a.notes),
            "warnings": list(a.warnings),
        }

    def _levels(self) -> list[dict[str, Any]]:
        acc = self.accelerator
        return [
            *({"name": lv.name, "kind": lv.kind.value, "instances": acc.instances(lv)} for lv in acc.levels),
            {"name": PE, "kind": LevelKind.PE.value, "instances": acc.array.pes},
        ]

    def _hardware(self) -> dict[str, Any]:
        acc = self.accelerator
        link = acc.dram.width_bits * (acc.dram.clock_mhz or acc.clock_mhz) / acc.clock_mhz
        return {
            "description": acc.description,
            "source": acc.source,
            "node_nm": acc.node_nm,
            "voltage_v": acc.voltage_v,
            "clock_mhz": acc.clock_mhz,
            "area_mm2": acc.area_mm2,
            "peak_macs_per_cycle": acc.array.pes,
            "dram_bits_per_cycle": link,
            "array": _plain(asdict(acc.array), without=_unused(acc.array)),
            "pe": _plain(asdict(acc.pe), without=("datapath",) if acc.pe.datapath == Datapath() else ()),
            "levels": [
                {
                    "name": lv.name,
                    "kind": lv.kind.value,
                    "instances": acc.instances(lv),
                    "size_bits": lv.size_bits if isinstance(lv, Sram | RegisterFile) else None,
                    "width_bits": lv.width_bits if isinstance(lv, Dram | Sram | RegisterFile | Link) else None,
                    "operands": [o.value for o in lv.operands]
                    if isinstance(lv, Dram | Sram | RegisterFile | Link)
                    else [],
                }
                for lv in acc.levels
            ],
            "assumed": list(acc.assumed),
        }

    def _totals(self, area_mm2: float | None) -> dict[str, Any]:
        return {
            **result_totals(self.network, self.accelerator, [e.activity for e in self.estimates]),
            "energy": {"total": self.energy, **self.energy_by_level()},
            "power_mw": self.power_mw(self.on_chip_energy),
            "system_power_mw": self.power_mw(self.energy),
            "area_mm2": area_mm2,
        }

    def _not_modelled(self) -> list[str]:
        out = list(self.compressed.not_modelled) if self.compressed and self.accelerator.array.sparse is None else []
        bias = sum(layer.bias_words for layer in self.network.layers)
        if bias:
            out.append(f"fetching and adding {bias} bias words: at most one word per output channel and layer")
        if self.accelerator.vector is None and any(not layer.kind.has_macs for layer in self.network.layers):
            out.append("operations of layers without MACs: the machine has no vector unit; their traffic is counted")
        unit = self.accelerator.vector
        if unit is not None and unit.row_words is None and any(layer.kind in PASSES for layer in self.network.layers):
            out.append(
                f"rows longer than what {unit.name} holds: its row_words is not given, so softmax and layer norm load "
                "every word once"
            )
        if self.engine == "counted":
            out.append(
                "values: the counted engine computes none, so rounding and overflow of the PEs have no effect here"
            )
        out.append("DRAM refresh, row misses and background power; transfers between host and DRAM")
        out.append("overlap between layers: each layer starts when the one before has ended")
        out.append("control, clock tree and pads: no published figure per component")
        return out

    def _notes(self) -> list[str]:
        out = list(self.compressed.notes()) if self.compressed else []
        out += [note for e in self.estimates for note in e.notes]
        unit = vector_unit(self.network, self.accelerator, self.estimates)
        out += share_note(unit, self.cycles, self.energy)
        if self.accelerator.assumed:
            out.append(
                f"{self.accelerator.name}: assumed figures: {len(self.accelerator.assumed)}, see the accelerator"
            )
        return out

    def _warnings(self) -> list[str]:
        out = [warning for e in self.estimates for warning in e.warnings]
        unused = unused_entries(self.table, self.estimates, self.accelerator)
        if unused:
            out.append(f"energy table {self.table.name}: entries never used: {'; '.join(unused)}")
        return out


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    import platform  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    return {"accsim": __version__, "python": platform.python_version(), "numpy": np.__version__}


def _row(row: PricedCount) -> dict[str, Any]:
    count = row.count
    return {
        "level": count.level,
        "operand": count.operand.value,
        "action": count.action.value,
        "accesses": count.accesses,
        "bits": count.bits,
        "energy": row.energy,
        **({"peer": count.peer} if count.peer else {}),
    }


def _unused(array: Array) -> tuple[str, ...]:
    """Keys of an array that say nothing of one of its family."""
    return (*(("lanes",) if array.lanes == 1 else ()), *(("sparse",) if array.sparse is None else ()))


def _plain(values: dict[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Plain data, without some keys."""
    return {
        key: _plain(value) if isinstance(value, dict) else getattr(value, "value", value)
        for key, value in values.items()
        if key not in without
    }
