"""What the words of a row-stationary layer cost, found by pricing made-up amounts of them.

Each counter of a layer is proportional to the words of one flow, and each price to a counter, so energy is an affine
function of the words, but for accesses that are rounded up to whole ones, which only adds to it. Its coefficients are
differences of prices that the pricing itself gives: no rule of it is repeated here.
"""

from __future__ import annotations

from math import lcm

from accsim.energy.linear.channel import channel_bits
from accsim.energy.linear.moves import channel
from accsim.energy.price import price
from accsim.energy.table import EnergyTable
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.mapping import RowStationaryMapping
from accsim.mapping.search.row_stationary.rates import Affine, Rates, Transfers
from accsim.simulate.activity import Activity, Cycles
from accsim.simulate.channel import fetched, returned
from accsim.simulate.flows import Occupancy, RowStationaryFlows, Zeros
from accsim.simulate.ledger import Ledger
from accsim.simulate.mac_activity import mac_activity
from accsim.simulate.mac_task import MacTask
from accsim.simulate.movement import record
from accsim.simulate.padding import valid_macs, valid_taps
from accsim.simulate.phase import Schedule
from accsim.simulate.storage import OffChipBits, Place, Traffic
from accsim.workload.layer import Operand

MANY = 2**40
"""Words of a transfer beside which what it is rounded up by is nothing."""

ROUNDING = 1e-14
"""Share of a price that the rounding of its sums can have added."""

FLOWS = {
    "ifmap_read": "ifmap_read",
    "ifmap_sent": "ifmap_sent",
    "ifmap_received": "ifmap_delivered",
    "weight_sent": "weight_sent",
    "weight_received": "weight_delivered",
    "psum_out": "psum_out",
    "psum_in": "psum_in",
    "psum_hops": "psum_hops",
    "psum_kept": "psum_kept",
}
"""Coefficients by the words at the array and in it that they are for."""

OFF_ARRAY = ("ifmap_loads", "weight_loads", "psum_spills", "cycle")


def rates(task: MacTask, accelerator: Accelerator, table: EnergyTable, mapping: RowStationaryMapping) -> Rates:
    """What a layer's words cost; ``mapping`` is any mapping of it."""
    place = task.place(accelerator, mapping)
    off_chip = task.off_chip(place)
    widths = [getattr(level, "width_bits", None) or 1 for level in accelerator.levels]
    unit = lcm(*widths)
    unit *= -(-max(MANY if task.counted_codes else 1, 2 * task.geometry.ofmap_words) // unit)

    def figures(more: str) -> tuple[float, float]:
        activity = _activity(task, place, off_chip, unit, more)
        return price(activity, accelerator, table).energy, channel_bits(activity, accelerator)

    names = [*OFF_ARRAY, *FLOWS]
    base, found = figures(""), {name: figures(name) for name in names}
    energy, traffic = ({name: (found[name][i] - base[i]) / unit for name in names} for i in range(2))

    def fixed(i: int, rate: dict[str, float]) -> float:
        made_up = sum(_words(name, unit) * rate[name] for name in names)
        return base[i] * (1 - ROUNDING) - made_up

    def bits(operand: Operand) -> float:
        return off_chip(operand, MANY) / MANY

    ways = {one.operand: Transfers(bits(one.operand), one.slots == 1 and not one.by_ifmap) for one in fetched(place)}
    out, away = returned(place), Transfers(0.0, waits=False)
    gates = accelerator.pe.psum_gating
    monotone = all(rate >= -1e-9 for each in (energy, traffic) for rate in each.values())
    return Rates(
        Affine(**energy, fixed=fixed(0, energy)),
        Affine(**traffic, fixed=fixed(1, traffic)),
        ways.get(Operand.IFMAP, away),
        ways.get(Operand.WEIGHT, away),
        away if place.residency.ofmap is not None else Transfers(bits(Operand.OFMAP), out.slots == 1),
        bits(Operand.PSUM),
        task.geometry.macs - (_zeros(task) if gates else 0),
        _begun(task, gates),
        channel(task, place),
        monotone and not task.counted_codes and not (gates and task.taps is not None),
    )


def _begun(task: MacTask, gates: bool) -> tuple[int, ...]:
    """MACs of any one channel of each group, by their filter column: those not on a zero if a zero is spared its sum.

    Where values are known, channels differ: then no channel has more.
    """
    g, taps = task.geometry, task.taps
    if not gates:
        return (g.ofmap_words * g.R,) * g.S
    if taps is not None:
        most = taps.reshape(g.G, -1, g.R, g.S).sum(axis=2).max(axis=1).sum(axis=0)
        return tuple(int(n) * g.filters_per_group for n in most)
    rows, cols = valid_taps(g)
    return tuple(g.N * g.M * sum(rows) * n for n in cols)


def _words(name: str, unit: int) -> int:
    """What ``_activity`` makes up of a flow when it is asked for no more of any."""
    match name:
        case "cycle":
            return 0
        case "psum_out" | "psum_in":
            return 4 * unit  # more than the finished and unfinished sums that the buffers hand on
        case _:
            return unit


def _zeros(task: MacTask) -> int:
    """MACs whose ifmap word is known to be zero."""
    return task.zero_macs if task.zero_macs is not None else task.geometry.macs - valid_macs(task.geometry)


def _activity(task: MacTask, place: Place, off_chip: OffChipBits, unit: int, more: str) -> Activity:
    """A layer that moves a lot of everything, and one ``unit`` more of one flow."""
    words = {name: _words(name, unit) + (unit if name == more else 0) for name in (*OFF_ARRAY, *FLOWS)}
    accelerator, geometry = place.accelerator, task.geometry
    flows = RowStationaryFlows(**{field: words[name] for name, field in FLOWS.items()})
    moved = Traffic(finished=geometry.ofmap_words)
    for level in accelerator.buffers:
        moved.loads[level.name, Operand.IFMAP] = words["ifmap_loads"]
        moved.loads[level.name, Operand.WEIGHT] = words["weight_loads"]
        moved.spilled[level.name] = moved.returned[level.name] = words["psum_spills"]
    coded = {Operand.IFMAP: words["ifmap_loads"], Operand.OFMAP: geometry.ofmap_words}
    moved.coded_bits.update({operand: off_chip(operand, coded[operand]) for operand in task.counted_codes})
    ledger = Ledger(accelerator)
    record(place, flows, moved, geometry.macs, Zeros(_zeros(task)), ledger)
    timing = Schedule(Cycles(words["cycle"]), words["cycle"])
    return mac_activity(task, accelerator, place.mapping, timing, Occupancy(0, 0, 0), ledger.counts(), geometry.macs)
