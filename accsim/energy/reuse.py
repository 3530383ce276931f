"""What a word costs at each level of a machine, as equations 3 and 4 of Chen et al., ISCA 2016, charge it."""

from __future__ import annotations

from accsim.energy.prices import PriceList, price_list
from accsim.energy.sizes import PE_LEVEL
from accsim.energy.table import Component, EnergyTable, TransferRule
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.reuse.machine import AccessCosts
from accsim.simulate.activity import Action


def access_costs(accelerator: Accelerator, table: EnergyTable) -> AccessCosts:
    """Energy of a MAC, and of one word of an activation's width at each level of ``accelerator`` under ``table``.

    Raises:
        InputError: the table charges both ends of a transfer, or the machine lacks a level.
        AccsimError: the table has no price for a level.
    """
    if table.transfer_rule is not TransferRule.DEARER_LEVEL:
        raise InputError(
            [
                f"energy table {table.name!r} charges both ends of a transfer, and the analysis of reuse charges it "
                "once; a table with transfer_rule: dearer_level is needed, such as 'eyeriss_normalized'"
            ]
        )
    prices, bits = price_list(accelerator, table), accelerator.pe.activation_bits

    def word(component: Component, action: Action) -> float:
        return bits * prices.price(_nearest(prices, component), action).unit_per_bit

    return AccessCosts(
        mac=prices.price(PE_LEVEL, Action.MAC).per_access,
        rf=word(Component.RF, Action.READ),
        array=word(Component.NOC, Action.DELIVER),
        buffer=word(Component.SRAM, Action.READ),
        dram=word(Component.DRAM, Action.READ),
    )


def _nearest(prices: PriceList, component: Component) -> str:
    """The first level of a kind, from the outside in."""
    for level in prices.levels.values():
        if level.component is component:
            return level.name
    raise InputError(
        [
            f"accelerator {prices.accelerator.name!r} has no level of kind {component}, and the analysis of reuse "
            "needs one"
        ]
    )
