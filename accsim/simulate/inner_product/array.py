"""One tile on an inner-product array: its edges, its words, and its slots."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import TiledDataflow
from accsim.simulate.activity import Action
from accsim.simulate.edge_ports import INPUTS, EdgePort, edge_ports
from accsim.simulate.inner_product import expected, groups
from accsim.simulate.inner_product.blocks import Blocks, blocks_of
from accsim.simulate.inner_product.datapaths import STEPPING, Follows, Rate, rate_of
from accsim.simulate.inner_product.operands import CODES, known_ifmap, known_weight, skipped
from accsim.simulate.inner_product.outliers import beyond, products
from accsim.simulate.inner_product.steps import Steps
from accsim.simulate.ledger import PE
from accsim.simulate.mac_task import MacTask
from accsim.simulate.padding import valid_in
from accsim.simulate.storage import Place
from accsim.simulate.tiled.run import Sizes, TileRun, TileWords
from accsim.workload.layer import Operand

Ints = npt.NDArray[np.int64]
DIMS = ("N", "G", "M", "C", "P", "Q")


class InnerProductArray:
    """The array of a layer.

    Args:
        task: the layer; its values, where it carries them, decide what datapaths that follow values take.
        place: the layer on a machine whose operand widths are the layer's.
    """

    def __init__(self, task: MacTask, place: Place) -> None:
        if not isinstance(place.mapping.dataflow, TiledDataflow):
            raise TypeError(f"{place.mapping.dataflow.name} is no dataflow of tiles")
        flow = place.mapping.dataflow
        self.place, self.geometry = place, place.nest.geometry
        self.dataflow = flow.of_first_layer() if place.reads_input else flow
        self.array, self.path = place.accelerator.array, place.accelerator.pe.datapath
        self._task, self._runs = task, dict[tuple[object, ...], TileRun]()
        self.weight_bits = place.accelerator.bits(task.weight_name)
        self.activation_bits = place.accelerator.bits(Operand.IFMAP)
        returns = place.accelerator.array.initial_psum is InitialPsum.READ
        self._ports = list(edge_ports(place.accelerator, returns))

    @cached_property
    def ifmap(self) -> Ints | None:
        """Values of the ifmap, if they are known."""
        return known_ifmap(self._task)

    @cached_property
    def signed(self) -> bool:
        """Whether an activation is negative, as far as they are known."""
        return self.ifmap is not None and int(self.ifmap.min(initial=0)) < 0

    @cached_property
    def rate(self) -> Rate:
        """The datapath on the layer's operands."""
        g = self.geometry
        connected = g.P * g.Q * g.R * g.S == 1
        return rate_of(self.path, self.weight_bits, self.activation_bits, self.signed, connected)

    @cached_property
    def skips(self) -> bool:
        """Whether lanes take only the weights that n of m keep."""
        on_lanes = bool(self.path.n) and "C" in self.dataflow.lanes
        return on_lanes and skipped(self._task, self.path.n, self.path.m)

    def zero_macs(self, done: int) -> int:
        """MACs of those that took a slot whose ifmap word, or place for a weight, is zero."""
        values = self._task.values
        if (
            self.skips
            and values is not None
            and values.effectual_macs is not None
            and values.weight_density is not None
        ):
            return done - values.effectual_macs
        return self._task.zeros_among(done)

    @property
    def by_value(self) -> bool:
        """Whether tiles of one shape may differ: values decide, and are known, or tiles cut blocks of weights apart."""
        cuts = (
            any(loop.dim == "C" and loop.step % self.path.m for loop in self.place.nest.loops) if self.skips else False
        )
        return cuts or self._counts_values

    @property
    def _counts_values(self) -> bool:
        """Whether values decide, and are known."""
        if self.rate.follows is Follows.WIDTHS or self.ifmap is None:
            return False
        both = self.rate.follows in (Follows.TERM_PAIRS, Follows.OUTLIERS)
        return not both or known_weight(self._task) is not None

    @property
    def macs_per_pe(self) -> int:
        """Products that a lane takes in at once."""
        return self.rate.products

    @property
    def lanes(self) -> int:
        """Products of a row and column in a step."""
        return self.array.lanes * self.rate.products

    def notes(self) -> tuple[str, ...]:
        """On what the edges of a step rest."""
        taken = CODES.get(self.path.kind)
        if taken is not None and self._task.layer.weight_statistics.code is None:
            return (f"its weights are taken for {taken[0].replace('_', ' ')} codes: nothing says what they are",)
        if self.path.n and "C" not in self.dataflow.lanes:
            return ("its dataflow has no channels on the lanes, so that no weight of a block is skipped",)
        if self.path.n and not self.skips:
            return (f"its weights are not {self.path.n} of {self.path.m}: every one takes a lane",)
        if self.rate.follows is Follows.WIDTHS or self._counts_values:
            return ()
        if self.rate.follows is Follows.OUTLIERS:
            return (
                f"{self.path.kind}: cycles are expected with {self.rate.share:.3g} of the words outliers, independent "
                "of each other; of each tile rounded up",
            )
        return (
            f"{self.path.kind}: cycles are expected under independent words, zero as often as the densities say and "
            "otherwise any magnitude of their bits alike; of each tile rounded up",
        )

    def tile(self, sizes: Sizes) -> TileRun:
        """What the array does with a tile."""
        if self._counts_values:
            return self._run(sizes)
        cut = sizes["C"].start % self.path.m if self.skips else 0
        key = (*(sizes[dim].size for dim in DIMS), cut, valid_in(self.geometry, sizes["P"], sizes["Q"]))
        if key not in self._runs:
            self._runs[key] = self._run(sizes)
        return self._runs[key]

    def _run(self, sizes: Sizes) -> TileRun:
        length, blocks = self._lengths(sizes), self._blocks(sizes)
        if blocks is not None:
            length["lanes"] = int(blocks.kept.sum())
        steps = Steps(self.dataflow, length, self.array.rows, self.array.cols, self.lanes, self._counts_values, blocks)
        edges = self._edges(steps, sizes)
        times = steps.times
        ports, spent, longest = self._waits(steps, edges)
        compute = math.ceil(float((times * edges).sum()) * (1 - 2.0**-50))
        stalls = dict.fromkeys(ports, 0)
        for i, name in enumerate(ports):
            stalls[name] += math.ceil(float((times * np.where(longest == i, spent - edges, 0)).sum()) * (1 - 2.0**-50))
        macs = math.prod(sizes[dim].size for dim in DIMS) * self.geometry.R * self.geometry.S
        kept = math.prod(length.values())
        idle, slots, busy = self._slots(steps, edges, compute, kept, sizes)
        used = [int(steps.used(axis).max()) for axis in ("rows", "cols", "lanes")]
        return TileRun(
            compute=compute,
            words=self._words(steps, sizes, edges, length, busy),
            macs=macs,
            slots=slots,
            idle=idle,
            stalls=tuple((name, n) for name, n in stalls.items() if n),
            tail=self.place.accelerator.pe.pipeline_stages - 1,
            effectual=kept,
            active=used[0] * used[1] * -(-used[2] // self.rate.products),
            busy=busy,
        )

    def _lengths(self, sizes: Sizes) -> dict[str, int]:
        """Length of every fold."""
        g, out = self.geometry, dict[str, int]()
        for name in self.dataflow.folds:
            dims = self.dataflow.axis(name)
            out[name] = math.prod(getattr(g, dim) if dim in "RS" else sizes[dim].size for dim in dims)
        return out

    def _blocks(self, sizes: Sizes) -> Blocks | None:
        """What is on the lanes of a tile where weights are skipped."""
        if not self.skips:
            return None
        g, dims = self.geometry, self.dataflow.lanes
        size = {dim: getattr(g, dim) if dim in "RS" else sizes[dim].size for dim in dims}
        return blocks_of(dims, size, sizes["C"], self.lanes, self.path.n, self.path.m)

    def _edges(self, steps: Steps, sizes: Sizes) -> npt.NDArray[np.float64] | Ints:
        """Edges of each class of steps, as far as the datapath goes."""
        rate = self.rate
        if rate.follows is Follows.WIDTHS:
            return np.full([1] * len(steps.folds), rate.edges, np.int64)
        if self._counts_values:
            return self._by_value(sizes)
        used = np.broadcast_arrays(*(steps.used(axis) for axis in ("rows", "cols", "lanes")))
        ifmap, weight = self._task.known_densities.ifmap, self._task.known_densities.weight
        activation = max(1, self.activation_bits - self.signed), 1.0 if ifmap is None else ifmap
        second = max(1, self.weight_bits - 1), 1.0 if weight is None else weight
        each = [
            expected.edges(rate, activation, second, int(r), int(c), int(n))
            for r, c, n in zip(*(one.ravel() for one in used), strict=True)
        ]
        return np.array(each).reshape(used[0].shape)

    @cached_property
    def _magnitudes(self) -> Ints:
        """Of the activations."""
        return groups.narrow(np.abs(np.zeros(0, np.int64) if self.ifmap is None else self.ifmap))

    @cached_property
    def _terms(self) -> Ints:
        """Terms of every activation."""
        return groups.terms(self._magnitudes, self.rate.digits)

    @cached_property
    def _weight_terms(self) -> Ints:
        """Terms of every weight; empty where they are not known."""
        weight = known_weight(self._task)
        return groups.terms(
            groups.narrow(np.abs(np.zeros(0, np.int64) if weight is None else weight)), self.rate.digits
        )

    @cached_property
    def _own_more(self) -> Ints:
        """Edges of every activation for itself, beyond those of a zero; padding is 0 and takes what a zero takes."""
        rate = self.rate
        if rate.follows is Follows.WIDTH_USED:
            bits = -(-groups.width(self._magnitudes.astype(np.int64), rate.trim_low) // rate.serial_bits)
            return (np.where(bits > 0, bits + rate.sign, 1) - 1) * rate.edges
        return (np.maximum(self._terms.astype(np.int64), 1) - 1) * rate.edges

    @property
    def _unrolled(self) -> dict[str, int]:
        return {"rows": self.array.rows, "cols": self.array.cols, "lanes": self.lanes}

    def _activations(self, sizes: Sizes, words: Ints) -> Ints:
        """Activations laid out along the folds, then rows (one), columns and lanes."""
        return groups.laid_out(groups.windows(words, self.geometry, sizes), "NGCPQRS", self.dataflow, self._unrolled)

    def _weights(self, sizes: Sizes, words: Ints) -> Ints:
        return groups.laid_out(groups.filters(words, self.geometry, sizes), "GMCRS", self.dataflow, self._unrolled)

    def _by_value(self, sizes: Sizes) -> Ints:
        """Edges of each step, from values: the group that works together waits for the slowest of it."""
        rate, together = self.rate, (-3, -2, -1)
        match rate.follows:
            case Follows.WIDTH_USED:
                ored = np.bitwise_or.reduce(self._activations(sizes, self._magnitudes), axis=together).astype(np.int64)
                bits = -(-groups.width(ored, rate.trim_low) // rate.serial_bits)
                edges = np.where(bits > 0, bits + rate.sign, 1) * rate.edges
            case Follows.TERMS_MET:
                met = groups.met(self._magnitudes, rate.digits)
                ored = np.bitwise_or.reduce(self._activations(sizes, met), axis=together)
                edges = np.maximum(np.bitwise_count(ored).astype(np.int64), 1) * rate.edges
            case Follows.MOST_TERMS:
                edges = np.maximum(self._activations(sizes, self._terms).max(axis=together), 1) * rate.edges
            case Follows.OUTLIERS:
                most = self._outliers(sizes).max(axis=together)
                edges = np.broadcast_to(np.maximum(most, 1), most.shape)
            case _:
                a = self._activations(sizes, self._terms).max(axis=(-3, -2))
                w = self._weights(sizes, self._weight_terms).max(axis=(-3, -2))
                edges = np.maximum((a * w).max(axis=-1), 1)
        return np.asarray(edges, np.int64)

    def _outliers(self, sizes: Sizes) -> Ints:
        """Products of outliers of each step, row, column and group of lanes."""
        ifmap, weight = known_ifmap(self._task), known_weight(self._task)
        if ifmap is None or weight is None:
            raise ValueError("outliers are counted from values")
        bits = self.rate.normal_bits
        a = self._activations(sizes, beyond(ifmap, bits, self.signed))
        return products(a, self._weights(sizes, beyond(weight, bits, True)), self.rate.group)

    def _wide(self, sizes: Sizes, kept: int) -> int:
        """Products of outliers in a tile."""
        if self._counts_values:
            return int(self._outliers(sizes).sum())
        return round(kept * (1 - (1 - self.rate.share) ** 2))

    def _port_edges(self, steps: Steps, port: EdgePort) -> Ints:
        """Edges that a port needs for each class of steps."""
        place, rows, cols, lanes = self.place, steps.used("rows"), steps.used("cols"), steps.used("lanes")
        bits = np.zeros([1] * len(steps.folds), np.int64)
        if Operand.WEIGHT in port.operands:
            bits = bits + np.where(steps.brings(Operand.WEIGHT), rows * lanes * place.bits(Operand.WEIGHT), 0)
        if Operand.IFMAP in port.operands:
            words = cols * steps.picked_from()
            bits = bits + np.where(steps.brings(Operand.IFMAP), words * place.bits(Operand.IFMAP), 0)
        if Operand.PSUM in port.operands and not port.operands & INPUTS:
            bits = bits + np.where(steps.finishes(), rows * cols * place.bits(Operand.PSUM), 0)
        return -(-bits // port.bits_per_cycle)

    def _waits(
        self, steps: Steps, edges: npt.NDArray[np.float64] | Ints
    ) -> tuple[list[str], npt.NDArray[np.float64] | Ints, Ints]:
        """Names of the ports, edges of each class of steps with them, and which port makes it last; -1 for none."""
        names: list[str] = []
        spent, longest = edges, np.full([1] * len(steps.folds), -1, np.int64)
        for i, port in enumerate(self._ports):
            names.append(port.name)
            needed = self._port_edges(steps, port)
            longest = np.where(needed > spent, i, longest)
            spent = np.maximum(spent, needed)
        return names, spent, longest

    def _slots(
        self, steps: Steps, edges: npt.NDArray[np.float64] | Ints, compute: int, kept: int, sizes: Sizes
    ) -> tuple[tuple[tuple[str, int], ...], int, int]:
        """Slots without a new MAC by cause, all slots, and cycles of PEs at work."""
        array, times = self.array, steps.times
        rows, cols, lanes = (steps.used(axis) for axis in ("rows", "cols", "lanes"))
        weighted = times * edges
        slots = array.rows * array.cols * self.lanes * compute
        by_row = self._whole(weighted * (array.rows - rows) * array.cols * self.lanes)
        by_col = self._whole(weighted * rows * (array.cols - cols) * self.lanes)
        by_lane = self._whole(weighted * rows * cols * (self.lanes - lanes))
        at_work = slots - by_row - by_col - by_lane
        own = self._own_edges(sizes, kept)
        idle = [("filters", by_row), ("windows", by_col), ("lanes", by_lane)]
        more = own - kept
        idle += [("further_edges", more), ("synchronisation", at_work - kept - more)]
        units = -(-lanes // self.rate.products)
        return tuple((name, n) for name, n in idle if n), slots, self._whole(weighted * rows * cols * units)

    def _whole(self, each: npt.NDArray[np.float64] | Ints) -> int:
        return round(float(each.sum())) if each.dtype.kind == "f" else int(each.sum())

    def _own_edges(self, sizes: Sizes, kept: int) -> int:
        """Edges that MACs take for themselves, one at least; without what they wait for each other."""
        rate = self.rate
        if not self._counts_values:
            return kept * rate.edges if rate.follows is Follows.WIDTHS else kept
        if rate.follows is Follows.OUTLIERS:
            return kept
        if rate.follows is Follows.TERM_PAIRS:
            return self._own_pairs(sizes)
        seen = groups.windows(self._own_more, self.geometry, sizes)
        return (int(seen.sum(dtype=np.int64)) + seen.size * rate.edges) * sizes["M"].size

    def _own_pairs(self, sizes: Sizes) -> int:
        a = groups.windows(self._terms, self.geometry, sizes)
        w = groups.filters(self._weight_terms, self.geometry, sizes)
        pairs = int((a.sum(axis=(0, 3, 4), dtype=np.int64) * w.sum(axis=1, dtype=np.int64)).sum())
        some_a = (a > 0).sum(axis=(0, 3, 4))
        some_w = (w > 0).sum(axis=1)
        return pairs + a.size * sizes["M"].size - int((some_a * some_w).sum())

    def _words(
        self, steps: Steps, sizes: Sizes, edges: npt.NDArray[np.float64] | Ints, length: dict[str, int], busy: int
    ) -> TileWords:
        n, g, m, c, p, q = (sizes[dim] for dim in DIMS)
        pixels = valid_in(self.geometry, p, q) * n.size * g.size * c.size * steps.repeats(Operand.IFMAP)
        weights = g.size * m.size * c.size * self.geometry.R * self.geometry.S
        if length["lanes"] < self._reduced(sizes):
            weights = weights // max(1, self._reduced(sizes)) * length["lanes"]
        sums = g.size * m.size * n.size * p.size * q.size * steps.repeats(Operand.PSUM)
        updates = self._whole(steps.times * edges * steps.used("rows") * steps.used("cols"))
        weights *= steps.repeats(Operand.WEIGHT)
        actions = {}
        if self.path.kind in STEPPING:
            actions[PE, Operand.COMPUTE, Action.STEP] = (busy, 0)
        if self.rate.follows is Follows.OUTLIERS:
            actions[PE, Operand.COMPUTE, Action.STEP] = (self._wide(sizes, math.prod(length.values())), 0)
        return TileWords(
            ifmap=pixels,
            weight=weights,
            psum_out=sums,
            ifmap_held=pixels,
            weight_held=weights,
            psum_kept=updates,
            actions=actions,
        )

    def _reduced(self, sizes: Sizes) -> int:
        """Products on the lanes, skipped ones too."""
        g = self.geometry
        return math.prod(getattr(g, dim) if dim in "RS" else sizes[dim].size for dim in self.dataflow.lanes)
