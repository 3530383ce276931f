"""Any machine that can be written reads back the same, and no override makes anything but a machine or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accsim.errors import InputError
from accsim.hardware.accelerator import (
    Accelerator,
    Array,
    ArrayFamily,
    Cell,
    Dram,
    InitialPsum,
    Level,
    Link,
    Overflow,
    Partition,
    Pe,
    RegisterFile,
    Rounding,
    Sram,
    VectorUnit,
)
from accsim.hardware.build import CARRIED, DEFAULT_DATAFLOW, IN_PE, STORED
from accsim.hardware.checks import FUSABLE
from accsim.hardware.datapath import BIT_PARALLEL, Datapath, DatapathKind, Digits
from accsim.hardware.off_chip import RunLength
from accsim.hardware.reader import load_accelerator
from accsim.hardware.sparse import Sparse, SparseKind
from accsim.hardware.writer import write_accelerator
from accsim.workload.layer import Operand

PRESETS = ("cnvlutin", "edge_8x8", "eie", "eyeriss", "eyeriss_v2", "scnn", "eyeriss_isca16", "systolic_32x32", "tpu_v1")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_come_back(name: str, tmp_path: Path) -> None:
    machine = load_accelerator(name)
    file = tmp_path / "written.yaml"
    file.write_text(write_accelerator(machine), encoding="utf-8")
    assert load_accelerator(file) == machine


widths = st.integers(1, 2**20)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
mhz = st.one_of(st.integers(1, 10**6).map(float), st.floats(0.001, 1e6))


def some(operands: tuple[Operand, ...]) -> st.SearchStrategy[tuple[Operand, ...]]:
    return st.lists(st.sampled_from(operands), min_size=1, unique=True).map(tuple)


SPARSE = (
    Sparse(SparseKind.CARTESIAN_PRODUCT, inputs=1, accumulators=64, banks=3),
    Sparse(SparseKind.CSC_CLUSTERS, iact_words=5, count_bits=6),
    Sparse(SparseKind.WORK_QUEUES, queue_depth=3, code_bits=4),
    Sparse(SparseKind.SKIPPING_LANES, brick=8),
    Sparse(SparseKind.BITMASK_CHUNKS, chunk=64, balanced=False),
)
DATAPATHS = (
    BIT_PARALLEL,
    Datapath(n=2, m=4),
    Datapath(DatapathKind.ACTIVATION_SERIAL, serial_bits=2, sign_cycle=True),
    Datapath(DatapathKind.DYNAMIC_PRECISION, sign_cycle=False, trim_low=True),
    Datapath(DatapathKind.BOTH_SERIAL),
    Datapath(DatapathKind.TERM_SERIAL, digits=Digits.BOOTH, shift_bits=0),
    Datapath(DatapathKind.BOTH_TERMS, digits=Digits.BOOTH),
    Datapath(DatapathKind.FUSED_BRICKS, brick_bits=4, fused_bits=16),
    Datapath(DatapathKind.SHIFT),
    Datapath(DatapathKind.CODEBOOK, codebook_words=16),
    Datapath(DatapathKind.OUTLIER_LANE, narrow_bits=4),
)
"""One of each kind that leaves the widths of operands open."""


@st.composite
def pes(draw: st.DrawFn, family: ArrayFamily) -> Pe:
    weight, activation, accumulator = draw(st.integers(1, 64)), draw(st.integers(1, 64)), draw(st.integers(1, 64))
    output = activation if activation <= accumulator and draw(st.booleans()) else draw(st.integers(1, accumulator))
    only_row_stationary = st.integers(0, 5 if family is ArrayFamily.ROW_STATIONARY else 0)
    gates = draw(st.booleans())
    return Pe(
        weight,
        activation,
        accumulator,
        output,
        draw(st.integers(0, weight + activation - 1)),
        draw(st.sampled_from(Rounding)),
        draw(st.sampled_from(Overflow)),
        gates,
        draw(st.integers(1, 8)),
        draw(only_row_stationary),
        draw(only_row_stationary),
        psum_gating=gates and draw(only_row_stationary) > 0,
        datapath=draw(st.sampled_from(DATAPATHS)) if family is ArrayFamily.INNER_PRODUCT else BIT_PARALLEL,
    )


@st.composite
def drams(draw: st.DrawFn, activation_bits: int) -> Dram:
    coding = None
    if draw(st.booleans()):
        run, pairs = draw(st.integers(1, 16)), draw(st.integers(1, 8))
        word = pairs * (run + activation_bits) + draw(st.integers(0, 5))
        coded = draw(some((Operand.IFMAP, Operand.OFMAP)))
        coding = RunLength(run, pairs, word, coded, draw(st.booleans()))
    return Dram(
        "dram",
        draw(st.permutations(STORED).map(tuple)),
        draw(widths),
        draw(st.none() | mhz),
        draw(st.integers(0, 100)),
        draw(widths),
        draw(text.filter(bool)),
        coding,
        draw(st.booleans()),
    )


@st.composite
def srams(draw: st.DrawFn, name: str) -> Sram:
    bank = draw(st.none() | st.integers(1, 2**20))
    operands = draw(some(STORED))
    cut = draw(st.integers(0, len(operands) - 1))
    parts = []
    for held in (operands[:cut], operands[cut:]):
        if held:
            size = draw(st.integers(1, 2**30)) * (bank or 1)
            copies = {o: draw(st.integers(1, 4)) for o in held}
            parts.append(Partition(held, size, tuple((o, n) for o, n in copies.items() if n > 1)))
    port = st.none() | widths
    keeps = {Operand.IFMAP, Operand.OFMAP} <= set(operands) and draw(st.booleans())
    return Sram(name, operands, draw(widths), tuple(parts), bank, draw(port), draw(port), keeps)


@st.composite
def machines(draw: st.DrawFn) -> Accelerator:
    family = draw(st.sampled_from(ArrayFamily))
    systolic = family is ArrayFamily.SYSTOLIC
    rows, cols = draw(st.integers(1, 65536)), draw(st.integers(1, 65536))
    sparse = draw(st.sampled_from(SPARSE)) if family is ArrayFamily.SPARSE else None
    if sparse is not None and sparse.kind in (SparseKind.WORK_QUEUES, SparseKind.SKIPPING_LANES):
        cols = 1
    pe = draw(pes(family))
    array = Array(
        family,
        rows,
        cols,
        systolic and draw(st.booleans()),
        draw(st.integers(1, 2)) if systolic else 1,
        draw(st.sampled_from(InitialPsum)),
        draw(st.integers(1, 32768)) * max(1, pe.datapath.n) if family is ArrayFamily.INNER_PRODUCT else 1,
        sparse,
    )
    levels: list[Level] = [draw(drams(pe.activation_bits))]
    levels += [draw(srams(f"buffer{i}")) for i in range(draw(st.integers(0, 3)))]
    for direction in draw(st.lists(st.sampled_from(sorted(CARRIED)), unique=True)):
        held = draw(some(CARRIED[direction]))
        levels.append(Link(f"link_{direction}", held, draw(st.none() | widths), direction))
    for operand in IN_PE if not systolic else draw(st.lists(st.sampled_from(IN_PE), unique=True)):
        words, cell = draw(st.integers(1, 2**31)), draw(st.sampled_from(Cell))
        levels.append(RegisterFile(f"{operand}_rf", (operand,), draw(widths), words, cell))
    if draw(st.booleans()):
        fused = draw(st.lists(st.sampled_from(FUSABLE), unique=True).map(tuple))
        levels.append(
            VectorUnit(
                "vector",
                draw(st.integers(1, 2**20)),
                tuple(map(str, fused)),
                row_words=draw(st.none() | st.integers(0, 2**40)),
            )
        )
    parameters = tuple((key, draw(st.integers(1, 2**31))) for key in "mnepqrt")
    owners = st.tuples(text, text)
    mappings = (
        draw(st.lists(st.tuples(owners, st.just(parameters), text), unique_by=lambda m: m[0]))
        if family is ArrayFamily.ROW_STATIONARY
        else ()
    )
    return Accelerator(
        name=draw(text.filter(bool)),
        clock_mhz=draw(mhz),
        array=array,
        pe=pe,
        levels=tuple(levels),
        dataflow=DEFAULT_DATAFLOW[family],
        energy_table=draw(st.sampled_from(["horowitz_45nm", "eyeriss_65nm"])),
        description=draw(text),
        source=draw(text),
        node_nm=draw(st.none() | st.floats(0.5, 1000)),
        voltage_v=draw(st.none() | st.floats(0.1, 5)),
        mappings=tuple(sorted(mappings, key=lambda m: m[0][0])),
        assumed=tuple(draw(st.lists(text))),
        area_mm2=draw(st.none() | st.floats(0.01, 1000)),
    )


@given(machine=machines())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_written_machine_reads_back_the_same(machine: Accelerator, tmp_path: Path) -> None:
    file = tmp_path / "written.yaml"
    file.write_text(write_accelerator(machine), encoding="utf-8")
    assert load_accelerator(file) == machine


KEYS = (
    "name", "clock", "dataflow", "energy_table", "technology.node", "technology", "array.family", "array.rows", "array",
    "array.cols", "array.edge_taps", "array.stationary_buffers", "array.initial_psum", "pe", "pe.weight_bits",
    "pe.activation_bits", "pe.accumulator_bits", "pe.output_bits", "pe.product_shift", "pe.rounding", "levels",
    "levels.dram.width", "levels.dram.clock", "levels.dram.burst", "levels.dram.operands", "levels.dram.run_length",
    "levels.dram.run_length.word", "levels.glb.size", "levels.glb.bank", "levels.glb.partitions",
    "levels.glb.partitions.0.size", "levels.glb.partitions.1.buffers", "levels.glb.keeps_activations", "levels.0",
    "levels.gin_ifmap.operands", "levels.gin_ifmap.direction", "levels.psum_spad.words", "levels.psum_spad.size",
    "levels.psum_spad.kind", "levels.vector.fused", "levels.vector.kind", "mappings", "mappings.alexnet.conv1.p",
    "assumed", "area_mm2", "levels.99.name", "levels.buffer.size",
)  # fmt: skip
VALUES = (
    "0", "1", "2", "-1", "7", "64", "65536", "65537", "1e3", "1.5", "true", "null", "", "all", "psum", "[ifmap, psum]",
    "[weight, weight]", "[]", "{}", "{weight: 2}", "64 b", "4 KiB", "3 KiB", "1 TiB", "200 MHz", "0.5 GHz", "65 nm",
    "dram", "noc", "systolic", "row_stationary", "weight_stationary", "horowitz_45nm", "read", "in", "[relu]", "{a: 1",
    "9" * 30, "'x'", "[{name: dram, kind: dram, width: 8 b}]", "2:4", "010",
)  # fmt: skip


@given(
    preset=st.sampled_from(PRESETS),
    overrides=st.lists(
        st.one_of(
            st.builds("{}={}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
            st.text(max_size=12),
        ),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=300, deadline=None)
def test_overrides_give_a_machine_or_sentences(preset: str, overrides: list[str]) -> None:
    try:
        machine = load_accelerator(preset, overrides)
    except InputError as error:
        assert error.mistakes
        assert all(sentence and "\n" not in sentence for sentence in error.mistakes)
    else:
        assert machine.levels[0] is machine.dram
        assert machine.array.pes >= 1
        hash(machine)
