"""The schema of an energy table's YAML file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from accsim.energy.table import Component, EnergyUnit, Form, TransferRule, Variable
from accsim.hardware.datapath import DatapathKind
from accsim.simulate.activity import Action
from accsim.yamlfile import Model, SizeBits

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]


class RuleFile(Model):
    """How a value changes with one size."""

    form: Form
    variable: Variable
    statement: Text
    source: Text
    exponent: NotNegative | None = None
    below: NotNegative | None = None
    above: NotNegative | None = None
    low: SizeBits | None = None
    high: SizeBits | None = None


class PointFile(Model):
    """Sizes, then values per action: energy per access, power in mW, area in square micrometres."""

    capacity: SizeBits | None = None
    width_bits: Positive | None = None
    depth: Positive | None = None
    product_bits: Positive | None = None
    operand_bits: Positive | None = None
    accumulator_bits: Positive | None = None
    register_bits: Positive | None = None
    match_bits: Positive | None = None
    lanes: Positive | None = None
    read: NotNegative | None = None
    write: NotNegative | None = None
    fill: NotNegative | None = None
    mac: NotNegative | None = None
    gated_mac: NotNegative | None = None
    gated_read: NotNegative | None = None
    step: NotNegative | None = None
    accumulate: NotNegative | None = None
    send: NotNegative | None = None
    deliver: NotNegative | None = None
    hop: NotNegative | None = None
    encode: NotNegative | None = None
    decode: NotNegative | None = None
    op: NotNegative | None = None
    clock: NotNegative | None = None
    leak_mw: NotNegative | None = None
    area_um2: NotNegative | None = None


class EntryFile(Model):
    """Prices of one component or of one part of it. ``copies`` gives an action the values of another."""

    component: Component
    standard: Text | None = None
    cell: Text | None = None
    datapath: DatapathKind | None = None
    part: Text | None = None
    points: tuple[PointFile, ...]
    copies: dict[Action, Action] = {}
    rules: tuple[str, ...] = ()
    node_nm: Positive | None = None
    voltage_v: Positive | None = None
    source: Text
    note: str = ""


class NodeFile(Model):
    """One node of the rule from node to node."""

    node_nm: Positive
    energy: tuple[float, float, float]
    area: Positive


class NodeRuleFile(Model):
    """Scaling from node to node; nodes from the largest to the smallest."""

    name: Text
    statement: Text
    source: Text
    low_v: Positive
    high_v: Positive
    assumed_v: Positive
    nodes: tuple[NodeFile, ...]


class CalibrationFile(Model):
    """One constant that turns ratios into picojoules."""

    pj_per_mac: Positive
    label: Text


class TableFile(Model):
    """A whole energy table."""

    name: Text
    description: str = ""
    unit: EnergyUnit
    transfer_rule: TransferRule
    node_nm: Positive | None = None
    voltage_v: Positive | None = None
    sources: dict[str, Text]
    calibration: CalibrationFile | None = None
    node_rule: NodeRuleFile | None = None
    rules: dict[str, RuleFile] = {}
    entries: tuple[EntryFile, ...]
