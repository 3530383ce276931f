"""A systolic array built of one object per PE and advanced one clock edge at a time: slow, obvious, causal.

Registers hold real integers. A word carries the fold and the stream step it belongs to, as valid bits and addresses do
in hardware; a PE multiplies only words of the same step. ``Conflict`` is raised when a register would have to hold two
words, when a word is not taken in time, or when a MAC lacks an operand. Nothing about timing is computed: edges, words,
hops and latches are counted as they happen, and the distance between folds is found by trying.

Every register can be looked at after every edge (``dumped``): the word it holds, or that it holds none. An input
register that streams holds the word its PE works with on that edge. A stationary word waits in ``load`` and is in use
in ``held``. A sum is in ``psum`` (on its way down a chain, growing in its PE, or a product on its way into the adder
tree) and, once complete in its PE, in ``leaving``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from itertools import pairwise, product

from accsim.mapping.dataflow import Axis, Delivery, Drain, Reduction, SystolicDataflow
from accsim.workload.layer import Geometry, Operand
from tests.naive.systolic_folds import Fold, Tensors, fold_tiles
from tests.naive.systolic_pe import IFMAP, PSUM, WEIGHT, At, Conflict, Observed, Taking, Word
from tests.naive.systolic_sums import Sums


class Machine(Sums):
    """The array, its edge and its clock."""

    dumped: Container[int] = ()
    """Edges after which the registers are dumped."""

    # --- streamed words --------------------------------------------------------------------------------------------

    def wire(self, operand: Operand, i: int, j: int) -> Word | None:
        """What PE(i, j) sees of a streamed operand on this edge."""
        how, entry = self.delivery[operand], self.first_sharer(operand, i, j)
        if how is Delivery.HOP and not entry:
            back = (i, j - 1) if self.shared(operand, Axis.COLS) and j > 0 else (i - 1, j)
            word = self.pe[back].hop[operand]
            if word is None or i >= word.fold.a or j >= word.fold.b:
                return None
            self.seen.hops[operand] += not word.part
        else:
            due = self.due(i, j)
            if due is None:
                return None
            word = self.fetch(operand, due[0], i, j, *due[1:])
            if (how is Delivery.UNICAST or entry) and not word.part:
                self.seen.enter(operand)
            self.seen.delivered[operand] += not word.part
        self.seen.latched[operand] += not word.part
        return word

    # --- one clock edge --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Advance every register by one edge."""
        reach = 4 * (self.R + self.C)
        self.started = [(s, f) for s, f in self.started if self.now <= s + self.length(f) + reach]
        self.loading = [load for load in self.loading if self.now <= load[0] + reach]
        wires = {(o, at): self.wire(o, *at) for o in self.streaming for at in self.grid}
        products: dict[At, Word] = {}
        working = False
        for at in self.grid:
            word = self.multiply(*at, [wires[o, at] for o in self.streaming])
            working = working or word is not None
            if word is not None and word.part == self.per_mac - 1:
                products[at] = word
                self.seen.macs[at] += 1
        loaded = self.move_loads()
        if self.flow.reduction is Reduction.CHAIN:
            self.move_chain(products)
        elif self.flow.reduction is Reduction.ADDER_TREE:
            self.move_tree(products)
        else:
            self.move_sums(products)
        for o in self.streaming:
            for at in self.grid:
                self.pe[at].hop[o] = wires[o, at]
        if working:
            self.seen.compute += 1
        elif loaded:
            self.seen.fill += 1
        else:
            self.seen.drain += 1
        if self.now in self.dumped:
            self.seen.dumps[self.now] = self.dump()
        self.seen.words.append(Counter())
        self.now += 1

    def multiply(self, i: int, j: int, words: list[Word | None]) -> Word | None:
        if all(w is None for w in words):
            return None
        if any(w is None for w in words):
            raise Conflict(f"PE({i}, {j}) lacks an operand on edge {self.now}")
        fold, t, part = words[0].fold, words[0].t, words[0].part
        if any((w.fold, w.t, w.part) != (fold, t, part) for w in words):
            raise Conflict(f"PE({i}, {j}) is given two different steps on edge {self.now}")
        if self.stationary is PSUM:
            return self.product(dict(zip(self.streaming, words, strict=True)), i, j)
        pe = self.pe[i, j]
        if fold.first and t == part == 0:
            if self.delivery[self.stationary] is Delivery.PRELOAD and i == 0:
                late = [row for row in range(fold.a) if not self.loaded(fold, row, j)]
                if late:
                    raise Conflict(f"the stream reaches column {j} before its rows {late} are loaded")
            if pe.load is None or pe.load.fold is not fold:
                raise Conflict(f"PE({i}, {j}) starts without its stationary word on edge {self.now}")
            pe.held, pe.load = pe.load, None
        if pe.held is None or pe.held.fold is not fold.opener:
            raise Conflict(f"PE({i}, {j}) works with another fold's stationary word")
        return self.product({self.streaming[0]: words[0], self.stationary: pe.held}, i, j)

    def product(self, words: dict[Operand, Word], i: int, j: int) -> Word:
        """What the PE has of a MAC's product; with the last part, as it enters the sum."""
        pixel, weight, streamed = words[IFMAP].value, words[WEIGHT].value, words[self.streaming[0]]
        pe, part = self.pe[i, j], streamed.part
        pe.own = (pe.own if part else 0) + self.taking.parts(pixel, weight)[part]
        self.seen.zeros += pixel == 0 and not part
        value = self.tensors.product(pixel, weight) if self.per_mac == 1 else pe.own
        return Word(value, streamed.fold, streamed.t, i, part=part)

    # --- stationary words ------------------------------------------------------------------------------------------

    def move_loads(self) -> bool:
        """Shift or deliver stationary words; whether any register was loaded."""
        arriving: dict[At, Word] = {}
        operand, busy = self.stationary, False
        if operand is PSUM:
            return False
        shared_rows = self.shared(operand, Axis.ROWS)
        for (i, j), pe in self.pe.items():
            word = pe.load
            if word is None or self.delivery[operand] is not Delivery.PRELOAD:
                continue
            if shared_rows and word.fresh and i + 1 < word.fold.a:
                arriving[i + 1, j] = Word(word.value, word.fold)
                self.seen.hops[operand] += 1
            elif not shared_rows and word.row > i:
                arriving[i + 1, j], pe.load = word, None
                self.seen.hops[operand] += 1
            word.fresh = False
        for begun, fold, skewed in self.loading:
            for (i, j), word in self.entering(begun, fold, skewed).items():
                if (i, j) in arriving:
                    raise Conflict(f"two stationary words enter PE({i}, {j})")
                arriving[i, j] = word
        for at, word in arriving.items():
            if self.pe[at].load is not None:
                raise Conflict(f"the shadow register of PE{at} is overwritten on edge {self.now}")
            self.pe[at].load = word
            self.seen.latched[operand] += 1
            busy = True
        return busy

    def entering(self, begun: int, fold: Fold, skewed: bool) -> dict[At, Word]:
        """Stationary words that come from the edge of the array on this clock edge."""
        operand = self.stationary
        how, out = self.delivery[operand], {}
        for i, j in product(range(fold.a), range(fold.b)):
            if how is not Delivery.PRELOAD:
                if self.now - begun == self.behind(i, j):
                    out[i, j] = self.fetch(operand, fold, i, j, 0)
                    entry = self.first_sharer(operand, i, j)
                    if how is Delivery.HOP and not entry:
                        self.seen.hops[operand] += 1
                    else:
                        self.seen.delivered[operand] += 1
                        if how is Delivery.UNICAST or entry:
                            self.seen.enter(operand)
            elif i == 0:
                m = self.now - begun - (self.behind(0, j) if skewed else 0)
                row = 0 if self.shared(operand, Axis.ROWS) else fold.a - 1 - m
                if 0 <= m < (1 if self.shared(operand, Axis.ROWS) else fold.a):
                    out[0, j] = self.fetch(operand, fold, row, j, 0)
                    self.seen.delivered[operand] += 1
                    if j == 0 or not self.shared(operand, Axis.COLS):
                        self.seen.enter(operand)
        return out

    # --- what is still going on ------------------------------------------------------------------------------------

    def streaming_now(self) -> bool:
        """Whether a step is still to be done."""
        return any(
            self.now <= start + self.length(fold) - 1 + self.behind(fold.a - 1, fold.b - 1)
            for start, fold in self.started
        )

    def emptying(self) -> bool:
        """Whether a sum is on its way and not yet in the edge register."""
        if self.tree:
            return True
        chain = self.flow.reduction is Reduction.CHAIN
        for (i, _), pe in self.pe.items():
            if chain and pe.psum is not None and not pe.psum.left:
                return True
            if pe.leaving is not None:
                exit_row = (pe.leaving.fold.a if self.taps else self.R) - 1
                if self.flow.drain is Drain.DIRECT or i < exit_row:
                    return True
        return False

    def loaded(self, fold: Fold, i: int, j: int) -> bool:
        """Whether the PE has its own stationary word of ``fold``, and not one that is only passing."""
        word = self.pe[i, j].load
        passing = self.delivery[self.stationary] is Delivery.PRELOAD and not self.shared(self.stationary, Axis.ROWS)
        return word is not None and word.fold is fold and (word.row == i or not passing)

    def all_loaded(self, fold: Fold) -> bool:
        """Whether the stream may start: a preload is over; another delivery has reached the first PE."""
        preloaded = self.delivery[self.stationary] is Delivery.PRELOAD
        places = product(range(fold.a), range(fold.b)) if preloaded else [(0, 0)]
        return all(self.loaded(fold, i, j) for i, j in places)

    def finish(self) -> None:
        """Run until nothing moves."""
        while self.streaming_now() or self.emptying():
            self.tick()

    def one_after_the_other(self, folds: list[Fold]) -> None:
        """Load, stream and leave, fold by fold: there is one register for the stationary word."""
        for fold in folds:
            self.started, self.loading = [], []
            if fold.first and self.stationary is not PSUM:
                for pe in self.pe.values():
                    pe.held = pe.load = None
                self.start_load(fold, skewed=False)
                while not self.all_loaded(fold):
                    self.tick()
            self.start(fold)
            self.hold_drain = True
            while self.streaming_now():
                self.tick()
            self.hold_drain = False
            while self.emptying():
                self.tick()
            for pe in self.pe.values():
                pe.leaving = None

    def overlapped(self, groups: list[list[Fold]], spacing: list[int]) -> None:
        """Fold after fold without a gap; the next group of folds starts ``spacing`` edges after the one before it."""
        self.started, self.loading = [], []
        for pe in self.pe.values():
            pe.leaving = None
        loads = self.stationary is not PSUM
        if loads and groups[0][0].first:
            self.start_load(groups[0][0], skewed=False)
            while not self.all_loaded(groups[0][0]):
                self.tick()
        for number, group in enumerate(groups):
            begun = self.now
            if loads and number + 1 < len(groups):
                self.start_load(groups[number + 1][0], skewed=True)
            for fold in group:
                self.start(fold)
                for _ in range(self.length(fold)):
                    self.tick()
            if number + 1 < len(groups):
                while self.now < begun + spacing[number]:
                    self.tick()
        self.finish()


def spacings(
    flow: SystolicDataflow,
    rows: int,
    cols: int,
    taps: bool,
    tensors: Tensors,
    groups: list[list[Fold]],
    known: dict[object, int],
    taking: Taking,
) -> list[int]:
    """The smallest distance from each group of folds to the next without a conflict, found by trying."""
    out = []
    for one, two in pairwise(groups):
        kinds = (*((f.a, f.b, len(f.steps), f.last) for f in (*one, *two)), len(one))
        distance = known.get(kinds, sum(len(f.steps) for f in one) * taking.edges)
        while kinds not in known:
            machine = Machine(flow, rows, cols, taps, tensors, taking)
            for fold in (*one, *two):
                fold.opener = one[0] if fold in one else two[0]
            keep, one[0].first = one[0].first, True
            try:
                machine.overlapped([one, two], [distance])
                known[kinds] = distance
            except Conflict:
                distance += 1
                if distance > 1000:
                    raise
            finally:
                one[0].first = keep
        out.append(known[kinds])
    return out


def run_layer(
    flow: SystolicDataflow,
    geometry: Geometry,
    loops: list[tuple[str, int]],
    rows: int,
    cols: int,
    taps: bool,
    shadow: bool,
    tensors: Tensors,
    dumped: Container[int] = (),
    starts: list[int] | None = None,
    taking: Taking | None = None,
) -> Observed:
    """Run a layer tile by tile: with shadow registers on and on, else the array is empty when the tile changes.

    Args:
        dumped: edges after which all registers are dumped.
        taking: how PEs take a MAC in; whole if not given.
        starts: with shadow registers, the edge on which each group of folds starts; found by trying if not given.
    """
    machine = Machine(flow, rows, cols, taps, tensors, taking)
    machine.dumped = dumped
    tiles = [groups for _, groups in fold_tiles(flow, geometry, loops, rows, cols)]
    if not shadow:
        for groups in tiles:
            machine.one_after_the_other([f for g in groups for f in g])
        return machine.seen
    joined: list[list[Fold]] = []
    for group in (g for groups in tiles for g in groups):
        if joined and not group[0].first:
            joined[-1].extend(group)  # the next tile goes on with the same stationary operand, or the same sums
        else:
            joined.append(list(group))
    if starts is not None:
        gaps = [after - before for before, after in pairwise(starts)]
    else:
        openers = {id(f): f.opener for g in joined for f in g}
        gaps = spacings(flow, rows, cols, taps, tensors, joined, {}, taking or Taking())
        for f in (f for g in joined for f in g):
            f.opener = openers[id(f)]
    machine.overlapped(joined, gaps)
    return machine.seen
