"""One tile on an inner-product array: its edges, its words, and its slots."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import InitialPsum
from accsim.mapping.dataflow import TiledDataflow
from accsim.simulate.activity import Action
from accsim.simulate.edge_ports import INPUTS, EdgePort, edge_ports
from accsim.simulate.inner_product import expected, outliers
from accsim.simulate.inner_product.blocks import Blocks, blocks_of
from accsim.simulate.inner_product.by_value import KnownValues
from accsim.simulate.inner_product.datapaths import SHARING, STEPPING, Follows, Rate, rate_of
from accsim.simulate.inner_product.operands import CODES, known_ifmap, known_weight, skipped
from accsim.simulate.inner_product.steps import Steps
from accsim.simulate.ledger import OUTLIER_LANE, PE
from accsim.simulate.mac_task import MacTask
from accsim.simulate.padding import valid_in
from accsim.simulate.storage import Place
from accsim.simulate.tiled.run import Sizes, TileRun, TileWords
from accsim.workload.layer import Operand

Ints = npt.NDArray[np.int64]
Word = TypeVar("Word", bound=np.generic)
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
        self._known_steps = dict[tuple[int, ...], Steps]()
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

    @cached_property
    def _counts_values(self) -> bool:
        """Whether values decide, and are known."""
        if self.rate.follows is Follows.WIDTHS or self.ifmap is None:
            return False
        by_weight = self.rate.follows in (Follows.OUTLIERS, Follows.TERM_PAIRS)
        return not by_weight or known_weight(self._task) is not None

    @cached_property
    def _values(self) -> KnownValues:
        """The values that decide."""
        if self.ifmap is None:
            raise ValueError("no values are known")
        unrolled = {"rows": self.array.rows, "cols": self.array.cols, "lanes": self.lanes}
        weight = known_weight(self._task)
        return KnownValues(self.geometry, self.dataflow, self.rate, unrolled, self.ifmap, weight, self.signed)

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
            return (self._expected_outliers,)
        return (
            f"{self.path.kind}: cycles are expected under independent words, zero as often as the densities say and "
            "otherwise any magnitude of their bits alike; of each tile rounded up",
        )

    def expected_cycles(self, tiles: Iterable[tuple[Sizes, int]]) -> float | None:
        """Beside what is counted: what words of the same densities and widths let expect, each tile rounded up.

        See ``expected``; the width of an operand is that of its largest magnitude.
        """
        if not self._counts_values:
            return None
        densities = self._task.densities.first(self._task.values)
        blind = InnerProductArray(replace(self._task, tensors={}, values=None, densities=densities), self.place)
        bits = tuple(
            known if top is None else max(1, top.bit_length())
            for known, top in zip(self._magnitude_bits, self._values.widths(), strict=True)
        )
        blind.__dict__ |= {"signed": self.signed, "skips": self.skips, "_magnitude_bits": bits}
        if self.rate.follows is Follows.OUTLIERS:
            blind.__dict__["_outlier_shares"] = self._values.outlier_shares()
        return float(sum(n * blind.tile(sizes).compute for sizes, n in tiles))

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
        steps = self._steps_of(length, blocks)
        edges = self._edges(steps, sizes)
        weighted = steps.total(edges)
        compute = math.ceil(float(weighted.sum()) * (1 - 2.0**-50))
        stalls = self._stalls(steps, edges) if self._ports else {}
        macs = math.prod(sizes[dim].size for dim in DIMS) * self.geometry.R * self.geometry.S
        kept = math.prod(length.values())
        idle, slots, busy = self._slots(steps, weighted, compute, kept, sizes)
        used = [int(steps.used(axis).max()) for axis in ("rows", "cols", "lanes")]
        return TileRun(
            compute=compute,
            words=self._words(steps, sizes, weighted, length, busy),
            macs=macs,
            slots=slots,
            idle=idle,
            stalls=tuple((name, n) for name, n in stalls.items() if n),
            tail=self.place.accelerator.pe.pipeline_stages - 1,
            effectual=kept,
            active=used[0] * used[1] * -(-used[2] // self.rate.products),
            busy=busy,
        )

    def _steps_of(self, length: dict[str, int], blocks: Blocks | None) -> Steps:
        """The steps of a tile; those of tiles of one shape without blocks are worked out once."""
        unrolled = self.array.rows, self.array.cols, self.lanes
        if blocks is not None:
            return Steps(self.dataflow, length, *unrolled, self._counts_values, blocks)
        key = tuple(length.values())
        if key not in self._known_steps:
            self._known_steps[key] = Steps(self.dataflow, length, *unrolled, self._counts_values)
        return self._known_steps[key]

    def _stalls(self, steps: Steps, edges: npt.NDArray[np.float64] | Ints) -> dict[str, int]:
        """Edges that the array is held for each port."""
        ports, spent, longest = self._waits(steps, edges)
        times, stalls = steps.times, dict.fromkeys(ports, 0)
        for i, name in enumerate(ports):
            stalls[name] += math.ceil(float((times * np.where(longest == i, spent - edges, 0)).sum()) * (1 - 2.0**-50))
        return stalls

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
            return self._values.edges(sizes, steps)
        used = np.broadcast_arrays(*(steps.used(axis) for axis in ("rows", "cols", "lanes")))
        ifmap, weight = self._task.known_densities.ifmap, self._task.known_densities.weight
        bits = self._magnitude_bits
        activation, second = (bits[0], 1.0 if ifmap is None else ifmap), (bits[1], 1.0 if weight is None else weight)
        if rate.follows is Follows.OUTLIERS:
            among = self._outlier_shares
            each = [
                outliers.expected_edges(*among, int(r), int(c), int(n), rate.outlier_lanes)
                for r, c, n in zip(*(one.ravel() for one in used), strict=True)
            ]
            return np.array(each).reshape(used[0].shape)
        each = [
            expected.edges(rate, activation, second, int(r), int(c), int(n))
            for r, c, n in zip(*(one.ravel() for one in used), strict=True)
        ]
        return np.array(each).reshape(used[0].shape)

    @cached_property
    def _outlier_shares(self) -> tuple[float, float]:
        """Fractions of the activations and of the weights that do not fit a narrow lane, as far as can be said."""
        known, narrow, stored = self._task.known_densities, self.rate.narrow_bits, self._task.layer.weight_statistics
        ifmap = 1.0 if known.ifmap is None else known.ifmap
        weight = 1.0 if known.weight is None else known.weight
        sign = int(self.signed)
        of_weights = outliers.share(self.weight_bits - 1, weight, narrow - 1)
        if stored.outliers is not None and stored.bits is not None and stored.bits <= narrow:
            of_weights = stored.outliers
        return outliers.share(self.activation_bits - sign, ifmap, narrow - sign), of_weights

    @property
    def _expected_outliers(self) -> str:
        of_ifmap, of_weights = self._outlier_shares
        return (
            f"outlier_lane: cycles are expected with independent outliers: {of_ifmap:.3g} of the activations and "
            f"{of_weights:.3g} of the weights need more than {self.rate.narrow_bits} bits"
        )

    def _outliers(self, sizes: Sizes, macs: int) -> int:
        """Products of a tile that take a wide lane."""
        if not self._counts_values:
            of_ifmap, of_weights = self._outlier_shares
            return round(macs * (1 - (1 - of_ifmap) * (1 - of_weights)))
        return self._values.wide_products(sizes)

    @cached_property
    def _magnitude_bits(self) -> tuple[int, int]:
        """Bits of the magnitudes of activations and weights."""
        return max(1, self.activation_bits - self.signed), max(1, self.weight_bits - 1)

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
        self, steps: Steps, weighted: npt.NDArray[np.float64] | Ints, compute: int, kept: int, sizes: Sizes
    ) -> tuple[tuple[tuple[str, int], ...], int, int]:
        """Slots without a new MAC by cause, all slots, and cycles of PEs at work.

        Args:
            weighted: edges by what is at work on rows, columns and lanes, of all steps.
        """
        array = self.array
        rows, cols, lanes = (steps.used(axis) for axis in ("rows", "cols", "lanes"))
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
        return self._values.own(sizes, kept)

    def _words(
        self, steps: Steps, sizes: Sizes, weighted: npt.NDArray[np.float64] | Ints, length: dict[str, int], busy: int
    ) -> TileWords:
        n, g, m, c, p, q = (sizes[dim] for dim in DIMS)
        pixels = valid_in(self.geometry, p, q) * n.size * g.size * c.size * steps.repeats(Operand.IFMAP)
        weights = g.size * m.size * c.size * self.geometry.R * self.geometry.S
        if length["lanes"] < self._reduced(sizes):
            weights = weights // max(1, self._reduced(sizes)) * length["lanes"]
        sums = g.size * m.size * n.size * p.size * q.size * steps.repeats(Operand.PSUM)
        updates = self._whole(weighted * steps.used("rows") * steps.used("cols"))
        weights *= steps.repeats(Operand.WEIGHT)
        actions = {}
        if self.rate.follows is Follows.OUTLIERS:
            macs = math.prod(sizes[dim].size for dim in DIMS) * self.geometry.R * self.geometry.S
            actions[OUTLIER_LANE, Operand.COMPUTE, Action.MAC] = (self._outliers(sizes, macs), 0)
        if self.path.kind in STEPPING:
            actions[PE, Operand.COMPUTE, Action.STEP] = (busy, 0)
        if self.path.kind in SHARING:
            actions[PE, Operand.COMPUTE, Action.ACCUMULATE] = (updates, 0)
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
