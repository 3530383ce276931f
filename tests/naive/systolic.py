"""A systolic array built of one object per PE and advanced one clock edge at a time: slow, obvious, causal.

Registers hold real integers. A word carries the fold and the stream step it belongs to, as valid bits and addresses do
in hardware; a PE multiplies only words of the same step. ``Conflict`` is raised when a register would have to hold two
words, when a word is not taken in time, or when a MAC lacks an operand. Nothing about timing is computed: edges, words,
hops and latches are counted as they happen, and the distance between folds is found by trying.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise, product

from accsim.mapping.dataflow import REDUCED, Axis, Delivery, Drain, Reduction, SystolicDataflow
from accsim.workload.layer import Geometry, Operand
from tests.naive.systolic_folds import Fold, Tensors, fold_tiles

IFMAP, WEIGHT, PSUM = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM


class Conflict(Exception):
    """Two words in one register, a word lost, or an operand missing."""


@dataclass(eq=False)
class Word:
    """A number in a register, and where it belongs."""

    value: int
    fold: Fold
    t: int = 0
    row: int = 0
    fresh: bool = True


@dataclass
class Observed:
    """What was seen: edges by what the array did, words by operand, MACs by PE, and sums that left (by output)."""

    compute: int = 0
    fill: int = 0
    drain: int = 0
    edge: Counter[Operand] = field(default_factory=Counter)
    delivered: Counter[Operand] = field(default_factory=Counter)
    hops: Counter[Operand] = field(default_factory=Counter)
    latched: Counter[Operand] = field(default_factory=Counter)
    macs: Counter[tuple[int, int]] = field(default_factory=Counter)
    outputs: dict[tuple[int, ...], int] = field(default_factory=dict)
    returned: int = 0

    @property
    def edges(self) -> int:
        return self.compute + self.fill + self.drain


@dataclass
class Pe:
    """The registers of one PE."""

    hop: dict[Operand, Word | None]
    load: Word | None = None
    held: Word | None = None
    psum: Word | None = None
    leaving: Word | None = None
    free_at: int = 0


class Machine:
    """The array, its edge and its clock."""

    def __init__(self, flow: SystolicDataflow, rows: int, cols: int, taps: bool, tensors: Tensors) -> None:
        self.flow, self.R, self.C, self.taps, self.tensors = flow, rows, cols, taps, tensors
        self.delivery = {IFMAP: flow.ifmap, WEIGHT: flow.weight}
        self.stationary = flow.stationary
        self.streaming = [o for o in (IFMAP, WEIGHT) if o is not self.stationary]
        self.lag = {axis: self._lag(axis) for axis in (Axis.ROWS, Axis.COLS)}
        self.grid = list(product(range(rows), range(cols)))
        self.pe = {at: Pe(dict.fromkeys(self.streaming)) for at in self.grid}
        self.seen = Observed()
        self.now = 0
        self.started: list[tuple[int, Fold]] = []
        self.loading: list[tuple[int, Fold, bool]] = []
        self.tree: list[tuple[Word, list[int]]] = []
        self.last_mac = self.last_event = -1
        self.hold_drain = False

    def _lag(self, axis: Axis) -> int:
        """A neighbour works one edge later when anything is handed to it along the axis."""
        handed = any(how is Delivery.HOP and not self.flow.depends(o, axis) for o, how in self.delivery.items())
        summed = self.flow.reduction is Reduction.CHAIN and bool(REDUCED & set(self.flow.axis(axis)))
        return 1 if handed or summed else 0

    def behind(self, i: int, j: int) -> int:
        """Edges by which PE(i, j) is behind PE(0, 0)."""
        return i * self.lag[Axis.ROWS] + j * self.lag[Axis.COLS]

    def shared(self, operand: Operand, axis: Axis) -> bool:
        return not self.flow.depends(operand, axis)

    # --- the edge of the array -------------------------------------------------------------------------------------

    def start(self, fold: Fold) -> None:
        """PE(0, 0) does step 0 of ``fold`` on the coming edge."""
        self.started.append((self.now, fold))

    def start_load(self, fold: Fold, skewed: bool) -> None:
        """The first stationary word of ``fold`` enters on the coming edge."""
        self.loading.append((self.now, fold, skewed))

    def due(self, i: int, j: int) -> tuple[Fold, int] | None:
        """Fold and step that PE(i, j) is to do on this edge."""
        found = [
            (fold, t)
            for start, fold in self.started
            if i < fold.a and j < fold.b and 0 <= (t := self.now - start - self.behind(i, j)) < len(fold.steps)
        ]
        if len(found) > 1:
            raise Conflict(f"PE({i}, {j}) has two steps to do on edge {self.now}")
        return found[0] if found else None

    def fetch(self, operand: Operand, fold: Fold, i: int, j: int, t: int) -> Word:
        i = 0 if self.shared(operand, Axis.ROWS) else i
        j = 0 if self.shared(operand, Axis.COLS) else j
        return Word(self.tensors.read(operand, fold.at(i, j, t)), fold, t, i)

    def first_sharer(self, operand: Operand, i: int, j: int) -> bool:
        return (i == 0 or not self.shared(operand, Axis.ROWS)) and (j == 0 or not self.shared(operand, Axis.COLS))

    def wire(self, operand: Operand, i: int, j: int) -> Word | None:
        """What PE(i, j) sees of a streamed operand on this edge."""
        how, entry = self.delivery[operand], self.first_sharer(operand, i, j)
        if how is Delivery.HOP and not entry:
            back = (i, j - 1) if self.shared(operand, Axis.COLS) and j > 0 else (i - 1, j)
            word = self.pe[back].hop[operand]
            if word is None or i >= word.fold.a or j >= word.fold.b:
                return None
            self.seen.hops[operand] += 1
        else:
            due = self.due(i, j)
            if due is None:
                return None
            word = self.fetch(operand, due[0], i, j, due[1])
            if how is Delivery.UNICAST or entry:
                self.seen.edge[operand] += 1
            self.seen.delivered[operand] += 1
        self.seen.latched[operand] += 1
        return word

    # --- one clock edge --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Advance every register by one edge."""
        reach = 4 * (self.R + self.C)
        self.started = [(s, f) for s, f in self.started if self.now <= s + len(f.steps) + reach]
        self.loading = [load for load in self.loading if self.now <= load[0] + reach]
        wires = {(o, at): self.wire(o, *at) for o in self.streaming for at in self.grid}
        products: dict[tuple[int, int], Word] = {}
        for at in self.grid:
            word = self.multiply(*at, [wires[o, at] for o in self.streaming])
            if word is not None:
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
        if products:
            self.seen.compute += 1
            self.last_mac = self.now
        elif loaded:
            self.seen.fill += 1
        else:
            self.seen.drain += 1
        self.now += 1

    def multiply(self, i: int, j: int, words: list[Word | None]) -> Word | None:
        if all(w is None for w in words):
            return None
        if any(w is None for w in words):
            raise Conflict(f"PE({i}, {j}) lacks an operand on edge {self.now}")
        fold, t = words[0].fold, words[0].t
        if any((w.fold, w.t) != (fold, t) for w in words):
            raise Conflict(f"PE({i}, {j}) is given two different steps on edge {self.now}")
        value = words[0].value
        if self.stationary is PSUM:
            return Word(value * words[1].value, fold, t, i)
        pe = self.pe[i, j]
        if fold.first and t == 0:
            if self.delivery[self.stationary] is Delivery.PRELOAD and i == 0:
                late = [row for row in range(fold.a) if not self.loaded(fold, row, j)]
                if late:
                    raise Conflict(f"the stream reaches column {j} before its rows {late} are loaded")
            if pe.load is None or pe.load.fold is not fold:
                raise Conflict(f"PE({i}, {j}) starts without its stationary word on edge {self.now}")
            pe.held, pe.load = pe.load, None
        if pe.held is None or pe.held.fold is not fold.opener:
            raise Conflict(f"PE({i}, {j}) works with another fold's stationary word")
        return Word(value * pe.held.value, fold, t, i)

    # --- stationary words ------------------------------------------------------------------------------------------

    def move_loads(self) -> bool:
        """Shift or deliver stationary words; whether any register was loaded."""
        arriving: dict[tuple[int, int], Word] = {}
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

    def entering(self, begun: int, fold: Fold, skewed: bool) -> dict[tuple[int, int], Word]:
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
                        self.seen.edge[operand] += 1 if how is Delivery.UNICAST or entry else 0
            elif i == 0:
                m = self.now - begun - (self.behind(0, j) if skewed else 0)
                row = 0 if self.shared(operand, Axis.ROWS) else fold.a - 1 - m
                if 0 <= m < (1 if self.shared(operand, Axis.ROWS) else fold.a):
                    out[0, j] = self.fetch(operand, fold, row, j, 0)
                    self.seen.delivered[operand] += 1
                    self.seen.edge[operand] += 1 if j == 0 or not self.shared(operand, Axis.COLS) else 0
        return out

    # --- sums ------------------------------------------------------------------------------------------------------

    def leave(self, word: Word, i: int, j: int) -> None:
        """A sum is in the edge register."""
        at = word.fold.at(i, j, word.t)
        key = tuple(at[d] for d in "NGMPQ")
        self.seen.edge[PSUM] += 1
        self.seen.returned += key in self.seen.outputs
        self.seen.outputs[key] = self.seen.outputs.get(key, 0) + word.value
        self.last_event = self.now

    def reduced_axis(self) -> Axis:
        return Axis.ROWS if REDUCED & set(self.flow.rows) else Axis.COLS

    def move_chain(self, products: dict[tuple[int, int], Word]) -> None:
        """Sums move one PE along the axis they are added on; unused PEs only pass them."""
        down = self.reduced_axis() is Axis.ROWS
        old = {at: pe.psum for at, pe in self.pe.items()}
        taken: set[tuple[int, int]] = set()
        for i, j in self.grid:
            back = (i - 1, j) if down else (i, j - 1)
            word, place = old.get(back), i if down else j
            mac = products.get((i, j))
            passing = word is not None and not self.taps and place >= (word.fold.a if down else word.fold.b)
            if mac is not None and passing:
                raise Conflict(f"PE({i}, {j}) would hold two sums on edge {self.now}")
            new = None
            if mac is not None:
                new = Word(mac.value, mac.fold, mac.t)
                if place > 0:
                    if word is None or (word.fold, word.t) != (mac.fold, mac.t):
                        raise Conflict(f"PE({i}, {j}) lacks the sum from its neighbour on edge {self.now}")
                    new.value += word.value
            elif passing:
                new = word
            if new is not None:
                self.seen.latched[PSUM] += 1
                if place > 0:
                    taken.add(back)
                    self.seen.hops[PSUM] += 1
                used, edge = (new.fold.a, self.R) if down else (new.fold.b, self.C)
                if place == (used if self.taps else edge) - 1:
                    self.leave(new, 0 if down else i, j if down else 0)
                    new = None
            self.pe[i, j].psum = new
        lost = [at for at, word in old.items() if word is not None and at not in taken]
        if lost:
            raise Conflict(f"the sums of {lost} are lost on edge {self.now}")

    def move_tree(self, products: dict[tuple[int, int], Word]) -> None:
        """Products of one line are in PE registers, then added two by two, one level of registers per edge.

        The tree has an input for every PE of the line, used or not, unless edge taps leave the unused ones out.
        """
        down, moving = self.reduced_axis() is Axis.ROWS, []
        for word, values in self.tree:
            moving.append((word, [sum(values[n : n + 2]) for n in range(0, len(values), 2)]))
        lines: dict[int, list[Word]] = {}
        for (i, j), word in products.items():
            lines.setdefault(j if down else i, []).append(word)
            self.seen.latched[PSUM] += 1
        for line, words in lines.items():
            fold, t = words[0].fold, words[0].t
            if any((w.fold, w.t) != (fold, t) for w in words) or len(words) != (fold.a if down else fold.b):
                raise Conflict("the products of one sum are not there on the same edge")
            inputs = len(words) if self.taps else self.R if down else self.C
            moving.append((Word(0, fold, t, line), [w.value for w in words] + [0] * (inputs - len(words))))
        self.tree = []
        for word, values in moving:
            if len(values) > 1:
                self.tree.append((word, values))
            else:
                line = word.row
                self.leave(Word(values[0], word.fold, word.t), 0 if down else line, line if down else 0)

    def move_sums(self, products: dict[tuple[int, int], Word]) -> None:
        """Sums grow in the PEs; complete ones move to a second register and leave from there.

        The column shifts as one, so whoever shares it leaves a drain register alone for as many edges as rows shift.
        """
        direct = self.flow.drain is Drain.DIRECT
        arriving: dict[tuple[int, int], Word] = {}
        for (i, j), pe in self.pe.items():
            word = pe.leaving
            if word is None or self.hold_drain:
                continue
            if direct:
                pe.leaving = None
                self.leave(word, i, j)
                continue
            exit_row = (word.fold.a if self.taps else self.R) - 1
            if i < exit_row and not self.column_complete(word.fold, j):
                continue
            pe.leaving = None
            if i < exit_row:
                arriving[i + 1, j] = word
                self.seen.hops[PSUM] += 1
                self.seen.latched[PSUM] += 1
        for (i, j), word in products.items():
            pe, fold, t = self.pe[i, j], word.fold, word.t
            if fold.first and t == 0:
                pe.psum = Word(0, fold)
            if pe.psum is None or pe.psum.fold is not fold.opener:
                raise Conflict(f"PE({i}, {j}) adds to another fold's sum")
            pe.psum = Word(pe.psum.value + word.value, fold.opener)
            self.seen.latched[PSUM] += 1
            if fold.last and t == len(fold.steps) - 1:
                if (i, j) in arriving or self.now < pe.free_at:
                    raise Conflict(f"the drain register of PE({i}, {j}) is overwritten on edge {self.now}")
                arriving[i, j], pe.psum = Word(pe.psum.value, fold, t, i), None
                pe.free_at = self.now + (1 if direct else fold.a)
        for (i, j), word in arriving.items():
            if self.pe[i, j].leaving is not None:
                raise Conflict(f"the drain register of PE({i}, {j}) is overwritten on edge {self.now}")
            self.pe[i, j].leaving = word
            if not direct and i == (word.fold.a if self.taps else self.R) - 1:
                self.leave(word, word.row, j)

    def column_complete(self, fold: Fold, j: int) -> bool:
        """Whether every sum of a column was complete before this edge: the column shifts as one."""
        start = next(s for s, f in self.started if f is fold)
        return self.now > start + len(fold.steps) - 1 + self.behind(fold.a - 1, j)

    # --- what is still going on ------------------------------------------------------------------------------------

    def streaming_now(self) -> bool:
        """Whether a step is still to be done."""
        return any(
            self.now <= start + len(fold.steps) - 1 + self.behind(fold.a - 1, fold.b - 1)
            for start, fold in self.started
        )

    def emptying(self) -> bool:
        """Whether a sum is on its way and not yet in the edge register."""
        if self.tree:
            return True
        chain = self.flow.reduction is Reduction.CHAIN
        for (i, _), pe in self.pe.items():
            if chain and pe.psum is not None:
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
                for _ in range(len(fold.steps)):
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
) -> list[int]:
    """The smallest distance from each group of folds to the next without a conflict, found by trying."""
    out = []
    for one, two in pairwise(groups):
        kinds = (*((f.a, f.b, len(f.steps), f.last) for f in (*one, *two)), len(one))
        distance = known.get(kinds, sum(len(f.steps) for f in one))
        while kinds not in known:
            machine = Machine(flow, rows, cols, taps, tensors)
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
) -> Observed:
    """Run a layer tile by tile: with shadow registers on and on, else the array is empty when the tile changes."""
    machine = Machine(flow, rows, cols, taps, tensors)
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
    openers = {id(f): f.opener for g in joined for f in g}
    gaps = spacings(flow, rows, cols, taps, tensors, joined, {})
    for f in (f for g in joined for f in g):
        f.opener = openers[id(f)]
    machine.overlapped(joined, gaps)
    return machine.seen
