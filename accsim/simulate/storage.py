"""Traffic of a layer between DRAM, the shared buffers and the array's edge.

Rules:

* A level that holds an operand loads the tile its loops select, once per change; the level outside it reads the same
  words (reads of one level = fills of the next).
* An output tile leaves its level once per visit. Visits other than the last carry unfinished sums, which come back as
  reads; the last carries the finished output, narrowed to the output width on its way out.
* A tensor that lives on chip is neither fetched nor written back beyond the level it lives in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from accsim.hardware.accelerator import Accelerator, Dram, RegisterFile, Sram
from accsim.mapping.mapping import Mapping
from accsim.mapping.nest import Nest
from accsim.simulate.activity import Action
from accsim.simulate.ledger import Ledger
from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class Residency:
    """Where the tensors of a layer live between layers: the name of an on-chip level, or ``None`` for DRAM."""

    ifmap: str | None = None
    ifmap2: str | None = None
    ofmap: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """Words that cross the array's edge, from the innermost shared level or DRAM.

    Attributes:
        ifmap, weight: words read for the array.
        psum_out: words written by the array, unfinished and finished.
        psum_in: words read back (or as initial zeros) for the array.
    """

    ifmap: int
    weight: int
    psum_out: int
    psum_in: int


@dataclass(slots=True)
class Traffic:
    """Words that move between DRAM and the shared buffers.

    Attributes:
        loads: words of an input loaded by a level from the level outside it, by the level's name.
        spilled, returned: unfinished sums that leave a level for the one outside it, and that come back, by its name.
        coded_bits: bits that a run-length coded tensor takes off chip in all of its transfers, where that is known from
            its values.
        finished: words of finished outputs.
    """

    loads: dict[tuple[str, Operand], int] = field(default_factory=dict)
    spilled: dict[str, int] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)
    coded_bits: dict[Operand, int] = field(default_factory=dict)
    finished: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """One layer on one machine: what every counting step needs.

    Attributes:
        weight_name: ``weight``, or ``ifmap2`` when the second operand is an activation.
        reads_input: whether the layer reads the network's input.
    """

    accelerator: Accelerator
    mapping: Mapping
    nest: Nest
    residency: Residency = Residency()
    weight_name: Operand = Operand.WEIGHT
    reads_input: bool = False

    def bits(self, operand: Operand) -> int:
        """Bits of one word of an operand of this layer."""
        return self.accelerator.bits(self.weight_name if operand is Operand.WEIGHT else operand)

    def home(self, operand: Operand) -> str | None:
        """The on-chip level a whole input tensor lives in, if it does."""
        if operand is Operand.IFMAP:
            return self.residency.ifmap
        return self.residency.ifmap2 if self.weight_name is Operand.IFMAP2 else None

    def path(self, operand: Operand) -> list[Dram | Sram]:
        """Levels an input passes on its way to the array, starting where it lives."""
        levels = [lv for lv in self.accelerator.chain(operand) if not isinstance(lv, RegisterFile)]
        home = self.home(operand)
        if home is None:
            return levels
        start = self.accelerator.level(home)
        inside = [lv for lv in levels if self._index(lv.name) > self._index(home)]
        return [start, *inside] if isinstance(start, Dram | Sram) else inside

    def _index(self, name: str) -> int:
        return [level.name for level in self.accelerator.levels].index(name)

    def psum_levels(self) -> list[Sram]:
        """Shared levels that hold unfinished sums, from the outside in."""
        return [lv for lv in self.accelerator.buffers if Operand.PSUM in lv.operands]

    def output_depth(self) -> int:
        """Loops outside the output tile that leaves the chip, finished or not."""
        levels = self.psum_levels()
        return self.mapping.depth(levels[0].name, Operand.PSUM) if levels else len(self.nest.loops)

    def register_file(self, operand: Operand) -> str | None:
        """Name of the PE's scratchpad or register for ``operand``."""
        levels = [lv for lv in self.accelerator.chain(operand) if isinstance(lv, RegisterFile)]
        return levels[-1].name if levels else None

    def link(self, operand: Operand, direction: str) -> str | None:
        """Name of the network that carries ``operand`` in ``direction``."""
        link = self.accelerator.link(operand, direction)
        return link.name if link else None


OffChipBits = Callable[[Operand, int], int]
"""Bits that a transfer of a number of words of an operand takes off chip, coding included."""


def traffic(place: Place, off_chip: OffChipBits, exact: frozenset[Operand]) -> Traffic:
    """The words of a layer's tiles by formula, and the coded bits of the tensors ``exact``."""
    nest, mapping, out = place.nest, place.mapping, Traffic(finished=place.nest.geometry.ofmap_words)
    for operand in (Operand.IFMAP, Operand.WEIGHT):
        path = place.path(operand)
        for outer, inner in pairwise(path):
            depth = mapping.depth(inner.name, operand)
            out.loads[inner.name, operand] = nest.words(operand, depth)
            if operand in exact and outer is place.accelerator.dram:
                tiles = nest.tiles(operand, depth)
                out.coded_bits[operand] = sum(off_chip(operand, words) * n for words, n in tiles)
    for level in place.psum_levels():
        out.spilled[level.name] = nest.words(Operand.PSUM, mapping.depth(level.name, Operand.PSUM)) - out.finished
    out.returned.update(out.spilled)
    if Operand.OFMAP in exact and place.residency.ofmap is None:
        tiles = nest.distinct_tiles(Operand.PSUM, place.output_depth())
        out.coded_bits[Operand.OFMAP] = sum(off_chip(Operand.OFMAP, words) * n for words, n in tiles)
    return out


def count_inputs(place: Place, edge: Edge, moved: Traffic, ledger: Ledger) -> None:
    """Count the ifmap's and the weight's way from where they live to the array's edge."""
    dram = place.accelerator.dram
    for operand, words in ((Operand.IFMAP, edge.ifmap), (Operand.WEIGHT, edge.weight)):
        name = place.weight_name if operand is Operand.WEIGHT else operand
        bits, path = place.bits(operand), place.path(operand)
        for outer, inner in pairwise(path):
            loaded = moved.loads[inner.name, operand]
            if outer is dram and operand in moved.coded_bits:
                ledger.coded(dram.name, name, Action.READ, loaded, bits, moved.coded_bits[operand], peer=inner.name)
            else:
                ledger.move(outer.name, name, Action.READ, loaded, bits, peer=inner.name)
            ledger.move(inner.name, name, Action.FILL, loaded, bits, peer=outer.name)
        peer = place.link(operand, "in") or place.register_file(operand)
        ledger.move(path[-1].name, name, Action.READ, words, bits, peer=peer)


def count_outputs(place: Place, edge: Edge, moved: Traffic, ledger: Ledger) -> None:
    """Count sums on their way out of the array, back in, and finished outputs on their way home."""
    acc = place.accelerator
    wide, narrow = place.bits(Operand.PSUM), place.bits(Operand.OFMAP)
    words = moved.finished
    out_link = place.link(Operand.PSUM, "out") or place.register_file(Operand.PSUM)
    in_link = place.link(Operand.PSUM, "in") or place.register_file(Operand.PSUM)
    levels = place.psum_levels()
    if levels:
        nearest = levels[-1].name
        ledger.move(nearest, Operand.PSUM, Action.WRITE, edge.psum_out, wide, peer=out_link)
        ledger.move(nearest, Operand.PSUM, Action.READ, edge.psum_in, wide, peer=in_link)
    else:
        nearest = None
        _spill(acc.dram.name, edge.psum_out - words, edge.psum_in, wide, ledger, out_link, in_link)
    outward: list[Sram | Dram] = [acc.dram, *levels]
    for outer, inner in zip(outward, levels, strict=False):
        spilled, returned = moved.spilled[inner.name], moved.returned[inner.name]
        ledger.move(inner.name, Operand.PSUM, Action.READ, spilled, wide, peer=outer.name)
        ledger.move(outer.name, Operand.PSUM, Action.WRITE, spilled, wide, peer=inner.name)
        ledger.move(outer.name, Operand.PSUM, Action.READ, returned, wide, peer=inner.name)
        ledger.move(inner.name, Operand.PSUM, Action.FILL, returned, wide, peer=outer.name)
    source, stored, coded = nearest, wide, moved.coded_bits.get(Operand.OFMAP)
    for target in way_home(place):
        ledger.move(source, Operand.OFMAP, Action.READ, words, narrow, peer=target, stored_bits=stored)
        if target == acc.dram.name and coded is not None:
            ledger.coded(target, Operand.OFMAP, Action.WRITE, words, narrow, coded, peer=source or out_link)
        else:
            ledger.move(target, Operand.OFMAP, Action.WRITE, words, narrow, peer=source or out_link)
        source, stored = target, narrow


def _spill(
    dram: str, unfinished: int, back: int, wide: int, ledger: Ledger, out_link: str | None, in_link: str | None
) -> None:
    """Sums of a machine without a psum buffer go straight to DRAM and come back."""
    ledger.move(dram, Operand.PSUM, Action.WRITE, unfinished, wide, peer=out_link)
    ledger.move(dram, Operand.PSUM, Action.READ, back, wide, peer=in_link)


def way_home(place: Place) -> list[str]:
    """Levels that finished outputs are written to, from the psum level outwards."""
    acc, levels = place.accelerator, place.psum_levels()
    nearest = levels[-1].name if levels else None
    names = [level.name for level in acc.levels]
    inside = names.index(nearest) if nearest else len(names)
    home = place.residency.ofmap
    holding = [lv.name for lv in acc.buffers if Operand.OFMAP in lv.operands and lv.name != nearest]
    if home == nearest and home is not None:
        return [home]
    way = [name for name in reversed(holding) if names.index(name) < inside or nearest is None]
    if home is None:
        return [*way, acc.dram.name]
    return way[: way.index(home) + 1] if home in way else [home]
