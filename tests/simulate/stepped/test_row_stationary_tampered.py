"""The checks of the row-stationary machine can fail: machines and twins that are broken on purpose are caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from accsim.errors import AccsimError
from accsim.simulate.stepped.machine import Operands, Probe
from accsim.simulate.stepped.row_stationary import chunks
from accsim.simulate.stepped.row_stationary.passes import PASS, Passes, Row
from tests.naive.row_stationary_clocked import Array
from tests.naive.row_stationary_pe import Hazard
from tests.naive.row_stationary_program import Layer as Addresses
from tests.naive.row_stationary_returns import Returns
from tests.simulate.stepped.row_stationary_runs import Layer
from tests.simulate.stepped.test_row_stationary import check, check_counts, check_values
from tests.simulate.stepped.test_row_stationary_registers import check_registers, check_seen
from tests.simulate.test_row_stationary import NAMED
from tests.strategies import change

GROUPED = NAMED["grouped"]


def layer(**widths: int | None) -> Layer:
    """Two groups on buses of their own widths, with pixels and weights that are not zero."""
    machine, g, mapping = GROUPED
    return Layer(change(machine, **{link: {"width_bits": bits} for link, bits in widths.items()}), g, mapping, 1)


def probed(one: Layer, operands: Operands | None = None) -> tuple[Probe, Array]:
    """Every register on every edge, and the twin's."""
    probe = Probe(tuple(range(one.run().phase.total)))
    one.run(probe, operands)
    twin = one.oracle(probe.cycles)
    twin.run()
    return probe, twin


def test_untampered() -> None:
    check(layer())
    check_registers(*probed(layer()))


@pytest.mark.parametrize("filter_word", [(0, 0, 0, 0), (5, 1, 2, 2)])
def test_a_wrong_weight(filter_word: tuple[int, ...]) -> None:
    one = layer()
    weight = one.operands.weight.copy()
    weight[filter_word] += 1
    wrong = Operands(one.operands.ifmap, weight)
    check_counts(one, one.run(operands=wrong))
    with pytest.raises(AssertionError):
        check_values(one, one.run(operands=wrong))
    with pytest.raises(AssertionError, match="filter_spad"):
        check_registers(*probed(one, wrong))


def test_a_wrong_pixel() -> None:
    one = layer()
    ifmap = one.operands.ifmap.copy()
    ifmap[0, 3, 2, 2] += 1
    wrong = Operands(ifmap, one.operands.weight)
    with pytest.raises(AssertionError):
        check_values(one, one.run(operands=wrong))
    with pytest.raises(AssertionError, match="ifmap_window"):
        check_registers(*probed(one, wrong))


def tampered_passes(monkeypatch: pytest.MonkeyPatch, tamper: Callable[[list[Row]], list[Row]]) -> None:
    """Let the machine work on other passes than it should."""
    honest = Passes.of

    def of(self: Passes, steps: object) -> Iterator[Row]:
        yield from tamper(list(honest(self, steps)))  # type: ignore[arg-type]

    monkeypatch.setattr(Passes, "of", of)


def changed(row: Row, **fields: int) -> Row:
    """A pass with some fields changed by so much."""
    names = [name for name in PASS.names or () if name in fields]
    values = list(row[0])
    for name in names:
        values[(PASS.names or ()).index(name)] += fields[name]
    return tuple(values), row[1]


def test_a_pass_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tampered_passes(monkeypatch, lambda rows: rows[:-1])
    seen = layer().run()
    with pytest.raises(AssertionError):
        check_counts(layer(), seen)
    with pytest.raises(AssertionError):
        check_values(layer(), seen)


def test_a_pass_with_another_channels_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    tampered_passes(monkeypatch, lambda rows: [changed(rows[0], c0=2), *rows[1:]])
    seen = layer().run()
    check_counts(layer(), seen)
    with pytest.raises(AssertionError):
        check_values(layer(), seen)


def test_filters_that_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    tampered_passes(monkeypatch, lambda rows: [*rows[:2], changed(rows[2], loads=-1), *rows[3:]])
    seen = layer().run()
    with pytest.raises(AssertionError):
        check_counts(layer(), seen)
    with pytest.raises(AssertionError):
        check_values(layer(), seen)


def test_a_transaction_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that holds the array gives up one slot of the last pass: one cycle is missing."""
    one = layer(gon_psum=3)
    check(one)

    def tamper(rows: list[Row]) -> list[Row]:
        fields, (pixels, sums, *ports) = rows[-1]
        return [*rows[:-1], (fields, (pixels, sums - 1, *ports))]

    tampered_passes(monkeypatch, tamper)
    with pytest.raises(AssertionError):
        check_counts(one, one.run())


def test_a_word_that_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine itself sees that a window is shifted before its words are there: they did not run ahead."""
    honest = chunks._table

    def late(*arguments: object) -> tuple[np.ndarray, np.ndarray]:
        table, slots = honest(*arguments)  # type: ignore[arg-type]
        table["ahead"] = 0
        return table, slots

    machine, g, mapping = NAMED["1x1"]
    one = Layer(change(machine, gin_ifmap={"width_bits": 8}), g, mapping, 1)
    check(one)
    monkeypatch.setattr(chunks, "_table", late)
    with pytest.raises(AccsimError, match="used before it arrived"):
        one.run()


def test_the_twin_misses_a_word_that_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Addresses.ifmap_stream
    monkeypatch.setattr(Addresses, "ifmap_stream", lambda self, one: honest(self, one)[:-1])
    with pytest.raises(Hazard, match="needs"):
        layer().oracle().run()


def test_the_twin_misses_a_psum_that_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Addresses.sum_stream
    machine, g, mapping = GROUPED
    one = Layer(machine, replace(g, C=8), mapping, 1)
    monkeypatch.setattr(Addresses, "sum_stream", lambda self, one: honest(self, one)[1:])
    with pytest.raises(Hazard, match="needs the sum"):
        one.oracle().run()


@pytest.mark.parametrize(("spad", "words"), [("ifmap_spad", 5), ("filter_spad", 11), ("psum_spad", 1)])
def test_the_twin_notices_a_spad_that_is_too_small(spad: str, words: int) -> None:
    """Two channels of two filters of three taps: 6 words of windows, 12 of filters, 2 psums."""
    one = layer()
    for size in (words + 1, words):
        twin = one.oracle()
        twin.machine = change(twin.machine, **{spad: {"size_words": size}})
        if size > words:
            twin.run()
            continue
        with pytest.raises(Hazard, match=f"{spad} holds"):
            twin.run()


def test_a_twin_that_counts_wrong() -> None:
    one = layer()
    twin = one.oracle()
    twin.run()
    check_seen(one, one.run(), twin.seen)
    twin.seen.psum_kept += 1
    with pytest.raises(AssertionError):
        check_seen(one, one.run(), twin.seen)


def test_the_twin_notices_a_pass_that_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three PEs in a chain, passes of one MAC and one add: the sum of the first is on its way when the second adds."""
    machine, g, mapping = NAMED["wide filter cut by the spads"]
    g = replace(g, M=1, C=2, P=1, Q=1, R=3, S=1, H=3, W=1)
    one = Layer(machine, g, replace(mapping, m=1, e=1, f=1, p=1), 1)
    check(one)
    one.oracle().run()
    monkeypatch.setattr(Returns, "wait", lambda *_: 0)
    with pytest.raises(Hazard, match="needs the sum"):
        one.oracle().run()
