"""The reuse analysis as one function: a network, a reuse dataflow and a machine in, words moved and energy out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accsim.mapping.reuse.dataflow import ReuseDataflow
from accsim.mapping.reuse.machine import AccessCosts, ReuseMachine
from accsim.mapping.reuse.misfit import ReuseMisfit
from accsim.workload.layer import Geometry, Layer, LayerKind
from accsim.workload.network import Network

if TYPE_CHECKING:
    from accsim.energy.table import EnergyTable
    from accsim.hardware.accelerator import Accelerator
    from accsim.mapping.reuse.search import Found


@dataclass(frozen=True, slots=True)
class ReuseResult:
    """What a network moves under a dataflow.

    Attributes:
        layers: the cheapest tiling of each layer with MACs, or what does not fit.
    """

    dataflow: ReuseDataflow
    machine: ReuseMachine
    costs: AccessCosts
    batch: int
    layers: Mapping[str, Found | ReuseMisfit]

    @property
    def misfits(self) -> dict[str, ReuseMisfit]:
        """The layers that fit under no tiling."""
        return {name: found for name, found in self.layers.items() if isinstance(found, ReuseMisfit)}

    @property
    def found(self) -> dict[str, Found]:
        """The layers that fit."""
        return {name: found for name, found in self.layers.items() if not isinstance(found, ReuseMisfit)}

    @property
    def macs(self) -> int:
        """MACs of the layers that fit."""
        return sum(found.counts.macs for found in self.found.values())

    def energy(self) -> dict[str, float]:
        """Energy by level, of the layers that fit, in the costs' unit."""
        total: dict[str, float] = {}
        for found in self.found.values():
            for level, energy in found.energy.items():
                total[level] = total.get(level, 0.0) + energy
        return total


def analyse_reuse(
    workload: str | Path | Network,
    dataflow: str | Path | ReuseDataflow,
    hardware: str | Path | Accelerator = "eyeriss_isca16",
    *,
    machine: ReuseMachine | None = None,
    energy_table: str | EnergyTable | None = None,
    batch: int = 1,
    layers: Sequence[str] | None = None,
    near: bool = True,
) -> ReuseResult:
    """Find, for every layer with MACs, the tiling that costs the least energy under a reuse dataflow.

    Zeros around an ifmap are fetched. A fully connected layer that reads a map is the convolution whose filters are as
    large as the map.

    Args:
        workload: a network's name, a file, or a ``Network``.
        dataflow: a reuse dataflow's name, a file, or a ``ReuseDataflow``.
        hardware: prices accesses, and is the machine unless ``machine`` is given; it needs one register file per PE and
            one buffer, each for all operands.
        machine: PEs and storage.
        energy_table: a table that charges a transfer once; the accelerator's own if not given.
        batch: batch entries N.
        layers: names or patterns of the layers; all if not given.
        near: also find how far energies by level vary among the tilings that cost at most 1 % more.

    Raises:
        AccsimError: a mistake in what was given. A layer that does not fit is part of the result.
    """
    from accsim.energy.reader import load_table  # noqa: PLC0415
    from accsim.energy.reuse import access_costs  # noqa: PLC0415
    from accsim.hardware.reader import load_accelerator  # noqa: PLC0415
    from accsim.mapping.dataflow_reader import load_reuse_dataflow  # noqa: PLC0415
    from accsim.mapping.reuse.search import search  # noqa: PLC0415
    from accsim.workload.reader import load_network  # noqa: PLC0415

    network = workload
    if not isinstance(network, Network):
        network = load_network(str(network), batch=batch, layers=layers)
    flow = dataflow if isinstance(dataflow, ReuseDataflow) else load_reuse_dataflow(dataflow)
    accelerator = load_accelerator(hardware) if isinstance(hardware, str | Path) else hardware
    table = energy_table or accelerator.energy_table
    costs = access_costs(accelerator, load_table(table) if isinstance(table, str) else table)
    on = machine or ReuseMachine.of(accelerator)
    known: dict[Geometry, Found | ReuseMisfit] = {}
    out: dict[str, Found | ReuseMisfit] = {}
    for layer in network.mac_layers:
        geometry = as_convolution(layer)
        if geometry not in known:
            known[geometry] = search(geometry, flow, on, costs, near)
        out[layer.name] = known[geometry]
    return ReuseResult(flow, on, costs, network.batch, out)


def as_convolution(layer: Layer) -> Geometry:
    """The loops of a layer with MACs; a fully connected layer on a map is a convolution whose filters are as large."""
    geometry = layer.geometry
    if geometry is None:
        raise ValueError(f"layer {layer.name!r} has no MACs")
    shape = layer.input_shapes[0]
    if layer.kind is not LayerKind.FC or len(shape) != 3 or geometry.G != 1 or geometry.P * geometry.Q != 1:
        return geometry
    channels, height, width = shape
    if channels * height * width != geometry.C:
        return geometry
    return replace(geometry, C=channels, R=height, S=width, H=height, W=width)
