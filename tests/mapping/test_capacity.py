"""Whether tiles fit: every partition filled tile by tile and bank by bank."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, RegisterFile, Sram
from accsim.mapping.capacity import Misfit, Reserved, banked, buffer_misfits, tile_bits
from accsim.mapping.dataflow import Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Loop, Nest
from accsim.workload.layer import Geometry, Operand
from tests.naive.nest import NaiveNest
from tests.strategies import nests

ALL = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
IFMAP, WEIGHT, PSUM, OFMAP = ALL
FLOW = SystolicDataflow(
    "os", ("P",), ("M",), ("C",), ("rows", "cols"), Delivery.HOP, Delivery.HOP, Reduction.IN_PE, Drain.SHIFT
)


def machine(*buffers: Sram) -> Accelerator:
    return Accelerator(
        name="toy",
        clock_mhz=100.0,
        array=Array(ArrayFamily.SYSTOLIC, 2, 2),
        pe=Pe(weight_bits=4, activation_bits=8, accumulator_bits=24, output_bits=6),
        levels=(Dram("dram", ALL, 64), *buffers, RegisterFile("reg", ALL, 32, 1)),
        dataflow="os",
        energy_table="none",
    )


def demand(bank: int | None, tiles: list[tuple[int, int]]) -> int:
    """Bits that (tile, copies) take, each operand in banks of its own."""
    taken = 0
    for bits, copies in tiles:
        left = sum(bits for _ in range(copies))
        while left > 0:
            step = left if bank is None else bank
            taken, left = taken + step, left - step
    return taken


@given(
    nest=nests(), split=st.booleans(), bank=st.sampled_from((None, 64, 1000)),
    copies=st.tuples(*[st.integers(1, 2)] * 4),
    size=st.integers(100, 30_000), taken=st.integers(0, 3000), weight_bits=st.sampled_from((1, 4, 8)), data=st.data(),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_a_mapping_misfits_where_its_tiles_do_not_go_in(
    nest: Nest,
    split: bool,
    bank: int | None,
    copies: tuple[int, int, int, int],
    size: int,
    taken: int,
    weight_bits: int,
    data: st.DataObject,
) -> None:
    buffers = tuple(zip(ALL, copies, strict=True))
    weights, rest = (WEIGHT,), (IFMAP, PSUM, OFMAP)
    parts = (Partition(weights, size // 3, buffers), Partition(rest, size - size // 3, buffers))
    level = Sram("glb", ALL, 64, parts if split else (Partition(ALL, size, buffers),), bank_bits=bank)
    held = {operand: data.draw(st.integers(0, len(nest.loops))) for operand in (IFMAP, WEIGHT, PSUM)}
    whole = frozenset(data.draw(st.sets(st.sampled_from((IFMAP, OFMAP)))))
    reserved = (Reserved("glb", taken, whole),) if taken else ()
    acc = machine(level)
    mapping = SystolicMapping(FLOW, nest.loops, tuple(("glb", o, at) for o, at in held.items()))

    naive = NaiveNest(nest.geometry, nest.loops, nest.fetch_padding)
    widths = {IFMAP: 8, WEIGHT: weight_bits, PSUM: 24}
    expected = []
    for part in level.partitions:
        tiles = []
        for operand in (IFMAP, WEIGHT, PSUM):
            if operand not in part.operands or (taken and operand in whole):
                continue
            largest = max(naive.words(operand, ranges) for ranges in naive.loaded(operand, held[operand]))
            tiles.append((largest * widths[operand], part.copies(operand)))
        free = part.size_bits - (taken if IFMAP in part.operands else 0)
        if demand(bank, tiles) > free:
            expected.append((demand(bank, tiles), max(free, 0)))
    found = buffer_misfits(acc, mapping, nest, weight_bits, reserved)
    assert [(m.demand_bits, m.bound_bits) for m in found] == expected


@given(nest=nests(), bigger=st.integers(0, 5000), size=st.integers(100, 20_000))
@settings(max_examples=60, deadline=None)
def test_a_larger_buffer_never_loses_a_mapping(nest: Nest, bigger: int, size: int) -> None:
    mapping = SystolicMapping(FLOW, nest.loops, ())
    small, large = (
        machine(Sram("glb", ALL, 64, (Partition(ALL, bits, ((IFMAP, 2),)),), bank_bits=128))
        for bits in (size, size + bigger)
    )
    if not buffer_misfits(small, mapping, nest, 8):
        assert not buffer_misfits(large, mapping, nest, 8)


G = Geometry(N=1, G=1, M=64, C=16, P=8, Q=8, R=3, S=3, H=10, W=10)


def test_a_misfit_says_what_needs_how_much() -> None:
    """2 x 16 x 10 x 10 words of 8 bits, 64 x 16 x 9 of 4 and 64 x 64 of 24."""
    acc = machine(Sram("glb", ALL, 64, (Partition(ALL, 16 * 8192, ((IFMAP, 2),)),)))
    found = buffer_misfits(acc, SystolicMapping(FLOW, (), ()), Nest(G, ()), 4)
    assert [str(m) for m in found] == [
        "tiles of ifmap x2, weight x1, psum x1 in glb need 19.6 KiB but only 16.0 KiB are free (3.6 KiB too much)"
    ]
    assert found == [Misfit("tiles of ifmap x2, weight x1, psum x1 in glb", 25_600 + 36_864 + 98_304, 16 * 8192)]


def test_tensors_that_live_in_the_buffer_leave_less_for_tiles() -> None:
    """The ifmap lives there whole, so it needs no tile; what lives there takes more than there is."""
    acc = machine(Sram("glb", ALL, 64, (Partition(ALL, 10 * 8192, ()),)))
    loops = (Loop("M", 8),)
    mapping = SystolicMapping(FLOW, loops, (("glb", WEIGHT, 1), ("glb", PSUM, 1)))
    nest = Nest(G, loops)
    tiles = 8 * 16 * 9 * 4 + 8 * 64 * 24
    for taken, fits in ((10 * 8192 - tiles, True), (10 * 8192 - tiles + 1, False)):
        reserved = (Reserved("glb", taken, frozenset({IFMAP, OFMAP})),)
        assert (not buffer_misfits(acc, mapping, nest, 4, reserved)) is fits
    reserved = (Reserved("glb", 11 * 8192, frozenset({IFMAP})),)
    assert [str(m) for m in buffer_misfits(acc, mapping, nest, 4, reserved)] == [
        "tiles of weight x1, psum x1 in glb need 2.1 KiB but only 0.0 KiB are free (2.1 KiB too much)"
    ]


def test_finished_outputs_wait_where_their_sums_are_not_held() -> None:
    """An output buffer beside an accumulator buffer holds a tile of the sums' size at the output's width."""
    acc = machine(
        Sram("out", (IFMAP, WEIGHT, OFMAP), 64, (Partition((IFMAP, WEIGHT, OFMAP), 10**6),)),
        Sram("acc", (PSUM,), 64, (Partition((PSUM,), 10**6),)),
    )
    loops = (Loop("M", 8), Loop("C", 4))
    mapping = SystolicMapping(FLOW, loops, (("acc", PSUM, 1),))
    nest = Nest(G, loops)
    out, sums = acc.buffers
    assert tile_bits(acc, mapping, nest, out, OFMAP, 4) == 8 * 64 * 6
    assert tile_bits(acc, mapping, nest, sums, PSUM, 4) == 8 * 64 * 24
    both = replace(sums, operands=(PSUM, OFMAP))
    assert tile_bits(acc, mapping, nest, both, OFMAP, 4) == 0


def test_allocations_are_whole_banks() -> None:
    assert [banked(bits, 1024) for bits in (0, 1, 1024, 1025)] == [0, 1024, 1024, 2048]
    assert banked(1000, None) == 1000
