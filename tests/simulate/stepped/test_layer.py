"""A layer stepped, against the same layer counted and against the golden kernels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator, Overflow, Pe, Rounding, Sram
from accsim.hardware.off_chip import RunLength
from accsim.hardware.reader import load_accelerator
from accsim.kernels import convolve
from accsim.mapping.dataflow import RowStationaryDataflow, SystolicDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import Mapping, RowStationaryMapping, SystolicMapping
from accsim.mapping.nest import Loop
from accsim.mapping.row_stationary import even_runs, sets_on_array, spads_hold
from accsim.simulate.activity import Action, Activity
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.network import simulate_mac
from accsim.simulate.stepped.layer import SteppedLayer, simulate_mac_stepped
from accsim.simulate.stepped.machine import Operands
from accsim.simulate.stepped.operands import accumulator_of, operate
from accsim.simulate.storage import Residency
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from tests.strategies import (
    change,
    conv_geometries,
    fc_geometries,
    nests,
    row_stationary_machines,
    systolic_machines,
    tall_geometries,
)

CODE = RunLength(3, 2, 24, (Operand.IFMAP, Operand.OFMAP), first_layer_input=True)
"""Two pairs of a 3-bit run and a level in a word of 24 bits."""


@dataclass(frozen=True)
class Case:
    task: MacTask
    machine: Accelerator
    mapping: Mapping
    seed: int

    def operands(self) -> tuple[MacTask, Operands]:
        task, operands, _ = operate(self.task, self.machine, {}, self.seed)
        return task, operands


def layer_of(g: Geometry) -> Layer:
    return Layer(
        "conv", LayerKind.CONV, ("input",), ((g.C, g.H, g.W),), (g.M, g.P, g.Q), g.N, g, g.weight_words, 0, "conv"
    )


@st.composite
def valued(draw: st.DrawFn, g: Geometry, machine: Accelerator, mapping: Mapping) -> Case:
    """The layer with zeros in its tensors, on the machine with or without gating, coding, and narrow accumulators."""
    holders = [level.name for level in machine.buffers if Operand.IFMAP in level.operands]
    keepers = [level.name for level in machine.buffers if Operand.OFMAP in level.operands]
    densities = Densities(*(draw(st.sampled_from([None, 0.0, 0.3, 1.0])) for _ in range(3)))
    coded = draw(st.sets(st.sampled_from((Operand.IFMAP, Operand.OFMAP))))
    pe = replace(
        machine.pe,
        zero_gating=draw(st.booleans()),
        accumulator_bits=draw(st.sampled_from([12, 32])),
        product_shift=draw(st.sampled_from([0, 3])),
        rounding=draw(st.sampled_from(list(Rounding))),
        overflow=draw(st.sampled_from(list(Overflow))),
    )
    roomy = {
        level.name: {"partitions": tuple(replace(part, size_bits=2**40) for part in level.partitions)}
        for level in machine.buffers
    }
    machine = replace(change(machine, dram={"run_length": CODE}, **roomy), pe=pe)
    task = MacTask(
        layer_of(g),
        g,
        Residency(draw(st.sampled_from([None, *holders[:1]])), None, draw(st.sampled_from([None, *keepers[:1]]))),
        (),
        densities,
        frozenset(coded),
    )
    return Case(task, machine, mapping, draw(st.integers(0, 2**32)))


@cache
def flow(name: str) -> SystolicDataflow:
    found = load_dataflow(name)
    assert isinstance(found, SystolicDataflow)
    return found


@st.composite
def systolic(draw: st.DrawFn) -> Case:
    machine, nest = draw(systolic_machines()), draw(nests(most_loops=4, trips=3))
    name = draw(st.sampled_from(["weight_stationary", "output_stationary", "input_stationary"]))
    hold = []
    for operand in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM):
        depth = 0
        for level in machine.buffers:
            if operand in level.operands:
                depth = draw(st.integers(depth, len(nest.loops)))
                hold.append((level.name, operand, depth))
    return draw(valued(nest.geometry, machine, SystolicMapping(flow(name), nest.loops, tuple(hold))))


@st.composite
def row_stationary(draw: st.DrawFn) -> Case:
    machine = draw(row_stationary_machines())
    g = draw(st.one_of(conv_geometries(), tall_geometries(), fc_geometries()))
    p, q = draw(st.sampled_from([(p, q) for p in (1, 2, 3) for q in (1, 2, 3) if spads_hold(machine, g, p, q, 1)]))
    stacked = machine.array.rows // even_runs(g.R, machine.array.rows)[0]
    e = draw(st.integers(1, min(g.P, stacked * machine.array.cols)))
    sets = sets_on_array(machine, g, e)
    r = draw(st.integers(1, sets))
    shipped = load_dataflow("row_stationary")
    assert isinstance(shipped, RowStationaryDataflow)
    order = draw(st.sampled_from(["Gmnefck", "Gmnefkc", "Gcmnefk", "mGenfck"]))
    mapping = RowStationaryMapping(
        replace(shipped, loops=tuple(order)), m=draw(st.integers(1, g.filters_per_group)), n=draw(st.integers(1, g.N)),
        e=e, f=draw(st.integers(1, g.Q)), p=p, q=q, r=r, t=draw(st.integers(1, sets // r)),
    )  # fmt: skip
    return draw(valued(g, machine, mapping))


def same(stepped: Activity, counted: Activity) -> None:
    """All that both engines find; what is said in prose may differ."""
    assert stepped.cycles == counted.cycles
    assert stepped.processing_cycles == counted.processing_cycles
    assert sorted(stepped.counts, key=str) == sorted(counted.counts, key=str)
    assert stepped.expected == counted.expected == ()
    assert (stepped.macs, stepped.effectual_macs) == (counted.macs, counted.effectual_macs)
    assert (stepped.pe_active_max, stepped.pe_active_average) == (counted.pe_active_max, counted.pe_active_average)
    assert stepped.idle_slots == counted.idle_slots
    assert stepped.tensors == counted.tensors
    assert stepped.mapping == counted.mapping


def check(case: Case) -> SteppedLayer:
    task, operands = case.operands()
    layer = simulate_mac_stepped(task, case.machine, case.mapping, operands)
    same(layer.activity, simulate_mac(task, case.machine, case.mapping))
    g = case.task.geometry
    golden = convolve(
        operands.ifmap, operands.weight, accumulator_of(case.machine.pe), groups=g.G, stride=(g.stride_h, g.stride_w),
        dilation=(g.dilation_h, g.dilation_w), padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
    )  # fmt: skip
    assert np.array_equal(layer.outputs, golden.values)
    assert layer.overflows == golden.overflows
    assert bool(layer.activity.warnings) == bool(golden.overflows)
    return layer


@given(case=systolic())
@settings(max_examples=150, deadline=None)
def test_a_layer_on_a_systolic_array(case: Case) -> None:
    check(case)


@given(case=row_stationary())
@settings(max_examples=150, deadline=None)
def test_a_layer_on_a_row_stationary_array(case: Case) -> None:
    check(case)


@given(case=st.one_of(systolic(), row_stationary()))
@settings(max_examples=40, deadline=None)
def test_zero_gating_never_changes_a_cycle_and_moves_macs_to_the_gated_ones(case: Case) -> None:
    task, operands = case.operands()
    pe = case.machine.pe
    plain, gated = (
        simulate_mac_stepped(task, replace(case.machine, pe=replace(pe, zero_gating=on)), case.mapping, operands)
        for on in (False, True)
    )
    assert gated.activity.cycles == plain.activity.cycles
    assert gated.observed.phase == plain.observed.phase
    assert np.array_equal(gated.outputs, plain.outputs)

    def done(layer: SteppedLayer, action: Action) -> int:
        return sum(count.accesses for count in layer.activity.counts if count.action is action)

    assert done(gated, Action.MAC) + done(gated, Action.GATED_MAC) == done(plain, Action.MAC) == task.geometry.macs
    assert done(gated, Action.GATED_MAC) == gated.observed.zero_ifmap_macs


@given(case=st.one_of(systolic(), row_stationary()))
@settings(max_examples=40, deadline=None)
def test_recording_changes_nothing(case: Case) -> None:
    task, operands = case.operands()
    plain = simulate_mac_stepped(task, case.machine, case.mapping, operands)
    recorded = simulate_mac_stepped(task, case.machine, case.mapping, operands, events=True)
    assert recorded.activity == plain.activity
    dram = case.machine.dram.name
    waited = sum(e.end - e.start for e in recorded.events if (e.track, e.name) == ("stalls", dram))
    assert waited == dict(plain.activity.cycles.stalls).get(dram, 0)
    if any(isinstance(level, Sram) for level in case.machine.levels):
        moved = sum(int(e.args["bits"]) for e in recorded.events if e.track == "dram")
        counted = (Action.READ, Action.WRITE)
        assert moved == sum(c.bits for c in plain.activity.counts if c.level == dram and c.action in counted)


ONE = Geometry(N=1, G=1, M=2, C=2, P=2, Q=1, R=1, S=1, H=2, W=1)


def tiny(**pe: object) -> tuple[MacTask, Accelerator, SystolicMapping]:
    """Two channels of two pixels times two filters; the sums are 30, 70, -110 and -250."""
    machine = load_accelerator("systolic_32x32")
    width = Pe(8, 8, 32, 8, **pe)  # type: ignore[arg-type]
    mapping = SystolicMapping(flow("weight_stationary"), (Loop("M", 2),), ())
    return MacTask(layer_of(ONE), ONE, Residency(), (), Densities(), frozenset()), replace(machine, pe=width), mapping


OPERANDS = Operands(
    np.array([[[[1], [3]], [[2], [4]]]], np.int32), np.array([[10, 10], [-30, -40]], np.int32).reshape(2, 2, 1, 1)
)


def overflowing(overflow: Overflow, **how: bool) -> SteppedLayer:
    task, machine, mapping = tiny()
    pe = replace(machine.pe, accumulator_bits=8, overflow=overflow)
    return simulate_mac_stepped(task, replace(machine, pe=pe), mapping, OPERANDS, **how)  # type: ignore[arg-type]


def test_sums_that_fit_say_nothing() -> None:
    task, machine, mapping = tiny()
    layer = simulate_mac_stepped(task, machine, mapping, OPERANDS, wraps_are_errors=True)
    assert layer.outputs.reshape(-1).tolist() == [30, 70, -110, -250]
    assert (layer.overflows, layer.activity.warnings) == (0, ())


def test_a_sum_that_wraps_around_is_an_error_that_says_where() -> None:
    with pytest.raises(AccsimError) as error:
        overflowing(Overflow.WRAP, wraps_are_errors=True)
    assert str(error.value) == (
        "layer 'conv': 1 of 4 sums wrap around in accumulators of 8 bits; the first is output n=0, m=1, p=1, q=0, "
        "whose exact sum is -250; 9 bits would hold every sum; --overflow report makes this a warning"
    )


def test_a_sum_that_wraps_around_can_be_a_warning() -> None:
    layer = overflowing(Overflow.WRAP)
    assert layer.outputs.reshape(-1).tolist() == [30, 70, -110, 6]
    assert layer.overflows == 1
    assert layer.activity.warnings[0].startswith("1 of 4 sums wrap around in accumulators of 8 bits; the first is")


@pytest.mark.parametrize(("total", "bits"), [(127, 8), (128, 9), (-128, 8), (-129, 9), (-256, 9), (-257, 10)])
def test_the_bits_that_would_hold_every_sum(total: int, bits: int) -> None:
    """Also where all sums are the same."""
    task, machine, mapping = tiny()
    one = Operands(np.full((1, 2, 2, 1), total, np.int32), np.array([1, 0, 1, 0], np.int32).reshape(2, 2, 1, 1))
    layer = simulate_mac_stepped(task, replace(machine, pe=replace(machine.pe, accumulator_bits=6)), mapping, one)
    assert layer.overflows == 4
    assert layer.activity.warnings[0].endswith(f"whose exact sum is {total}; {bits} bits would hold every sum")


@pytest.mark.parametrize("wraps_are_errors", [False, True])
def test_a_sum_that_saturates_is_a_warning(wraps_are_errors: bool) -> None:
    layer = overflowing(Overflow.SATURATE, wraps_are_errors=wraps_are_errors)
    assert layer.outputs.reshape(-1).tolist() == [30, 70, -110, -128]
    assert layer.activity.warnings[0].startswith("1 of 4 sums saturate in accumulators of 8 bits; the first is")


def test_sums_that_may_leave_64_bits_are_refused() -> None:
    task, machine, mapping = tiny()
    huge = Operands(np.full((1, 2, 2, 1), -(2**31), np.int32), np.full((2, 2, 1, 1), -(2**31), np.int32))
    with pytest.raises(AccsimError, match="sums of 2 products as large as 4611686018427387904 may need more than 64"):
        simulate_mac_stepped(task, machine, mapping, huge)


def test_the_stepped_engine_does_not_see_the_formulas_of_the_counted_one() -> None:
    """Cycles are observed: the modules with the counted engine's cycles are not even imported."""
    script = (
        "import sys, accsim.simulate.stepped.layer, accsim.simulate.stepped.systolic, "
        "accsim.simulate.stepped.row_stationary, accsim.simulate.inner_product.machine;"
        "print([m for m in ('systolic', 'row_stationary', 'schedule', 'overlap', 'tiles', 'mac_layer', "
        "'inner_product.array', 'inner_product.steps', 'inner_product.groups', 'tiled.count') "
        "if 'accsim.simulate.' + m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
