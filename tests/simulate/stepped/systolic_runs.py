"""Layers with values on systolic machines with slow ports, and what the stepped machine must report of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Link, Overflow, Partition, Rounding, Sram
from accsim.hardware.datapath import BIT_PARALLEL, Datapath, DatapathKind
from accsim.kernels import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator
from accsim.mapping.dataflow import SystolicDataflow
from accsim.simulate.phase import Phase
from accsim.simulate.stepped.layer import steps_of
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Step
from accsim.simulate.stepped.systolic import SteppedSystolic
from accsim.simulate.storage import Place
from accsim.simulate.systolic import SystolicArray
from accsim.workload.layer import Operand
from tests.naive.systolic_folds import Tensors
from tests.simulate.systolic_cases import BUFFER, INPUTS, Case, cases, machine, place

IFMAP, WEIGHT, PSUM = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM

ARITHMETIC = (  # bits of a pixel and of a weight, and what becomes of products and sums
    (8, 8, Accumulator(32)),
    (8, 8, Accumulator(12, 0, TRUNCATE, SATURATE)),
    (8, 8, Accumulator(12, 0, TRUNCATE, WRAP)),
    (8, 4, Accumulator(16, 3, NEAREST, WRAP)),
    (16, 16, Accumulator(48)),
    (16, 16, Accumulator(16, 8, TRUNCATE, SATURATE)),
    (16, 8, Accumulator(20, 5, NEAREST_EVEN, SATURATE)),
    (4, 16, Accumulator(24, 1, NEAREST_EVEN, WRAP)),
)
WIDTHS = (None, 4, 8, 16, 24, 40, 64, 100, 256)


@dataclass(frozen=True)
class Ports:
    """Bits per cycle at the array's edge, by kind of port; ``None`` keeps up with the array.

    Attributes:
        kind: one buffer for all operands (``shared``), one for each (``apart``), no limit but at the networks
            (``links``), or one buffer and networks (``mixed``); ``none`` for no limit at all.
        ifmap, weight, psum_in, psum_out: width for the words of each; a shared buffer reads ``ifmap`` bits and writes
            ``psum_out`` bits.
    """

    kind: str = "none"
    ifmap: int | None = None
    weight: int | None = None
    psum_in: int | None = None
    psum_out: int | None = None

    def applied(self, base: Accelerator) -> Accelerator:
        """``base`` with these ports and nothing else between its DRAM and its array."""
        held = (*INPUTS, PSUM, Operand.OFMAP)
        read, write = (self.ifmap, self.psum_out) if self.kind in ("shared", "mixed") else (None, None)
        buffers: tuple[Sram, ...] = (Sram("buffer", held, 8, (Partition(held, BUFFER),), None, read, write),)
        if self.kind == "apart":
            buffers = tuple(
                Sram(f"{own[0]}_buffer", own, 8, (Partition(own, BUFFER),), None, bits_in, bits_out)
                for own, bits_in, bits_out in (
                    ((IFMAP,), self.ifmap, 1), ((WEIGHT,), self.weight, 1),  # nothing is written there
                    ((PSUM, Operand.OFMAP), self.psum_in, self.psum_out),
                )
            )  # fmt: skip
        links: tuple[Link, ...] = ()
        if self.kind in ("links", "mixed"):
            links = (
                Link("ifmap_in", (IFMAP,), self.ifmap, "in"), Link("weight_in", (WEIGHT,), self.weight, "in"),
                Link("psum_in", (PSUM,), self.psum_in, "in"), Link("psum_out", (PSUM,), self.psum_out, "out"),
            )  # fmt: skip
        return replace(base, levels=(base.dram, *buffers, *links))


@dataclass(frozen=True)
class Layer:
    """A case with ports, arithmetic and values.

    Attributes:
        arithmetic: place in ``ARITHMETIC``.
        seed: of the values.
        path: what the PEs do with their operands, in ``widths`` (bits of a pixel and of a weight) if it is given.
    """

    case: Case
    ports: Ports = Ports()
    arithmetic: int = 0
    seed: int = 0
    path: Datapath = BIT_PARALLEL
    widths: tuple[int, int] | None = None

    @property
    def rule(self) -> tuple[int, int, Accumulator]:
        """Bits of a pixel and of a weight, and what becomes of products and sums."""
        rule = ARITHMETIC[self.arithmetic]
        return rule if self.widths is None else (*self.widths, rule[2])

    @property
    def accumulator(self) -> Accumulator:
        """What a PE does to products and sums."""
        return self.rule[2]

    @cached_property
    def place(self) -> Place:
        """The layer on its machine, as either engine takes it."""
        pixel, weight, acc = self.rule
        base = self.ports.applied(machine(self.case))
        pe = replace(
            base.pe, activation_bits=pixel, weight_bits=weight, accumulator_bits=acc.bits, output_bits=min(8, acc.bits),
            product_shift=acc.product_shift, rounding=list(Rounding)[acc.rounding],
            overflow=list(Overflow)[acc.overflow], datapath=self.path,
        )  # fmt: skip
        return place(self.case, replace(base, pe=pe))

    @cached_property
    def operands(self) -> Operands:
        """Values over the whole range of their bits, with many zeros and many of the largest magnitude."""
        g, (pixel, weight, _) = self.case.geometry, self.rule
        draw = np.random.default_rng(self.seed)

        def values(bits: int, *shape: int) -> Any:
            if bits == 1:
                return draw.choice(np.array([-1, 1], np.int32), shape)
            half = 1 << (bits - 1)
            out = draw.integers(-half, half, shape, np.int32)
            kind = draw.integers(0, 8, shape)
            return np.where(kind < 2, 0, np.where(kind == 2, -half, out)).astype(np.int32)

        filters = values(weight, g.M, g.channels_per_group, g.R, g.S)
        if self.path.kind is DatapathKind.SHIFT:
            filters = (np.sign(filters) << draw.integers(0, weight - 1, filters.shape)).astype(np.int32)
        return Operands(values(pixel, g.N, g.C, g.H, g.W), filters)

    @cached_property
    def tensors(self) -> Tensors:
        """The same values for the oracle."""
        words = (dict(zip(product(*map(range, a.shape)), a.ravel().tolist(), strict=True)) for a in self._arrays)
        return Tensors(self.case.geometry, *words, self.accumulator)

    @property
    def _arrays(self) -> tuple[Any, Any]:
        return self.operands.ifmap, self.operands.weight

    @cached_property
    def array(self) -> SystolicArray:
        """The counted array."""
        return SystolicArray(self.place.accelerator, self.case.flow, self.place.nest)

    @cached_property
    def steps(self) -> list[Step]:
        """Every tile, in order."""
        return list(steps_of(self.place))

    def run(self, probe: Probe | None = None) -> Observed:
        """What the stepped machine sees."""
        return SteppedSystolic(self.place, self.operands).run(self.steps, probe)


def plain(phase: Phase) -> tuple[int, int, int, dict[str, int]]:
    """A phase whose stalls compare in any order."""
    assert all(cycles > 0 for _, cycles in phase.stalls)
    return phase.compute, phase.fill, phase.drain, dict(phase.stalls)


@st.composite
def ports(draw: st.DrawFn) -> Ports:
    """Any ports; half of them keep up."""
    kind = draw(st.sampled_from(["none", "none", "none", "none", "shared", "apart", "links", "mixed"]))
    if kind == "none":
        return Ports()
    return Ports(kind, *(draw(st.sampled_from(WIDTHS)) for _ in range(4)))


@st.composite
def layers(
    draw: st.DrawFn,
    flows: st.SearchStrategy[SystolicDataflow] | None = None,
    limits: st.SearchStrategy[Ports] | None = None,
    most_macs: int = 250,
) -> Layer:
    """Any small layer with values."""
    return Layer(
        draw(cases(flows, most_macs)), draw(ports() if limits is None else limits),
        draw(st.integers(0, len(ARITHMETIC) - 1)), draw(st.integers(0, 1 << 30)),
    )  # fmt: skip
