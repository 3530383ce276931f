"""The shipped machines: each published figure beside its citation."""

from __future__ import annotations

import pytest

from accsim import library
from accsim.hardware.accelerator import (
    Accelerator,
    ArrayFamily,
    Cell,
    InitialPsum,
    Link,
    Overflow,
    RegisterFile,
    Rounding,
    Sram,
)
from accsim.hardware.off_chip import RunLength
from accsim.hardware.reader import load_accelerator
from accsim.workload.layer import Operand

PRESETS = (
    "bit_fusion", "cnvlutin", "dadiannao", "edge_8x8", "eie", "eyeriss", "eyeriss_isca16", "eyeriss_v2", "loom",
    "scnn", "sparse_tensor_core_2to4", "sparten", "stripes", "systolic_32x32", "ternary_32x32", "tpu_v1", "xnor_32x32",
    "yodann",
)  # fmt: skip
KIB, MIB = 8 * 1024, 8 * 1024**2


def test_these_are_all_the_presets() -> None:
    assert library.names("accelerators") == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_each_says_what_it_is_and_what_is_assumed(name: str) -> None:
    machine = load_accelerator(name)
    assert machine.name == name
    assert machine.description
    assert machine.source
    assert machine.assumed
    assert all(line for line in machine.assumed)
    keys = {"technology", "clock", "energy_table", "array", "pe", "levels"}
    assert {line.replace(":", ".").replace(",", ".").split(".")[0] for line in machine.assumed} <= keys


def spad(machine: Accelerator, name: str) -> RegisterFile:
    level = machine.level(name)
    assert isinstance(level, RegisterFile)
    return level


def buffer(machine: Accelerator, name: str) -> Sram:
    level = machine.level(name)
    assert isinstance(level, Sram)
    return level


class TestEyeriss:
    """Chen, Krishna, Emer and Sze, IEEE J. Solid-State Circuits 52(1), 2017."""

    machine = load_accelerator("eyeriss")

    def test_array(self) -> None:
        """168 PEs as 12 x 14, 16-bit fixed point, three pipeline stages, zero gating, 32 b -> 16 b."""
        array, pe = self.machine.array, self.machine.pe
        assert (array.family, array.rows, array.cols, array.pes) == (ArrayFamily.ROW_STATIONARY, 12, 14, 168)
        assert array.initial_psum is InitialPsum.READ
        assert (pe.weight_bits, pe.activation_bits, pe.accumulator_bits, pe.output_bits) == (16, 16, 16, 16)
        assert (pe.rounding, pe.overflow, pe.zero_gating, pe.pipeline_stages) == (
            Rounding.TRUNCATE,
            Overflow.SATURATE,
            True,
            3,
        )

    def test_clocks_and_peak(self) -> None:
        """Chip specification: 200 MHz core, 33.6 GMACS at 1.0 V; 64-bit link at 60 MHz; 3.5 mm x 3.5 mm core."""
        machine = self.machine
        assert (machine.clock_mhz, machine.voltage_v, machine.node_nm) == (200, 1.0, 65)
        assert machine.array.pes * machine.clock_mhz / 1000 == pytest.approx(33.6)
        assert (machine.dram.width_bits, machine.dram.clock_mhz) == (64, 60)
        assert machine.area_mm2 == 3.5 * 3.5

    def test_the_link_takes_ten_core_cycles_for_three_words(self) -> None:
        assert self.machine.dram.cycles(3 * 64, self.machine.clock_mhz) == 10

    def test_spads(self) -> None:
        """Spads: ifmap 12 x 16 b and psum 24 x 16 b registers, filter 224 x 16 b SRAM."""
        sizes = {
            level.name: (level.operands, level.size_words, level.width_bits, level.cell)
            for level in self.machine.levels
            if isinstance(level, RegisterFile)
        }
        assert sizes == {
            "ifmap_spad": ((Operand.IFMAP,), 12, 16, Cell.REGISTER),
            "filter_spad": ((Operand.WEIGHT,), 224, 16, Cell.SRAM),
            "psum_spad": ((Operand.PSUM,), 24, 16, Cell.REGISTER),
        }

    def test_buffer(self) -> None:
        """108 kB; 25 banks of 512 x 64 b for ifmaps and psums, two for the next pass's filters.

        One copy of a pass's filters fills up to 7.6 of the 8 KiB (CONV1); the spads hold the pass that runs.
        """
        glb = buffer(self.machine, "glb")
        assert glb.size_bits == 108 * KIB
        assert glb.bank_bits == 512 * 64
        assert glb.width_bits == 64
        ifmap, weight = glb.partition(Operand.IFMAP), glb.partition(Operand.WEIGHT)
        assert ifmap is glb.partition(Operand.PSUM) is glb.partition(Operand.OFMAP)
        assert ifmap.size_bits == 25 * 512 * 64
        assert weight.size_bits == 2 * 512 * 64
        assert (weight.copies(Operand.WEIGHT), ifmap.copies(Operand.IFMAP)) == (1, 1)

    def test_on_chip_storage(self) -> None:
        """Chip specification: 181.5 kB of SRAM, the buffer and the filter spads."""
        filter_spads = 168 * spad(self.machine, "filter_spad").size_bits
        assert (buffer(self.machine, "glb").size_bits + filter_spads) / KIB == pytest.approx(181.5)

    def test_networks(self) -> None:
        """The buses for filters and psums are 64 bits wide, the ifmap bus 16."""
        links = {v.name: (v.direction, v.width_bits) for v in self.machine.levels if isinstance(v, Link)}
        assert links == {
            "gin_ifmap": ("in", 16),
            "gin_filter": ("in", 64),
            "gin_psum": ("in", 64),
            "gon_psum": ("out", 64),
            "local_psum": ("local", 64),
        }

    def test_run_length_coding(self) -> None:
        """5-bit runs, 16-bit levels, three pairs in 64 bits; not for the input of the first layer."""
        assert self.machine.dram.run_length == RunLength(5, 3, 64, (Operand.IFMAP, Operand.OFMAP), False)
        assert self.machine.dram.fetch_padding

    MAPPINGS = {
        "conv1": {"m": 96, "n": 1, "e": 7, "p": 16, "q": 1, "r": 1, "t": 2},
        "conv2": {"m": 64, "n": 1, "e": 27, "p": 16, "q": 2, "r": 1, "t": 1},
        "conv3": {"m": 64, "n": 4, "e": 13, "p": 16, "q": 3, "r": 2, "t": 2},
        "conv4": {"m": 64, "n": 4, "e": 13, "p": 16, "q": 3, "r": 2, "t": 2},
        "conv5": {"m": 64, "n": 4, "e": 13, "p": 16, "q": 3, "r": 2, "t": 2},
    }
    """Table III, but for CONV3 (see its note)."""

    def test_published_mappings(self) -> None:
        assert {layer: dict(values) for (_, layer), values, _ in self.machine.mappings} == self.MAPPINGS
        assert {network for (network, _), *_ in self.machine.mappings} == {"alexnet"}
        notes = {layer: note for (_, layer), _, note in self.machine.mappings if note}
        assert notes == {
            "conv3": "JSSC 2017 Table III prints q=4 r=1 t=4, which gives 69.2 MB of buffer traffic; the published "
            "50.2 MB follows from q=3 r=2 t=2"
        }

    @pytest.mark.parametrize(
        ("layer", "filter_size", "active_pes"),
        [("conv1", 11, 154), ("conv2", 5, 135), ("conv3", 3, 156), ("conv4", 3, 156), ("conv5", 3, 156)],
    )
    def test_published_mappings_fit(self, layer: str, filter_size: int, active_pes: int) -> None:
        """Active PEs of Table V; the spads hold q*S ifmap, p*q*S filter and p psum words."""
        use = self.MAPPINGS[layer]
        assert filter_size * use["e"] * use["r"] * use["t"] == active_pes
        assert use["q"] * filter_size <= spad(self.machine, "ifmap_spad").size_words
        assert use["p"] * use["q"] * filter_size <= spad(self.machine, "filter_spad").size_words
        assert use["p"] <= spad(self.machine, "psum_spad").size_words

    def test_relu_leaves_with_the_outputs(self) -> None:
        assert self.machine.vector is not None
        assert self.machine.vector.fused == ("relu", "relu6")
        assert any("vector" in line for line in self.machine.assumed)


class TestEyerissStudy:
    """Chen, Emer and Sze, ISCA 2016."""

    machine = load_accelerator("eyeriss_isca16")

    def test_set_up(self) -> None:
        """Fig. 7: 256 PEs, 512 B of register file per PE, a 128 kB buffer, 16-bit words."""
        machine = self.machine
        assert machine.array.pes == 256
        rf, glb = spad(machine, "rf"), buffer(machine, "glb")
        assert rf.size_bits == 512 * 8
        assert rf.size_words == 256
        assert rf.operands == (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)
        assert glb.size_bits == 256 * rf.size_bits == 128 * KIB
        assert len(glb.partitions) == 1
        assert (machine.pe.weight_bits, machine.pe.activation_bits, machine.pe.accumulator_bits) == (16, 16, 16)

    def test_energy_and_bandwidth(self) -> None:
        machine = self.machine
        assert machine.energy_table == "eyeriss_normalized"
        assert machine.array.initial_psum is InitialPsum.ZERO
        assert machine.dram.width_bits == 16 * machine.array.pes
        assert all(level.width_bits is None for level in machine.levels if isinstance(level, Link))


class TestTpu:
    """Jouppi et al., ISCA 2017."""

    machine = load_accelerator("tpu_v1")

    def test_matrix_unit(self) -> None:
        """Section 2 and Table 2: 256 x 256 8-bit MACs at 700 MHz, 92 TOPS; double-buffered tiles of weights."""
        array = self.machine.array
        assert (array.family, array.rows, array.cols) == (ArrayFamily.SYSTOLIC, 256, 256)
        assert 2 * array.pes * self.machine.clock_mhz / 1e6 == pytest.approx(92, abs=0.3)
        assert (array.stationary_buffers, array.edge_taps) == (2, False)
        assert (self.machine.pe.weight_bits, self.machine.pe.activation_bits) == (8, 8)
        assert self.machine.dataflow == "weight_stationary"
        assert self.machine.node_nm == 28

    def test_storage(self) -> None:
        """Section 2: 24 MiB unified buffer, 4096 accumulators of 256 x 32 b, FIFO of four 64 KiB tiles."""
        unified, sums, fifo = (buffer(self.machine, n) for n in ("unified_buffer", "accumulators", "weight_fifo"))
        assert unified.size_bits == 24 * MIB
        assert unified.keeps_activations
        assert unified.operands == (Operand.IFMAP, Operand.OFMAP)
        assert sums.size_bits == 4096 * 256 * 32 == 4 * MIB
        assert sums.operands == (Operand.PSUM,)
        assert fifo.size_bits == 4 * 64 * KIB == 4 * self.machine.array.pes * 8
        assert fifo.partition(Operand.WEIGHT).copies(Operand.WEIGHT) == 4

    def test_weight_memory(self) -> None:
        """Fig. 1: 30 GiB/s."""
        dram = self.machine.dram
        assert dram.clock_mhz is not None
        assert dram.width_bits / 8 * dram.clock_mhz * 1e6 / 2**30 == pytest.approx(30, rel=1e-3)
        assert dram.standard == "ddr3"

    def test_operands_skip_levels(self) -> None:
        chains = {o: [level.name for level in self.machine.chain(o)] for o in (Operand.IFMAP, Operand.WEIGHT)}
        assert chains == {
            Operand.IFMAP: ["dram", "unified_buffer", "ifmap_register"],
            Operand.WEIGHT: ["dram", "weight_fifo", "weight_register"],
        }


@pytest.mark.parametrize(("name", "side", "kib"), [("systolic_32x32", 32, 512), ("edge_8x8", 8, 64)])
def test_generic_machines(name: str, side: int, kib: int) -> None:
    machine = load_accelerator(name)
    assert (machine.array.family, machine.array.rows, machine.array.cols) == (ArrayFamily.SYSTOLIC, side, side)
    assert buffer(machine, "buffer").size_bits == kib * KIB
    assert (machine.pe.weight_bits, machine.pe.activation_bits, machine.pe.accumulator_bits) == (8, 8, 32)
    assert machine.source == "none; a generic machine"
    named = {line.split(":")[0] for line in machine.assumed}
    assert {"technology, clock, energy_table", "array", "pe", "levels.dram", "levels.buffer", "levels.vector"} <= named
