"""Whole networks on both engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accsim
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action, Activity, Count
from accsim.workload.network import Network
from accsim.workload.operands import names_of, shape_of
from tests.strategies import small_networks, systolic_machines, tight_row_stationary_machines

GATED = (Action.MAC, Action.GATED_MAC, Action.READ, Action.GATED_READ)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[Network, Accelerator, str]:
    network = draw(small_networks())
    if draw(st.booleans()):
        return network, draw(tight_row_stationary_machines()), "row_stationary"
    return network, draw(systolic_machines()), draw(st.sampled_from(["weight_stationary", "output_stationary"]))


def run(network: Network, machine: Accelerator, dataflow: str, engine: str, **more: object) -> accsim.Result:
    return accsim.estimate(
        network, machine, dataflow=dataflow, energy_table="eyeriss_normalized", engine=engine, overflow="report", **more
    )  # type: ignore[arg-type]


def without_zeros(activity: Activity) -> list[Count]:
    """Counters that do not depend on values."""
    return sorted((c for c in activity.counts if c.action not in GATED), key=str)


@given(job=jobs())
@settings(max_examples=25, deadline=None)
def test_both_engines_agree_on_all_that_does_not_depend_on_values(job: tuple[Network, Accelerator, str]) -> None:
    network, machine, dataflow = job
    try:
        counted = run(network, machine, dataflow, "counted")
    except accsim.MappingError:
        return
    stepped = run(network, machine, dataflow, "stepped")
    assert (counted.values, stepped.values) == ("expected", "synthetic")
    assert [e.activity.layer for e in stepped.estimates] == [layer.name for layer in network.layers]
    for ours, theirs in zip(stepped.estimates, counted.estimates, strict=True):
        assert ours.activity.cycles == theirs.activity.cycles
        assert ours.activity.start_cycle == theirs.activity.start_cycle
        assert without_zeros(ours.activity) == without_zeros(theirs.activity)
        assert ours.activity.idle_slots == theirs.activity.idle_slots


@given(job=jobs(), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_both_engines_agree_on_everything_for_given_tensors(job: tuple[Network, Accelerator, str], seed: int) -> None:
    network, machine, dataflow = job
    source = np.random.default_rng(seed)
    machine = replace(machine, pe=replace(machine.pe, zero_gating=source.random() < 0.5))
    tensors = {
        layer.name: {name: source.integers(-2, 3, shape_of(layer, name)) for name in names_of(layer)}
        for layer in network.mac_layers
    }
    try:
        counted = run(network, machine, dataflow, "counted", tensors=tensors)
    except accsim.MappingError:
        return
    stepped = run(network, machine, dataflow, "stepped", tensors=tensors)
    assert (counted.values, stepped.values) == ("real", "real")
    assert stepped.energy == counted.energy
    for ours, theirs in zip(stepped.estimates, counted.estimates, strict=True):
        assert sorted(ours.activity.counts, key=str) == sorted(theirs.activity.counts, key=str)
        assert replace(ours.activity, counts=(), warnings=()) == replace(theirs.activity, counts=(), warnings=())


def test_progress_is_told_layer_by_layer() -> None:
    told: list[tuple[int, int, str]] = []
    accsim.estimate("lenet5", "eyeriss", engine="stepped", progress=lambda *what: told.append(what))
    network = accsim.load_network("lenet5")
    stepping = [what for what in told if what[1] == len(network.mac_layers)]
    assert [done for done, _, _ in stepping] == sorted(done for done, _, _ in stepping)
    assert stepping[-1][0] == len(network.mac_layers)
    assert {name for _, _, name in stepping} == {layer.name for layer in network.mac_layers} | {""}


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"engine": "steped"}, "unknown engine 'steped': must be one of counted, stepped; did you mean 'stepped'?"),
        ({"overflow": "ignore"}, "unknown overflow 'ignore': must be one of error, report"),
        ({"engine": "stepped", "jobs": 0}, "jobs must be at least 1, got 0"),
        ({"engine": "stepped", "seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_mistakes_in_how_it_is_run(option: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        accsim.estimate("lenet5", "eyeriss", **option)  # type: ignore[arg-type]
    assert error.value.mistakes == (sentence,)


def test_a_layer_has_the_same_operands_whatever_runs_beside_it() -> None:
    whole = accsim.estimate("lenet5", "eyeriss", engine="stepped", seed=9)
    part = accsim.estimate("lenet5", "eyeriss", engine="stepped", seed=9, layers=["F6"])
    (alone,) = (e.activity for e in part.estimates if e.activity.macs)
    beside = next(e.activity for e in whole.estimates if e.activity.layer == "F6")
    assert alone.effectual_macs == beside.effectual_macs
    assert alone.warnings == beside.warnings
