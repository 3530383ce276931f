"""The price list of a machine under a table: each level's action resolved once, then looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from accsim.energy.scaling import scale
from accsim.energy.sizes import Priced, levels
from accsim.energy.table import AREA, Component, EnergyTable, Entry
from accsim.errors import AccsimError, suggest
from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action

GIVING = frozenset({Action.READ, Action.GATED_READ, Action.DELIVER, Action.HOP})
"""The actions by which a level hands words to the level at the other end."""

RECEIVING = frozenset({Action.FILL, Action.WRITE, Action.SEND})
"""The actions by which a level takes words from the level at the other end."""


STANDING = (Action.CLOCK, Action.LEAK)
"""What costs energy in every cycle of a layer, whether a level works or not."""

_VARIANT = {Component.DRAM: "standard", Component.PE: "datapath"}
"""What the variants of a component are called."""

_NETWORK = (Action.SEND, Action.DELIVER, Action.HOP)


@dataclass(frozen=True, slots=True)
class Price:
    """What one action at one level costs: ``per_access`` x accesses + ``per_bit`` x bits, in the table's unit.

    Attributes:
        unit_per_bit: energy per bit of a full-width access.
        used: names of the entries it was made from.
        notes, warnings: rules that changed a figure, and those used outside their range.
    """

    per_access: float
    per_bit: float
    unit_per_bit: float
    used: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class PriceList:
    """Prices of one machine under one table, resolved on first use and kept."""

    def __init__(self, accelerator: Accelerator, table: EnergyTable) -> None:
        self.accelerator = accelerator
        self.table = table
        self.levels: dict[str, Priced] = {level.name: level for level in levels(accelerator)}
        self.order: dict[str, int] = {name: i for i, name in enumerate(self.levels)}
        self._units: dict[tuple[str, Action], float] = {}
        self._prices: dict[tuple[str, Action], Price] = {}
        self._standing: tuple[tuple[str, Action, Price], ...] | None = None

    def price(self, name: str, action: Action) -> Price:
        """The price of ``action`` at the level called ``name``.

        Raises:
            AccsimError: the machine has no such level, or the table has no entry for the action.
        """
        found = self._prices.get((name, action))
        if found is None:
            found = self._prices[name, action] = self._resolve(name, action)
        return found

    def unit(self, name: str, action: Action) -> float:
        """Energy per bit by which this end of a transfer is compared; a network counts with its dearest action."""
        known = self._units.get((name, action))
        if known is None:
            level, actions = self.levels[name], {action}
            if level.component is Component.NOC:
                actions |= {a for a in _NETWORK if self.table.find(level.component, level.variant, a)}
            known = self._units[name, action] = max(self.price(name, a).unit_per_bit for a in actions)
        return known

    def standing(self) -> tuple[tuple[str, Action, Price], ...]:
        """Clock and leakage of each level that has a figure: its price per core cycle of all its instances."""
        if self._standing is None:
            self._standing = tuple(
                (
                    level.name,
                    action,
                    self._clock(level, entries) if action is Action.CLOCK else self._leak(level, entries),
                )
                for level in self.levels.values()
                for action in STANDING
                if (entries := self.table.find(level.component, level.variant, action))
            )
        return self._standing

    def _clock(self, level: Priced, entries: tuple[Entry, ...]) -> Price:
        edge = self._scaled(level, entries, Action.CLOCK)
        return Price(edge.per_access * level.instances, 0.0, 0.0, edge.used, edge.notes, edge.warnings)

    def _leak(self, level: Priced, entries: tuple[Entry, ...]) -> Price:
        power = self._scaled(level, entries, Action.LEAK)
        pj_per_cycle = power.per_access * level.instances * 1e3 / self.accelerator.clock_mhz
        return Price(pj_per_cycle, 0.0, 0.0, power.used, power.notes, power.warnings)

    def _resolve(self, name: str, action: Action) -> Price:
        level = self.levels.get(name)
        if level is None:
            raise AccsimError(
                f"{action} at level {name!r} cannot be priced: accelerator {self.accelerator.name!r} has no such level"
                + suggest(name, self.levels)
            )
        if action in STANDING:
            for standing, what, price in self.standing():
                if (standing, what) == (name, action):
                    return price
        component, variant = level.component, level.variant
        entries = self.table.find(component, variant, action)
        if not entries and action in (Action.ENCODE, Action.DECODE):
            entries = self.table.find(Component.CODEC, None, action)
        if not entries:
            raise AccsimError(self._missing(level, action))
        return self._scaled(level, entries, action)

    def _scaled(self, level: Priced, entries: tuple[Entry, ...], action: Action) -> Price:
        machine = self.accelerator
        value = scale(self.table, entries, action, level.sizes, level.where, machine.node_nm, machine.voltage_v)
        unit = value.per_bit + value.per_access / level.width_bits
        used = tuple(entry.name for entry in entries)
        return Price(value.per_access, value.per_bit, unit, used, value.notes, value.warnings)

    def _missing(self, level: Priced, action: Action) -> str:
        table = self.table
        kind = f"kind {level.component}"
        known = table.variants(level.component)
        hint = ""
        if level.variant and known:
            kind += f", {_VARIANT.get(level.component, 'cell')} {level.variant!r}"
            hint = suggest(level.variant, known)
        return (
            f"energy table {table.name!r} has no entry for {action} at {level.where} ({kind}); "
            f"it has {table.inventory()}{hint}"
        )


@lru_cache(maxsize=64)
def price_list(accelerator: Accelerator, table: EnergyTable) -> PriceList:
    """The price list of a machine under a table; kept, so that whole networks resolve each price once."""
    return PriceList(accelerator, table)


def unused(table: EnergyTable, used: set[str], accelerator: Accelerator) -> tuple[str, ...]:
    """Names of the entries with prices that are not in ``used`` and that the machine has a use for.

    A machine picks one DRAM standard and one cell per register file: an entry for another variant counts as unused
    only when no variant of its component was used.
    """
    chosen = {e.component for e in table.entries if e.variant is not None and e.name in used}
    present = {level.component for level in levels(accelerator)}
    if accelerator.dram.run_length is not None:
        present.add(Component.CODEC)
    kind = accelerator.pe.datapath.kind
    other = [e for e in table.entries if e.component is Component.PE and e.variant not in (None, kind)]
    if Component.PE in chosen:
        priced = {action for e in table.entries if e.name in used and e.variant == kind for action in e.actions}
        other += [e for e in table.entries if e.component is Component.PE and not priced.isdisjoint(e.actions)]
    passed = {e.name for e in other}
    gated = {Action.GATED_MAC.value, Action.GATED_READ.value}
    return tuple(
        e.name
        for e in table.entries
        if e.name not in used
        and e.name not in passed
        and e.component in present
        and any(action != AREA for action in e.actions)
        and (accelerator.pe.zero_gating or not gated.issuperset(e.actions))
        and not (e.component in chosen and (e.variant is not None or e.component is Component.DRAM))
    )
