"""Partial sums of a systolic array of objects: down a chain of PEs, through an adder tree, or kept in the PEs."""

from __future__ import annotations

from accsim.mapping.dataflow import REDUCED, Axis, Drain
from tests.naive.systolic_folds import Fold
from tests.naive.systolic_pe import PSUM, Array, At, Conflict, Word


class Sums(Array):
    """The sums' part of one clock edge."""

    def leave(self, word: Word, i: int, j: int) -> None:
        """A sum is in the edge register."""
        at = word.fold.at(i, j, word.t)
        self.seen.leave(tuple(at[d] for d in "NGMPQ"), word.value)
        word.left = True

    def reduced_axis(self) -> Axis:
        return Axis.ROWS if REDUCED & set(self.flow.rows) else Axis.COLS

    def move_chain(self, products: dict[At, Word]) -> None:
        """Sums move one PE along the axis they are added on; unused PEs only pass them.

        The register of the last PE is the one at the array's edge: a sum has left when it is there.
        """
        down = self.reduced_axis() is Axis.ROWS
        old = {at: pe.psum for at, pe in self.pe.items() if pe.psum is not None and not pe.psum.left}
        taken: set[At] = set()
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
            self.pe[i, j].psum = new
        lost = [at for at in old if at not in taken]
        if lost:
            raise Conflict(f"the sums of {lost} are lost on edge {self.now}")

    def move_tree(self, products: dict[At, Word]) -> None:
        """Products of one line are in PE registers, then added two by two, one level of registers per edge.

        The tree has an input for every PE of the line, used or not, unless edge taps leave the unused ones out.
        """
        down, moving = self.reduced_axis() is Axis.ROWS, []
        for word, values in self.tree:
            moving.append((word, [sum(values[n : n + 2]) for n in range(0, len(values), 2)]))
        for at, pe in self.pe.items():
            pe.psum = products.get(at)
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

    def move_sums(self, products: dict[At, Word]) -> None:
        """Sums grow in the PEs; complete ones move to a second register and leave from there.

        The column shifts as one, so whoever shares it leaves a drain register alone for as many edges as rows shift.
        """
        direct = self.flow.drain is Drain.DIRECT
        arriving: dict[At, Word] = {}
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
        return self.now > start + self.length(fold) - 1 + self.behind(fold.a - 1, j)
