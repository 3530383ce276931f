"""What a comparison comes to: totals of each machine, compressed and dense, and of the layers that several can run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accsim.comparison.equal import peak_macs_per_cycle
from accsim.comparison.reasons import Slots
from accsim.hardware.accelerator import Accelerator

if TYPE_CHECKING:
    from accsim.result import Result


@dataclass(frozen=True, slots=True)
class Total:
    """What some layers with MACs take on a machine, for the whole batch.

    Attributes:
        processing_ms: without waits for off-chip transfers.
        energy: in the energy table's unit.
        macs, effectual_macs: all, and those whose words are both not zero and no padding.
        waiting: share of the cycles that wait for off-chip transfers.
        vector_waiting: share of the cycles that wait for the vector unit's operations.
    """

    latency_ms: float
    processing_ms: float
    energy: float
    dram_bytes: float
    macs: int
    effectual_macs: float
    waiting: float
    vector_waiting: float = 0.0

    @property
    def bound(self) -> str:
        """What most of the time goes to: the off-chip link, the vector unit, or the array."""
        if self.vector_waiting > 0.5:
            return "vector"
        return "dram" if self.waiting > 0.5 else "array"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"bound": self.bound}


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a comparison.

    Attributes:
        compressed, dense: of the layers it can run.
        slots: where the multipliers' slots of the compressed network went.
        cannot: layers that it cannot run, and why.
        subsets: the same totals of the layers that several machines can run, by the subset's index.
        result, dense_result: the two runs, layer by layer.
    """

    accelerator: Accelerator
    layers: tuple[str, ...]
    compressed: Total
    dense: Total
    slots: Slots
    cannot: tuple[tuple[str, str], ...]
    subsets: tuple[tuple[int, Total, Total], ...]
    result: Result
    dense_result: Result

    @property
    def speed_up(self) -> float:
        """Dense latency over compressed latency."""
        return ratio(self.dense.latency_ms, self.compressed.latency_ms)

    @property
    def ideal(self) -> float:
        """Products of the dense network over those that are left."""
        return ratio(self.dense.effectual_macs, self.compressed.effectual_macs)

    @property
    def arrived(self) -> float | None:
        """The share of the ideal speed-up beyond 1 that arrived; ``None`` if there is none to expect."""
        return (self.speed_up - 1) / (self.ideal - 1) if self.ideal > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        acc = self.accelerator
        return {
            "hardware": acc.name,
            "clock_mhz": acc.clock_mhz,
            "node_nm": acc.node_nm,
            "peak_gmacs": peak_macs_per_cycle(acc) * acc.clock_mhz / 1e3,
            "dense_bits": {"weight": acc.pe.weight_bits, "activation": acc.pe.activation_bits},
            "layers": list(self.layers),
            "cannot": [{"layer": layer, "reason": reason} for layer, reason in self.cannot],
            "compressed": self.compressed.to_dict(),
            "dense": self.dense.to_dict(),
            "speed_up": self.speed_up,
            "processing_speed_up": ratio(self.dense.processing_ms, self.compressed.processing_ms),
            "energy_ratio": ratio(self.dense.energy, self.compressed.energy),
            "ideal_speed_up": self.ideal,
            "arrived": self.arrived,
            "slots": {
                "effectual": self.slots.effectual / self.slots.total if self.slots.total else 0.0,
                "lost": dict(self.slots.shares),
            },
        }


@dataclass(frozen=True, slots=True)
class Subset:
    """Layers that the same machines, more than one, can run."""

    layers: tuple[str, ...]
    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """All machines, made equal or as they are.

    Attributes:
        statement: what was made equal.
        unit: of energies; of machines as they are each in its own table's.
        absent: machines that can run no layer, or whose energy has no price, and why.
    """

    statement: str
    unit: str
    machines: tuple[Machine, ...]
    subsets: tuple[Subset, ...]
    absent: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "statement": self.statement,
            "energy_unit": self.unit,
            "machines": [machine.to_dict() for machine in self.machines],
            "subsets": [
                {
                    "layers": list(subset.layers),
                    "machines": {
                        machine.accelerator.name: {"compressed": compressed.to_dict(), "dense": dense.to_dict()}
                        for machine in self.machines
                        for index, compressed, dense in machine.subsets
                        if index == i
                    },
                }
                for i, subset in enumerate(self.subsets)
            ],
            "absent": [{"hardware": name, "reason": reason} for name, reason in self.absent],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A network on several machines, made equal, and beside it as they are."""

    workload: str
    recipe: str | None
    batch: int
    values: str
    equal: Side
    raw: Side
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data, which ``accsim run --compare --json`` writes."""
        from accsim import __version__  # noqa: PLC0415

        return {
            "schema": 1,
            "kind": "comparison",
            "accsim": __version__,
            "workload": self.workload,
            "recipe": self.recipe,
            "batch": self.batch,
            "values": self.values,
            "equal": self.equal.to_dict(),
            "raw": self.raw.to_dict(),
            "notes": list(self.notes),
        }

    def runs(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What a report needs beside ``to_dict``: by side and machine the two runs, each as ``accsim run --json``."""
        return {
            side: {
                machine.accelerator.name: {
                    "compressed": machine.result.to_dict(),
                    "dense": machine.dense_result.to_dict(),
                }
                for machine in found.machines
            }
            for side, found in (("equal", self.equal), ("raw", self.raw))
        }


def ratio(before: float, after: float) -> float:
    """``before`` over ``after``; 0 if nothing came after."""
    return before / after if after else 0.0
