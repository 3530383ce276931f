"""The systolic mapping search returns legal mappings, and some whenever the smallest tiles are legal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Partition, Sram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.capacity import Reserved, buffer_misfits
from accsim.mapping.dataflow import SystolicDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import NEST_OPERANDS, SystolicMapping, shared_levels
from accsim.mapping.nest import Loop
from accsim.mapping.prices import Prices
from accsim.mapping.search_systolic import candidates
from accsim.workload.layer import Geometry, Operand
from tests.strategies import bound, geometries

PRICES = Prices(100.0, 1.0)


@st.composite
def machines(draw: st.DrawFn) -> Accelerator:
    """A shipped machine with a small array and buffers about as large as the tiles of a small layer."""
    base = load_accelerator(draw(st.sampled_from(["systolic_32x32", "edge_8x8", "tpu_v1"])))

    def small(level: Sram) -> Sram:
        parts = tuple(
            Partition(
                part.operands, 2 ** draw(st.integers(3, 14)) * draw(st.integers(1, 3)),
                tuple((o, draw(st.integers(1, 2))) for o in part.operands),
            )
            for part in level.partitions
        )  # fmt: skip
        return replace(level, partitions=parts, bank_bits=draw(st.sampled_from([None, None, 32, 64, 100])))

    array = replace(
        base.array, rows=draw(st.integers(1, 9)), cols=draw(st.integers(1, 9)),
        stationary_buffers=draw(st.integers(1, 2)),
    )  # fmt: skip
    levels = [small(level) if isinstance(level, Sram) else level for level in base.levels]
    dram = replace(base.dram, fetch_padding=draw(st.booleans()))
    return replace(base, array=array, levels=tuple(dram if level is base.dram else level for level in levels))


def flows() -> st.SearchStrategy[SystolicDataflow]:
    """The shipped dataflows."""
    names = ["weight_stationary", "output_stationary", "input_stationary"]
    return st.sampled_from(names).map(load_dataflow).filter(lambda flow: isinstance(flow, SystolicDataflow))


@st.composite
def reservations(draw: st.DrawFn, machine: Accelerator) -> tuple[Reserved, ...]:
    """Nothing, or part of a buffer taken by a tensor that may be one of the layer's own."""
    holding = [lv for lv in machine.buffers if Operand.IFMAP in lv.operands]
    if not holding or not draw(st.booleans()):
        return ()
    size = holding[0].partition(Operand.IFMAP).size_bits
    whole = draw(st.sets(st.sampled_from([Operand.IFMAP, Operand.OFMAP])))
    return (Reserved(holding[0].name, draw(st.integers(0, size)), frozenset(whole)),)


def smallest(geometry: Geometry, machine: Accelerator, flow: SystolicDataflow) -> SystolicMapping:
    """Every dimension in tiles of one, every operand held as its innermost tile."""
    loops = tuple(Loop(dim, 1) for dim in "GNMCPQ")
    hold = tuple((level, o, len(loops)) for o in NEST_OPERANDS for level in shared_levels(machine, o))
    return SystolicMapping(flow, loops, hold)


@given(geometries(), machines(), flows(), st.sampled_from([1, 4, 8]), st.data())
@settings(max_examples=60, deadline=None)
def test_candidates_are_legal_and_never_missing(
    geometry: Geometry, machine: Accelerator, flow: SystolicDataflow, weight_bits: int, data: st.DataObject
) -> None:
    reserved = data.draw(reservations(machine))
    found = candidates(geometry, machine, flow, reserved, weight_bits, PRICES)
    for mapping in found:
        nest = mapping.nest(geometry, machine.dram.fetch_padding)
        assert buffer_misfits(machine, mapping, nest, weight_bits, reserved) == []
        assert all(1 <= loop.step <= bound(geometry, loop.dim) for loop in mapping.loops)
        assert len({loop.dim for loop in mapping.loops}) == len(mapping.loops)
        assert all(0 <= depth <= len(mapping.loops) for _, _, depth in mapping.hold)
        held = {(level, o) for level, o, _ in mapping.hold}
        assert held == {(level, o) for o in NEST_OPERANDS for level in shared_levels(machine, o)}
    one = smallest(geometry, machine, flow)
    if not buffer_misfits(machine, one, one.nest(geometry, machine.dram.fetch_padding), weight_bits, reserved):
        assert found
    assert len(found) == len(set(found))


@given(geometries(), machines(), flows())
@settings(max_examples=20, deadline=None)
def test_the_same_search_finds_the_same(geometry: Geometry, machine: Accelerator, flow: SystolicDataflow) -> None:
    first, second = (candidates(geometry, machine, flow, (), 8, PRICES) for _ in range(2))
    assert first == second
