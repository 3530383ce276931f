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
from accsim.mapping.dataflow import DIMENSIONS, RELEVANT, TiledDataflow
from accsim.simulate.activity import Action
from accsim.simulate.edge_ports import INPUTS, edge_ports
from accsim.simulate.flows import Occupancy, TiledFlows
from accsim.simulate.inner_product import edges, latches
from accsim.simulate.inner_product.array import STEPPING
from accsim.simulate.inner_product.datapaths import Follows, Rate, rate_of
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
        self.a, self.w = np.zeros((self.cols, self.lanes), np.int64), np.zeros((self.rows, self.lanes), np.int64)
        self.acc = np.zeros((self.rows, self.cols), np.int64)
        self.plus, self.minus, self.now = (np.zeros_like(self.a) for _ in range(3))
        pairs = self.rate.follows is Follows.TERM_PAIRS
        self.a_terms = np.zeros((*self.a.shape, TERMS if pairs else 1), np.int64)
        self.w_terms = np.zeros((*self.w.shape, TERMS if pairs else 1), np.int64)
        self.a_count, self.w_count = np.zeros_like(self.a), np.zeros_like(self.w)
        self.seen = _Seen()

    def run(self, steps: Iterable[Step], probe: Probe | None = None) -> Observed:
        """Run the tiles of the layer, in order."""
        g, seen = self.geometry, self.seen
        sums: Words = np.zeros((g.N, g.M, g.P, g.Q), np.int64)
        runs, tail = [], self.place.accelerator.pe.pipeline_stages - 1
        for step in steps:
            before = seen.compute + sum(seen.stalls.values())
            self._tile(step, sums)
            cycles = seen.compute + sum(seen.stalls.values()) - before
            runs.append(Run(None, None, cycles, cycles + tail))
        begun = g.ofmap_words if self.place.accelerator.array.initial_psum is InitialPsum.ZERO else 0
        if self.path.kind in STEPPING:
            seen.words.actions[PE, Operand.COMPUTE, Action.STEP] = (seen.busy, 0)
        return Observed(
            phase=Phase(seen.compute, 0, tail, tuple(seen.stalls.items())),
            runs=tuple(runs),
            sums=sums,
            flows=TiledFlows(seen.words, seen.words.psum_out - begun),
            macs=seen.macs,
            zero_ifmap_macs=seen.zero_macs,
            register_updates=seen.words.ifmap_held + seen.words.weight_held + seen.words.psum_kept,
            occupancy=Occupancy(seen.active, seen.busy, seen.compute),
            idle=tuple((cause, n) for cause, n in seen.idle.items() if n),
            macs_per_pe=self.rate.products,
        )

    def _tile(self, step: Step, sums: Words) -> None:
        flow, g = self.flow, self.geometry
        start = {dim: step.sizes[dim].start if dim not in "RS" else 0 for dim in DIMENSIONS}
        size = {dim: step.sizes[dim].size if dim not in "RS" else getattr(g, dim) for dim in DIMENSIONS}
        rows, cols = _points(flow.rows, "M", start, size)[:, 0], _points(flow.cols, "NPQ", start, size)
        lanes = _points(flow.lanes, "CRS", start, size)
        unrolled = {"rows": (len(rows), self.rows), "cols": (len(cols), self.cols), "lanes": (len(lanes), self.lanes)}
        trips = [-(-unrolled[f][0] // unrolled[f][1]) if f in unrolled else size[f] for f in flow.folds]
        at: dict[str, tuple[int, ...]] = {}
        fold_of = {f: i for i, f in enumerate(flow.folds)}
        last = prod(trips) - 1
        counters = [tuple(int(x) for x in np.unravel_index(0, trips))]
        for index in range(last + 1):
            now = counters[0]
            after = tuple(int(x) for x in np.unravel_index(index + 1, trips)) if index < last else None
            base = np.array([0 if d in _on_axes(flow) else start[d] + now[fold_of[d]] for d in "NGMCPQRS"], np.int64)
            cut = {
                axis: slice(now[fold_of[axis]] * wide, min(all_, (now[fold_of[axis]] + 1) * wide))
                for axis, (all_, wide) in unrolled.items()
            }
            key = {o: tuple(now[i] for i, f in enumerate(flow.folds) if not RELEVANT[o].isdisjoint(flow.axis(f)))
                   for o in (*INPUTS, Operand.PSUM)}  # fmt: skip
            following = (
                None
                if after is None
                else tuple(
                    after[i] for i, f in enumerate(flow.folds) if not RELEVANT[Operand.PSUM].isdisjoint(flow.axis(f))
                )
            )
            leaves = following != key[Operand.PSUM]
            self._step(rows[cut["rows"]], cols[cut["cols"]], lanes[cut["lanes"]], base, sums,
                       {o for o in INPUTS if at.get(o) != key[o]}, leaves)  # fmt: skip
            at = {str(o): k for o, k in key.items()}
            counters = [after] if after is not None else []

    def _step(
        self, rows: Ints, cols: Ints, lanes: Ints, base: Ints, sums: Words, brings: set[Operand], leaves: bool
    ) -> None:
        g, seen, words = self.geometry, self.seen, self.seen.words
        r, c, n = len(rows), len(cols), len(lanes)
        if Operand.IFMAP in brings:
            read, seen.zeros_held = latches.take_activations(
                self.ifmap, self.a, cols, lanes, base, g.stride_h, g.stride_w, g.dilation_h, g.dilation_w,
                g.pad_top, g.pad_left, g.channels_per_group,
            )  # fmt: skip
            words.ifmap += read
            words.ifmap_held += read
        if Operand.WEIGHT in brings:
            latches.take_weights(self.weight, self.w, rows, lanes, base, g.filters_per_group)
            words.weight += r * n
            words.weight_held += r * n
        spent = self._edges(r, c, n)
        seen.compute += spent
        self._wait(brings, leaves, r, c, n, spent)
        self._slots(r, c, n, spent)
        words.psum_kept += r * c * spent
        seen.macs += r * c * n
        seen.zero_macs += seen.zeros_held * r
        if leaves:
            latches.give_sums(sums, self.acc, rows, cols, base, g.filters_per_group)
            words.psum_out += r * c

    def _edges(self, r: int, c: int, n: int) -> int:
        """Run a step on the datapath."""
        a, w, acc, rate, booth = self.a, self.w, self.acc, self.rate, self.rate.digits == "booth"
        match rate.follows:
            case Follows.WIDTH_USED:
                planes = self.bits[1] if self.path.kind == "both_serial" else 0
                return int(edges.used_bits(a, w, acc, r, c, n, rate.serial_bits, rate.sign, rate.trim_low, planes))
            case Follows.TERMS_MET:
                return int(edges.terms_met(a, w, acc, r, c, n, booth, self.plus, self.minus))
            case Follows.MOST_TERMS:
                return int(edges.most_terms(a, w, acc, r, c, n, booth, self.plus, self.minus, self.now))
            case Follows.TERM_PAIRS:
                edges.listed(a, c, n, booth, self.a_terms, self.a_count)
                edges.listed(w, r, n, booth, self.w_terms, self.w_count)
                pairs = (self.a_terms, self.a_count, self.w_terms, self.w_count)
                return int(edges.term_pairs(acc, r, c, n, *pairs))
        if self.path.kind == "activation_serial":
            at_once = self.path.serial_bits
            planes = -(-self.bits[0] // at_once) * at_once + rate_sign(self.rate, self.bits[0], at_once) * at_once
            return int(edges.activation_bits(a, w, acc, r, c, n, planes, at_once, self.signed))
        if rate.edges == 1:
            return int(edges.multiply(a, w, acc, r, c, n))
        if self.path.kind == "fused_bricks":
            return int(edges.turns(a, w, acc, r, c, n, self.path.fused_bits, *self._turns()))
        return int(edges.weight_bits(a, w, acc, r, c, n, self.bits[1]))

    def _turns(self) -> tuple[int, int]:
        """Turns that a fused unit takes for each operand."""
        from accsim.simulate.inner_product.datapaths import fused_width  # noqa: PLC0415

        a, w = (max(1, -(-fused_width(self.path, bits) // self.path.fused_bits)) for bits in self.bits)
        return a, w

    def _wait(self, brings: set[Operand], leaves: bool, r: int, c: int, n: int, spent: int) -> None:
        """Hold the array until every port has delivered, or taken, the step's words."""
        worst, name = spent, None
        for port in self.ports:
            bits = 0
            if Operand.WEIGHT in port.operands & brings:
                bits += r * n * self.place.bits(Operand.WEIGHT)
            if Operand.IFMAP in port.operands & brings:
                bits += c * n * self.place.bits(Operand.IFMAP)
            if leaves and Operand.PSUM in port.operands and not port.operands & INPUTS:
                bits += r * c * self.place.bits(Operand.PSUM)
            edge = spent
            while edge * port.bits_per_cycle < bits:
                edge += 1
            if edge > worst:
                worst, name = edge, port.name
        if name is not None:
            self.seen.stalls[name] = self.seen.stalls.get(name, 0) + worst - spent

    def _slots(self, r: int, c: int, n: int, spent: int) -> None:
        """Slots of a step without a new MAC, by cause."""
        seen, work = self.seen, r * c * n
        own = self._own(r, c, n, spent)
        seen.idle["filters"] += (self.rows - r) * self.cols * self.lanes * spent
        seen.idle["windows"] += r * (self.cols - c) * self.lanes * spent
        seen.idle["lanes"] += r * c * (self.lanes - n) * spent
        seen.idle["further_edges"] += own - work
        seen.idle["synchronisation"] += work * spent - own
        seen.at_work += work * spent
        seen.busy = seen.at_work // self.rate.products
        seen.active = max(seen.active, r * c * -(-n // self.rate.products))

    def _own(self, r: int, c: int, n: int, spent: int) -> int:
        """Edges that the lanes have work of their own in, at least one each."""
        rate = self.rate
        if rate.follows is Follows.WIDTHS:
            return r * c * n * spent
        if rate.follows is Follows.TERM_PAIRS:
            pairs = self.a_count[None, :c, :n] * self.w_count[:r, None, :n]
            return int(np.maximum(pairs, 1).sum())
        total = 0
        for value in self.a[:c, :n].ravel().tolist():
            mine = self._alone(abs(value))
            total += max(1, mine) * (rate.edges if rate.follows is Follows.WIDTH_USED else 1)
        return total * r

    def _alone(self, value: int) -> int:
        """Edges, or bits, of one activation."""
        rate = self.rate
        if rate.follows is Follows.WIDTH_USED:
            if value == 0:
                return 1
            low = (value & -value).bit_length() - 1 if rate.trim_low else 0
            return -(-(value.bit_length() - low) // rate.serial_bits) + rate.sign
        return bin(value ^ 3 * value if rate.digits == "booth" else value).count("1")


def rate_sign(rate: Rate, bits: int, at_once: int) -> int:
    """Edges for the sign."""
    return rate.edges - -(-bits // at_once)


class _Seen:
    """What is seen of a layer as it runs."""

    def __init__(self) -> None:
        self.compute = self.macs = self.zero_macs = self.busy = self.at_work = self.active = self.zeros_held = 0
        self.stalls: dict[str, int] = {}
        self.idle = dict.fromkeys(("filters", "windows", "lanes", "further_edges", "synchronisation"), 0)
        self.words = TileWords()


def _on_axes(flow: TiledDataflow) -> str:
    return "".join((*flow.rows, *flow.cols, *flow.lanes))


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
