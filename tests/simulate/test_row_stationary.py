"""The counted row-stationary array against its twin with one object per PE, and against a published trace."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, InitialPsum
from accsim.mapping.dataflow import RowStationaryDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.row_stationary import array_violations, even_runs, sets_on_array, spads_hold
from accsim.simulate.activity import Action
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_layer import count_layer
from accsim.simulate.row_stationary import RowStationaryArray
from accsim.simulate.schedule import step_classes
from accsim.simulate.storage import Place
from accsim.workload.layer import Geometry, Operand
from tests.naive import row_stationary as naive
from tests.strategies import (
    bare_eyeriss,
    change,
    conv_geometries,
    fc_geometries,
    row_stationary_machines,
    tall_geometries,
)


@cache
def flow(order: str = "Gmnefck") -> RowStationaryDataflow:
    shipped = load_dataflow("row_stationary")
    assert isinstance(shipped, RowStationaryDataflow)
    return replace(shipped, loops=tuple(order))


@st.composite
def runs(draw: st.DrawFn) -> tuple[Accelerator, Geometry, RowStationaryMapping]:
    """A machine, a layer and a mapping that fits its array and spads (buffers do not matter to the array)."""
    machine = draw(row_stationary_machines())
    g = draw(st.one_of(conv_geometries(), tall_geometries(), fc_geometries()))
    ps = [(p, q) for p in (1, 2, 3) for q in (1, 2, 3) if spads_hold(machine, g, p, q, 1)]
    p, q = draw(st.sampled_from(ps))
    stacked = machine.array.rows // even_runs(g.R, machine.array.rows)[0]
    e = draw(st.integers(1, min(g.P, stacked * machine.array.cols)))
    sets = sets_on_array(machine, g, e)
    r = draw(st.integers(1, sets))
    t = draw(st.integers(1, sets // r))
    order = draw(st.sampled_from(["Gmnefck", "Gmnefck", "Gmnefkc", "Gcmnefk", "mGenfck"]))
    mapping = RowStationaryMapping(
        flow(order), m=draw(st.integers(1, g.filters_per_group)), n=draw(st.integers(1, g.N)), e=e,
        f=draw(st.integers(1, g.Q)), p=p, q=q, r=r, t=t,
    )  # fmt: skip
    assert array_violations(machine, g, mapping) == []
    return machine, g, mapping


def counted(machine: Accelerator, g: Geometry, mapping: RowStationaryMapping):
    place = Place(machine, mapping, mapping.nest(g, machine.dram.fetch_padding))
    ledger = Ledger(machine)
    timing, occupancy = count_layer(place, ledger, lambda operand, words: words * machine.bits(operand))
    rows: dict[tuple[str, Operand, Action], list[int]] = {}
    for c in ledger.counts():
        row = rows.setdefault((c.level, c.operand, c.action), [0, 0])
        row[0] += c.accesses
        row[1] += c.bits
    return rows, timing, occupancy


def bits_of(rows, level: str, operand: Operand, action: Action) -> int:
    return rows.get((level, operand, action), [0, 0])[1]


@settings(max_examples=60, deadline=None)
@given(runs())
def test_every_count_equals_the_twin(run):
    machine, g, mapping = run
    tally = naive.walk(machine, g, mapping)
    rows, _, occupancy = counted(machine, g, mapping)
    ifmap, weight, psum = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM
    expected = {
        ("gin_ifmap", ifmap, Action.SEND): tally.ifmap_sent,
        ("gin_ifmap", ifmap, Action.DELIVER): tally.ifmap_delivered,
        ("ifmap_spad", ifmap, Action.FILL): tally.ifmap_delivered,
        ("gin_filter", weight, Action.SEND): tally.weight_sent,
        ("gin_filter", weight, Action.DELIVER): tally.weight_delivered,
        ("filter_spad", weight, Action.FILL): tally.weight_delivered,
        ("gin_psum", psum, Action.SEND): tally.psum_in,
        ("gon_psum", psum, Action.SEND): tally.psum_out,
        ("local_psum", psum, Action.HOP): tally.psum_hops,
        ("psum_spad", psum, Action.READ): tally.psum_reads,
        ("psum_spad", psum, Action.WRITE): tally.psum_writes,
        ("glb", ifmap, Action.READ): tally.ifmap_read,
        ("glb", weight, Action.READ): tally.weight_sent,
    }
    assert tally.macs == g.macs
    assert rows.get(("psum_spad", psum, Action.GATED_READ), [0])[0] == tally.psum_gated
    assert {key: bits_of(rows, *key) // 16 for key in expected} == expected
    assert (occupancy.most, occupancy.slots, occupancy.steps) == (tally.most_pes, tally.slots, tally.compute)


@settings(max_examples=80, deadline=None)
@given(runs())
def test_every_cycle_equals_the_twin(run):
    machine, g, mapping = run
    tally = naive.walk(machine, g, mapping)
    _, timing, _ = counted(machine, g, mapping)
    stalls = {cause: n for cause, n in timing.cycles.stalls if cause != "dram"}
    found = (timing.cycles.compute, timing.cycles.fill, timing.cycles.drain, stalls)
    assert found == (tally.compute, tally.fill, tally.drain, tally.stalls)
    assert timing.processing_cycles == tally.total


def layer(n=1, g=1, m=1, c=1, p=1, q=1, r=1, s=1, u=1, d=1, pad=0, h=None, w=None) -> Geometry:
    """A layer by its output size; the input is the smallest that gives it."""
    rows, cols = (p - 1) * u + (r - 1) * d + 1 - 2 * pad, (q - 1) * u + (s - 1) * d + 1 - 2 * pad
    return Geometry(
        N=n, G=g, M=m, C=c, P=p, Q=q, R=r, S=s, H=h or rows, W=w or cols, stride_h=u, stride_w=u,
        dilation_h=d, dilation_w=d, pad_top=pad, pad_bottom=pad, pad_left=pad, pad_right=pad,
    )  # fmt: skip


def mapped(**parameters: int) -> RowStationaryMapping:
    return RowStationaryMapping(
        flow(), **{"m": 1, "n": 1, "e": 1, "f": 1, "p": 1, "q": 1, "r": 1, "t": 1, **parameters}
    )


def small(rows: int, cols: int, *, fetch_padding: bool = True, spad: int = 224) -> Accelerator:
    machine = change(bare_eyeriss(), dram={"fetch_padding": fetch_padding}, filter_spad={"size_words": spad})
    return replace(machine, array=replace(machine.array, rows=rows, cols=cols))


NAMED = {
    "depthwise": (small(6, 4), layer(g=3, m=3, c=3, p=5, q=5, r=3, s=3), mapped(e=4, f=5, r=1, t=1)),
    "grouped": (small(6, 4), layer(g=2, m=6, c=4, p=4, q=5, r=3, s=3), mapped(m=3, e=2, f=5, p=2, q=2, t=2)),
    "1x1": (small(4, 4), layer(m=5, c=6, p=4, q=4), mapped(m=5, e=4, f=4, p=2, q=3, r=2, t=2)),
    "1-D": (small(4, 4), layer(m=4, c=2, p=1, q=9, s=3), mapped(m=4, f=9, p=2, q=2, r=1, t=2)),
    "fully connected": (small(4, 4), layer(n=3, m=8, c=7), mapped(m=8, n=2, p=4, q=2, r=3, t=2)),
    "7x7 folded on 4 rows": (small(4, 5), layer(m=2, c=2, p=4, q=4, r=7, s=7, u=2, pad=3), mapped(m=2, e=4, f=4, p=2)),
    "7x7 folded, padding not fetched": (
        small(4, 5, fetch_padding=False), layer(m=2, c=2, p=4, q=4, r=7, s=7, u=2, pad=3), mapped(m=2, e=2, f=3, p=2),
    ),
    "wide filter cut by the spads": (
        small(4, 4, spad=4), layer(m=2, c=1, p=3, q=3, r=2, s=9), mapped(m=2, e=3, f=3, p=2),
    ),
    "strips stacked": (small(7, 3), layer(m=2, c=2, p=6, q=4, r=3, s=3), mapped(m=2, e=6, f=4, p=2, q=2)),
    "stride above the filter": (small(4, 4), layer(m=2, c=2, p=4, q=4, r=2, s=2, u=3), mapped(m=2, e=4, f=2, q=2)),
    "dilation": (small(4, 4), layer(m=2, c=2, p=4, q=4, r=3, s=3, d=2), mapped(m=2, e=2, f=4, q=2)),
    "batch": (small(6, 4), layer(n=5, m=2, c=2, p=3, q=3, r=3, s=3), mapped(m=2, n=2, e=3, f=3, r=2)),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_named_shapes_equal_the_twin(name):
    machine, g, mapping = NAMED[name]
    assert array_violations(machine, g, mapping) == []
    tally = naive.walk(machine, g, mapping)
    rows, timing, _ = counted(machine, g, mapping)
    assert tally.macs == g.macs
    assert timing.processing_cycles == tally.total
    assert bits_of(rows, "gin_ifmap", Operand.IFMAP, Action.SEND) == 16 * tally.ifmap_sent
    assert bits_of(rows, "glb", Operand.IFMAP, Action.READ) == 16 * tally.ifmap_read
    assert bits_of(rows, "ifmap_spad", Operand.IFMAP, Action.FILL) == 16 * tally.ifmap_delivered
    assert bits_of(rows, "glb", Operand.PSUM, Action.READ) == 16 * tally.psum_in
    assert bits_of(rows, "psum_spad", Operand.PSUM, Action.WRITE) == 16 * tally.psum_writes


def test_one_step_and_one_ramp_equal_one_pass_of_the_twin():
    """A single pass: 2 filters x 1 channel x 3 taps x 4 columns, window shifts 1 cycle, sum adds 1 cycle each."""
    machine, g, mapping = small(3, 4), layer(m=2, c=1, p=4, q=4, r=3, s=3), mapped(m=2, e=4, f=4, p=2)
    array = RowStationaryArray(machine, mapping, mapping.nest(g, fetch_padding=True))
    ((sizes, loads, count),) = step_classes(array.nest, array.load_at)
    step, ramp = array.step(sizes, loads), array.ramp(sizes)
    tally = naive.walk(machine, g, mapping)
    assert (loads, count) == (True, 1)
    assert step.compute == tally.compute == 4 * (2 * 3 + 2) + 6  # columns x (MACs + adds), and a row of 6 words
    assert dict(step.stalls) == tally.stalls == {}  # 36 words on the ifmap bus take less
    assert ramp.fill == tally.fill == 6 * 3  # the first window of six ifmap rows, a word a cycle
    assert ramp.drain == tally.drain == 2 + 2  # three pipeline stages, three PEs in a chain
    assert step.compute + step.fill + ramp.fill + ramp.drain == tally.total


def test_a_row_that_no_pe_takes_is_not_sent():
    """Dilation 2 on one output row: PEs take rows 0, 2 and 4, and nothing listens to rows 1 and 3."""
    machine, g, mapping = small(3, 1), layer(p=1, q=1, r=3, s=1, d=2), mapped()
    rows, _, _ = counted(machine, g, mapping)
    assert rows["gin_ifmap", Operand.IFMAP, Action.SEND] == [3, 48]
    assert rows["gin_ifmap", Operand.IFMAP, Action.DELIVER] == [3, 48]


def test_every_ifmap_word_crosses_the_bus_once_per_pass():
    """The multicast of ISCA 2016, section V: one word on the bus, received by every PE on its diagonal."""
    machine, g, mapping = small(3, 4), layer(p=4, q=4, r=3, s=3), mapped(e=4, f=4)
    rows, _, _ = counted(machine, g, mapping)
    assert rows["gin_ifmap", Operand.IFMAP, Action.SEND][0] == 6 * 6
    assert rows["gin_ifmap", Operand.IFMAP, Action.DELIVER][0] == 12 * 6  # each of 12 PEs takes one row of 6 words


def test_without_a_read_of_the_first_sums_half_of_the_psum_reads_go():
    """Two channel passes, as in the published trace: its reads equal its writes only where the first sums are read."""
    g, mapping = layer(n=4, c=8, m=64, p=13, q=13, r=3, s=3), mapped(m=64, n=4, e=13, f=13, p=16, q=4, r=1, t=4)
    counts = []
    for initial in (InitialPsum.READ, InitialPsum.ZERO):
        machine = replace(bare_eyeriss(), array=replace(bare_eyeriss().array, initial_psum=initial))
        assert array_violations(machine, g, mapping) == []
        counts.append(counted(machine, g, mapping)[0])
    read, zero = (rows["gin_psum", Operand.PSUM, Action.SEND][0] for rows in counts)
    assert read == 2 * zero > 0
    assert all(rows["gon_psum", Operand.PSUM, Action.SEND][0] == read for rows in counts)
