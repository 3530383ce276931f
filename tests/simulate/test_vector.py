"""Layers without MACs: operations by evaluating them, traffic that agrees from both ends, and what each role costs."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, Sram, VectorUnit
from accsim.simulate.activity import Action, Activity
from accsim.simulate.ledger import Ledger
from accsim.simulate.network import simulate_other
from accsim.simulate.residency import plan
from accsim.simulate.vector import ACTIVATION_OPS, LAYER_NORM_OPS, SOFTMAX_OPS, count_vector, operations
from accsim.workload.layer import Layer, LayerKind, Operand
from accsim.workload.network import Network
from accsim.workload.operations import ACTIVATIONS
from tests.naive import vector as naive
from tests.naive.vector import Counted

ALL = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
BITS, WEIGHT_BITS, WIDTH, LANES = 8, 4, 32, 3


def machine(buffer: bool = True, unit: bool = True, fused: tuple[str, ...] = ("relu",)) -> Accelerator:
    return Accelerator(
        name="toy",
        clock_mhz=100.0,
        array=Array(ArrayFamily.SYSTOLIC, 2, 3),
        pe=Pe(WEIGHT_BITS, BITS, 32, BITS),
        levels=(
            Dram("dram", ALL, WIDTH, latency_cycles=5),
            *((Sram("glb", ALL, 16, (Partition(ALL, 10**9),), keeps_activations=True),) if buffer else ()),
            *((VectorUnit("vector", LANES, fused),) if unit else ()),
        ),
        dataflow="os",
        energy_table="none",
    )


def layer(kind: LayerKind, *inputs: tuple[int, ...], out: tuple[int, ...] | None = None, **given: object) -> Layer:
    names = tuple(f"in{i}" for i in range(len(inputs)))
    return Layer("it", kind, names, inputs, out or inputs[0], **given)  # type: ignore[arg-type]


def numbers(count: int, start: float = -1.5) -> list[Counted]:
    return [Counted(start + 0.25 * i) for i in range(count)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_counted_by_evaluating_them(name: str) -> None:
    """On a negative number, for which no case of the piecewise ones is skipped."""
    assert ACTIVATION_OPS[name] == naive.operations(lambda: naive.ACTIVATIONS[name](Counted(-0.7)))
    one = layer(LayerKind.ACTIVATION, (4, 3, 5), operation=name, batch=2)
    assert operations(one) == 2 * 4 * 3 * 5 * ACTIVATION_OPS[name]


@given(
    kind=st.sampled_from(("max", "average")), window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3), size=st.integers(4, 8), channels=st.integers(1, 3), batch=st.integers(1, 2),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_pooling_is_counted_window_by_window(
    kind: str, window: tuple[int, int], stride: int, size: int, channels: int, batch: int
) -> None:
    rows, cols = range(0, size - window[0] + 1, stride), range(0, size - window[1] + 1, stride)
    done = 0
    for _ in range(batch * channels * len(rows) * len(cols)):
        taps = numbers(window[0] * window[1])
        done += naive.operations(lambda taps=taps: naive.pool(taps, kind))  # type: ignore[misc]
    out = (channels, len(rows), len(cols))
    pool = layer(LayerKind.POOL, (channels, size, size), out=out, operation=kind, window=window, batch=batch)
    assert operations(pool) == done


@given(rows=st.integers(1, 6), width=st.integers(1, 40), batch=st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_softmax_and_layer_norm_are_counted_to_the_first_words_of_a_row(rows: int, width: int, batch: int) -> None:
    """A sum of n words takes n - 1 additions, and a row has one epsilon and one root: two operations either way."""
    for kind, work, each in (
        (LayerKind.SOFTMAX, naive.softmax, SOFTMAX_OPS),
        (LayerKind.LAYER_NORM, naive.layer_norm, LAYER_NORM_OPS),
    ):
        done = batch * rows * naive.operations(lambda work=work: work(numbers(width)))  # type: ignore[misc]
        counted = operations(layer(kind, (rows, width), batch=batch))
        assert counted == batch * rows * width * each
        assert abs(counted - done) <= 2 * batch * rows


@pytest.mark.parametrize("window", [1, 3, 5])
def test_response_normalisation_is_counted_by_evaluating_it(window: int) -> None:
    one = naive.operations(lambda: naive.lrn(numbers(window), 0))
    assert operations(layer(LayerKind.LRN, (8, 3, 3), window=(window, 1))) == 8 * 3 * 3 * one


def test_joins_and_norms_are_counted_by_the_word() -> None:
    shape = (2, 3, 4)
    assert operations(layer(LayerKind.ADD, shape, shape)) == 24
    assert operations(layer(LayerKind.ADD, shape, shape, shape)) == 48
    assert operations(layer(LayerKind.MULTIPLY, shape, shape, batch=3)) == 72
    assert operations(layer(LayerKind.BATCH_NORM, shape)) == 48
    for kind in (LayerKind.SHUFFLE, LayerKind.EMBEDDING, LayerKind.RESHAPE, LayerKind.CONCAT):
        assert operations(layer(kind, shape)) == 0


Rows = Counter[tuple[str, Operand, Action, str | None]]


def bits(ledger: Ledger | Activity) -> Rows:
    counts = ledger.counts() if isinstance(ledger, Ledger) else ledger.counts
    return Counter({(c.level, c.operand, c.action, c.peer): c.bits for c in counts if c.bits})


OWN = (LayerKind.POOL, LayerKind.ADD, LayerKind.SOFTMAX, LayerKind.LAYER_NORM, LayerKind.SHUFFLE, LayerKind.EMBEDDING)


@given(
    kind=st.sampled_from(OWN), many=st.integers(0, 3), shape=st.tuples(*[st.integers(1, 6)] * 3),
    homes=st.tuples(*[st.sampled_from((None, "glb"))] * 3), out_home=st.sampled_from((None, "glb")),
    weights=st.integers(0, 50), batch=st.integers(1, 2), buffer=st.booleans(), unit=st.booleans(),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_bits_agree_from_both_ends_and_every_tensor_moves_once(
    kind: LayerKind, many: int, shape: tuple[int, ...], homes: tuple[str | None, ...], out_home: str | None,
    weights: int, batch: int, buffer: bool, unit: bool,
) -> None:  # fmt: skip
    if kind is not LayerKind.EMBEDDING:
        many = 2 if kind is LayerKind.ADD else 1
    if not buffer:
        homes, out_home = (None, None, None), None
    if kind not in (LayerKind.LAYER_NORM, LayerKind.EMBEDDING):
        weights = 0
    one = layer(kind, *[shape] * many, out=shape, weight_words=weights, batch=batch)
    acc = machine(buffer, unit)
    ledger = Ledger(acc)
    cycles = count_vector(one, acc, homes[:many], out_home, ledger)
    rows, words = bits(ledger), batch * prod(shape)

    for operand in (Operand.IFMAP, Operand.IFMAP2, Operand.WEIGHT, Operand.OFMAP):
        if buffer:
            assert rows["dram", operand, Action.READ, "glb"] == rows["glb", operand, Action.FILL, "dram"]
            assert rows["dram", operand, Action.WRITE, "glb"] == rows["glb", operand, Action.READ, "dram"]
    if kind is LayerKind.EMBEDDING:
        read, used = words * BITS, words * BITS
    else:
        read = sum(words * BITS for home in homes[:many] if home is None) + weights * WEIGHT_BITS
        used = many * words * BITS + weights * WEIGHT_BITS
    written = words * BITS if out_home is None else 0
    assert sum(n for (at, _, action, _), n in rows.items() if at == "dram" and action is Action.READ) == read
    assert sum(n for (at, _, action, _), n in rows.items() if at == "dram" and action is Action.WRITE) == written
    if buffer:
        taken = [n for (at, _, action, peer), n in rows.items() if (at, action, peer) == ("glb", Action.READ, None)]
        assert sum(taken) == used
        assert rows["glb", Operand.OFMAP, Action.WRITE, None] == words * BITS

    done = max(operations(one), words) if unit else 0
    assert cycles.compute == -(-done // LANES)
    assert cycles.total == max(cycles.compute, 5 - (-(read + written) // WIDTH) if read + written else 0)


def test_rows_of_a_table_come_from_dram_even_where_no_layer_is_read() -> None:
    """Position embeddings read no layer, but their trained rows are fetched; a lookup's numbers may live on chip."""
    for inputs, homes in (((), ()), (((6, 1),), ("glb",))):
        acc = machine()
        ledger = Ledger(acc)
        count_vector(layer(LayerKind.EMBEDDING, *inputs, out=(6, 4), weight_words=400), acc, homes, "glb", ledger)
        assert bits(ledger)["dram", Operand.WEIGHT, Action.READ, "glb"] == 6 * 4 * BITS


SHAPE = (4, 2, 2)


def chain(*rows: tuple[str, LayerKind, str]) -> Network:
    layers, before = [], "input"
    for name, kind, operation in rows:
        layers.append(Layer(name, kind, (before,), (SHAPE,), SHAPE, operation=operation))
        before = name
    return Network("toy", tuple(layers), SHAPE)


def run(network: Network, acc: Accelerator, share: Fraction) -> dict[str, Activity]:
    planned = plan(network, acc, share)
    return {x.name: simulate_other(x, network, acc, planned) for x in network.layers if not x.kind.has_macs}


@pytest.mark.parametrize("share", [Fraction(0), Fraction(1)])
def test_each_role_costs_what_it_does(share: Fraction) -> None:
    """16 words: the folded norm is free, the fused ReLU costs operations, the view nothing, the tanh everything."""
    net = chain(
        ("conv", LayerKind.CONV, ""),
        ("norm", LayerKind.BATCH_NORM, ""),
        ("relu", LayerKind.ACTIVATION, "relu"),
        ("flat", LayerKind.RESHAPE, ""),
        ("tanh", LayerKind.ACTIVATION, "tanh"),
        ("out", LayerKind.CONV, ""),
    )
    on_chip = share == 0
    ran = run(net, machine(), share)
    ops = {
        name: {c.action: c.accesses for c in activity.counts if c.level == "vector"} for name, activity in ran.items()
    }
    assert ops == {"norm": {}, "relu": {Action.OP: 16}, "flat": {}, "tanh": {Action.OP: 80}}
    for name in ("norm", "relu", "flat"):
        assert not bits(ran[name])
        assert ran[name].cycles.total == 0
    moved = bits(ran["tanh"])
    off_chip = 0 if on_chip else 2 * 16 * BITS
    assert sum(n for (level, *_), n in moved.items() if level == "dram") == off_chip
    assert ran["tanh"].cycles.compute == 27
    assert ran["tanh"].cycles.total == 27
    assert ran["tanh"].idle_slots == (("no_macs", 2 * 3 * 27),)
    assert "folded into the weights and bias" in ran["norm"].notes[0]
    assert "as they leave the array" in ran["relu"].notes[0]
    assert ran["flat"].notes == ("addressing only: no data is moved",)


def test_a_norm_that_does_not_follow_a_layer_with_weights_runs_on_its_own() -> None:
    net = chain(("relu", LayerKind.ACTIVATION, "relu"), ("norm", LayerKind.BATCH_NORM, ""), ("end", LayerKind.CONV, ""))
    ran = run(net, machine(), Fraction(1))
    assert {c.accesses for c in ran["norm"].counts if c.level == "vector"} == {32}
    assert {c.accesses for c in ran["relu"].counts if c.level == "vector"} == {16}
