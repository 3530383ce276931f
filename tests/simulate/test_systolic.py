"""The counted systolic array against an array of PE objects advanced edge by edge, and against published counts."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, InitialPsum, Link, Partition, RegisterFile, Sram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Loop
from accsim.simulate.activity import Action
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_layer import count_layer
from accsim.simulate.schedule import step_classes
from accsim.simulate.storage import Place
from accsim.simulate.systolic import Phase, SystolicArray
from accsim.workload.layer import Geometry, Operand
from tests.naive.systolic import Observed, Tensors, run_layer

INPUTS = (Operand.IFMAP, Operand.WEIGHT)
OPERANDS = (*INPUTS, Operand.PSUM)
HOP, MULTICAST, UNICAST, PRELOAD = Delivery.HOP, Delivery.MULTICAST, Delivery.UNICAST, Delivery.PRELOAD
CHAIN, TREE, IN_PE = Reduction.CHAIN, Reduction.ADDER_TREE, Reduction.IN_PE
BUFFER = 1 << 40

SHAPES = (  # rows, cols, stream, where psums are added, how weights and pixels may travel
    ("CRS", "M", "NPQ", (CHAIN, TREE), (PRELOAD, UNICAST), (HOP, MULTICAST, UNICAST)),
    ("C", "M", "NPQ", (CHAIN, TREE), (PRELOAD, UNICAST), (HOP, MULTICAST)),
    ("RS", "GM", "PQ", (CHAIN, TREE), (PRELOAD,), (UNICAST,)),
    ("M", "CR", "NPQ", (CHAIN, TREE), (PRELOAD, UNICAST), (HOP, MULTICAST)),
    ("C", "P", "NQ", (CHAIN, TREE), (PRELOAD, HOP, MULTICAST), (UNICAST,)),
    ("P", "CS", "Q", (CHAIN, TREE), (PRELOAD, HOP, MULTICAST), (UNICAST,)),
    ("C", "", "P", (CHAIN, TREE), (PRELOAD,), (HOP, UNICAST)),
    ("", "C", "P", (CHAIN, TREE), (PRELOAD,), (HOP, MULTICAST)),
    ("C", "M", "", (CHAIN, TREE), (PRELOAD,), (HOP, MULTICAST)),
    ("CRS", "NPQ", "M", (CHAIN, TREE), (HOP, MULTICAST, UNICAST), (PRELOAD, UNICAST)),
    ("C", "P", "M", (CHAIN, TREE), (HOP, MULTICAST), (PRELOAD, UNICAST)),
    ("Q", "CR", "M", (CHAIN, TREE), (HOP, MULTICAST), (PRELOAD,)),
    ("NPQ", "M", "CRS", (IN_PE,), (HOP, MULTICAST, UNICAST), (HOP, MULTICAST, UNICAST)),
    ("P", "M", "C", (IN_PE,), (HOP, MULTICAST), (HOP, MULTICAST)),
    ("M", "NQ", "RS", (IN_PE,), (HOP, MULTICAST), (HOP, MULTICAST)),
    ("P", "Q", "CS", (IN_PE,), (HOP, MULTICAST), (UNICAST,)),
    ("G", "M", "CRS", (IN_PE,), (UNICAST,), (HOP, MULTICAST)),
    ("", "M", "CR", (IN_PE,), (HOP, UNICAST), (HOP, MULTICAST)),
    ("P", "", "CS", (IN_PE,), (HOP, MULTICAST), (HOP, UNICAST)),
)  # fmt: skip


@st.composite
def dataflows(draw: st.DrawFn) -> SystolicDataflow:
    """A dataflow that the reader would take, with its folds in any order."""
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(["weight_stationary", "output_stationary", "input_stationary"]))
        flow = load_dataflow(name)
        assert isinstance(flow, SystolicDataflow)
        return flow
    rows, cols, stream, reductions, weights, pixels = draw(st.sampled_from(SHAPES))
    left = [dim for dim in "NGMCPQRS" if dim not in rows + cols + stream]
    return SystolicDataflow(
        "drawn", tuple(rows), tuple(cols), tuple(stream), tuple(draw(st.permutations([*left, "rows", "cols"]))),
        draw(st.sampled_from(pixels)), draw(st.sampled_from(weights)), draw(st.sampled_from(reductions)),
        draw(st.sampled_from(Drain)),
    )  # fmt: skip


@st.composite
def small_layers(draw: st.DrawFn) -> Geometry:
    """A layer of at most 300 MACs with groups, batch, strides, dilation and padding."""
    taps = {"R": draw(st.integers(1, 3)), "S": draw(st.integers(1, 2))}
    outs = {"P": draw(st.integers(1, 4)), "Q": draw(st.integers(1, 3))}
    G, N = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    m, c = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    while N * G * m * c * outs["P"] * outs["Q"] * taps["R"] * taps["S"] > 300:
        biggest = max(("m", m), ("c", c), *outs.items(), *taps.items(), key=lambda item: item[1])[0]
        if biggest == "m":
            m -= 1
        elif biggest == "c":
            c -= 1
        else:
            sizes = outs if biggest in outs else taps
            sizes[biggest] -= 1
    stride_h, stride_w, dilation_h, dilation_w = (draw(st.integers(1, 2)) for _ in range(4))
    H = (outs["P"] - 1) * stride_h + (taps["R"] - 1) * dilation_h + 1
    W = (outs["Q"] - 1) * stride_w + (taps["S"] - 1) * dilation_w + 1
    top = draw(st.integers(0, min(1, H - 1)))
    return Geometry(
        N=N, G=G, M=G * m, C=G * c, **outs, **taps, H=H - top, W=W, stride_h=stride_h, stride_w=stride_w,
        dilation_h=dilation_h, dilation_w=dilation_w, pad_top=top,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A layer on an array."""

    flow: SystolicDataflow
    geometry: Geometry
    loops: tuple[tuple[str, int], ...]
    rows: int
    cols: int
    taps: bool
    buffers: int
    initial: InitialPsum


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any small layer on any small array, cut into tiles by up to three loops."""
    g = draw(small_layers())
    lengths = {"M": g.filters_per_group, "C": g.channels_per_group, "P": g.P, "Q": g.Q, "N": g.N}
    cut = draw(st.permutations([dim for dim, n in lengths.items() if n > 1]))[: draw(st.integers(0, 3))]
    return Case(
        draw(dataflows()), g, tuple((dim, draw(st.integers(1, lengths[dim] - 1))) for dim in cut),
        draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.booleans()), draw(st.integers(1, 2)),
        draw(st.sampled_from(InitialPsum)),
    )  # fmt: skip


def machine(case: Case, read: int | None = None, write: int | None = None, links: tuple[Link, ...] = ()) -> Accelerator:
    """An 8-bit machine with one huge buffer, and with links and registers that show every movement."""
    base = load_accelerator("edge_8x8")
    array = replace(
        base.array, rows=case.rows, cols=case.cols, edge_taps=case.taps, stationary_buffers=case.buffers,
        initial_psum=case.initial,
    )  # fmt: skip
    held = (*INPUTS, Operand.PSUM, Operand.OFMAP)
    buffer = Sram("buffer", held, 8, (Partition(held, BUFFER),), None, read, write)
    seen = tuple(Link(f"{o}_{way}", (o,), None, way) for o in OPERANDS for way in ("in", "out", "local"))
    registers = tuple(RegisterFile(f"{o}_register", (o,), base.bits(o), 1) for o in OPERANDS)
    return replace(base, array=array, levels=(base.dram, buffer, *(links or seen), *registers))


def tensors(g: Geometry, seed: int = 1) -> Tensors:
    """Values that differ from word to word."""
    draw = random.Random(seed)
    x = {(n, c, h, w): draw.randint(-99, 99) for n in range(g.N) for c in range(g.C) for h in range(g.H) for w in range(g.W)}
    k = {
        (m, c, r, s): draw.randint(-99, 99)
        for m in range(g.M) for c in range(g.channels_per_group) for r in range(g.R) for s in range(g.S)
    }  # fmt: skip
    return Tensors(g, x, k)


def observe(case: Case, values: Tensors | None = None) -> Observed:
    """What the machine of PE objects does."""
    g = case.geometry
    return run_layer(
        case.flow, g, list(case.loops), case.rows, case.cols, case.taps, case.buffers > 1, values or tensors(g)
    )


def place(case: Case, accelerator: Accelerator) -> Place:
    """The case as the counting engine takes it."""
    mapping = SystolicMapping(case.flow, tuple(Loop(dim, step) for dim, step in case.loops), ())
    return Place(accelerator, mapping, mapping.nest(case.geometry, True))


def phase(case: Case, accelerator: Accelerator) -> Phase:
    """Cycles of all tiles."""
    where = place(case, accelerator)
    array = SystolicArray(accelerator, case.flow, where.nest)
    total = Phase(0, 0, 0, ())
    for sizes, loads, n in step_classes(where.nest, array.load_at):
        one = array.step(sizes, loads)
        stalls = dict(total.stalls)
        for name, cycles in one.stalls:
            stalls[name] = stalls.get(name, 0) + cycles * n
        total = Phase(
            total.compute + one.compute * n, total.fill + one.fill * n, total.drain + one.drain * n,
            tuple(sorted(stalls.items())),
        )  # fmt: skip
    return total


@given(cases())
@settings(max_examples=60, deadline=None)
def test_the_machine_of_pes_convolves(case: Case) -> None:
    values = tensors(case.geometry)
    seen = observe(case, values)
    assert seen.outputs == values.convolve()
    assert sum(seen.macs.values()) == case.geometry.macs


@given(cases())
@settings(max_examples=100, deadline=None)
def test_cycles_are_those_of_the_machine_of_pes(case: Case) -> None:
    seen, counted = observe(case), phase(case, machine(case))
    assert (counted.compute, counted.fill, counted.drain) == (seen.compute, seen.fill, seen.drain)
    assert counted.stalls == ()


@given(cases())
@settings(max_examples=100, deadline=None)
def test_traffic_is_that_of_the_machine_of_pes(case: Case) -> None:
    seen, accelerator = observe(case), machine(case)
    ledger = Ledger(accelerator)
    timing, occupancy = count_layer(place(case, accelerator), ledger, lambda operand, words: words)
    counts = {(c.level, c.operand, c.action): c.bits // accelerator.bits(c.operand) for c in ledger.counts()}
    counted, expected = {}, {}
    for o in OPERANDS:
        counted[o, "hop"] = counts.get((f"{o}_local", o, Action.HOP), 0)
        expected[o, "hop"] = seen.hops[o]
        counted[o, "latch"] = counts.get((f"{o}_register", o, Action.WRITE if o is Operand.PSUM else Action.FILL), 0)
        expected[o, "latch"] = seen.latched[o]
    for o in INPUTS:
        counted[o, "edge"] = counts.get(("buffer", o, Action.READ), 0), counts.get((f"{o}_in", o, Action.SEND), 0)
        expected[o, "edge"] = seen.edge[o], seen.edge[o]
        counted[o, "delivered"] = counts.get((f"{o}_in", o, Action.DELIVER), 0)
        expected[o, "delivered"] = seen.delivered[o]
    counted["out"] = counts["psum_out", Operand.PSUM, Action.SEND]
    expected["out"] = seen.edge[Operand.PSUM]
    counted["in"] = counts.get(("psum_in", Operand.PSUM, Action.SEND), 0)
    expected["in"] = seen.returned if case.initial is InitialPsum.ZERO else seen.edge[Operand.PSUM]
    assert counted == expected
    assert occupancy.slots == case.geometry.macs
    assert (timing.cycles.compute, timing.cycles.fill, timing.cycles.drain) == (seen.compute, seen.fill, seen.drain)
    assert timing.processing_cycles == seen.edges
