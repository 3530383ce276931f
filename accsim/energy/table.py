"""EnergyTable: what one action of each component costs, where each figure comes from, and how it is scaled.

A table is a list of entries. An entry holds measured points (sizes and values) for a component and names the rules that
bring a point to the sizes of a machine. Where several entries give the same action of the same component (a multiplier
and an adder for ``mac``), they are its parts and are added.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

AREA = "area_um2"
"""Name of the value that holds an area; every other value's name is an action (``leak`` is a power in mW)."""


class EnergyUnit(StrEnum):
    """What one unit of energy is: a picojoule, or the energy of one 16-bit multiply-accumulate."""

    PJ = "pJ"
    MAC = "mac"


class TransferRule(StrEnum):
    """How a transfer between two levels is charged.

    ``both_ends``: the read and the write. ``dearer_level``: only the end whose access costs more per bit, as in the
    analysis of Chen et al., ISCA 2016, equations 3 and 4.
    """

    BOTH_ENDS = "both_ends"
    DEARER_LEVEL = "dearer_level"


class Component(StrEnum):
    """What an entry prices: a kind of level, or ``codec`` for encoding and decoding at any level."""

    DRAM = "dram"
    SRAM = "sram"
    RF = "rf"
    NOC = "noc"
    PE = "pe"
    VECTOR = "vector"
    CODEC = "codec"


class Variable(StrEnum):
    """A size that a price depends on.

    ``capacity``: bits of one array (one bank, one PE's register file). ``width``: bits of one access. ``depth``: words
    of one array, capacity / width. ``product``: weight bits x activation bits. ``operand``: the square root of
    ``product``. ``accumulator``: accumulator bits. ``registers``: weight + activation + accumulator bits of one PE.
    ``match``: words x address bits of a register file, the bits compared to find a word.
    ``lanes``: lanes of an array that feed one sum.
    """

    CAPACITY = "capacity"
    WIDTH = "width"
    DEPTH = "depth"
    PRODUCT = "product"
    OPERAND = "operand"
    ACCUMULATOR = "accumulator"
    REGISTERS = "registers"
    MATCH = "match"
    LANES = "lanes"


class Form(StrEnum):
    """The shape of a rule.

    ``constant``: the same at every size. ``power``: proportional to (size / measured size) ** exponent. ``log_log``:
    straight lines between the points on logarithmic axes. ``bits_moved``: charged on the bits moved, not on accesses.
    ``shared``: one among so many, in inverse proportion to the size.
    """

    CONSTANT = "constant"
    POWER = "power"
    LOG_LOG = "log_log"
    BITS_MOVED = "bits_moved"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a value changes with one size.

    Attributes:
        statement: the rule in one sentence, as it appears in a report.
        exponent: of ``power``.
        below, above: of ``log_log``: exponents beyond the first and the last point; ``None`` continues the end segment.
        low, high: the sizes for which the rule was fitted; ``None`` for no limit (``log_log``: its points' ends).
    """

    name: str
    form: Form
    variable: Variable
    statement: str
    source: str
    exponent: float = 1.0
    below: float | None = None
    above: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class NodeRule:
    """Scaling from node to node: energy by E(V) = a2 V^2 + a1 V + a0 per node, area by a factor per node.

    Attributes:
        nodes_nm: nodes, largest first; between two nodes the factors are interpolated on logarithmic axes.
        polynomials: (a2, a1, a0) per node.
        areas: relative area per node.
        low_v, high_v: supply voltages for which the rule is used without a warning.
        assumed_v: supply when neither the entry nor the machine states one.
    """

    name: str
    statement: str
    source: str
    nodes_nm: tuple[float, ...]
    polynomials: tuple[tuple[float, float, float], ...]
    areas: tuple[float, ...]
    low_v: float
    high_v: float
    assumed_v: float


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: values by name (an action, or ``area_um2``) at the given sizes.

    Energies are per access in the table's unit, ``leak`` in mW, ``area_um2`` in square micrometres.
    """

    sizes: tuple[tuple[Variable, float], ...]
    values: tuple[tuple[str, float], ...]

    def size(self, variable: Variable) -> float | None:
        """The size, if this point states one."""
        return next((x for name, x in self.sizes if name is variable), None)

    def value(self, name: str) -> float | None:
        """The value called ``name``, if this point holds it."""
        return next((y for key, y in self.values if key == name), None)


@dataclass(frozen=True, slots=True)
class Entry:
    """Prices of one component, or of one part of it.

    Attributes:
        variant: the DRAM standard, the register file's cell or the PE's datapath it holds for; ``None`` for any.
        part: what it is a part of the component (``multiplier``); empty for the whole.
        rules: names of the rules that bring its points to another size, one per size its points state.
        node_nm, voltage_v: what the figures hold for; ``None`` when not stated or not on chip.
    """

    component: Component
    points: tuple[Point, ...]
    source: str
    variant: str | None = None
    part: str = ""
    rules: tuple[str, ...] = ()
    node_nm: float | None = None
    voltage_v: float | None = None
    note: str = ""

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of the values it holds, in order."""
        return tuple(dict.fromkeys(name for point in self.points for name, _ in point.values))

    @property
    def name(self) -> str:
        """``rf (register) cells: read, write``: how messages call it."""
        variant = f" ({self.variant})" if self.variant else ""
        part = f" {self.part}" if self.part else ""
        return f"{self.component}{variant}{part}: {', '.join(self.actions)}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """One constant that turned a table of ratios into picojoules, and how it was found."""

    pj_per_mac: float
    label: str


@dataclass(frozen=True, slots=True)
class EnergyTable:
    """A whole table. Hashable, so that it can key a cache.

    Attributes:
        sources: (key, citation) pairs; rules and entries name a key.
        node_rule: how figures are brought to the machine's node; ``None`` leaves them as they are.
        calibration: set when the file gives ratios; the entries here are already multiplied.
    """

    name: str
    unit: EnergyUnit
    transfer_rule: TransferRule
    entries: tuple[Entry, ...]
    rules: tuple[Rule, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    description: str = ""
    node_nm: float | None = None
    voltage_v: float | None = None
    node_rule: NodeRule | None = None
    calibration: Calibration | None = None
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.unit, self.transfer_rule, self.entries, self.rules)))

    def __hash__(self) -> int:
        return self._hash

    def rule(self, name: str) -> Rule:
        """The rule called ``name``.

        Raises:
            KeyError: there is none.
        """
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(name)

    def citation(self, key: str) -> str:
        """The citation that ``key`` stands for."""
        return dict(self.sources).get(key, key)

    def find(self, component: Component, variant: str | None, value: str) -> tuple[Entry, ...]:
        """Entries whose sum is ``value`` of the component; empty when the table has no figure.

        An entry for this very variant comes before one for any. A DRAM standard that the table does not know is not
        replaced by its generic entry when the table tells standards apart.
        """
        held = [
            e for e in self.entries if e.component is component and any(p.value(value) is not None for p in e.points)
        ]
        exact = tuple(e for e in held if variant and e.variant and e.variant.casefold() == variant.casefold())
        if exact:
            return exact
        told_apart = component is Component.DRAM and variant != "dram" and any(e.variant for e in held)
        return () if told_apart else tuple(e for e in held if e.variant is None)

    def variants(self, component: Component) -> tuple[str, ...]:
        """The variants (DRAM standards, cells) of a component that have entries of their own."""
        return tuple(dict.fromkeys(e.variant for e in self.entries if e.component is component and e.variant))

    def inventory(self) -> str:
        """What the table holds, in one line: ``dram (ddr3, lpddr4): read, write; sram: read, write``."""
        held: dict[tuple[Component, str | None], dict[str, None]] = {}
        for entry in self.entries:
            priced = dict.fromkeys(a for a in entry.actions if a != AREA)
            held.setdefault((entry.component, entry.variant), {}).update(priced)
        alike: dict[tuple[Component, bool, str], list[str]] = {}
        for (component, variant), actions in held.items():
            if actions:
                alike.setdefault((component, variant is not None, ", ".join(actions)), []).append(variant or "")
        return "; ".join(
            f"{component} ({', '.join(variants)}): {actions}" if told_apart else f"{component}: {actions}"
            for (component, told_apart, actions), variants in alike.items()
        )
