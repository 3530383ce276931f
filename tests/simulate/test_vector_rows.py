"""Rows that are gone over several times, beside a naive unit that walks them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Partition, Sram, VectorUnit
from accsim.hardware.reader import load_accelerator
from accsim.hardware.writer import write_accelerator
from accsim.pipeline import estimate
from accsim.simulate.activity import Action, Cycles
from accsim.simulate.ledger import Ledger
from accsim.simulate.vector import count_vector
from accsim.workload.layer import LayerKind, Operand
from tests.naive import vector as whole
from tests.naive import vector_rows as naive
from tests.simulate.test_vector import ALL, BITS, WIDTH, layer, machine

KINDS = {
    LayerKind.SOFTMAX: (naive.softmax, whole.softmax),
    LayerKind.LAYER_NORM: (naive.layer_norm, whole.layer_norm),
}


def unit(held: int | None, buffer_words: int = 10**6) -> Accelerator:
    """The toy machine of the vector unit's tests, with a unit that holds so many words of a row."""
    changed = {
        "vector": lambda one: replace(one, row_words=held),
        "glb": lambda one: replace(one, partitions=(Partition(ALL, buffer_words * BITS),)),
    }
    toy = machine()
    return replace(toy, levels=tuple(changed.get(level.name, lambda one: one)(level) for level in toy.levels))


def count(kind: LayerKind, rows: int, width: int, acc: Accelerator, home: str | None) -> tuple[dict[str, int], Cycles]:
    """Words read and written at each level, and operations."""
    ledger = Ledger(acc)
    cycles = count_vector(layer(kind, (rows, width)), acc, (home,), home, ledger)
    found: dict[str, int] = {}
    for one in ledger.counts():
        name = f"{one.level} {one.action}" + (f" {one.peer}" if one.peer else "")
        found[name] = found.get(name, 0) + (one.accesses if one.action is Action.OP else one.bits // BITS)
    return found, cycles


@given(
    kind=st.sampled_from(tuple(KINDS)), rows=st.integers(1, 5), width=st.integers(1, 30), held=st.integers(0, 30),
    home=st.sampled_from((None, "glb")),
)  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_loads_and_operations_are_those_of_a_unit_that_walks_the_rows(
    kind: LayerKind, rows: int, width: int, held: int, home: str | None
) -> None:
    walk, once = KINDS[kind]
    values = [0.25 * i - 1.5 for i in range(width)]
    row, out = naive.Row(values, held), []
    done = whole.operations(lambda: out.extend(walk(row)))
    told = [word.value for word in once([whole.Counted(value) for value in values])]
    assert [word.value for word in out] == pytest.approx(told)
    found, _ = count(kind, rows, width, unit(held), home)
    assert found["glb read"] == rows * row.loads
    assert abs(found["vector op"] - rows * done) <= 2 * rows
    assert found.get("dram read glb", 0) == (rows * width if home is None else 0)
    assert found["glb write"] == rows * width


def test_a_row_that_fits_no_buffer_is_fetched_again() -> None:
    """Two rows of 40 words: 8 lines of hand arithmetic. The buffer holds 40 words, or 39."""
    for kind, ops in ((LayerKind.SOFTMAX, 7), (LayerKind.LAYER_NORM, 8)):
        fits, quick = count(kind, 2, 40, unit(16, buffer_words=40), None)
        short, slow = count(kind, 2, 40, unit(16, buffer_words=39), None)
        assert (fits["dram read glb"], fits["glb fill dram"], fits["glb read"]) == (80, 80, 240)
        assert (short["dram read glb"], short["glb fill dram"], short["glb read"]) == (240, 240, 240)
        assert fits["vector op"] == short["vector op"] == 80 * ops
        assert quick.compute == slow.compute == -(-80 * ops // 3)
        assert slow.total == max(slow.compute, 5 + (240 + 80) * BITS // WIDTH)


@given(kind=st.sampled_from(tuple(KINDS)), width=st.integers(1, 40), held=st.integers(0, 40), room=st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_larger_buffers_never_move_or_wait_more(kind: LayerKind, width: int, held: int, room: int) -> None:
    small, time = count(kind, 3, width, unit(held, room), None)
    for acc in (unit(held + 1, room), unit(held, room + 1), unit(None, room)):
        large, less = count(kind, 3, width, acc, None)
        assert all(large[name] <= small[name] for name in small)
        assert less.total <= time.total


@pytest.mark.parametrize("kind", [LayerKind.POOL, LayerKind.ADD, LayerKind.SHUFFLE])
def test_other_layers_pass_once(kind: LayerKind) -> None:
    shapes = ((4, 6),) * (2 if kind is LayerKind.ADD else 1)
    ledgers = [Ledger(unit(held)) for held in (0, None)]
    for ledger, held in zip(ledgers, (0, None), strict=True):
        count_vector(layer(kind, *shapes), unit(held), (None,) * len(shapes), None, ledger)
    assert ledgers[0].counts() == ledgers[1].counts()


def test_a_file_written_again_says_the_same() -> None:
    held = load_accelerator("edge_8x8", ("levels.vector.row_words=256",))
    assert "row_words: 256" in write_accelerator(held)


def test_files_say_how_long_a_row_may_be() -> None:
    known, other = load_accelerator("edge_8x8"), load_accelerator("edge_8x8", ("levels.vector.row_words=256",))
    assert isinstance(known.vector, VectorUnit)
    assert (known.vector.row_words, other.vector and other.vector.row_words) == (None, 256)
    assert any(isinstance(level, Sram) and Operand.IFMAP in level.operands for level in known.levels)


def test_results_have_the_share_of_the_vector_unit() -> None:
    """Pooling, activations and softmax of a small network: the unit's operations are those of its layers."""
    result = estimate("lenet_caffe", "edge_8x8", effort="quick")
    described = result.to_dict()
    unit, rows = described["vector_unit"], [row for one in result.estimates for row in one.rows]
    ops = [row for row in rows if row.count.action is Action.OP]
    assert unit["operations"] == sum(row.count.accesses for row in ops) > 0
    assert unit["energy"] == pytest.approx(sum(row.energy for row in ops))
    without = [e for la, e in zip(result.network.layers, result.estimates, strict=True) if not la.kind.has_macs]
    assert unit["without_macs"]["cycles"] == sum(e.activity.cycles.total for e in without)
    assert unit["without_macs"]["energy"] == pytest.approx(sum(e.energy for e in without))
    assert (unit["operations_of_codes"], unit["stall_cycles"]) == (0, 0)
    share = unit["without_macs"]["cycles"] / described["totals"]["cycles"]["total"]
    assert any(f"layers without MACs take {share:.1%} of the cycles" in note for note in described["notes"])
