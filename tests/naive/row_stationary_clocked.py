"""A row-stationary array with one object per PE, advanced one clock edge at a time: the causal oracle for tiny layers.

Nothing here is a formula. Every word carries its address; it travels from a network into the FIFO of every PE that
takes it, from there into a window or a filter scratchpad, and a PE that needs a word finds that very word there or
raises ``Hazard``. Products go through a pipeline of registers, sums from PE to PE, out of the array, into the buffer,
and back. Written from the picture in ``accsim.simulate.stepped.row_stationary``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product

from accsim.hardware.accelerator import Accelerator, InitialPsum, Link
from accsim.mapping.mapping import RowStationaryMapping
from accsim.workload.layer import Geometry, Operand
from tests.naive.row_stationary_networks import Bus, Load, Pace, Sums
from tests.naive.row_stationary_pe import Coming, Hazard, Pe, Turn, Word
from tests.naive.row_stationary_program import Layer, Pass, Slot, Spot, Tag
from tests.naive.row_stationary_registers import Dump, snapshot
from tests.naive.row_stationary_returns import Group, Returns
from tests.naive.systolic_folds import Tensors

IFMAP, WEIGHT, PSUM = Operand.IFMAP, Operand.WEIGHT, Operand.PSUM


@dataclass
class Seen:
    """What happened.

    Attributes:
        edges, compute, fill, drain, stalls: clock edges, and what the array did on them.
        step_edges: edges that belong to each step of the nest; drain counts for the step that began the burst.
        words: words on every edge, by operand and direction.
        most, slots: most PEs at work, and their number summed over edges that compute.
        held: edges on which a pass was held for its sums, those on which filters came included.
        leads: of every load of filters.
        deepest: most words in one PE's FIFO, by FIFO.
    """

    edges: int = 0
    compute: int = 0
    fill: int = 0
    drain: int = 0
    stalls: dict[str, int] = field(default_factory=dict)
    step_edges: list[int] = field(default_factory=list)
    words: dict[tuple[Operand, str], list[int]] = field(default_factory=dict)
    ifmap_delivered: int = 0
    weight_sent: int = 0
    weight_delivered: int = 0
    psum_hops: int = 0
    psum_kept: int = 0
    macs: int = 0
    zero_ifmap_macs: int = 0
    zero_ifmap_kept: int = 0
    most: int = 0
    slots: int = 0
    held: int = 0
    leads: list[int] = field(default_factory=list)
    deepest: dict[Operand, int] = field(default_factory=dict)
    sums: dict[Tag, int] = field(default_factory=dict)

    def total(self, operand: Operand, way: str) -> int:
        """Words of the layer."""
        return sum(self.words[operand, way])


WAYS = ((IFMAP, "in"), (IFMAP, "read"), (PSUM, "in"), (PSUM, "out"))


class Array:
    """The array, its networks, and the sums in its buffer."""

    def __init__(
        self, machine: Accelerator, g: Geometry, m: RowStationaryMapping, tensors: Tensors, watch: Iterable[int] = ()
    ) -> None:
        self.machine, self.tensors, self.watch = machine, tensors, set(watch)
        self.layer = Layer(machine, g, m)
        self.passes = self.layer.passes()
        self.reads_first = machine.array.initial_psum is InitialPsum.READ
        self.sums_return = self.reads_first or any(one.visited for one in self.passes)
        self.bursts_add = any(one.bursts and one.visited for one in self.passes)
        self.height = max(len(one.rows) for one in self.passes)
        self.pes = {spot: Pe(self) for spot in product(range(m.t), range(m.r), range(self.height), range(m.e))}
        self.places = self.floor_plan(m)
        self.seen = Seen(words={way: [] for way in WAYS}, step_edges=[0] * (self.passes[-1].step + 1))
        self.snapshots: dict[int, Dump] = {}
        self.ifmap_network = self.bus(IFMAP, self.arrive_pixel)
        self.sums = Sums(self.width(PSUM, "out"), self.width(PSUM, "in"), machine.bits(PSUM), self.arrive_sum)
        self.psum_network = Bus(self.width(PSUM, "in"), machine.bits(PSUM), self.grant_sum, self.sums.slot)
        self.filter_width = self.width(WEIGHT, "in")
        self.loads = {one.number: self.plan_load(one) for one in self.passes if one.loads}
        self.seen.weight_sent = sum(len(load.ends) for load in self.loads.values())
        self.hops: list[tuple[Word, Spot | None]] = []
        self.issued: list[Turn | None] = []
        self.moved = False
        loads = {True, not self.bursts_add}
        self.kinds = [self.kind(one, brings) for one in self.passes for brings in loads]
        self.longest = max(-(-edges // steps) for steps, edges, _ in self.kinds)

    def width(self, operand: Operand, way: str) -> int | None:
        """Bits of a transaction."""
        link = self.machine.link(operand, way)
        return link.width_bits if isinstance(link, Link) else None

    def floor_plan(self, m: RowStationaryMapping) -> dict[Spot, tuple[int, int]]:
        """Row and column of every PE; sets wider than the array are cut into strips that stand on each other."""
        array, places = self.machine.array, {}
        strips, stacked = -(-m.e // array.cols), array.rows // self.height
        for spot in self.pes:
            a, b, i, j = spot
            strip = j // array.cols
            set_number = (a * strips + strip) * m.r + b
            row, col = set_number % stacked * self.height + i, set_number // stacked * m.e + j - strip * array.cols
            if not (row < array.rows and col < array.cols) or (row, col) in places.values():
                raise Hazard(f"PE {spot} has no place of its own on the array")
            places[spot] = row, col
        return places

    def works(self, one: Pass, spot: Spot) -> bool:
        """Whether a PE works in a pass."""
        a, b, i, j = spot
        sets = a < len(one.filters) and b < len(one.channels)
        return sets and i < len(one.rows) and j < len(one.out_rows)

    # --- words that arrive and leave ---------------------------------------------------------------------------------

    def count(self, operand: Operand, way: str, words: int = 1) -> None:
        """Note words that cross the array's edge on this clock edge."""
        self.seen.words[operand, way][-1] += words

    def bus(self, operand: Operand, arrive: Callable[[Coming], None]) -> Bus:
        """The network that brings an operand."""
        return Bus(self.width(operand, "in"), self.machine.bits(operand), arrive)

    def inside(self, tag: Tag) -> bool:
        """Whether an ifmap word is read from the buffer, and not made as padding on its way."""
        g = self.layer.g
        return self.machine.dram.fetch_padding or (0 <= tag[2] < g.H and 0 <= tag[3] < g.W)

    def arrive_pixel(self, word: Coming) -> None:
        """An ifmap word reaches the FIFOs of PEs."""
        self.count(IFMAP, "in")
        self.count(IFMAP, "read", self.inside(word.tag))
        for spot in word.takers:
            self.pes[spot].ifmap_fifo.append(Word(word.tag, self.tensors.x.get(word.tag, 0)))
            self.seen.ifmap_delivered += 1
            self.deep(IFMAP, len(self.pes[spot].ifmap_fifo))

    def grant_sum(self, word: Coming) -> None:
        """The network has slots for a sum that comes back; it crosses now or, if it is not there yet, later."""
        self.count(PSUM, "in")
        if self.psum_network.width is None:
            self.sums.granted += self.sums.bits

    def arrive_sum(self, word: Coming, value: int) -> None:
        """A sum comes back to a PE at the bottom of a chain."""
        self.pes[word.takers[0]].returned.append(Word(word.tag, value))

    def want_sum(self, returned: deque[Word]) -> None:
        """A network that keeps up with the array brings a sum that is wanted, if it is in the buffer."""
        self.psum_network.wanted(returned)
        if self.psum_network.width is None:
            self.sums.bring_back(None)

    def deep(self, operand: Operand, words: int) -> None:
        """Note how full a FIFO is."""
        self.seen.deepest[operand] = max(self.seen.deepest.get(operand, 0), words)

    def take_weight(self, one: Pass, tag: Tag, spot: Spot) -> Word:
        """A PE takes a word out of its filter FIFO."""
        load = self.loads[one.number]
        load.takers[tag].remove(spot)
        self.seen.weight_delivered += 1
        return Word(tag, self.tensors.k[tag])

    def returns(self, one: Pass) -> bool:
        """Whether sums come back to the lowest PEs."""
        return one.visited > 0 or self.reads_first

    def lowest(self, one: Pass, spot: Spot) -> bool:
        """Whether a PE is at the bottom of a chain."""
        return spot[1] == len(one.channels) - 1 and spot[2] == len(one.rows) - 1

    def hand_on(self, word: Word, one: Pass, spot: Spot) -> None:
        """A finished sum goes to the PE above, or out of the array."""
        a, b, i, j = spot
        above = (a, b, i - 1, j) if i > 0 else (a, b - 1, len(one.rows) - 1, j) if b > 0 else None
        self.hops.append((word, above))

    # --- clock edges -------------------------------------------------------------------------------------------------

    def begin_edge(self, one: Pass) -> None:
        """A new clock edge, which belongs to a step of the nest."""
        for words in self.seen.words.values():
            words.append(0)
        self.seen.step_edges[one.step] += 1

    def end_edge(self) -> None:
        """Registers hold what they hold right after the edge."""
        self.move_sums()
        if self.seen.edges in self.watch:
            self.snapshots[self.seen.edges] = snapshot(self)
        self.seen.edges += 1
        self.moved = False

    def move_sums(self) -> None:
        """The psum networks work on every edge, once: before what the PEs do on it."""
        if not self.moved:
            self.sums.edge()
        self.moved = True

    def tick(self, turn: Turn | None) -> None:
        """An edge on which the array's clock is enabled."""
        self.move_sums()
        self.issued.append(turn)
        now, first = len(self.issued) - 1, self.burst[0]
        for spot, pe in self.pes.items():
            _, b, i, _ = spot
            below = (len(first.channels) - 1 - b) * len(first.rows) + len(first.rows) - 1 - i
            skew = below if self.works(first, spot) else 0
            pe.tick(self.issued[now - skew] if now >= skew else None, spot)
            pe.check_room()
        for word, above in self.hops:
            if above is not None:
                self.pes[above].from_below.append(word)
                self.deep(PSUM, len(self.pes[above].from_below))
                self.seen.psum_hops += 1
            else:
                self.count(PSUM, "out")
                self.sums.leaving.append(word)
        self.hops = []

    def run(self) -> Seen:
        """All passes of the layer, burst by burst."""
        starts = [number for number, one in enumerate(self.passes) if one.bursts]
        for begin, end in zip(starts, [*starts[1:], len(self.passes)], strict=True):
            self.burst, self.issued = self.passes[begin:end], []
            self.run_burst()
        while self.sums.leaving:  # the buffer takes what the array has handed out
            self.sums.edge()
        self.seen.sums = self.sums.buffer
        self.seen.leads = [load.lead() for load in self.loads.values()]
        left = [pe for pe in self.pes.values() if pe.ifmap_fifo or pe.from_below or pe.returned]
        if left or any(spots for load in self.loads.values() for spots in load.takers.values()):
            raise Hazard("words were sent that no PE took")
        return self.seen

    def run_burst(self) -> None:
        """First window in, the passes, the last sums out."""
        bus, first = self.ifmap_network, self.burst[0]
        streams = [self.layer.ifmap_stream(one) for one in self.burst]
        bus.coming, bus.moved = [Coming(*word) for stream in streams for word in stream], 0
        self.psum_network.coming, self.psum_network.moved = [], 0
        chain = len(first.channels) * len(first.rows)
        self.returning = Returns(self.machine, self.longest, self.kinds, chain, len(first.rows))
        if self.bursts_add and self.seen.edges:
            tallest = max(len(one.channels) * len(one.rows) for one in self.passes)
            self.returning.buffered = self.returning.empties(self.seen.edges - 1, tallest)
        elif self.reads_first:
            self.returning.buffered = self.seen.edges - 1
        self.expect(first)
        bus.restart(self.layer.window_words(first))
        while bus.width is not None and bus.moved < bus.most:
            self.begin_edge(first)
            bus.transaction()
            self.seen.fill += 1
            self.end_edge()
        sent = 0
        for one, stream in zip(self.burst, streams, strict=True):
            sent += len(stream)
            bus.restart(min(sent + self.layer.window_words(first), len(bus.coming)))
            self.run_pass(one, len(stream))
        for _ in range(len(first.channels) * len(first.rows) - 1 + self.machine.pe.pipeline_stages - 1):
            self.begin_edge(first)
            self.tick(None)
            self.seen.drain += 1
            self.end_edge()

    def run_pass(self, one: Pass, ifmap_words: int) -> None:
        """What the pass is held for, then the program."""
        sums = self.layer.sum_stream(one)
        groups = self.groups(one, ifmap_words)
        if not one.bursts:
            self.expect(one)
        self.hold(one, groups)
        self.psum_network.restart(len(self.psum_network.coming))
        paces, pes = self.paces(one, ifmap_words, len(sums)), len(one.spots())
        self.seen.most = max(self.seen.most, pes)
        self.returning.leave(groups, len(one.channels), len(one.rows), len(self.issued), self.seen.edges)
        for step, slot in enumerate(one.slots):
            self.begin_edge(one)
            while behind := [pace for pace in paces if not pace.edge(step)]:
                name = max(behind, key=lambda pace: pace.transactions).name
                self.seen.stalls[name] = self.seen.stalls.get(name, 0) + 1
                self.end_edge()
                self.begin_edge(one)
            self.bring_filters(one, slot)
            self.tick(Turn(one, slot, step == 0))
            self.seen.compute += 1
            self.seen.slots += pes
            self.end_edge()

    def expect(self, one: Pass) -> None:
        """The controller comes to a pass: if its sums come back, those of a column may be ahead of their slots."""
        if self.returns(one):
            coming = [Coming(tag, [spot], one.visited) for tag, spot in self.layer.sum_stream(one)]
            self.psum_network.coming += coming
            groups = [group.sums for group in self.groups(one, len(self.layer.ifmap_stream(one)))]
            self.sums.expect(coming, groups, sum(groups[: len(one.filters[0])]))

    def groups(self, one: Pass, ifmap_words: int, loads: bool | None = None) -> list[Group]:
        """The sums that leave on each tick, and the steps that add them, if the networks keep their pace."""
        paces = self.paces(one, ifmap_words, len(self.layer.sum_stream(one)), alone=True, loads=loads)
        out, edge = [], -1
        for step, slot in enumerate(one.slots):
            edge += 1
            while [pace for pace in paces if not pace.edge(step)]:  # all of them move
                edge += 1
            for f in slot.adds:
                sums = sum(f < len(filters) for filters in one.filters) * len(one.out_rows)
                out.append(Group((slot.at, one.filters[0][f]), sums, step, edge))
        return out

    def kind(self, one: Pass, loads: bool) -> tuple[int, int, list[Group]]:
        """Steps, edges and groups of a pass, taken as one that brings filters or does not."""
        groups = self.groups(one, len(self.layer.ifmap_stream(one)), loads=loads)
        return len(one.slots), groups[-1].edge + 1, groups

    def hold(self, one: Pass, groups: list[Group]) -> None:
        """Edges in front of a pass: filters come until those left need no more than the first column's; sums climb."""
        load = self.loads.get(one.number)
        while True:
            filters = load is not None and load.left > one.first_column()
            sums = 0
            if self.sums_return:
                size = len(one.channels), len(one.rows)
                comes = self.returns(one) or self.bursts_add
                sums = self.returning.wait(groups, *size, len(self.issued), self.seen.edges, comes)
            self.seen.held += sums > 0
            if not filters and not sums:
                break
            self.begin_edge(one if filters else self.burst[0])
            if filters and load is not None:
                load.edges.append(self.seen.edges)
                self.seen.fill += 1
            else:
                self.seen.drain += 1
            if not one.bursts:
                self.tick(None)
            self.end_edge()

    def plan_load(self, one: Pass) -> Load:
        """The filter words of a pass, and the transactions that bring them."""
        words, bits, width = self.layer.weight_stream(one), self.machine.bits(WEIGHT), self.filter_width
        ends = {tag: (number + 1) * bits for number, (tag, _, _) in enumerate(words)}
        return Load(
            {tag: -(-end // width) - 1 if width else 0 for tag, end in ends.items()},
            {tag: set(takers) for tag, takers, _ in words},
            {tag: place for tag, _, place in words},
            -(-len(words) * bits // width) if width else 0,
        )

    def bring_filters(self, one: Pass, slot: Slot) -> None:
        """One transaction of filter words beside a step: this pass's in its first column, else the next one's."""
        number = one.number if slot.at == (0, 0) else one.number + 1
        load = self.loads.get(number)
        beside = number == one.number or one.is_beside(slot, self.machine.pe.filter_load)
        if load is not None and load.left and beside:
            load.edges.append(self.seen.edges)
        if one.loads and slot.at == (0, 0) and slot.mac is not None:
            self.loads[one.number].issued[slot.mac] = self.seen.edges

    def paces(
        self, one: Pass, ifmap_words: int, sums: int, alone: bool = False, loads: bool | None = None
    ) -> list[Pace]:
        """Networks and ports that may hold the array in a pass, in the order of their names' precedence.

        With ``alone`` they move nothing; ``loads`` tells whether filters come, if not as they do.
        """
        machine, steps, out = self.machine, len(one.slots), []
        kept = sums if self.sums_return else 0
        links = [(IFMAP, "in", ifmap_words, self.ifmap_network), (PSUM, "out", sums, None)]
        links.append((PSUM, "in", kept, self.psum_network))
        for operand, way, words, bus in links:
            width, link = self.width(operand, way), machine.link(operand, way)
            if width is not None and link is not None:
                moves = None if alone else bus
                out.append(Pace(link.name, -(-words * machine.bits(operand) // width), steps, moves))
        pixels = sum(1 for tag, _ in self.layer.ifmap_stream(one) if self.inside(tag))
        read = {
            IFMAP: pixels,
            WEIGHT: len(self.layer.weight_stream(one)) if (one.loads if loads is None else loads) else 0,
            PSUM: kept,
        }
        for level in machine.buffers:
            mine = [o for o in read if [b for b in machine.buffers if o in b.operands][-1:] == [level]]
            if level.read_bits_per_cycle:
                bits = sum(read[o] * machine.bits(o) for o in mine)
                out.append(Pace(level.name, -(-bits // level.read_bits_per_cycle), steps))
            if level.write_bits_per_cycle and PSUM in mine:
                out.append(Pace(level.name, -(-sums * machine.bits(PSUM) // level.write_bits_per_cycle), steps))
        return out
