"""One tile on a sparse array: its cycles, its words, and its slots."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from accsim.hardware.accelerator import Accelerator
from accsim.hardware.sparse import SparseKind
from accsim.simulate.activity import Action
from accsim.simulate.mac_task import MacTask
from accsim.simulate.sparse.count import Expected, SparseCount
from accsim.simulate.sparse.machines import machine_of, why_not
from accsim.simulate.sparse.slices import part_of, shape_of
from accsim.simulate.storage import Place
from accsim.simulate.tiled.run import Sizes, TileRun, TileWords
from accsim.workload.layer import Geometry, Operand
from accsim.workload.operands import as_filters, as_map, names_of


def misfit(task: MacTask, accelerator: Accelerator) -> str | None:
    """Why a sparse machine cannot run a layer; ``None`` if it can."""
    pe = accelerator.pe
    for operand, bits, most in (
        (task.weight_name, task.weight_bits(accelerator), pe.weight_bits),
        (Operand.IFMAP, task.activation_bits(accelerator), pe.activation_bits),
    ):
        if bits > most:
            return f"its {operand} words have {bits} bits, and the PEs of {accelerator.name} take at most {most}"
    return why_not(task.layer, accelerator)


class SparseArray:
    """The array of a layer.

    Args:
        task: the layer, with the values of its operands; without them (in the search for tiles) a tile takes what the
            densities let expect of it.
        place: the layer on a machine whose operand widths are the layer's.
    """

    macs_per_pe = 1

    def __init__(self, task: MacTask, place: Place) -> None:
        self.place, self.geometry, self._task = place, place.nest.geometry, task
        self.machine = machine_of(place.accelerator)
        first, second, _ = names_of(task.layer)
        ifmap, weight = task.tensors.get(first), task.tensors.get(second)
        self.operands = None
        if ifmap is not None and weight is not None:
            self.operands = (
                as_map(task.layer, np.not_equal(ifmap, 0)),
                as_filters(task.layer, np.not_equal(weight, 0)),
            )

    @property
    def by_value(self) -> bool:
        """Whether there are operands."""
        return self.operands is not None

    def zero_macs(self, done: int) -> int:
        """MACs on zeros among those done."""
        return self._task.zeros_among(done)

    def notes(self) -> tuple[str, ...]:
        """On what the zeros rest."""
        known, said = self._task.known_densities, []
        for name in self._task.drawn:
            density = known.ifmap if name == "ifmap" else known.weight
            said.append(f"{name} {'without zeros' if density is None or density >= 1 else f'of density {density:.3g}'}")
        return (f"cycles are those of operands drawn with independent zeros: {', '.join(said)}",) if said else ()

    def expected_cycles(self, tiles: Iterable[tuple[Sizes, int]]) -> float | None:
        """Beside what is counted: what independent zeros of the same densities let expect."""
        if not self.by_value:
            return None
        known = self._task.known_densities
        ifmap, weight = (1.0 if density is None else density for density in (known.ifmap, known.weight))
        return sum(
            n * self.machine.expect(shape_of(self.geometry, sizes)[0], ifmap, weight).cycles for sizes, n in tiles
        )

    def tile(self, sizes: Sizes) -> TileRun:
        """What the array does with a tile."""
        if self.operands is None:
            return self._expected(sizes)
        part, ifmap, weight = part_of(self.geometry, *self.operands, sizes)
        return run_of(self.place, part, self.machine.count(part, ifmap, weight))

    def _expected(self, sizes: Sizes) -> TileRun:
        known, pes = self._task.known_densities, self.place.accelerator.array.pes
        part = shape_of(self.geometry, sizes)[0]
        ifmap, weight = (1.0 if density is None else density for density in (known.ifmap, known.weight))
        found = self.machine.expect(part, ifmap, weight)
        cycles = math.ceil(max(found.cycles, found.multiplies / pes))
        done = min(math.ceil(found.multiplies), cycles * pes)
        return TileRun(
            compute=cycles,
            words=_words(self.place, part, found),
            macs=part.macs,
            slots=cycles * pes,
            idle=(("expected", cycles * pes - done),),
            tail=self.place.accelerator.pe.pipeline_stages - 1,
            effectual=done,
            active=pes,
            busy=done,
        )


def run_of(place: Place, g: Geometry, count: SparseCount) -> TileRun:
    """What was counted of a tile as the pipeline takes it."""
    return TileRun(
        compute=count.cycles,
        words=_words(place, g, count),
        macs=g.macs,
        slots=count.slots,
        idle=tuple((cause, n) for cause, n in count.idle if n),
        tail=place.accelerator.pe.pipeline_stages - 1,
        effectual=count.multiplies,
        active=place.accelerator.array.pes,
        busy=count.multiplies,
    )


def _words(place: Place, g: Geometry, count: SparseCount | Expected) -> TileWords:
    """Words at the array's edge, and in its PEs."""
    kinds, array = place.accelerator.array.sparse, place.accelerator.array
    match None if kinds is None else kinds.kind:
        case SparseKind.CSC_CLUSTERS:
            sent, weights = count.access("ifmap_sent"), count.access("weight_sent")
            words = TileWords(
                ifmap=sent, weight=weights, psum_out=count.access("psum_out"), ifmap_held=sent, weight_held=weights,
                psum_kept=count.access("psum_updates"),
            )  # fmt: skip
            for operand, name in ((Operand.IFMAP, "ifmap_reads"), (Operand.WEIGHT, "weight_reads")):
                level = place.register_file(operand)
                if level is not None:
                    n = count.access(name)
                    words.actions[level, operand, Action.READ] = n, n * place.bits(operand)
            return words
        case SparseKind.WORK_QUEUES:
            kept = count.access("accumulator_updates")
            return TileWords(count.access("broadcasts"), count.access("weight_reads"), g.ofmap_words, psum_kept=kept)
        case SparseKind.SKIPPING_LANES:
            kept = math.ceil(count.cycles) * min(array.rows, g.filters_per_group)
        case _:
            kept = math.ceil(count.multiplies)
    return TileWords(count.access("ifmap_reads"), count.access("weight_reads"), g.ofmap_words, psum_kept=kept)
