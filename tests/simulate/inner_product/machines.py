"""Inner-product machines of one tile for tests, and layers to run on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, RegisterFile, Sram
from accsim.hardware.datapath import Datapath
from accsim.mapping.dataflow import TiledDataflow
from accsim.mapping.mapping import NEST_OPERANDS, TiledMapping, shared_levels
from accsim.mapping.nest import Loop
from accsim.simulate.activity import Activity
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.network import simulate_mac
from accsim.simulate.storage import Residency
from accsim.simulate.values import measure
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand, TensorStatistics

STORED = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
FLOW = TiledDataflow(
    "inner_product", ArrayFamily.INNER_PRODUCT, ("M",), ("N", "Q", "P"), ("C",),
    ("G", "cols", "rows", "R", "S", "lanes"),
)  # fmt: skip


def tile(rows: int = 16, cols: int = 16, lanes: int = 16, **more: Any) -> Accelerator:
    """A machine of one tile behind one large buffer.

    Args:
        more: ``datapath``, fields of the PE, of the array (``initial_psum``) and of the buffer.
    """
    pe = {"weight_bits": 16, "activation_bits": 16, "accumulator_bits": 48, "output_bits": 16}
    pe |= {key: value for key, value in more.items() if key in Pe.__dataclass_fields__}
    buffer = {key: value for key, value in more.items() if key in Sram.__dataclass_fields__}
    size = int(more.get("size_bits", 2**40))
    psum = more.get("initial_psum")
    array = Array(
        ArrayFamily.INNER_PRODUCT, rows, cols, lanes=lanes, **({} if psum is None else {"initial_psum": psum})
    )
    return Accelerator(
        "tile", 1000.0, array, Pe(**pe),
        (
            Dram("dram", STORED, 1024),
            Sram("buffer", STORED, 64, (Partition(STORED, size),), **buffer),
            RegisterFile("psum_register", (Operand.PSUM,), 48, 1),
        ),
        "inner_product", "horowitz_45nm",
    )  # fmt: skip


def conv(geometry: Geometry, activation_bits: int | None = None, weight_bits: int | None = None) -> Layer:
    """A convolution whose operands have codes of these widths."""
    g = geometry
    return Layer(
        "conv", LayerKind.CONV, ("input",), ((g.C, g.H, g.W),), (g.M, g.P, g.Q), g.N, g, g.weight_words,
        ifmap_statistics=TensorStatistics(bits=activation_bits), weight_statistics=TensorStatistics(bits=weight_bits),
    )  # fmt: skip


def square(
    c: int, size: int, m: int, kernel: int = 3, pad: int = 1, stride: int = 1, n: int = 1, g: int = 1
) -> Geometry:
    """A square convolution."""
    out = (size + 2 * pad - kernel) // stride + 1
    return Geometry(
        N=n, G=g, M=m, C=c, P=out, Q=out, R=kernel, S=kernel, H=size, W=size, stride_h=stride, stride_w=stride,
        dilation_h=1, dilation_w=1, pad_top=pad, pad_bottom=pad, pad_left=pad, pad_right=pad,
    )  # fmt: skip


def mac_task(layer: Layer, machine: Accelerator, values: Mapping[str, npt.NDArray[Any]] | None = None) -> MacTask:
    """The layer as the engines take it."""
    if layer.geometry is None:
        raise ValueError("the layer has no MACs")
    values = {name: np.asarray(array) for name, array in (values or {}).items()}
    measured = measure(layer, values, machine.dram) if values else None
    densities = Densities(layer.ifmap_statistics.density, layer.weight_statistics.density).first(measured)
    return MacTask(layer, layer.geometry, Residency(), (), densities, frozenset(), measured, values)


def mapping(machine: Accelerator, loops: tuple[tuple[str, int], ...] = (), flow: TiledDataflow = FLOW) -> TiledMapping:
    """Tiles of these loops, all of them held at the innermost depth."""
    hold = tuple((level, o, len(loops)) for o in NEST_OPERANDS for level in shared_levels(machine, o))
    return TiledMapping(flow, tuple(Loop(dim, step) for dim, step in loops), hold)


def run(
    layer: Layer,
    machine: Accelerator,
    values: Mapping[str, npt.NDArray[Any]] | None = None,
    loops: tuple[tuple[str, int], ...] = (),
    flow: TiledDataflow = FLOW,
) -> Activity:
    """The layer, counted."""
    task = mac_task(layer, machine, values)
    return simulate_mac(task, machine, mapping(machine, loops, flow))


def serial(kind: Any, **parameters: Any) -> Datapath:
    """A datapath."""
    return Datapath(kind, **parameters)
