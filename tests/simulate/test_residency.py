"""Tensors that stay on chip: who is alive when, what is one piece of storage, and how much of the buffer is taken."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.hardware.accelerator import Accelerator, Array, ArrayFamily, Dram, Partition, Pe, Sram, VectorUnit
from accsim.simulate.residency import home_of, plan, roles, stored_as
from accsim.simulate.vector import Role
from accsim.workload.layer import Layer, LayerKind, Operand
from accsim.workload.network import Network
from tests.naive import residency as naive

ALL = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
BITS = 8
FUSED = ("relu", "pool")


def machine(bits: int = 10**9, keeps: bool = True, fused: tuple[str, ...] = FUSED) -> Accelerator:
    return Accelerator(
        name="toy",
        clock_mhz=100.0,
        array=Array(ArrayFamily.SYSTOLIC, 2, 2),
        pe=Pe(BITS, BITS, 32, BITS),
        levels=(
            Dram("dram", ALL, 64),
            Sram("glb", ALL, 64, (Partition(ALL, bits),), keeps_activations=keeps),
            VectorUnit("vector", 4, fused),
        ),
        dataflow="os",
        energy_table="none",
    )


KINDS = {
    "conv": LayerKind.CONV,
    "matmul": LayerKind.MATMUL,
    "relu": LayerKind.ACTIVATION,
    "tanh": LayerKind.ACTIVATION,
    "bn": LayerKind.BATCH_NORM,
    "pool": LayerKind.POOL,
    "add": LayerKind.ADD,
    "concat": LayerKind.CONCAT,
    "reshape": LayerKind.RESHAPE,
}


def network(*rows: tuple[str, str, tuple[str, ...], int], batch: int = 1) -> Network:
    """Layers as (name, kind, what it reads, channels); channels of a view or of a rewriting layer are its inputs'."""
    channels = {"input": 3}
    layers = []
    for name, kind, inputs, wanted in rows:
        channels[name] = wanted
        if kind == "concat":
            channels[name] = sum(channels[source] for source in inputs)
        elif kind in ("relu", "tanh", "bn", "reshape", "add"):
            channels[name] = channels[inputs[0]]
        shapes = tuple((channels[source], 2, 2) for source in inputs)
        operation = kind if KINDS[kind] is LayerKind.ACTIVATION else ""
        shape = (channels[name], 2, 2)
        layers.append(Layer(name, KINDS[kind], inputs, shapes, shape, batch, operation=operation))
    return Network("toy", tuple(layers), (3, 2, 2), batch)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A graph with branches, concats of concats, tensors read twice and more than one output."""
    rows: list[tuple[str, str, tuple[str, ...], int]] = []
    for i in range(draw(st.integers(1, 9))):
        before = ["input"] + [name for name, *_ in rows]
        recent = before[-3:]
        kind = draw(st.sampled_from(("conv", *KINDS)))
        many = draw(st.integers(2, 3)) if kind in ("add", "concat", "matmul") and len(before) > 1 else 1
        pool = before if draw(st.booleans()) and len(before) >= many else recent
        inputs = draw(st.permutations(pool))[:many]
        rows.append((f"{kind}{i}", kind, tuple(inputs), draw(st.integers(1, 6))))
    return network(*rows, batch=draw(st.integers(1, 2)))


@given(net=networks(), fused=st.sets(st.sampled_from(("relu", "pool", "batch_norm", "add"))))
@settings(max_examples=200, deadline=None)
def test_roles_are_those_of_their_definition(net: Network, fused: set[str]) -> None:
    how = roles(net, machine(fused=tuple(fused)))
    assert {name: role.value for name, role in how.items()} == naive.roles(net, tuple(fused))


@given(net=networks(), size=st.integers(0, 4000), share=st.sampled_from((Fraction(0), Fraction(1, 8), Fraction(1, 2))))
@settings(max_examples=400, deadline=None)
def test_what_stays_is_what_a_walk_over_the_layers_keeps(net: Network, size: int, share: Fraction) -> None:
    planned = plan(net, machine(size), share)
    stay, taken = naive.kept(net, FUSED, int(size * (1 - share)), BITS)
    assert set(planned.home) == stay
    assert [planned.taken_bits[layer.name] for layer in net.layers] == taken
    assert set(planned.home.values()) <= {"glb"}


@given(net=networks(), size=st.integers(0, 4000), share=st.sampled_from((Fraction(0), Fraction(1, 8), Fraction(1, 2))))
@settings(max_examples=400, deadline=None)
def test_no_layer_finds_more_on_chip_than_the_buffer_holds(net: Network, size: int, share: Fraction) -> None:
    planned = plan(net, machine(size), share)
    words = naive.storage(net, naive.roles(net, FUSED))
    for i, layer in enumerate(net.layers):
        live = naive.live_bits(net, words, set(planned.home), i, BITS)
        assert live <= planned.taken_bits[layer.name] <= size * (1 - share)


@given(net=networks())
@settings(max_examples=200, deadline=None)
def test_the_networks_input_and_outputs_are_in_dram(net: Network) -> None:
    planned = plan(net, machine())
    read = {source for layer in net.layers for source in layer.inputs}
    words = naive.storage(net, naive.roles(net, FUSED))
    for layer in net.layers:
        if layer.name not in read or "input" in words[layer.name]:
            assert home_of(planned, layer.name) is None
    assert home_of(planned, "input") is None


@given(net=networks())
@settings(max_examples=200, deadline=None)
def test_what_is_stored_is_the_output_of_the_last_rewriting(net: Network) -> None:
    how = roles(net, machine())
    stored = stored_as(net, how)
    for layer in net.layers:
        at = layer.name
        while True:
            after = [x.name for x in net.layers if at in x.inputs and how.get(x.name, Role.OWN).rewrites]
            if not after:
                break
            at = after[0]
        assert stored[layer.name] == at


def test_a_tensor_of_two_concats_is_stored_beside_both_of_its_partners() -> None:
    """a joins b and joins c: 3 x 4 channels are on chip at once, although each concat has only 8."""
    net = network(
        ("a", "conv", ("input",), 4),
        ("b", "conv", ("a",), 4),
        ("c", "conv", ("b",), 4),
        ("ab", "concat", ("a", "b"), 0),
        ("ca", "concat", ("c", "a"), 0),
        ("d", "conv", ("ab",), 1),
        ("e", "conv", ("ca",), 1),
        ("out", "add", ("d", "e"), 1),
    )
    three = 3 * 4 * 4 * BITS
    assert not {"a", "b", "c", "ab", "ca"} & set(plan(net, machine(three - 1), Fraction(0)).home)
    kept = plan(net, machine(three + 2 * 4 * BITS), Fraction(0))
    assert {"a", "b", "c", "ab", "ca"} <= set(kept.home)
    assert kept.taken_bits["d"] >= three


def test_a_residual_branch_stays_while_the_other_one_runs() -> None:
    """The shortcut of 4 channels is alive from the layer that makes it to the add."""
    net = network(
        ("x", "conv", ("input",), 4),
        ("y", "conv", ("x",), 2),
        ("z", "conv", ("y",), 4),
        ("sum", "add", ("x", "z"), 4),
        ("out", "conv", ("sum",), 1),
    )
    word = 4 * BITS
    planned = plan(net, machine(), Fraction(0))
    assert planned.home == dict.fromkeys(("x", "y", "z", "sum"), "glb")
    assert planned.taken_bits == {
        "x": 4 * word, "y": 6 * word, "z": 10 * word, "sum": 12 * word, "out": 4 * word
    }  # fmt: skip
    tight = plan(net, machine(10 * word), Fraction(0))
    assert set(tight.home) == {"x", "y", "z"}


def test_operations_on_the_way_out_share_the_storage_of_their_source() -> None:
    net = network(
        ("conv", "conv", ("input",), 4),
        ("bn", "bn", ("conv",), 4),
        ("relu", "relu", ("bn",), 4),
        ("out", "conv", ("relu",), 1),
    )
    planned = plan(net, machine(), Fraction(0))
    assert planned.roles == {"bn": Role.FOLDED, "relu": Role.FUSED}
    assert set(planned.taken_bits.values()) == {4 * 4 * BITS}


@pytest.mark.parametrize("keeps", [True, False])
def test_nothing_stays_without_a_buffer_that_keeps_or_without_room(keeps: bool) -> None:
    net = network(("x", "conv", ("input",), 4), ("out", "conv", ("x",), 1))
    planned = plan(net, machine(keeps=keeps), Fraction(1) if keeps else Fraction(0))
    assert (planned.home, planned.taken_bits, planned.level) == ({}, {}, None)
