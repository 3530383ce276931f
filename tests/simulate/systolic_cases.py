"""Small layers on small systolic arrays, for every test of them: any legal dataflow, any shape, cut into tiles."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import product
from math import factorial
from typing import NamedTuple

from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, InitialPsum, Link, Partition, RegisterFile, Sram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import Delivery, Drain, Reduction, SystolicDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import SystolicMapping
from accsim.mapping.nest import Loop, window_span
from accsim.simulate.storage import Place
from accsim.simulate.systolic import SystolicArray
from accsim.workload.layer import Geometry, Operand
from tests.naive.systolic_folds import Tensors

INPUTS = (Operand.IFMAP, Operand.WEIGHT)
OPERANDS = (*INPUTS, Operand.PSUM)
HOP, MULTICAST, UNICAST, PRELOAD = Delivery.HOP, Delivery.MULTICAST, Delivery.UNICAST, Delivery.PRELOAD
CHAIN, TREE, IN_PE = Reduction.CHAIN, Reduction.ADDER_TREE, Reduction.IN_PE
BUFFER = 1 << 40
SHIPPED = ("weight_stationary", "output_stationary", "input_stationary")

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


class Window(NamedTuple):
    """One axis of a sliding window: taps, outputs, input length, stride, dilation, zeros before and after."""

    taps: int
    outputs: int
    size: int
    stride: int
    dilation: int
    before: int
    after: int


def _windows() -> list[Window]:
    """Axes of one to three taps, simplest first: long strides, dilation, windows in the padding, a rest."""
    found = set()
    for taps, outputs, stride, dilation, before, after in product(
        (1, 2, 3), (1, 2, 3, 4), (1, 2, 4), (1, 2), (0, 1, 2), (0, 1)
    ):
        for rest in (0, stride - 1):
            size = (outputs - 1) * stride + window_span(taps, dilation) + rest - before - after
            if size >= 1 and (dilation == 1 or taps > 1):
                found.add(Window(taps, outputs, size, stride, dilation, before, after))
    return sorted(found, key=lambda one: (one.taps * one.outputs, one.stride + one.dilation + one.before + one.after))


WINDOWS = _windows()
CHANNELS = sorted(product((1, 2), (1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, 4)), key=lambda ngmc: (sum(ngmc), ngmc))
"""Batch, groups, and filters and channels of a group; several groups of one filter and one channel are depthwise."""
ARRAYS = sorted(product(range(1, 6), range(1, 7)), key=lambda array: (array[0] * array[1], array))


@st.composite
def small_layers(draw: st.DrawFn, most_macs: int = 250) -> Geometry:
    """A layer of at most ``most_macs`` MACs with groups, batch, strides, dilation and padding."""
    rows, cols = draw(st.sampled_from(WINDOWS)), draw(st.sampled_from(WINDOWS))
    N, G, m, c = draw(st.sampled_from(CHANNELS))
    while N * G * m * c * rows.taps * rows.outputs * cols.taps * cols.outputs > most_macs:
        if max(m, c) > 1:
            m, c = (m - 1, c) if m >= c else (m, c - 1)
        elif N * G > 1:
            N, G = 1, G - (N == 1)
        elif cols is not WINDOWS[0]:
            cols = WINDOWS[0]
        else:
            rows = WINDOWS[0]
    return Geometry(
        N=N, G=G, M=G * m, C=G * c, P=rows.outputs, Q=cols.outputs, R=rows.taps, S=cols.taps, H=rows.size, W=cols.size,
        stride_h=rows.stride, stride_w=cols.stride, dilation_h=rows.dilation, dilation_w=cols.dilation,
        pad_top=rows.before, pad_bottom=rows.after, pad_left=cols.before, pad_right=cols.after,
    )  # fmt: skip


def shuffled(items: tuple[str, ...], number: int) -> tuple[str, ...]:
    """The permutation of ``items`` with this number; 0 leaves them as they are."""
    left, out = list(items), []
    while left:
        number, index = divmod(number, len(left))
        out.append(left.pop(index))
    return tuple(out)


@st.composite
def drawn_dataflows(draw: st.DrawFn) -> SystolicDataflow:
    """A dataflow that the reader would take, with its folds in any order."""
    rows, cols, stream, reductions, weights, pixels = draw(st.sampled_from(SHAPES))
    folds = (*(dim for dim in "NGMCPQRS" if dim not in rows + cols + stream), "cols", "rows")
    return SystolicDataflow(
        "drawn", tuple(rows), tuple(cols), tuple(stream),
        shuffled(folds, draw(st.integers(0, factorial(len(folds)) - 1))),
        draw(st.sampled_from(pixels)), draw(st.sampled_from(weights)), draw(st.sampled_from(reductions)),
        draw(st.sampled_from(Drain)),
    )  # fmt: skip


def shipped(name: str) -> SystolicDataflow:
    """A dataflow of the library."""
    flow = load_dataflow(name)
    assert isinstance(flow, SystolicDataflow)
    return flow


SHIPPED_FLOWS = {name: shipped(name) for name in SHIPPED}


def dataflows() -> st.SearchStrategy[SystolicDataflow]:
    """Any legal dataflow, one in four of them shipped."""
    drawn = drawn_dataflows()
    return st.one_of(st.sampled_from(list(SHIPPED_FLOWS.values())), drawn, drawn, drawn)


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


def bound(geometry: Geometry, dim: str) -> int:
    """Length of a loop; M and C within a group."""
    return {"M": geometry.filters_per_group, "C": geometry.channels_per_group}.get(dim) or getattr(geometry, dim)


@st.composite
def cases(
    draw: st.DrawFn, flows: st.SearchStrategy[SystolicDataflow] | None = None, most_macs: int = 250
) -> Case:  # fmt: skip
    """Any small layer on any small array, cut into tiles by up to three loops; a dimension may be cut twice."""
    g = draw(small_layers(most_macs))
    held = {dim: bound(g, dim) for dim in "MCPQNG"}
    loops = []
    for _ in range(draw(st.integers(0, 3))):
        long = [dim for dim in held if held[dim] > 1]
        if not long:
            break
        dim = draw(st.sampled_from(long))
        held[dim] = draw(st.integers(1, held[dim] - 1))
        loops.append((dim, held[dim]))
    rows, cols = draw(st.sampled_from(ARRAYS))
    return Case(
        draw(dataflows() if flows is None else flows), g, tuple(loops), rows, cols, draw(st.booleans()),
        draw(st.integers(1, 2)), draw(st.sampled_from(InitialPsum)),
    )  # fmt: skip


BASE = load_accelerator("edge_8x8")


def machine(case: Case, read: int | None = None, write: int | None = None, links: tuple[Link, ...] = ()) -> Accelerator:
    """An 8-bit machine with one huge buffer, and with links and registers that show every movement."""
    array = replace(
        BASE.array, rows=case.rows, cols=case.cols, edge_taps=case.taps, stationary_buffers=case.buffers,
        initial_psum=case.initial,
    )  # fmt: skip
    held = (*INPUTS, Operand.PSUM, Operand.OFMAP)
    buffer = Sram("buffer", held, 8, (Partition(held, BUFFER),), None, read, write)
    seen = tuple(Link(f"{o}_{way}", (o,), None, way) for o in OPERANDS for way in ("in", "out", "local"))
    registers = tuple(RegisterFile(f"{o}_register", (o,), BASE.bits(o), 1) for o in OPERANDS)
    return replace(BASE, array=array, levels=(BASE.dram, buffer, *(links or seen), *registers))


def tensors(g: Geometry, seed: int = 1) -> Tensors:
    """Values that differ from word to word."""
    draw = random.Random(seed)
    x = {at: draw.randint(-99, 99) for at in product(range(g.N), range(g.C), range(g.H), range(g.W))}
    filters = product(range(g.M), range(g.channels_per_group), range(g.R), range(g.S))
    return Tensors(g, x, {at: draw.randint(-99, 99) for at in filters})


def waits_longer(case: Case) -> bool:
    """Whether the engines may wait longer than the machine must, at a change of tile with shadow registers.

    They reckon with the whole array for sums that leave all rows on the same edge, and with the first tile of sums that
    go on in the next.
    """
    accelerator = machine(case)
    array = SystolicArray(accelerator, case.flow, place(case, accelerator).nest)
    if case.buffers == 1 or not case.loops or array.stationary is not Operand.PSUM:
        return False
    return (not array.row_skew and not case.taps) or array.load_at < len(case.loops)


def place(case: Case, accelerator: Accelerator) -> Place:
    """The case as the counting engine takes it."""
    mapping = SystolicMapping(case.flow, tuple(Loop(dim, step) for dim, step in case.loops), ())
    return Place(accelerator, mapping, mapping.nest(case.geometry, True))


def corner(
    axes: tuple[str, str, str],
    folds: tuple[str, ...],
    travel: tuple[Delivery, Delivery, Reduction],
    array: tuple[int, int],
    loops: tuple[tuple[str, int], ...] = (),
    taps: bool = False,
    **sizes: int,
) -> Case:
    """A machine with a shadow register; ``travel`` is how pixels and weights travel and where sums are added."""
    bounds = dict.fromkeys("NGMCPQRS", 1) | sizes
    flow = SystolicDataflow("corner", *(tuple(dims) for dims in axes), folds, *travel, Drain.SHIFT)
    g = Geometry(**bounds, H=bounds["P"] + bounds["R"] - 1, W=bounds["Q"] + bounds["S"] - 1)
    return Case(flow, g, loops, *array, taps, 2, InitialPsum.ZERO)


WS, OS = ("C", "M", "NPQ"), ("NPQ", "M", "C")
CORNERS = {
    "an earlier, taller fold works on while a later one waits for its preload": corner(
        WS, ("G", "R", "S", "cols", "rows"), (HOP, PRELOAD, CHAIN), (3, 1), C=4, M=2
    ),
    "folds that keep their weights give the next preload time": corner(
        ("C", "M", "P"), ("G", "R", "S", "cols", "rows", "N", "Q"), (HOP, PRELOAD, CHAIN), (4, 1), C=8, M=2, N=2
    ),
    "sums that stay over a change of tile do not drain": corner(
        OS, ("G", "R", "S", "cols", "rows"), (HOP, HOP, IN_PE), (3, 2), (("C", 1),), C=3, M=2, P=3
    ),
    "folds that go on adding give the drain time": corner(
        OS, ("G", "cols", "rows", "R", "S"), (HOP, HOP, IN_PE), (4, 1), C=1, M=2, P=4, R=3
    ),
    "sums of a short group cross the rows of a taller one": corner(
        OS, ("G", "cols", "rows", "R", "S"), (HOP, MULTICAST, IN_PE), (5, 1), C=1, M=2, P=6
    ),
    "columns share a preloaded word": corner(
        ("C", "P", "NQ"), ("G", "R", "S", "M", "cols", "rows"), (UNICAST, PRELOAD, CHAIN), (3, 4), C=3, P=4, M=2
    ),
    "multicast weights are there in one edge": corner(
        ("C", "P", "NQ"), ("G", "R", "S", "M", "cols", "rows"), (UNICAST, MULTICAST, CHAIN), (3, 4), C=3, P=4, M=2
    ),
    "a wide tile works on while a narrow one waits for its preload": corner(
        WS, ("G", "R", "S", "cols", "rows"), (HOP, PRELOAD, TREE), (3, 8), (("M", 8),), C=6, M=9
    ),
    "a tall tile works on while sums of a flat one wait for the port": corner(
        OS, ("G", "cols", "rows", "R", "S"), (HOP, HOP, IN_PE), (6, 2), (("P", 6), ("C", 1)), C=3, M=2, P=7
    ),
}  # fmt: skip
