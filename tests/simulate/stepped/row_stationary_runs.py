"""Layers with values on small row-stationary machines, and what the stepped machine must report of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Overflow, Rounding
from accsim.kernels import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator, Sums, convolve
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.row_stationary import array_violations, even_runs, sets_on_array, spads_hold
from accsim.simulate.row_stationary import RowStationaryArray
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Step
from accsim.simulate.stepped.row_stationary import SteppedRowStationary
from accsim.simulate.stepped.walk import walk
from accsim.simulate.storage import Place
from accsim.workload.layer import Geometry
from tests.naive.row_stationary_clocked import Array
from tests.naive.systolic_folds import Tensors
from tests.simulate.test_row_stationary import flow
from tests.strategies import change, conv_geometries, fc_geometries, row_stationary_machines, tall_geometries

ARITHMETIC = (  # bits of a pixel and of a weight, and what becomes of products and sums
    (16, 16, Accumulator(16, 8, TRUNCATE, SATURATE)),  # the Eyeriss chip
    (8, 8, Accumulator(32)),
    (8, 8, Accumulator(12, 0, TRUNCATE, WRAP)),
    (8, 4, Accumulator(16, 3, NEAREST, WRAP)),
    (16, 8, Accumulator(20, 5, NEAREST_EVEN, SATURATE)),
    (4, 16, Accumulator(24, 1, NEAREST_EVEN, WRAP)),
    (16, 16, Accumulator(48)),
)
WIDTHS = (None, 3, 16, 24, 48, 64, 100, 500)
"""Bits of a transaction; some carry part of a word, some words that straddle two of them."""


@dataclass(frozen=True)
class Layer:
    """A layer with values on a machine.

    Attributes:
        arithmetic: place in ``ARITHMETIC``.
        seed: of the values.
        zeros: how many of 8 ifmap words are zero.
    """

    base: Accelerator
    geometry: Geometry
    mapping: RowStationaryMapping
    arithmetic: int = 0
    seed: int = 0
    zeros: int = 2

    @property
    def accumulator(self) -> Accumulator:
        """What a PE does to products and sums."""
        return ARITHMETIC[self.arithmetic][2]

    @cached_property
    def machine(self) -> Accelerator:
        """The machine with this arithmetic."""
        pixel, weight, acc = ARITHMETIC[self.arithmetic]
        pe = replace(
            self.base.pe, activation_bits=pixel, weight_bits=weight, accumulator_bits=acc.bits,
            output_bits=min(8, acc.bits), product_shift=acc.product_shift, rounding=list(Rounding)[acc.rounding],
            overflow=list(Overflow)[acc.overflow],
        )  # fmt: skip
        return replace(self.base, pe=pe)

    @cached_property
    def place(self) -> Place:
        """The layer on its machine, as either engine takes it."""
        nest = self.mapping.nest(self.geometry, self.machine.dram.fetch_padding)
        return Place(self.machine, self.mapping, nest)

    @cached_property
    def operands(self) -> Operands:
        """Values over the whole range of their bits, with zeros and many of the largest magnitude."""
        g, (pixel, weight, _) = self.geometry, ARITHMETIC[self.arithmetic]
        draw = np.random.default_rng(self.seed)

        def values(bits: int, zeros: int, *shape: int) -> Any:
            half = 1 << (bits - 1)
            out = draw.integers(-half, half, shape, np.int32)
            kind = draw.integers(0, 8, shape)
            return np.where(kind < zeros, 0, np.where(kind == 7, -half, out)).astype(np.int32)

        return Operands(
            values(pixel, self.zeros, g.N, g.C, g.H, g.W), values(weight, 1, g.M, g.channels_per_group, g.R, g.S)
        )  # fmt: skip

    @cached_property
    def tensors(self) -> Tensors:
        """The same values for the oracle."""
        words = (
            dict(zip(product(*map(range, a.shape)), a.ravel().tolist(), strict=True))
            for a in (self.operands.ifmap, self.operands.weight)
        )
        return Tensors(self.geometry, *words, self.accumulator)

    @cached_property
    def array(self) -> RowStationaryArray:
        """The counted array."""
        return RowStationaryArray(self.machine, self.mapping, self.place.nest)

    @cached_property
    def steps(self) -> list[Step]:
        """Every step of the nest, in order."""
        return list(walk(self.place.nest, self.array.load_at, self.array.ramp_at))

    def run(self, probe: Probe | None = None, operands: Operands | None = None) -> Observed:
        """What the stepped machine sees."""
        return SteppedRowStationary(self.place, operands or self.operands).run(self.steps, probe)

    def oracle(self, watch: Iterable[int] = ()) -> Array:
        """The array of PE objects, before it runs."""
        return Array(self.machine, self.geometry, self.mapping, self.tensors, watch)

    def golden(self) -> Sums:
        """The golden kernel on the layer."""
        g = self.geometry
        return convolve(
            self.operands.ifmap, self.operands.weight, self.accumulator, groups=g.G, stride=(g.stride_h, g.stride_w),
            dilation=(g.dilation_h, g.dilation_w), padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
        )  # fmt: skip


@st.composite
def machines(draw: st.DrawFn) -> Accelerator:
    """Small relatives of the Eyeriss chip with buses of any width, deep pipelines, single rows and columns."""
    machine = change(
        draw(row_stationary_machines()),
        gin_ifmap={"width_bits": draw(st.sampled_from(WIDTHS))},
        gin_filter={"width_bits": draw(st.sampled_from(WIDTHS))},
        gin_psum={"width_bits": draw(st.sampled_from(WIDTHS))},
        gon_psum={"width_bits": draw(st.sampled_from(WIDTHS))},
    )
    pe = replace(machine.pe, pipeline_stages=draw(st.integers(1, 5)), psum_add_cycles=draw(st.integers(0, 3)))
    rows, cols = draw(st.sampled_from([(1, 1), (1, 6), (8, 1), (0, 0), (0, 0), (0, 0)]))
    array = replace(machine.array, rows=rows or machine.array.rows, cols=cols or machine.array.cols)
    return replace(machine, pe=pe, array=array)


@st.composite
def orders(draw: st.DrawFn) -> str:
    """The order of the loops over passes: that of the chip, or any other one that a dataflow may have."""
    if draw(st.booleans()):
        return "Gmnefck"
    order = "".join(draw(st.permutations("Gmnefc")))
    at = draw(st.integers(order.index("m") + 1, len(order)))
    return order[:at] + "k" + order[at:]


@st.composite
def mappings(draw: st.DrawFn, machine: Accelerator, g: Geometry) -> RowStationaryMapping:
    """Any mapping that fits the array and the spads (buffers do not matter to the array)."""
    fitting = [(p, q) for p in (1, 2, 3, 4) for q in (1, 2, 3) if spads_hold(machine, g, p, q, 1)]
    p, q = draw(st.sampled_from(fitting))
    stacked = machine.array.rows // even_runs(g.R, machine.array.rows)[0]
    e = draw(st.integers(1, min(g.P, stacked * machine.array.cols)))
    sets = sets_on_array(machine, g, e)
    r = draw(st.integers(1, sets))
    mapping = RowStationaryMapping(
        flow(draw(orders())), m=draw(st.integers(1, g.filters_per_group)), n=draw(st.integers(1, g.N)),
        e=e, f=draw(st.integers(1, g.Q)), p=p, q=q, r=r, t=draw(st.integers(1, sets // r)),
    )  # fmt: skip
    assert array_violations(machine, g, mapping) == []
    return mapping


GEOMETRIES = st.one_of(conv_geometries(), tall_geometries(), fc_geometries())


@st.composite
def layers(draw: st.DrawFn, most_macs: int = 20_000) -> Layer:
    """Any small layer on any small machine."""
    g = draw(GEOMETRIES.filter(lambda g: g.macs <= most_macs))
    machine = draw(machines().filter(lambda one: spads_hold(one, g, 1, 1, 1)))
    return Layer(
        machine, g, draw(mappings(machine, g)), draw(st.integers(0, len(ARITHMETIC) - 1)),
        draw(st.integers(0, 2**16)), draw(st.integers(0, 7)),
    )  # fmt: skip
