"""Energy table files: what is read, and every message about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from accsim.energy.reader import load_table
from accsim.energy.table import Component, EnergyUnit, Form, TransferRule
from accsim.errors import InputError
from accsim.library import names
from accsim.simulate.activity import Action

MINE = """\
name: mine
unit: pJ
transfer_rule: both_ends
node_nm: 28
sources: {us: measured here}
rules:
  by_width: {form: power, variable: width, statement: linear in width, source: us}
  by_capacity: {form: log_log, variable: capacity, statement: interpolated, source: us}
entries:
  - component: sram
    points:
      - {capacity: 1 KiB, width_bits: 64, read: 2.0, write: 3}
      - {capacity: 4 KiB, width_bits: 64, read: 4.0, write: 6}
    copies: {fill: write}
    rules: [by_width, by_capacity]
    source: us
  - {component: dram, standard: DDR5, points: [{read: 1}], source: us}
"""


def read(folder: Path, text: str) -> list[str]:
    path = folder / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_table(path)
    return [mistake.replace(f"{path}", "mine.yaml") for mistake in error.value.mistakes]


@pytest.mark.parametrize("name", names("energy tables"))
def test_every_figure_of_a_shipped_table_has_a_citation(name: str) -> None:
    table = load_table(name)
    cited = dict(table.sources)
    assert table.name == name
    assert all(entry.source in cited for entry in table.entries)
    assert set(cited) == {x.source for x in (*table.entries, *table.rules)} | (
        {table.node_rule.source} if table.node_rule else set()
    ) | ({"jssc2017"} if table.calibration else set())


def test_shipped_tables() -> None:
    assert names("energy tables") == (
        "aladdin_40nm",
        "bit_serial_32nm",
        "eyeriss_65nm",
        "eyeriss_normalized",
        "horowitz_45nm",
    )
    normalized = load_table("eyeriss_normalized")
    assert (normalized.unit, normalized.transfer_rule) == (EnergyUnit.MAC, TransferRule.DEARER_LEVEL)


def test_a_file_becomes_a_table(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    table = load_table(tmp_path / "mine.yaml")
    sram = table.entries[0]
    assert (sram.component, sram.node_nm, sram.actions) == (Component.SRAM, 28, ("read", "write", "fill"))
    assert sram.points[1].value(Action.FILL) == 6
    assert table.entries[1].node_nm is None
    assert table.rule("by_capacity").form is Form.LOG_LOG
    assert table.citation("us") == "measured here"
    assert table.inventory() == "sram: read, write, fill; dram (DDR5): read"
    assert hash(table) == hash(load_table(tmp_path / "mine.yaml"))


def test_all_field_mistakes_at_once(tmp_path: Path) -> None:
    text = MINE.replace("unit: pJ", "unit: joule").replace("read: 2.0", "raed: 2.0").replace("write: 6", "write: six")
    assert read(tmp_path, text) == [
        "mine.yaml:2:7: unit: must be 'pJ' or 'mac', got 'joule'",
        "mine.yaml:12:43: no key 'raed' in entries.0.points.0; did you mean 'read'?",
        "mine.yaml:13:61: entries.0.points.1.write: must be a number, got 'six'",
    ]


def test_all_mistakes_between_fields_at_once(tmp_path: Path) -> None:
    text = (
        MINE.replace("rules: [by_width, by_capacity]", "rules: [by_capactiy]")
        .replace("copies: {fill: write}", "copies: {fill: mac}")
        .replace("{component: dram, standard: DDR5, points: [{read: 1}], source: us}",
                 "{component: sram, standard: DDR5, points: [{width_bits: 1, read: 1}, {read: 2}], source: su}")
    )  # fmt: skip
    assert read(tmp_path, text) == [
        "mine.yaml:7:3: rules.by_width: no entry uses it",
        "mine.yaml:8:3: rules.by_capacity: no entry uses it",
        "mine.yaml:15:13: entries.0.rules.0: no rule 'by_capactiy' in the table; did you mean 'by_capacity'?",
        "mine.yaml:14:20: entries.0.copies.fill: no point of the entry gives mac",
        "mine.yaml:10:5: entries.0: several points need exactly one rule of form log_log between them, got 0",
        "mine.yaml:17:94: entries.1.source: no source 'su' in the table; it has us",
        "mine.yaml:17:33: entries.1.standard: only a dram entry has a standard",
        "mine.yaml:17:5: entries.1: it is given at a width, but no rule says how it changes with width",
        "mine.yaml:17:74: entries.1.points.1: other points of the entry give width_bits, this one does not",
        "mine.yaml:17:5: entries.1: several points need exactly one rule of form log_log between them, got 0",
    ]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[{read: 1}]", "[]", "mine.yaml:17:47: entries.1.points: the entry holds no point"),
        ("unit: pJ", "unit: mac\ncalibration: {pj_per_mac: 1, label: x}",
         "mine.yaml:3:14: calibration: only a table with unit pJ can be calibrated"),
        ("capacity: 4 KiB", "capacity: 1 KiB",
         "mine.yaml:10:5: entries.0: two of its points have the same capacity"),
        ("write: 6", "write: 0",
         "mine.yaml:10:5: entries.0: write must be greater than 0 at every point, or 0 at all of them"),
        ("    source: us\n", "    source: us\n  - {component: sram, points: [{read: 1}], source: us}\n",
         "mine.yaml:17:5: entries.1: read is already given by entries.0; name a part of each"),
        ("[{read: 1}]", "[{read: 1, leak_mw: 1}, ]",
         ""),
        ("capacity: 4 KiB", "capacity: 4 MHz",
         "mine.yaml:13:20: entries.0.points.1.capacity: must be a size such as '108 KiB', got '4 MHz'"),
        ("[by_width, by_capacity]", "[by_width, by_width, by_capacity]",
         "mine.yaml:10:5: entries.0: two of its rules are over the same size"),
        ("[{read: 1}]", "[{}]", "mine.yaml:17:48: entries.1.points.0: it holds no value"),
    ],
)  # fmt: skip
def test_one_mistake_one_sentence(before: str, after: str, message: str, tmp_path: Path) -> None:
    text = MINE.replace(before, after, 1)
    if message:
        assert read(tmp_path, text) == [message]
    else:
        (tmp_path / "mine.yaml").write_text(text)
        assert load_table(tmp_path / "mine.yaml").entries[1].actions == ("read", "leak")


def test_a_missing_table_suggests_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        load_table("horowitz_45")
    assert str(error.value) == "no energy table named 'horowitz_45'; did you mean 'horowitz_45nm'?"
