"""Layers for the designs: corners by name, and random ones."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum, Partition, Sram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.dataflow import RowStationaryDataflow, SystolicDataflow
from accsim.mapping.dataflow_reader import load_dataflow
from accsim.mapping.mapping import RowStationaryMapping, SystolicMapping
from accsim.mapping.nest import Loop
from accsim.mapping.row_stationary import array_violations, spads_hold
from accsim.simulate.storage import Place
from accsim.workload.layer import Geometry, Operand
from tests.strategies import bare_eyeriss, change

WIDTHS = ((8, 8, 32), (4, 4, 12), (16, 16, 48), (16, 16, 16))
"""Bits of pixels, weights and sums; narrow sums wrap."""


def convolution(
    *, stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), pad: tuple[int, int] = (0, 0), **sizes: int
) -> Geometry:
    """A convolution by its output: as many pixels as it needs, ``pad`` of them made up at the top and at the left.

    M and C in ``sizes`` are those of a group; a dimension that is not given is 1.
    """
    bounds = dict.fromkeys("NGMCPQRS", 1) | sizes
    height = (bounds["P"] - 1) * stride[0] + (bounds["R"] - 1) * dilation[0] + 1
    width = (bounds["Q"] - 1) * stride[1] + (bounds["S"] - 1) * dilation[1] + 1
    top, left = min(pad[0], height - 1), min(pad[1], width - 1)
    bounds |= {dim: bounds["G"] * bounds[dim] for dim in "MC"}
    return Geometry(
        **bounds, H=height - top, W=width - left, stride_h=stride[0], stride_w=stride[1], dilation_h=dilation[0],
        dilation_w=dilation[1], pad_top=top, pad_left=left,
    )  # fmt: skip


def random_convolution(draw: random.Random) -> Geometry:
    """Any small convolution: batch, groups, stride (larger than the filter, too), dilation and padding."""

    def pair(*choices: int) -> tuple[int, int]:
        return draw.choice(choices), draw.choice(choices)

    return convolution(
        stride=pair(1, 1, 2, 3), dilation=pair(1, 1, 2), pad=pair(0, 0, 1, 2), N=draw.choice((1, 1, 2)),
        G=draw.choice((1, 1, 2)), M=draw.randint(1, 6), C=draw.randint(1, 5), P=draw.randint(1, 4),
        Q=draw.randint(1, 5), R=draw.choice((1, 1, 2, 3, 4, 5)), S=draw.choice((1, 1, 2, 3, 4)),
    )  # fmt: skip


@cache
def flow(name: str) -> SystolicDataflow:
    """A shipped dataflow."""
    found = load_dataflow(name)
    assert isinstance(found, SystolicDataflow)
    return found


def systolic(
    dataflow: SystolicDataflow,
    g: Geometry,
    rows: int,
    cols: int,
    *,
    shadow: bool,
    loops: tuple[tuple[str, int], ...] = (),
    bits: tuple[int, int, int] = WIDTHS[0],
) -> Place:
    """A layer on a systolic array whose buffer holds everything and keeps up with it."""
    base = load_accelerator("edge_8x8")
    pixel, weight, total = bits
    pe = replace(base.pe, activation_bits=pixel, weight_bits=weight, accumulator_bits=total)
    array = replace(base.array, rows=rows, cols=cols, edge_taps=False, stationary_buffers=1 + shadow)
    held = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
    buffer = Sram("buffer", held, 8, (Partition(held, 1 << 40),))
    mapping = SystolicMapping(dataflow, tuple(Loop(dim, step) for dim, step in loops), ())
    return Place(replace(base, pe=pe, array=array, levels=(base.dram, buffer)), mapping, mapping.nest(g, True))


def random_systolic(name: str, draw: random.Random) -> Place:
    """A small layer on a small array, cut into tiles; rows, steps and folds as shipped or otherwise."""
    dataflow = flow(name)
    if draw.random() < 0.5:
        if name == "weight_stationary":
            axes = {"rows": draw.choice(["CRS", "C", "CR"]), "stream": draw.choice(["NPQ", "PQ", "Q"])}
        else:
            axes = {"rows": draw.choice(["NPQ", "PQ", "Q"]), "stream": draw.choice(["CRS", "C", "CS"])}
        dataflow = replace(dataflow, **{axis: tuple(dims) for axis, dims in axes.items()})
        left = [dim for dim in "NGMCPQRS" if dim not in dataflow.rows + dataflow.cols + dataflow.stream]
        dataflow = replace(dataflow, folds=tuple(draw.sample([*left, "rows", "cols"], len(left) + 2)))
    g = random_convolution(draw)
    lengths = {"M": g.filters_per_group, "C": g.channels_per_group, "P": g.P, "Q": g.Q, "N": g.N}
    cut = draw.sample(sorted(lengths), draw.randint(0, 3))
    loops = tuple((dim, draw.randint(1, lengths[dim] - 1)) for dim in cut if lengths[dim] > 1)
    return systolic(
        dataflow, g, draw.randint(1, 6), draw.randint(1, 6), shadow=draw.random() < 0.6, loops=loops,
        bits=draw.choice(WIDTHS),
    )  # fmt: skip


def set_machine(
    bits: tuple[int, int, int], lanes: tuple[int, int, int, int], spads: tuple[int, int, int], **pe: Any
) -> Accelerator:
    """A relative of the Eyeriss chip; ``lanes`` are words of a transaction of ifmap, filters, sums in and out."""
    pixel, weight, total = bits
    widths = zip(("gin_ifmap", "gin_filter", "gin_psum", "gon_psum"), lanes, (pixel, weight, total, total), strict=True)
    levels = {name: {"width_bits": words * wide} for name, words, wide in widths}
    names = ("ifmap_spad", "filter_spad", "psum_spad")
    levels |= {name: {"size_words": size} for name, size in zip(names, spads, strict=True)}
    machine = change(bare_eyeriss(), **levels)
    datapath = replace(machine.pe, activation_bits=pixel, weight_bits=weight, accumulator_bits=total, **pe)
    return replace(machine, pe=datapath)


def row_stationary(
    machine: Accelerator, g: Geometry, rows: int, cols: int, order: str = "Gmnefck", **sizes: int
) -> Place:
    """A layer on one PE set, its loops as shipped or in another order."""
    machine = replace(machine, array=replace(machine.array, rows=rows, cols=cols))
    dataflow = load_dataflow("row_stationary")
    assert isinstance(dataflow, RowStationaryDataflow)
    dataflow = replace(dataflow, loops=tuple(order))
    mapping = RowStationaryMapping(
        dataflow, **{"m": 1, "n": 1, "e": 1, "f": 1, "p": 1, "q": 1, "r": 1, "t": 1, **sizes}
    )
    assert array_violations(machine, g, mapping) == []
    return Place(machine, mapping, mapping.nest(g, machine.dram.fetch_padding))


def random_row_stationary(draw: random.Random) -> Place:
    """A small layer on a small set: any PE timing, filters cut where they do not fit, any passes."""
    while True:
        g = random_convolution(draw)
        machine = set_machine(
            draw.choice(WIDTHS), tuple(draw.choice([1, 1, 2, 4]) for _ in range(4)),
            (draw.randint(3, 16), draw.randint(1, 40), draw.randint(1, 6)),
            product_shift=draw.choice([0, 0, 3]), pipeline_stages=draw.randint(1, 4),
            psum_add_cycles=draw.randint(0, 2), window_shift_cycles=draw.randint(0, 2),
            filter_load=draw.choice(list(FilterLoad)),
        )  # fmt: skip
        machine = replace(machine, array=replace(machine.array, initial_psum=draw.choice(list(InitialPsum))))
        fits = [(p, q) for p in range(1, 5) for q in range(1, 5) if spads_hold(machine, g, p, q, 1)]
        if fits:
            break
    p, q = draw.choice(fits)
    rows, cols = draw.randint(1, 5), draw.randint(1, 5)
    order = draw.choice(["Gmnefck", "Gmnefck", "Gmnckfe", "Gmncefk", "cGmknef", "Gmenkcf"])
    return row_stationary(
        machine, g, rows, cols, order, m=draw.randint(1, g.filters_per_group), n=draw.randint(1, g.N),
        e=draw.randint(1, min(g.P, cols)), f=draw.randint(1, g.Q), p=p, q=q,
    )  # fmt: skip


def named_systolic(name: str, shadow: bool) -> dict[str, Place]:
    """Corners of a weight- or output-stationary array."""
    dataflow = flow(name)
    alexnet_like = convolution(stride=(2, 2), pad=(2, 2), M=9, C=3, P=6, Q=6, R=5, S=5)
    return {
        case: systolic(dataflow, g, rows, cols, shadow=shadow)
        for case, g, rows, cols in (
            ("one MAC on one PE", convolution(), 1, 1),
            ("one MAC in a corner of an array", convolution(), 4, 5),
            ("a layer on one PE", convolution(M=2, C=2, P=2, Q=3, R=2), 1, 1),
            ("a single row", convolution(M=5, C=2, P=3, Q=3, R=2, S=2), 1, 4),
            ("a single column", convolution(M=3, C=2, P=3, Q=3, R=2, S=2), 5, 1),
            ("streams of one step", convolution(M=7, C=9), 4, 3),
            ("folds that fill the array", convolution(M=6, C=8, P=4, Q=2), 4, 3),
            ("partial folds both ways", convolution(M=7, C=3, P=3, Q=3, R=3), 5, 4),
            ("depthwise", convolution(G=4, P=3, Q=3, R=3, S=3), 6, 3),
            ("stride and padding", alexnet_like, 16, 8),
        )
    }


def named_row_stationary() -> dict[str, Place]:
    """Corners of a row-stationary set."""
    eyeriss = set_machine((16, 16, 48), (1, 4, 4, 4), (12, 224, 24), product_shift=8)
    slow = set_machine((8, 8, 32), (1, 1, 1, 1), (12, 48, 4), pipeline_stages=1, psum_add_cycles=2)
    alexnet_like = convolution(stride=(2, 2), pad=(2, 2), M=6, C=4, P=6, Q=7, R=5, S=5)
    at_once = {"pipeline_stages": 1, "psum_add_cycles": 0, "window_shift_cycles": 0}
    narrow = {load: set_machine((8, 8, 32), (4, 1, 4, 4), (12, 48, 4), filter_load=load) for load in FilterLoad}
    return {
        "one MAC on one PE": row_stationary(eyeriss, convolution(), 1, 1),
        "a single row": row_stationary(eyeriss, convolution(M=3, C=2, P=4, Q=5, S=3), 1, 4, m=3, e=4, f=5, p=3, q=2),
        "a single column": row_stationary(eyeriss, convolution(M=4, Q=5, R=4, S=3), 4, 1, m=4, f=5, p=4),
        "stride and padding": row_stationary(eyeriss, alexnet_like, 5, 6, m=6, e=6, f=7, p=3, q=2),
        "a stride above the filter": row_stationary(
            eyeriss, convolution(stride=(3, 3), M=4, C=2, P=3, Q=4, R=2, S=2), 3, 3, m=4, e=3, f=4, p=4, q=2
        ),
        "strips of rows and columns": row_stationary(
            eyeriss, convolution(M=4, C=2, P=7, Q=8, R=3, S=3), 3, 3, m=4, e=3, f=5, p=4, q=2
        ),
        "a tall filter in runs": row_stationary(
            eyeriss, convolution(M=4, C=2, P=3, Q=5, R=7, S=3), 3, 3, m=4, e=3, f=5, p=4, q=2
        ),
        "slow networks": row_stationary(
            slow, convolution(N=2, M=4, C=4, P=3, Q=5, R=3, S=3), 3, 3, m=4, n=2, e=3, f=5, p=4, q=4
        ),
        "passes shorter than the chain": row_stationary(
            set_machine((8, 8, 32), (4, 4, 1, 2), (12, 48, 4), window_shift_cycles=0),
            convolution(M=2, C=5, P=3, R=4),
            4,
            3,
            m=2,
            e=3,
        ),
        "bursts on the same outputs one after the other": row_stationary(
            set_machine((8, 8, 32), (4, 4, 1, 1), (12, 48, 4), **at_once),
            convolution(M=6, C=3, P=2),
            1,
            2,
            "Gmnckfe",
            m=5,
            e=2,
        ),
        "bursts with a short one between": row_stationary(
            set_machine((8, 8, 32), (4, 4, 1, 1), (12, 48, 4), **at_once), convolution(C=3, P=5), 1, 4, "Gmncefk", e=4
        ),
        "runs of a filter shorter than the chain": row_stationary(
            set_machine((8, 8, 32), (4, 1, 2, 1), (12, 48, 4), pipeline_stages=3),
            convolution(M=2, C=3, P=3, R=7),
            4,
            3,
            m=2,
            e=3,
            p=2,
        ),
        **{
            f"filters loaded beside {load}": row_stationary(
                machine, convolution(M=8, C=4, P=3, Q=4, R=3, S=3), 3, 3, m=8, e=3, f=4, p=4, q=2
            )
            for load, machine in narrow.items()
        },
    }
