"""Hypothesis strategies shared by the tests: small layers that exist, and pieces of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum, Partition, Sram
from accsim.hardware.reader import load_accelerator
from accsim.mapping.nest import Loop, Nest
from accsim.workload.layer import Geometry, Layer, LayerKind, TensorStatistics
from accsim.workload.network import Network
from accsim.workload.windows import Axis, slide


@st.composite
def axes(draw: st.DrawFn, largest: int = 8) -> Axis:
    """One axis of a sliding window of at most three taps, which fits its padded input."""
    kernel, stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    least = max(1, dilation * (kernel - 1) + 1 - before - after)
    size = draw(st.integers(least, max(least, largest)))
    return slide("height", size, kernel, stride, dilation, (before, after), ceil=False)


@st.composite
def conv_geometries(draw: st.DrawFn, largest: int = 8, batch: int = 2, groups: int = 3) -> Geometry:
    """A convolution with any of batch, groups, strides, dilation and uneven padding."""
    rows, cols = draw(axes(largest)), draw(axes(largest))
    split = draw(st.integers(1, groups))
    return Geometry(
        N=draw(st.integers(1, batch)), G=split, M=split * draw(st.integers(1, 4)), C=split * draw(st.integers(1, 4)),
        P=rows.outputs, Q=cols.outputs, R=rows.kernel, S=cols.kernel, H=rows.size, W=cols.size,
        stride_h=rows.stride, stride_w=cols.stride, dilation_h=rows.dilation, dilation_w=cols.dilation,
        pad_top=rows.before, pad_bottom=rows.after, pad_left=cols.before, pad_right=cols.after,
    )  # fmt: skip


@st.composite
def fc_geometries(draw: st.DrawFn, batch: int = 2) -> Geometry:
    """A fully connected layer on one vector or on a few tokens."""
    tokens = draw(st.integers(1, 5))
    return Geometry(
        N=draw(st.integers(1, batch)), G=1, M=draw(st.integers(1, 12)), C=draw(st.integers(1, 12)),
        P=tokens, Q=1, R=1, S=1, H=tokens, W=1,
    )  # fmt: skip


@st.composite
def matmul_geometries(draw: st.DrawFn) -> Geometry:
    """A product of two activations for each of a few heads."""
    heads, rows = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    return Geometry(
        N=1, G=heads, M=heads * draw(st.integers(1, 6)), C=heads * draw(st.integers(1, 6)),
        P=rows, Q=1, R=1, S=1, H=rows, W=1,
    )  # fmt: skip


def geometries() -> st.SearchStrategy[Geometry]:
    """Loop bounds of any small layer with MACs."""
    return st.one_of(conv_geometries(), fc_geometries(), matmul_geometries())


@st.composite
def conv_layers(draw: st.DrawFn, largest: int = 8, batch: int = 2, groups: int = 3) -> Layer:
    """A convolution that reads the network's input."""
    g = draw(conv_geometries(largest, batch, groups))
    return Layer(
        "conv", LayerKind.CONV, ("input",), ((g.C, g.H, g.W),), (g.M, g.P, g.Q), g.N, g, g.weight_words,
        g.M * draw(st.integers(0, 1)), "conv",
    )  # fmt: skip


@st.composite
def fc_layers(draw: st.DrawFn, batch: int = 2) -> Layer:
    """A fully connected layer on tokens."""
    g = draw(fc_geometries(batch))
    return Layer("fc", LayerKind.FC, ("input",), ((g.P, g.C),), (g.P, g.M), g.N, g, g.weight_words, g.M, "fc")


@st.composite
def matmul_layers(draw: st.DrawFn) -> Layer:
    """Attention scores: queries times keys for each head."""
    g = draw(matmul_geometries())
    columns = g.filters_per_group
    return Layer(
        "scores", LayerKind.MATMUL, ("q", "k"), ((g.P, g.C), (columns, g.C)), (g.G, g.P, columns), 1, g,
        operation="query_key",
    )  # fmt: skip


def mac_layers() -> st.SearchStrategy[Layer]:
    """Any small layer with MACs."""
    return st.one_of(conv_layers(), fc_layers(), matmul_layers())


def bound(geometry: Geometry, dim: str) -> int:
    """Length of a dimension; filters and channels of one group."""
    if dim in "MC":
        return int(getattr(geometry, dim)) // geometry.G
    return int(getattr(geometry, dim))


@st.composite
def nests(draw: st.DrawFn, most_loops: int = 5, trips: int = 4, padding: bool | None = None) -> Nest:
    """Loops over the tiles of a small layer: any order, partial tiles, dimensions cut again, some loops of one trip."""
    g = draw(st.one_of(conv_geometries(largest=14), conv_geometries(largest=14), geometries()))
    held = {dim: bound(g, dim) for dim in "NGMCPQ"}
    loops = []
    for _ in range(draw(st.integers(min(2, most_loops), most_loops))):
        long = [dim for dim in held if held[dim] > 1]
        if long and draw(st.integers(0, 9)):
            dim = draw(st.sampled_from(long))
            step = draw(st.integers(-(-held[dim] // trips), -(-held[dim] // 2)))
        else:
            dim = draw(st.sampled_from("NGMCPQ"))
            step = draw(st.integers(held[dim], held[dim] + 1))
        held[dim] = min(held[dim], step)
        loops.append(Loop(dim, step))
    return Nest(g, tuple(loops), draw(st.booleans()) if padding is None else padding)


def change(machine: Accelerator, **levels: dict[str, Any]) -> Accelerator:
    """The machine with fields of its levels replaced, by the levels' names."""
    return replace(machine, levels=tuple(replace(lv, **levels.get(lv.name, {})) for lv in machine.levels))


@cache
def bare_eyeriss() -> Accelerator:
    """The Eyeriss chip without published mappings, without coding off chip, and with the simplest load of filters."""
    chip = load_accelerator("eyeriss")
    pe = replace(chip.pe, filter_load=FilterLoad.FIRST_COLUMN, psum_gating=False)
    return replace(change(chip, dram={"run_length": None}), pe=pe, mappings=(), assumed=())


@st.composite
def row_stationary_machines(draw: st.DrawFn) -> Accelerator:
    """Small relatives of the Eyeriss chip: array, spads, buses, ports, PE timing, padding; its buffers as they are."""
    widths = st.sampled_from([None, 16, 32, 64])
    base, load = bare_eyeriss(), draw(st.sampled_from(list(FilterLoad)))
    machine = change(
        base,
        dram={"fetch_padding": draw(st.booleans())},
        glb={
            "read_bits_per_cycle": draw(st.sampled_from([None, 16, 48])),
            "write_bits_per_cycle": draw(st.sampled_from([None, 16])),
        },
        gin_ifmap={"width_bits": draw(widths)},
        gin_filter={"width_bits": draw(widths)},
        gin_psum={"width_bits": draw(widths)},
        gon_psum={"width_bits": draw(widths)},
        ifmap_spad={"size_words": draw(st.integers(3, 16))},
        filter_spad={"size_words": draw(st.integers(1, 40)) * (2 if load is FilterLoad.WHOLE_PASS else 1)},
        psum_spad={"size_words": draw(st.integers(1, 6))},
    )
    pe = replace(
        machine.pe,
        pipeline_stages=draw(st.integers(1, 4)),
        psum_add_cycles=draw(st.integers(0, 2)),
        window_shift_cycles=draw(st.integers(0, 2)),
        filter_load=load,
        psum_gating=draw(st.booleans()),
    )
    rows, cols, first = draw(st.integers(1, 7)), draw(st.integers(1, 6)), draw(st.sampled_from(list(InitialPsum)))
    return replace(machine, pe=pe, array=replace(machine.array, rows=rows, cols=cols, initial_psum=first))


def with_buffers(machine: Accelerator, shared_bits: int, weight_bits: int) -> Accelerator:
    """An Eyeriss-like machine with other sizes of its buffer's two parts, without banks."""
    shared, weights = (level for level in machine.buffers[0].partitions)
    parts = (Partition(shared.operands, shared_bits), Partition(weights.operands, weight_bits, weights.buffers))
    return change(machine, glb={"partitions": parts, "bank_bits": None})


@st.composite
def tall_geometries(draw: st.DrawFn) -> Geometry:
    """One group with a filter of up to 7 x 7, which small arrays and scratchpads must cut."""
    r, s = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    h, w = draw(st.integers(r, 9)), draw(st.integers(s, 9))
    top, bottom, left, right = (draw(st.integers(0, 3)) for _ in range(4))
    u, v = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return Geometry(
        N=draw(st.integers(1, 2)), G=1, M=draw(st.integers(1, 3)), C=draw(st.integers(1, 3)),
        P=(h + top + bottom - r) // u + 1, Q=(w + left + right - s) // v + 1, R=r, S=s, H=h, W=w,
        stride_h=u, stride_w=v, pad_top=top, pad_bottom=bottom, pad_left=left, pad_right=right,
    )  # fmt: skip


@st.composite
def tight_row_stationary_machines(draw: st.DrawFn) -> Accelerator:
    """Row-stationary machines whose buffers are about as large as the tiles of a small layer."""
    machine = draw(row_stationary_machines())
    return with_buffers(machine, 16 * draw(st.integers(60, 600)), 16 * draw(st.integers(9, 120)))


@st.composite
def systolic_machines(draw: st.DrawFn) -> Accelerator:
    """Small relatives of the shipped systolic presets: array, one buffer or three, channel, residency."""
    base = load_accelerator(draw(st.sampled_from(["edge_8x8", "systolic_32x32", "tpu_v1"])))
    machine = change(
        base,
        dram={
            "width_bits": draw(st.sampled_from([8, 24, 64])),
            "latency_cycles": draw(st.sampled_from([0, 7])),
            "burst_bits": draw(st.sampled_from([1, 64])),
            "fetch_padding": draw(st.booleans()),
        },
    )
    levels = []
    for level in machine.levels:
        if not isinstance(level, Sram):
            levels.append(level)
            continue
        size = 8 * draw(st.integers(700, 4000))
        levels.append(
            replace(
                level,
                partitions=tuple(replace(part, size_bits=size) for part in level.partitions),
                read_bits_per_cycle=draw(st.sampled_from([None, None, 24])),
                write_bits_per_cycle=draw(st.sampled_from([None, None, 40])),
            )
        )
    array = replace(
        machine.array,
        rows=draw(st.integers(1, 8)),
        cols=draw(st.integers(1, 8)),
        edge_taps=draw(st.booleans()),
        stationary_buffers=draw(st.integers(1, 2)),
        initial_psum=draw(st.sampled_from(list(InitialPsum))),
    )
    return replace(machine, array=array, levels=tuple(levels))


@st.composite
def small_networks(draw: st.DrawFn, density: bool = False) -> Network:
    """A convolution, what often follows one (norm, activation, pooling, a residual sum), and a last layer with MACs."""
    first = draw(conv_layers(largest=6))
    if density:
        first = replace(first, ifmap_statistics=TensorStatistics(draw(st.sampled_from([0.0, 0.25, 1.0]))))
    layers = [first]
    shape, batch = first.output_shape, first.batch

    def follow(name: str, kind: LayerKind, inputs: tuple[str, ...], operation: str = "") -> None:
        layers.append(Layer(name, kind, inputs, (shape,) * len(inputs), shape, batch, operation=operation))

    if draw(st.booleans()):
        follow("norm", LayerKind.BATCH_NORM, (layers[-1].name,))
    if draw(st.booleans()):
        follow("relu", LayerKind.ACTIVATION, (layers[-1].name,), "relu")
    if draw(st.booleans()) and shape[1] > 1 and shape[2] > 1:
        smaller = (shape[0], shape[1] // 2, shape[2] // 2)
        pool = Layer(
            "pool", LayerKind.POOL, (layers[-1].name,), (shape,), smaller, batch, operation="max", window=(2, 2)
        )
        layers.append(pool)
        shape = smaller
    if draw(st.booleans()):
        before = layers[-1].name
        g = Geometry(N=batch, G=1, M=shape[0], C=shape[0], P=shape[1], Q=shape[2], R=1, S=1, H=shape[1], W=shape[2])
        layers.append(Layer("branch", LayerKind.CONV, (before,), (shape,), shape, batch, g, g.weight_words, 0, "conv"))
        follow("sum", LayerKind.ADD, ("branch", before))
    width = shape[0] * shape[1] * shape[2]
    layers.append(Layer("flat", LayerKind.RESHAPE, (layers[-1].name,), (shape,), (1, width), batch))
    outputs = draw(st.integers(1, 9))
    g = Geometry(N=batch, G=1, M=outputs, C=width, P=1, Q=1, R=1, S=1, H=1, W=1)
    layers.append(
        Layer("fc", LayerKind.FC, ("flat",), ((1, width),), (1, outputs), batch, g, g.weight_words, outputs, "fc")
    )
    return Network("small", tuple(layers), first.input_shapes[0], batch)
