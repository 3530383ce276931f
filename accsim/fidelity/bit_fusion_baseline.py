"""Bit Fusion beside a row-stationary array of 16 bits: the publication's comparison, with what of it is public.

Sharma et al., ISCA 2018 (arXiv 1712.01507). Bit Fusion's cycles and traffic are those of the simulator that it was
published with (``accsim.simulate.bit_fusion``); energies of an event are its constants. Operand bits that buffers read
are counted as there: each product reads its weight and its activation, sums are read and written twice a transfer. The
baseline is the preset ``eyeriss`` at the same clock and behind the same channel, its DRAM at the same energy.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.pipeline import estimate
from accsim.simulate.bit_fusion import bit_fusion_cycles
from accsim.source import Source
from accsim.workload.layer import Geometry
from accsim.workload.network import Network
from accsim.workload.reader import read_network
from accsim.yamlfile import Model

CORE_PJ = 235.104
"""Of the array in a cycle; this and the next: hsharma35/bitfusion, as its simulator is configured."""
WEIGHT_PJ, IFMAP_PJ, IFMAP_FILL_PJ, OFMAP_PJ = 0.021, 0.059, 0.114, 0.033 + 0.073
"""For a bit that a buffer reads, of fills (those of the dearer buffer), and for one read and written of sums."""
DRAM_PJ = 15.0
"""For a bit; the code's figure, whose comment says 6."""

EYERISS = ("clock=500 MHz", "levels.dram.width=192 b", "levels.dram.clock=500 MHz", "levels.dram.fetch_padding=false")
"""Bit Fusion's clock and channel; padding need not be fetched."""
PRICES = (f"entries.dram.points.0.read={64 * DRAM_PJ:g}",)
"""Of a machine in the table horowitz_45nm: DRAM at the publication's energy."""


class Pass(Model):
    """Row-stationary pass parameters, as in a mapping file."""

    m: int = Field(ge=1)
    n: int = Field(ge=1)
    e: int = Field(ge=1)
    f: int = Field(ge=1)
    p: int = Field(ge=1)
    q: int = Field(ge=1)
    r: int = Field(ge=1)
    t: int = Field(ge=1)


class LayerRow(Model):
    """A square convolution, or a product of a matrix where the sizes of output and kernel are 1.

    Attributes:
        size: of the output's side.
        bits: of activations and weights on Bit Fusion.
        first: its windows are written out.
        times: equal layers.
        mapping: of the row-stationary array, where the baseline runs this layer.
    """

    inputs: int = Field(ge=1)
    outputs: int = Field(ge=1)
    size: int = Field(default=1, ge=1)
    kernel: int = Field(default=1, ge=1)
    stride: int = Field(default=1, ge=1)
    bits: int = Field(default=2, ge=2, le=8)
    first: bool = False
    times: int = Field(default=1, ge=1)
    mapping: Pass | None = None

    @property
    def macs(self) -> int:
        """Of one image, all equal layers."""
        return self.times * self.inputs * self.outputs * (self.size * self.kernel) ** 2

    @property
    def input_size(self) -> int:
        """The side of what its windows need."""
        return (self.size - 1) * self.stride + self.kernel


NetworkRows = dict[str, LayerRow]
"""Layers by name."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One network, per image.

    Attributes:
        macs, baseline_macs: of Bit Fusion's network and of the baseline's.
        cycles, energy_pj: of Bit Fusion.
        baseline_cycles, baseline_energy_pj: of the row-stationary array; ``baseline_dram_pj`` is DRAM's part.
        least_cycles: of any array with as many PEs, each with a MAC in every cycle.
    """

    macs: int
    baseline_macs: int
    cycles: float
    energy_pj: float
    baseline_cycles: float
    baseline_energy_pj: float
    baseline_dram_pj: float
    least_cycles: float

    @property
    def speed_up(self) -> float:
        """Of Bit Fusion, at the same clock."""
        return self.baseline_cycles / self.cycles

    @property
    def least_speed_up(self) -> float:
        """Over a baseline whose PEs are never idle: no baseline of as many PEs can give less."""
        return self.least_cycles / self.cycles

    @property
    def energy_gain(self) -> float:
        """Energy of the baseline over Bit Fusion's."""
        return self.baseline_energy_pj / self.energy_pj


def compare(rows: NetworkRows, baseline: NetworkRows, batch: int) -> Compared:
    """Run a network on both.

    Raises:
        AccsimError: a layer of the baseline does not fit with its mapping.
        ValueError: no tile of a layer fits Bit Fusion's buffers.
    """
    cycles = energy = 0.0
    for row in rows.values():
        took, spent = _on_bit_fusion(row, batch)
        cycles, energy = cycles + row.times * took / batch, energy + row.times * spent / batch
    base_cycles = base_energy = base_dram = 0.0
    machine = load_accelerator("eyeriss", EYERISS)
    for row in baseline.values():
        layer = one_layer(row.inputs, row.outputs, row.size, row.kernel, row.stride, batch)
        given = None if row.mapping is None else {"layer": _mapping(row.mapping)}
        found = estimate(
            layer, machine, energy_table="horowitz_45nm", energy_overrides=PRICES, mapping=given, effort="quick"
        )
        base_cycles += row.times * found.cycles / batch
        base_energy += row.times * found.energy / batch
        base_dram += row.times * (found.energy - found.on_chip_energy) / batch
    macs = sum(row.macs for row in baseline.values())
    return Compared(
        macs=sum(row.macs for row in rows.values()),
        baseline_macs=macs,
        cycles=cycles,
        energy_pj=energy,
        baseline_cycles=base_cycles,
        baseline_energy_pj=base_energy,
        baseline_dram_pj=base_dram,
        least_cycles=macs / machine.array.pes,
    )


def one_layer(inputs: int, outputs: int, size: int, kernel: int, stride: int, batch: int = 1) -> Network:
    """A network of one square convolution, called ``layer``, whose input is as large as its windows need."""
    side = (size - 1) * stride + kernel
    shape, what = (f"[{inputs}, {side}, {side}]", f"conv: {outputs}, kernel: {kernel}, stride: {stride}")
    if side == 1:
        shape, what = f"[{inputs}]", f"fc: {outputs}"
    text = f"description: one layer\nsource: this project\ninput: {shape}\nlayers:\n  - layer: {{{what}}}\n"
    return read_network(Source("one_layer", "one_layer", text), batch=batch)


def _mapping(given: Pass) -> RowStationaryMapping:
    flow = load_dataflow("row_stationary")
    if not isinstance(flow, RowStationaryDataflow):
        raise TypeError("the dataflow row_stationary is no row-stationary dataflow")
    return RowStationaryMapping(flow, **given.model_dump())


def _on_bit_fusion(row: LayerRow, batch: int) -> tuple[int, float]:
    """Cycles and picojoules of one layer, whole batch."""
    side = row.input_size
    geometry = Geometry(
        N=batch, G=1, M=row.outputs, C=row.inputs, P=row.size, Q=row.size, R=row.kernel, S=row.kernel, H=side, W=side,
        stride_h=row.stride, stride_w=row.stride,
    )  # fmt: skip
    found = bit_fusion_cycles(geometry, row.bits, row.bits, row.first)
    if found is None:
        raise ValueError(f"no tile of {row} fits the buffers of Bit Fusion")
    operand_bits = batch * row.macs // row.times * row.bits
    return found.total, (
        CORE_PJ * found.total
        + operand_bits * (WEIGHT_PJ + IFMAP_PJ)
        + found.read_bits * IFMAP_FILL_PJ
        + 2 * found.write_bits * OFMAP_PJ
        + (found.read_bits + found.write_bits) * DRAM_PJ
    )
