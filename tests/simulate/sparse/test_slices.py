"""The parts of a layer that tiles are, and layers on sparse machines as the pipeline runs them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accsim
from accsim.hardware.reader import load_accelerator
from accsim.mapping.nest import Nest
from accsim.simulate.sparse.slices import part_of
from accsim.workload.layer import Geometry
from tests.simulate.sparse.cases import Case, cases, golden
from tests.strategies import conv_geometries


@settings(max_examples=60, deadline=None)
@given(cases(conv_geometries()), st.data())
def test_parts_add_up_to_the_layer(case: Case, data: st.DataObject) -> None:
    """Whatever the tiles, the sums of their layers are those of the whole layer."""
    g, nest = case.g, Nest(case.g, ())
    pieces = {}
    for dim in "NGMCPQ":
        length = nest.bound(dim)
        step = data.draw(st.integers(1, length), label=dim)
        pieces[dim] = [nest.piece(dim, start, min(step, length - start)) for start in range(0, length, step)]
    sums = np.zeros((g.N, g.G, g.filters_per_group, g.P, g.Q), np.int64)
    for chosen in product(*pieces.values()):
        sizes = dict(zip(pieces, chosen, strict=True))
        part, ifmap, weight = part_of(g, case.ifmap, case.weight, sizes)
        at = tuple(slice(sizes[dim].start, sizes[dim].start + sizes[dim].size) for dim in "NGMPQ")
        sums[at] += golden(Case(part, ifmap, weight)).reshape(
            part.N, part.G, part.filters_per_group, part.P, part.Q
        )  # fmt: skip
    assert (sums.reshape(g.N, g.M, g.P, g.Q) == golden(case)).all()


@pytest.mark.parametrize(
    ("hardware", "layers"), [("scnn", "conv*"), ("eyeriss_v2", "*"), ("eie", "ip*"), ("cnvlutin", "*")]
)
def test_slots_of_a_network_add_up(hardware: str, layers: str) -> None:
    """MACs that took a slot and idle slots are multipliers times cycles, and skipping never does more than dense."""
    machine = load_accelerator(hardware)
    result = accsim.estimate("lenet_caffe", machine, layers=[layers], compress="lenet-deep-compression")
    for layer, estimate in zip(result.network.layers, result.estimates, strict=True):
        activity = estimate.activity
        if layer.kind.has_macs:
            begun = activity.macs if activity.begun_macs is None else activity.begun_macs
            slots = machine.array.pes * activity.cycles.total
            assert begun + sum(n for _, n in activity.idle_slots) == slots
            assert begun <= activity.macs
            assert any("drawn with independent zeros" in note for note in activity.notes)


def test_values_decide_and_are_told() -> None:
    """A layer whose ifmap and weights are given is counted from them, and one without a zero takes longest."""
    shapes = {"ifmap": (1, 20, 12, 12), "weight": (50, 20, 5, 5)}
    rng = np.random.default_rng(3)
    sparse = {name: (rng.random(shape) < 0.3).astype(np.int8) for name, shape in shapes.items()}
    full = {name: np.ones(shape, np.int8) for name, shape in shapes.items()}
    found = [
        accsim.estimate("lenet_caffe", "eyeriss_v2", layers=["conv2"], tensors={"conv2": given})
        for given in (sparse, full)
    ]
    assert [result.values for result in found] == ["real", "real"]
    first, second = (result.estimates[0].activity for result in found)
    assert first.cycles.compute < second.cycles.compute / 4
    assert first.begun_macs == first.effectual_macs
    assert not any("drawn" in note for note in first.notes)


def test_a_layer_that_does_not_fit_the_machine_is_named() -> None:
    with pytest.raises(accsim.AccsimError) as caught:
        accsim.estimate("lenet_caffe", "eie")
    assert str(caught.value) == (
        "layer 'conv1' cannot run on eie: a convolution: the machine multiplies a matrix by vectors"
    )


def test_a_stepped_layer_is_the_counted_one() -> None:
    checked = accsim.verify("lenet_caffe", "scnn", layers=["conv1"])
    assert checked.agrees


def test_geometry_of_a_tile_on_padding_alone() -> None:
    g = Geometry(N=1, G=1, M=1, C=1, P=4, Q=1, R=1, S=1, H=1, W=1, pad_top=2, pad_bottom=1)
    nest = Nest(g, ())
    whole = {dim: nest.piece(dim, 0, nest.bound(dim)) for dim in "NGMCQ"}
    part, ifmap, _ = part_of(g, np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), {**whole, "P": nest.piece("P", 0, 2)})
    assert (part.P, part.H, part.pad_top, part.pad_bottom) == (2, 1, 0, 1)
    assert not ifmap.any()
