"""A layer on the systolic designs: what their memories hold, and what they did with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from accsim.mapping.mapping import SystolicMapping
from accsim.simulate.stepped.machine import Operands
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand
from tests.naive.systolic_folds import Fold, fold_tiles
from tests.rtl.twin import (
    FIELD_BITS,
    Design,
    Output,
    Register,
    Seen,
    flags,
    lanes,
    phases,
    read,
    registers,
    signed,
    unpack,
    written,
)

WEIGHT_STATIONARY = Design("ws_array", "ws_tb")
OUTPUT_STATIONARY = Design("os_array", "os_tb")


class SystolicTwin:
    """A layer on the weight-stationary or the output-stationary design, whichever its dataflow is."""

    def __init__(self, place: Place, values: Operands) -> None:
        mapping = place.mapping
        assert isinstance(mapping, SystolicMapping)
        array, pe = place.accelerator.array, place.accelerator.pe
        self.g, self.values = place.nest.geometry, values
        self.rows, self.cols, self.shadow = array.rows, array.cols, array.stationary_buffers > 1
        self.bits = {
            Operand.IFMAP: pe.activation_bits, Operand.WEIGHT: pe.weight_bits, Operand.PSUM: pe.accumulator_bits
        }  # fmt: skip
        self.keeps_sums = mapping.dataflow.stationary is Operand.PSUM
        loops = [(loop.dim, loop.step) for loop in mapping.loops]
        tiles = fold_tiles(mapping.dataflow, self.g, loops, self.rows, self.cols)
        self.groups = [group for _, groups in tiles for group in groups]
        self.folds = [fold for group in self.groups for fold in group]

    def simulate(self, folder: Path, dumps: Sequence[int]) -> Seen:
        """Run the layer; ``dumps`` are the edges after which registers are written."""
        design = OUTPUT_STATIONARY if self.keeps_sums else WEIGHT_STATIONARY
        sizes = {
            "ROWS": self.rows, "COLS": self.cols, "SHADOW": int(self.shadow), "PIXEL_BITS": self.bits[Operand.IFMAP],
            "WEIGHT_BITS": self.bits[Operand.WEIGHT], "SUM_BITS": self.bits[Operand.PSUM],
        }  # fmt: skip
        files = self._output_stationary() if self.keeps_sums else self._weight_stationary()
        design.run(folder, sizes, {**files, "dumps": [f"{edge:x}" for edge in dumps]})
        return self._read(folder)

    def _row_of_weights(self, fold: Fold, i: int, t: int) -> str:
        row = (read(self.values, self.g, Operand.WEIGHT, fold.at(i, j, t)) for j in range(fold.b))
        return lanes(row, self.bits[Operand.WEIGHT])

    def _column_of_pixels(self, fold: Fold, t: int) -> str:
        column = (read(self.values, self.g, Operand.IFMAP, fold.at(i, 0, t)) for i in range(fold.a))
        return lanes(column, self.bits[Operand.IFMAP])

    def _pixels(self) -> list[str]:
        return [self._column_of_pixels(fold, t) for fold in self.folds for t in range(len(fold.steps))]

    def _weight_stationary(self) -> dict[str, list[str]]:
        """Loads and folds as the design's control takes them, and the rows of weights with the last used row first."""
        fresh = [fold for fold in self.folds if fold.first]
        return {
            "loads": [lanes((fold.b, fold.a), FIELD_BITS) for fold in fresh],
            "weights": [self._row_of_weights(fold, i, 0) for fold in fresh for i in reversed(range(fold.a))],
            "folds": [lanes((len(fold.steps), fold.a, fold.first), FIELD_BITS) for fold in self.folds],
            "pixels": self._pixels(),
        }

    def _output_stationary(self) -> dict[str, list[str]]:
        """Folds as the design's control takes them, which knows of a fold's sums as far as its tile goes."""
        commands = [
            lanes((steps, len(fold.steps), fold.b, fold.a, 2 * fold.first + fold.last), FIELD_BITS)
            for group in self.groups
            for steps in [sum(len(fold.steps) for fold in group)]
            for fold in group
        ]
        weights = [self._row_of_weights(fold, 0, t) for fold in self.folds for t in range(len(fold.steps))]
        return {"folds": commands, "weights": weights, "pixels": self._pixels()}

    def _output(self, fold: Fold, i: int, j: int, t: int) -> Output:
        at = fold.at(i, j, t)
        return at["N"], at["G"] * self.g.filters_per_group + at["M"], at["P"], at["Q"]

    def _due(self, j: int) -> Iterator[Output]:
        """What leaves column j: a chain gives a sum per step, sums kept in the PEs come out from the bottom up."""
        for fold in self.folds:
            if j < fold.b and not self.keeps_sums:
                yield from (self._output(fold, 0, j, t) for t in range(len(fold.steps)))
            elif j < fold.b and fold.last:
                yield from (self._output(fold, i, j, 0) for i in reversed(range(fold.a)))

    def _read(self, folder: Path) -> Seen:
        g, counts = self.g, phases(folder)
        sums = np.zeros((g.N, g.M, g.P, g.Q), np.int64)
        leaving = np.zeros(sum(counts.values()), np.int64)
        due = [self._due(j) for j in range(self.cols)]
        for edge, column, word in written(folder, "outputs.txt"):
            output = next(due[int(column)])
            sums[output] = signed(int(sums[output]) + int(word, 16), self.bits[Operand.PSUM])
            leaving[int(edge)] += 1
        assert not any(list(column) for column in due), "not every sum has left the array"
        return Seen(counts["compute"], counts["fill"], counts["drain"], {}, sums, leaving, None, registers(folder))

    def registers(self, seen: Seen, edge: int) -> dict[str, Register]:
        """The registers after an edge, by the engine's names.

        What moves down has a row more than the array, and what moves right a column more: the edge, which comes first.
        """

        def register(name: str, operand: Operand, rows: int = 0, cols: int = 0) -> Register:
            shape, (valid, packed) = (self.rows + rows, self.cols + cols), seen.written[edge][name]
            words = np.array([unpack(word, 1, self.bits[operand]) for word in packed], np.int64).reshape(shape)
            return Register(words[rows:, cols:], flags(valid, shape)[rows:, cols:])

        out = {"ifmap": register("pixel", Operand.IFMAP, cols=1)}
        if self.keeps_sums:
            out["weight"] = register("weight", Operand.WEIGHT, rows=1)
            out["psum"] = register("sum", Operand.PSUM)
            out["leaving"] = register("leaving", Operand.PSUM, rows=1)
            return out
        out["psum"] = register("sum", Operand.PSUM, rows=1)
        # A PE that has no work may hold a weight of an earlier fold, or none.
        out["held"] = Register(register("held", Operand.WEIGHT).words, out["ifmap"].valid, exact=False)
        if self.shadow and edge >= self.folds[0].a + self.cols:
            # Only the first load enters all columns at once in the engine, and column after column in the design.
            out["load"] = register("weight", Operand.WEIGHT, rows=1)
        return out
