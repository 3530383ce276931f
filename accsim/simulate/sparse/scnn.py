"""SCNN: every non-zero pixel of a tile times every non-zero weight of a channel (Parashar et al., ISCA 2017).

::

    ifmap tile, compressed --- I pixels --+             +--> bank 0 [+]
                                          |  I x F      |--> bank 1 [+]   accumulators of the sums
    weights of channel c,                 +-- products -|--> ...          of Kc filters over the
    filters kc .. kc + Kc  --- F weights -+  crossbar   +--> bank B [+]   PE's outputs and their halo

Each PE holds a tile of the padded ifmap, and all PEs take the weights of the same channel and of the same ``Kc``
filters. In a step a PE multiplies I pixels by F weights, all by all; a bank of accumulators takes one product per
cycle, so the step lasts as long as its most wanted bank. Products outside the outputs are thrown away. With a stride
only pixels and taps of the same phase meet, and each phase has steps of its own. A channel ends for all PEs when the
last is done (``barrier``). After the last channel sums that lie in a neighbour's outputs go there over one link per
neighbour, one sum per cycle (``halo``): as many cycles as the largest of the eight rectangles has sums.

Filters at once: Kc = floor(accumulators / (ceil(P / rows) ceil(Q / cols))).

The rules and the bank hash are those of a public simulator of SCNN (isakedo/DNNsim), whose
figures the tests repeat. It pads the ifmap with its zeros before it is cut into tiles. Idle slots are charged so:
``fragmentation`` for places in a step without a product or with one that no output needs, ``bank_conflicts`` for the
cycles of a step beyond the first, ``barrier`` and ``halo`` for whole PEs that wait.

Of a halo the simulator's figures fix only unit strides with padding; with others the rectangles follow from the
outputs each tile reaches and those it owns: output y belongs to the tile that holds padded row
y U + min(pad, D (R - 1)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.simulate.padding import valid_macs
from accsim.simulate.sparse.count import Counters, Expected, SparseCount, Stepped, named
from accsim.simulate.sparse.window import Window, masks, words
from accsim.workload.layer import Geometry

IDLE = ("fragmentation", "bank_conflicts", "barrier", "halo")


@dataclass(frozen=True, slots=True)
class Scnn:
    """The machine; defaults of the published one: 64 PEs of 16 multipliers (ISCA 2017, Table II).

    Attributes:
        rows, cols: PEs.
        inputs, filters: I and F, pixels and weights multiplied in a step.
        accumulators, banks: sums a PE holds, in how many banks.
    """

    rows: int = 8
    cols: int = 8
    inputs: int = 4
    filters: int = 4
    accumulators: int = 1024
    banks: int = 32

    @property
    def multipliers(self) -> int:
        """Multipliers of all PEs."""
        return self.rows * self.cols * self.inputs * self.filters


def together(g: Geometry, machine: Scnn) -> int:
    """Filters whose sums a PE holds at once, Kc; 0 if not even one."""
    tile = -(-g.P // machine.rows) * -(-g.Q // machine.cols)
    return min(machine.accumulators // tile, g.filters_per_group)


def cannot(g: Geometry, machine: Scnn) -> str | None:
    """Why the machine cannot run a layer; ``None`` if it can."""
    if g.P * g.Q == 1 and g.H * g.W == 1:
        return "fully connected: a map of one pixel has no two pixels that share a weight"
    if not together(g, machine):
        return f"the {machine.accumulators} accumulators of a PE hold no filter's part of {g.P} x {g.Q} outputs"
    return None


def halo_area(g: Geometry, machine: Scnn) -> int:
    """Sums of one filter in the largest rectangle that a PE sends to one neighbour."""
    high = _reach(machine.rows, g.H + g.pad_top + g.pad_bottom, g.dilation_h * (g.R - 1), g.pad_top, g.stride_h)
    wide = _reach(machine.cols, g.W + g.pad_left + g.pad_right, g.dilation_w * (g.S - 1), g.pad_left, g.stride_w)
    areas = (high[i] * wide[j] for i in range(3) for j in range(3) if (i, j) != (1, 1))
    return max(areas)


def _reach(parts: int, size: int, span: int, pad: int, stride: int) -> tuple[int, int, int]:
    """Most outputs along an axis that a tile reaches before its own, has of its own, and reaches after them."""
    tile, pad = -(-size // parts), min(pad, span)
    before = own = after = 0
    for first in range(0, parts * tile, tile):
        start, end = -((pad - first) // stride), -((pad - first - tile) // stride)
        own = max(own, end - start)
        if parts > 1:
            before = max(before, start + (span - first) // stride)
            after = max(after, (first + tile - 1) // stride + 1 - end)
    return before, own, after


def count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Scnn) -> SparseCount:
    """Count a layer from the zeros of its operands.

    Args:
        g: the layer; one that the machine can run.
        ifmap, weight: [N, C, H, W] and [M, C / G, R, S]; only zeros matter.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import scnn_kernels  # noqa: PLC0415

    pixels, taps = masks(g, ifmap, weight)
    return _result(
        scnn_kernels.count(
            pixels, taps, Window.of(g), machine.rows, machine.cols, machine.inputs, machine.filters,
            together(g, machine), machine.banks, halo_area(g, machine),
        ),
        machine,
    )  # fmt: skip


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Scnn) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        g: the layer; one that the machine can run.
        ifmap, weight: integers [N, C, H, W] and [M, C / G, R, S].

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import scnn_stepped  # noqa: PLC0415

    pixels, taps = words(g, ifmap, weight)
    sums, out = scnn_stepped.step(
        pixels, taps, Window.of(g), machine.rows, machine.cols, machine.inputs, machine.filters,
        together(g, machine), machine.banks, min(g.pad_top, g.dilation_h * (g.R - 1)),
        min(g.pad_left, g.dilation_w * (g.S - 1)),
    )  # fmt: skip
    return Stepped(sums, _result(out, machine))


def _result(out: Counters, machine: Scnn) -> SparseCount:
    cycles, dense, multiplies, fragmentation, conflicts, barrier, halo, ifmap_reads, weight_reads = out
    return SparseCount(
        cycles=int(cycles),
        dense_cycles=int(dense),
        multiplies=int(multiplies),
        slots=int(cycles) * machine.multipliers,
        idle=named(IDLE, (fragmentation, conflicts, barrier, halo)),
        accesses=named(("ifmap_reads", "weight_reads", "accumulator_updates"), (ifmap_reads, weight_reads, multiplies)),
    )


def expect(g: Geometry, ifmap: float, weight: float, machine: Scnn) -> Expected:
    """What is expected of a layer at densities of its ifmap and weights.

    Channels are alike, and each ends with a barrier: the mean of some channels, drawn and counted with their
    waits and bank conflicts, stands for all. Products and words are exact in expectation.
    """
    at_once, per_group = max(1, together(g, machine)), g.filters_per_group
    groups, macs = -(-per_group // at_once), valid_macs(g) * ifmap * weight
    full, rest = divmod(per_group, at_once)
    cycles = full * _channel(g, ifmap, weight, machine, at_once)
    if rest:
        cycles += _channel(g, ifmap, weight, machine, rest)
    return Expected(
        cycles=g.N * g.C * cycles + g.N * g.M * halo_area(g, machine),
        multiplies=macs,
        accesses=(
            ("ifmap_reads", g.ifmap_words * ifmap * groups),
            ("weight_reads", g.N * g.weight_words * weight * machine.rows * machine.cols),
            ("accumulator_updates", macs),
        ),
    )


CHANNELS, WORDS = 8, 20_000
"""Channels drawn for an expectation, at least, and words of small ones: a channel waits for the slowest of all PEs, so
that large ones differ little."""


def _channel(g: Geometry, ifmap: float, weight: float, machine: Scnn, filters: int) -> float:
    """Mean cycles of a channel with some filters, halo left out."""
    words_in = g.H * g.W + filters * g.R * g.S
    channels = 1 if ifmap >= 1 and weight >= 1 else max(CHANNELS, WORDS // words_in)
    one = replace(g, N=1, G=1, C=channels, M=filters)
    return _drawn(one, ifmap, weight, machine)


@lru_cache(maxsize=4096)
def _drawn(g: Geometry, ifmap: float, weight: float, machine: Scnn) -> float:
    from accsim.simulate.sparse import scnn_kernels  # noqa: PLC0415

    rng = np.random.default_rng(0)
    pixels = (rng.random((1, g.C, g.H, g.W)) < ifmap).view(np.uint8)
    taps = (rng.random((g.M, g.C, g.R, g.S)) < weight).view(np.uint8)
    out = scnn_kernels.count(
        pixels, taps, Window.of(g), machine.rows, machine.cols, machine.inputs, machine.filters, g.M, machine.banks, 0
    )
    return int(out[scnn_kernels.CYCLES]) / g.C
