"""The inner-product tile, stepped: real operands in real registers, edge by edge.

A controller walks the folds of a tile. At a step whose words are others it latches them; the datapath (``edges``) then
runs until no lane has anything left to do; where a port needs longer, the array holds until it is through. Sums leave
when the next step works on others.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import InitialPsum
from accsim.hardware.datapath import DatapathKind, Digits
from accsim.mapping.dataflow import DIMENSIONS, RELEVANT, TiledDataflow
from accsim.simulate.activity import Action
from accsim.simulate.edge_ports import INPUTS, edge_ports
from accsim.simulate.flows import Occupancy, TiledFlows
from accsim.simulate.inner_product import tile
from accsim.simulate.inner_product.blocks import Blocks, blocks_of, single
from accsim.simulate.inner_product.datapaths import STEPPING, Follows, Rate, fused_width, rate_of
from accsim.simulate.inner_product.operands import keeps, require_powers
from accsim.simulate.inner_product.outliers import limits
from accsim.simulate.ledger import PE
from accsim.simulate.phase import Phase
from accsim.simulate.stepped.machine import Observed, Operands, Probe, Step, Words
from accsim.simulate.storage import Place
from accsim.simulate.tiled.run import TileWords
from accsim.simulate.timeline import Run
from accsim.workload.layer import Operand

Ints = npt.NDArray[np.int64]
TERMS = 64


class SteppedInnerProduct:
    """An inner-product array that runs one layer.

    Args:
        place: the layer on its machine.
        operands: its values; sums of their products must fit 64 bits.

    Raises:
        AccsimError: a weight is no power of two, and the PEs shift by it.
    """

    def __init__(self, place: Place, operands: Operands) -> None:
        flow = place.mapping.dataflow
        if not isinstance(flow, TiledDataflow):
            raise TypeError(f"an inner-product array runs dataflows of tiles, not {flow.name}")
        self.place, self.geometry, acc = place, place.nest.geometry, place.accelerator
        self.flow = flow.of_first_layer() if place.reads_input else flow
        self.ifmap, self.weight = operands.ifmap.astype(np.int64), operands.weight.astype(np.int64)
        g, self.path = self.geometry, acc.pe.datapath
        self.bits = acc.bits(Operand.IFMAP), acc.bits(place.weight_name)
        signed = bool(self.ifmap.size) and int(self.ifmap.min()) < 0
        self.signed = signed
        self.rate: Rate = rate_of(self.path, self.bits[1], self.bits[0], signed, g.P * g.Q * g.R * g.S == 1)
        self.rows, self.cols = acc.array.rows, acc.array.cols
        self.lanes = acc.array.lanes * self.rate.products
        self.ports = list(edge_ports(acc, acc.array.initial_psum is InitialPsum.READ))
        n, m, own = self.path.n, self.path.m, place.weight_name is Operand.WEIGHT
        self.skips = bool(n) and own and "C" in self.flow.lanes and keeps(self.weight != 0, n, m)
        self.book = np.unique(self.weight) if self.path.kind is DatapathKind.CODEBOOK else np.zeros(0, np.int64)
        self.mode, self.how = self._datapath()
        words = max(self.lanes, self.lanes // n * m) if self.skips else self.lanes
        a, w = np.zeros((self.cols, words), np.int64), np.zeros((self.rows, self.lanes), np.int64)
        listed = TERMS if self.mode == tile.TERM_PAIRS else 1
        self.registers = (
            a, w, np.zeros((self.rows, self.cols), np.int64), np.zeros_like(a), np.zeros_like(a), np.zeros_like(a),
            np.zeros((*a.shape, listed), np.int64), np.zeros_like(a),
            np.zeros((*w.shape, listed), np.int64), np.zeros_like(w), np.zeros_like(w),
        )  # fmt: skip
        self.counters, self.stalls = np.zeros(tile.COUNTERS, np.int64), np.zeros(len(self.ports), np.int64)

    def _datapath(self) -> tuple[int, Ints]:
        """What the datapath does on an edge, and its parameters."""
        rate, booth, (a_bits, w_bits) = self.rate, self.rate.digits is Digits.BOOTH, self.bits
        match rate.follows:
            case Follows.WIDTH_USED:
                # a single bit is the sign of +1 or -1, and taken in whole
                planes = w_bits if self.path.kind is DatapathKind.BOTH_SERIAL and w_bits > 1 else 0
                return tile.USED_BITS, _how(rate.serial_bits, rate.sign, rate.trim_low, planes)
            case Follows.TERMS_MET:
                return tile.TERMS_MET, _how(booth)
            case Follows.MOST_TERMS:
                return tile.MOST_TERMS, _how(booth)
            case Follows.OUTLIERS:
                low, high = limits(rate.normal_bits, self.signed)
                return tile.OUTLIERS, _how(low, high, 1 << (rate.normal_bits - 1), rate.group)
            case Follows.TERM_PAIRS:
                return tile.TERM_PAIRS, _how(booth)
        if self.path.kind is DatapathKind.SHIFT:
            require_powers(self.weight, self.place.accelerator.name)
            return tile.SHIFT, _how()
        if self.path.kind is DatapathKind.CODEBOOK and len(self.book) <= self.path.codebook_words:
            return tile.LOOK_UP, _how()  # words of more kinds than the table holds do not come from it
        if self.skips:
            return tile.PICK, _how(self.path.n)
        if rate.edges == 1:
            return tile.MULTIPLY, _how()
        if self.path.kind is DatapathKind.ACTIVATION_SERIAL:
            at_once = self.path.serial_bits
            return tile.ACTIVATION_BITS, _how(rate.edges * at_once, at_once, self.signed)
        if self.path.kind is DatapathKind.UNARY:
            return tile.UNARY, _how(rate.edges)
        if self.path.kind is DatapathKind.FUSED_BRICKS:
            a, w = (max(1, fused_width(self.path, bits) // self.path.fused_bits) for bits in (a_bits, w_bits))
            return tile.TURNS, _how(self.path.fused_bits, a, w)
        return tile.WEIGHT_BITS, _how(w_bits)

    def run(self, steps: Iterable[Step], probe: Probe | None = None) -> Observed:
        """Run the tiles of the layer, in order."""
        g, seen = self.geometry, self.counters
        sums: Words = np.zeros((g.N, g.M, g.P, g.Q), np.int64)
        runs, tail = [], self.place.accelerator.pe.pipeline_stages - 1
        for step in steps:
            before = int(seen[tile.COMPUTE] + self.stalls.sum())
            self._tile(step, sums)
            cycles = int(seen[tile.COMPUTE] + self.stalls.sum()) - before
            runs.append(Run(None, None, cycles, cycles + tail))
        return self._observed(sums, tuple(runs), tail)

    def _observed(self, sums: Words, runs: tuple[Run, ...], tail: int) -> Observed:
        seen, products = [int(n) for n in self.counters], self.rate.products
        compute, busy = seen[tile.COMPUTE], seen[tile.AT_WORK]
        words = TileWords(
            ifmap=seen[tile.IFMAP],
            weight=seen[tile.WEIGHT],
            psum_out=seen[tile.PSUM_OUT],
            ifmap_held=seen[tile.IFMAP],
            weight_held=seen[tile.WEIGHT],
            psum_kept=seen[tile.UPDATES],
        )
        if self.path.kind in STEPPING:
            words.actions[PE, Operand.COMPUTE, Action.STEP] = (busy, 0)
        if self.mode == tile.OUTLIERS:
            words.actions[PE, Operand.COMPUTE, Action.STEP] = (seen[tile.WIDE], 0)
        zero = self.place.accelerator.array.initial_psum is InitialPsum.ZERO
        begun = self.geometry.ofmap_words if zero else 0
        stalls = {port.name: 0 for port in self.ports}
        for port, waited in zip(self.ports, self.stalls.tolist(), strict=True):
            stalls[port.name] += waited
        causes = (
            ("filters", tile.NO_FILTER),
            ("windows", tile.NO_WINDOW),
            ("lanes", tile.NO_LANE),
            ("further_edges", tile.FURTHER),
            ("synchronisation", tile.SYNC),
        )
        return Observed(
            phase=Phase(compute, 0, tail, tuple(stalls.items())),
            runs=runs,
            sums=sums,
            flows=TiledFlows(words, words.psum_out - begun),
            macs=seen[tile.MACS],
            zero_ifmap_macs=seen[tile.ZERO_MACS],
            register_updates=words.ifmap_held + words.weight_held + words.psum_kept,
            occupancy=Occupancy(seen[tile.ACTIVE], busy, compute),
            idle=tuple((cause, seen[at]) for cause, at in causes if seen[at]),
            macs_per_pe=products,
        )

    def _tile(self, step: Step, sums: Words) -> None:
        flow, g = self.flow, self.geometry
        start = {dim: step.sizes[dim].start if dim not in "RS" else 0 for dim in DIMENSIONS}
        size = {dim: step.sizes[dim].size if dim not in "RS" else getattr(g, dim) for dim in DIMENSIONS}
        rows, cols = _points(flow.rows, "M", start, size)[:, 0], _points(flow.cols, "NPQ", start, size)
        lanes = _points(flow.lanes, "CRS", start, size)
        wide = {"rows": (len(rows), self.rows), "cols": (len(cols), self.cols), "lanes": (len(lanes), self.lanes)}
        blocks = self._blocks(step, size)
        counts = {f: -(-wide[f][0] // wide[f][1]) for f in wide}
        if blocks is not None:
            counts["lanes"] = -(-len(blocks.size) // blocks.at_once)
        trips = [counts[f] if f in wide else size[f] for f in flow.folds]
        at = np.stack(np.unravel_index(np.arange(prod(trips)), trips), axis=1).astype(np.int64)
        table = np.zeros((len(at), 13), np.int64)
        for i, axis in enumerate(("rows", "cols", "lanes")):
            first = at[:, flow.folds.index(axis)] * wide[axis][1]
            table[:, 2 * i], table[:, 2 * i + 1] = first, np.minimum(first + wide[axis][1], wide[axis][0])
        table[:, 9:11] = table[:, 4:6]
        listed = np.zeros((0, 4), np.int64)
        if blocks is not None:
            turn = at[:, flow.folds.index("lanes")]
            for column, words in ((4, blocks.kept), (9, blocks.size), (11, np.ones_like(blocks.size))):
                ends = np.insert(np.cumsum(blocks.by_step(words)), 0, 0)
                table[:, column], table[:, column + 1] = ends[turn], ends[turn + 1]
            lanes = _in_blocks(flow.lanes, lanes, size, blocks.channels)
            listed = np.column_stack((lanes[np.cumsum(blocks.size) - blocks.size], blocks.size))
        for column, operand in ((6, Operand.IFMAP), (7, Operand.WEIGHT), (8, Operand.PSUM)):
            indexed = [i for i, f in enumerate(flow.folds) if not RELEVANT[operand].isdisjoint(flow.axis(f))]
            other = (at[1:, indexed] != at[:-1, indexed]).any(axis=1)
            ends_sums = operand is Operand.PSUM
            table[:, column] = np.append(other, True) if ends_sums else np.insert(other, 0, True)
        on_axes = {*flow.rows, *flow.cols, *flow.lanes}
        base = np.zeros((len(at), 8), np.int64)
        for i, dim in enumerate("NGMCPQRS"):
            if dim not in on_axes:
                base[:, i] = start[dim] + at[:, flow.folds.index(dim)]
        layer = (
            g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.pad_top, g.pad_left, g.channels_per_group,
            g.filters_per_group, self.rate.products, int(self.path.kind is DatapathKind.TERNARY),
        )  # fmt: skip
        tile.run(
            self.ifmap, self.weight, sums, layer, rows, cols, lanes, listed, table, base, self.registers,
            self.mode, self.how, self.book, self._port_bits(), self.stalls, self.counters,
        )  # fmt: skip

    def _blocks(self, step: Step, size: dict[str, int]) -> Blocks | None:
        if not self.skips:
            return None
        found = blocks_of(self.flow.lanes, size, step.sizes["C"], self.lanes, self.path.n, self.path.m)
        return found or single(prod(size[dim] for dim in self.flow.lanes), size["C"], self.lanes)

    def _port_bits(self) -> Ints:
        """Of each port its bits per edge, and the bits of each operand's word that passes it."""
        out = np.zeros((len(self.ports), 4), np.int64)
        for i, port in enumerate(self.ports):
            out[i, 0] = port.bits_per_cycle
            for at, operand in ((1, Operand.IFMAP), (2, Operand.WEIGHT), (3, Operand.PSUM)):
                reads = operand is Operand.PSUM and port.operands & INPUTS
                if operand in port.operands and not reads:
                    out[i, at] = self.place.bits(operand)
        return out


def _how(*parameters: int) -> Ints:
    return np.array([*parameters, 0, 0, 0, 0][:4], np.int64)


def _points(dims: tuple[str, ...], wanted: str, start: dict[str, int], size: dict[str, int]) -> Ints:
    """Every place on an axis in order, with the index of each ``wanted`` dimension; 0 for one that is elsewhere."""
    sizes = [size[dim] for dim in dims]
    at = np.unravel_index(np.arange(prod(sizes)), sizes) if dims else (np.zeros(1, np.int64),)
    index = dict(zip(dims, at, strict=False))
    out = np.zeros((prod(sizes), len(wanted)), np.int64)
    for i, dim in enumerate(wanted):
        if dim in index:
            out[:, i] = index[dim] + start[dim]
    return out


def _in_blocks(dims: tuple[str, ...], points: Ints, size: dict[str, int], channels: Ints) -> Ints:
    """Places on the lanes, block after block: those of a block are channels that follow each other."""
    place = dims.index("C")
    around = prod(size[dim] for dim in dims[:place]), size["C"], prod(size[dim] for dim in dims[place + 1 :])
    whole, ends = points.reshape(*around, -1), np.cumsum(channels)
    parts = [whole[:, end - n : end].transpose(0, 2, 1, 3) for n, end in zip(channels, ends, strict=True)]
    return np.concatenate([part.reshape(around[0], -1, whole.shape[-1]) for part in parts], 1).reshape(-1, 3)
