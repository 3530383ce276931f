"""The registers of a systolic array as objects, and who is to do what on which edge."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product

from accsim.mapping.dataflow import REDUCED, Axis, Delivery, Reduction, SystolicDataflow
from accsim.workload.layer import Operand
from tests.naive.systolic_folds import Fold, Tensors

IFMAP, WEIGHT, PSUM = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM
At = tuple[int, int]
Dump = dict[str, dict[At, int | None]]
"""What every register holds after an edge, by name and PE; ``None`` where it holds no word."""


class Conflict(Exception):
    """Two words in one register, a word lost, or an operand missing."""


@dataclass(eq=False)
class Word:
    """A number in a register, and where it belongs; ``left``: it is in the edge register already."""

    value: int
    fold: Fold
    t: int = 0
    row: int = 0
    fresh: bool = True
    part: int = 0
    left: bool = False


@dataclass
class Observed:
    """What was seen: edges by what the array did, words by operand, MACs by PE, and sums that left (by output).

    ``words`` has, for every edge, the words that crossed the array's edge on it, and ``zeros`` counts the MACs whose
    pixel is zero.
    """

    compute: int = 0
    fill: int = 0
    drain: int = 0
    edge: Counter[Operand] = field(default_factory=Counter)
    delivered: Counter[Operand] = field(default_factory=Counter)
    hops: Counter[Operand] = field(default_factory=Counter)
    latched: Counter[Operand] = field(default_factory=Counter)
    macs: Counter[At] = field(default_factory=Counter)
    zeros: int = 0
    outputs: dict[tuple[int, ...], int] = field(default_factory=dict)
    returned: int = 0
    words: list[Counter[tuple[Operand, str]]] = field(default_factory=lambda: [Counter()])
    dumps: dict[int, Dump] = field(default_factory=dict)

    @property
    def edges(self) -> int:
        return self.compute + self.fill + self.drain

    def enter(self, operand: Operand) -> None:
        """A word crosses the array's edge on the present clock edge."""
        self.edge[operand] += 1
        self.words[-1][operand, "in"] += 1

    def leave(self, output: tuple[int, ...], value: int) -> None:
        """A sum leaves on the present clock edge, and is added to what comes back of it."""
        back = output in self.outputs
        self.edge[PSUM] += 1
        self.words[-1][PSUM, "out"] += 1
        self.words[-1][PSUM, "in"] += back
        self.returned += back
        self.outputs[output] = self.outputs.get(output, 0) + value


@dataclass
class Pe:
    """The registers of one PE."""

    hop: dict[Operand, Word | None]
    load: Word | None = None
    held: Word | None = None
    own: int = 0
    psum: Word | None = None
    leaving: Word | None = None
    free_at: int = 0


@dataclass(frozen=True)
class Taking:
    """How a PE takes a MAC in: whole, or part by part, each as wide as it says.

    Attributes:
        how: ``whole``, ``bits`` of the pixel, ``both`` bits of the pixel and of the weight, or ``unary``.
        pixel, weight: bits of the words.
    """

    how: str = "whole"
    pixel: int = 8
    weight: int = 8

    def parts(self, pixel: int, weight: int) -> list[int]:
        """What is added on each edge; a single bit is the sign of +1 or -1."""
        match self.how:
            case "bits":
                return [part * weight for part in planes(pixel, self.pixel)]
            case "both":
                return [a * b for a in planes(pixel, self.pixel) for b in planes(weight, self.weight)]
            case "unary":
                sign = -1 if pixel < 0 else 1
                return [sign * weight] * abs(pixel) + [0] * (2**self.pixel - abs(pixel))
        return [pixel * weight]

    @property
    def edges(self) -> int:
        """Edges of a MAC."""
        return len(self.parts(0, 0))


def planes(word: int, bits: int) -> list[int]:
    """Two's complement, bit by bit from the lowest: what each is worth."""
    if bits == 1:
        return [word]
    digits = f"{word % 2**bits:0{bits}b}"[::-1]
    return [int(one) * (-(2**i) if i == bits - 1 else 2**i) for i, one in enumerate(digits)]


class Array:
    """The PEs, the clock, and the folds that are under way."""

    def __init__(
        self, flow: SystolicDataflow, rows: int, cols: int, taps: bool, tensors: Tensors, taking: Taking | None = None
    ) -> None:
        self.taking = taking or Taking()
        self.per_mac = self.taking.edges
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

    def start(self, fold: Fold) -> None:
        """PE(0, 0) does step 0 of ``fold`` on the coming edge."""
        self.started.append((self.now, fold))

    def start_load(self, fold: Fold, skewed: bool) -> None:
        """The first stationary word of ``fold`` enters on the coming edge."""
        self.loading.append((self.now, fold, skewed))

    def length(self, fold: Fold) -> int:
        """Edges that a PE works on a fold."""
        return len(fold.steps) * self.per_mac

    def due(self, i: int, j: int) -> tuple[Fold, int, int] | None:
        """Fold, step and part of its MAC that PE(i, j) is to do on this edge."""
        found = [
            (fold, *divmod(t, self.per_mac))
            for start, fold in self.started
            if i < fold.a and j < fold.b and 0 <= (t := self.now - start - self.behind(i, j)) < self.length(fold)
        ]
        if len(found) > 1:
            raise Conflict(f"PE({i}, {j}) has two steps to do on edge {self.now}")
        return found[0] if found else None

    def fetch(self, operand: Operand, fold: Fold, i: int, j: int, t: int, part: int = 0) -> Word:
        i = 0 if self.shared(operand, Axis.ROWS) else i
        j = 0 if self.shared(operand, Axis.COLS) else j
        return Word(self.tensors.read(operand, fold.at(i, j, t)), fold, t, i, part=part)

    def first_sharer(self, operand: Operand, i: int, j: int) -> bool:
        return (i == 0 or not self.shared(operand, Axis.ROWS)) and (j == 0 or not self.shared(operand, Axis.COLS))

    def dump(self) -> Dump:
        """What every register of this dataflow's PEs holds."""
        out: Dump = {}
        for name in self.streaming:
            out[name] = {at: _value(pe.hop[name]) for at, pe in self.pe.items()}
        names = ["psum", "leaving"] if self.stationary is PSUM else ["load", "held", "psum"]
        for name in names:
            out[name] = {at: _value(getattr(pe, name)) for at, pe in self.pe.items()}
        return out


def _value(word: Word | None) -> int | None:
    return None if word is None else word.value
