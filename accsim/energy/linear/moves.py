"""How a layer's operands use the DRAM channel, as the search for a row-stationary mapping takes it."""

from __future__ import annotations

from accsim.mapping.search.row_stationary.channel import Channel, Move
from accsim.simulate.channel import fetched, returned
from accsim.simulate.mac_task import MacTask
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand


def channel(task: MacTask, place: Place) -> Channel:
    """The operands of a layer on the channel; ``place`` has any mapping of it."""
    slots = {one.operand: 0 if one.by_ifmap else one.slots for one in fetched(place)}
    code = place.accelerator.dram.run_length

    def move(operand: Operand, slots: int | None) -> Move:
        bits, known = place.bits(operand), task.code_of(operand)
        if slots is None:
            return Move(False, 0, bits)
        if known is not None:
            return Move(True, slots, bits, (known.words, known.code_words, known.word_bits))
        if operand in task.coded and code is not None:
            return Move(True, slots, bits, expected=(task.coded_width(operand, place.accelerator.dram), code.word_bits))
        return Move(True, slots, bits)

    out = returned(place).slots
    return Channel(
        weight=move(Operand.WEIGHT, slots.get(Operand.WEIGHT)),
        ifmap=move(Operand.IFMAP, slots.get(Operand.IFMAP)),
        psum=move(Operand.PSUM, out),
        ofmap=move(Operand.OFMAP, None if place.residency.ofmap is not None else out),
    )
