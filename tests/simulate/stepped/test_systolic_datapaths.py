"""Systolic PEs with a datapath of their own: stepped part by part, counted, and as plain objects, all the same."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.errors import AccsimError
from accsim.hardware.accelerator import InitialPsum
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.mac_cycles import mac_cycles
from accsim.simulate.stepped.machine import Probe
from accsim.workload.layer import Geometry
from tests.naive.systolic import run_layer
from tests.naive.systolic_pe import Taking
from tests.simulate.stepped.systolic_runs import Layer, Ports, ports
from tests.simulate.stepped.test_systolic import check, check_counts, counted_phase
from tests.simulate.stepped.test_systolic_registers import check_flows
from tests.simulate.systolic_cases import SHIPPED_FLOWS, Case, cases, waits_longer

K = DatapathKind
EXACT = (0, 4)
"""Arithmetic that takes whole products."""
PATHS = (
    (Datapath(K.ACTIVATION_SERIAL), (8, 8), 8),
    (Datapath(K.ACTIVATION_SERIAL, sign_cycle=True), (8, 8), 9),
    (Datapath(K.ACTIVATION_SERIAL, serial_bits=3), (8, 4), 3),
    (Datapath(K.ACTIVATION_SERIAL), (1, 4), 1),
    (Datapath(K.BOTH_SERIAL), (4, 3), 12),
    (Datapath(K.BOTH_SERIAL, serial_bits=2), (5, 2), 6),
    (Datapath(K.BOTH_SERIAL), (3, 1), 3),
    (Datapath(K.UNARY), (3, 6), 8),
    (Datapath(K.BINARY_WEIGHT), (8, 1), 1),
    (Datapath(K.XNOR), (1, 1), 1),
    (Datapath(K.SHIFT), (8, 4), 1),
    (Datapath(K.CODEBOOK, codebook_words=16), (8, 4), 1),
)
"""Datapaths, bits of a pixel and of a weight, and cycles of a MAC."""


@st.composite
def drawn(draw: st.DrawFn, most_macs: int = 120) -> Layer:
    """A small layer on PEs with one of the datapaths."""
    path, widths, _ = draw(st.sampled_from(PATHS))
    return Layer(
        draw(cases(None, most_macs)), draw(ports()), draw(st.sampled_from(EXACT)), draw(st.integers(0, 1 << 30)), path,
        widths,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(drawn())
def test_counted_equals_stepped_and_sums_are_golden(layer: Layer) -> None:
    check(layer)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(drawn())
def test_counted_equals_stepped_in_many_cases(layer: Layer) -> None:
    check(layer)


TAKEN = {K.ACTIVATION_SERIAL: "bits", K.BOTH_SERIAL: "both", K.UNARY: "unary"}


def check_naive(layer: Layer) -> None:
    """Edges, words and sums are those of the machine of PE objects, which adds parts of its own."""
    c, (pixel, weight, _) = layer.case, layer.rule
    taking = Taking(TAKEN[layer.path.kind], pixel, weight)
    assert taking.edges == layer.array.mac_cycles
    naive = run_layer(
        c.flow, c.geometry, list(c.loops), c.rows, c.cols, c.taps, c.buffers > 1, layer.tensors, taking=taking
    )
    seen = layer.run()
    assert (seen.phase.compute, seen.phase.fill, seen.phase.drain) == (naive.compute, naive.fill, naive.drain)
    check_flows(layer, seen, naive)
    assert naive.outputs == layer.tensors.convolve()


NAIVE = [one for one in PATHS if one[0].kind in TAKEN and one[0].serial_bits == 1 and not one[0].sign_cycle]


@st.composite
def tiny(draw: st.DrawFn) -> Layer:
    """A layer for the machine of PE objects."""
    path, widths, _ = draw(st.sampled_from(NAIVE))
    case = draw(cases(None, 40).filter(lambda one: not waits_longer(one)))
    return Layer(case, Ports(), 0, draw(st.integers(0, 1 << 30)), path, widths)


@settings(max_examples=15, deadline=None)
@given(tiny())
def test_edges_words_and_sums_are_those_of_pe_objects(layer: Layer) -> None:
    check_naive(layer)


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(tiny())
def test_edges_words_and_sums_are_those_of_pe_objects_in_many_cases(layer: Layer) -> None:
    check_naive(layer)


def fold(a: int, b: int, outputs: int, rows: int = 6, cols: int = 7, name: str = "weight_stationary") -> Case:
    """One fold: ``a`` channels, ``b`` filters and a row of outputs."""
    g = Geometry(N=1, G=1, M=b, C=a, P=1, Q=outputs, R=1, S=1, H=1, W=outputs)
    return Case(SHIPPED_FLOWS[name], g, (), rows, cols, False, 1, InitialPsum.ZERO)


@pytest.mark.parametrize(("path", "widths", "cycles"), PATHS)
@pytest.mark.parametrize("name", SHIPPED_FLOWS)
def test_cycles_of_a_mac(path: Datapath, widths: tuple[int, int], cycles: int, name: str) -> None:
    layer = Layer(fold(4, 5, 9, name=name), path=path, widths=widths)
    assert mac_cycles(layer.place.accelerator.pe) == cycles
    check(layer)


@pytest.mark.parametrize(
    ("path", "cycles"),
    [(Datapath(), 1), (Datapath(K.ACTIVATION_SERIAL), 8), (Datapath(K.UNARY), 256)],
)
@pytest.mark.parametrize(("a", "b", "outputs"), [(1, 1, 1), (4, 5, 9), (6, 7, 3), (2, 7, 20)])
def test_a_fold_takes_what_usystolic_says(path: Datapath, cycles: int, a: int, b: int, outputs: int) -> None:
    """uSystolic-Sim: ofmap_px * mac_cycles + act_cols + act_rows.

    It counts an edge for every used row and column; the last PE is a - 1 and b - 1 hops away, so edges with a MAC are
    two fewer. The load (a edges) and the way out (unused rows) are counted apart here.
    """
    layer = Layer(fold(a, b, outputs), path=path, widths=(8, 8))
    seen = layer.run()
    assert seen.phase.compute + 2 == outputs * cycles + a + b
    assert (seen.phase.fill, seen.phase.drain) == (a, 6 - a)
    check_counts(layer, seen)


@settings(max_examples=40, deadline=None)
@given(drawn(), st.sampled_from([Datapath(K.ACTIVATION_SERIAL), Datapath(K.BOTH_SERIAL), Datapath(K.UNARY)]))
def test_fewer_bits_never_take_more_cycles_and_one_cycle_is_the_multiplier(layer: Layer, path: Datapath) -> None:
    layer = replace(layer, ports=Ports())
    taken = [cycles_of(replace(layer, path=path, widths=widths)) for widths in ((2, 2), (3, 2), (3, 4), (6, 4), (6, 8))]
    assert taken == sorted(taken)
    plain = replace(layer, path=Datapath(), widths=(8, 8))
    whole = replace(layer, path=Datapath(K.ACTIVATION_SERIAL, serial_bits=8), widths=(8, 8))
    assert counted_phase(whole) == counted_phase(plain)
    one, other = whole.run(), plain.run()
    assert (one.phase, one.runs, one.flows, one.occupancy) == (other.phase, other.runs, other.flows, other.occupancy)


def cycles_of(layer: Layer) -> int:
    """Of the array and its ports."""
    return counted_phase(layer).total


def test_a_port_has_the_cycles_of_a_mac_for_each_word() -> None:
    """8-bit words of 4 rows and of 5 columns' sums: 4 bits a cycle stop a multiplier and keep up with a serial PE."""
    slow = Ports("links", ifmap=4)
    whole, serial = (
        replace(Layer(fold(4, 5, 9)), ports=slow, path=path, widths=(8, 8))
        for path in (Datapath(), Datapath(K.ACTIVATION_SERIAL))
    )
    assert dict(counted_phase(whole).stalls) == {"ifmap_in": 9 * 8 - 9}
    assert counted_phase(serial).stalls == ()
    check(whole)
    check(serial)


def test_registers_of_pes_that_take_several_edges_are_not_recorded() -> None:
    layer = Layer(fold(2, 2, 3), path=Datapath(K.ACTIVATION_SERIAL), widths=(4, 4))
    said = (
        "the registers and ports of PEs that take 4 cycles for a MAC are not recorded; run without traces, or with a "
        "bit_parallel datapath"
    )
    with pytest.raises(AccsimError, match=f"^{re.escape(said)}$"):
        layer.run(Probe(cycles=(1,)))
