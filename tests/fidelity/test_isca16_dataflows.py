"""Six dataflows under equal storage area (Chen, Emer and Sze, ISCA 2016), on their 256 PEs.

The whole case, with its tolerances, is ``accsim validate isca16-dataflows``; here is the part that takes seconds, and
what the case does not judge.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from accsim.fidelity import validate
from accsim.fidelity.cases import isca16_dataflows as case
from accsim.fidelity.recipe import load_recipe
from accsim.library import read_text, shipped_folder
from accsim.mapping.dataflow_reader import load_reuse_dataflow
from accsim.mapping.reuse.machine import ReuseMachine
from accsim.mapping.reuse.misfit import ReuseMisfit
from accsim.reuse import ReuseResult, analyse_reuse
from accsim.source import Source


@pytest.fixture(scope="module")
def settings() -> case.Settings:
    path = shipped_folder("reports") / "isca16-dataflows/recipe.yaml"
    found = load_recipe(Source("isca16-dataflows", str(path), read_text(path))).settings
    assert isinstance(found, case.Settings)
    return found


def machine(settings: case.Settings, name: str) -> ReuseMachine:
    return case._machine(settings, settings.dataflows[name], settings.arrays[0])


def convolutions(settings: case.Settings, name: str, batch: int) -> ReuseResult:
    flow = settings.dataflows[name].dataflow
    return analyse_reuse("alexnet", flow, machine=machine(settings, name), batch=batch, layers=["conv*"], near=False)


def test_the_storage_of_fig_7b(settings: case.Settings) -> None:
    """Register files of all 256 PEs and the buffer, in kB of 1024 bytes: Fig. 7b."""
    fig_7b = {
        "RS": (128.0, 128.0), "WS": (334.3, 0.5), "OSA": (243.9, 24.5), "OSB": (303.9, 2.5), "OSC": (334.3, 0.5),
        "NLR": (338.4, 0.0),
    }  # fmt: skip
    for name, (buffer, rf) in fig_7b.items():
        on = machine(settings, name)
        assert (on.pes, on.rf_words * 2 * 256 / 1024) == (256, rf)
        assert on.buffer_words * 2 / 1024 == pytest.approx(buffer, abs=0.01)


def test_energy_of_row_stationary_layers_at_batch_16(settings: case.Settings) -> None:
    """Fig. 10: ALU, DRAM and RF within 10 %, totals within 2 %."""
    published = validate.publication("isca16-dataflows")
    found = analyse_reuse("alexnet", "isca16_row_stationary", batch=16, layers=["conv*", "fc6"], near=False).found
    assert len(found) == 6
    for layer, one in found.items():
        for level in ("alu", "dram", "rf"):
            assert one.energy[level] == pytest.approx(published.number(f"layer_{level}.{layer}"), rel=0.10), layer
        assert one.total == pytest.approx(published.number(f"layer_total.{layer}"), rel=0.02), layer


@pytest.mark.parametrize("batch", [1, 16])
def test_energy_over_row_stationary(settings: case.Settings, batch: int) -> None:
    """Fig. 12 within 10 %, and in the same order."""
    published = validate.publication("isca16-dataflows")
    energy = {name: case.total(convolutions(settings, name, batch)) for name in settings.dataflows}
    ratios = {name: e / energy["RS"] for name, e in energy.items()}
    figures = {"RS": 1.0} | {name: published.number(f"energy_ratio.N{batch}.{name}") for name in ratios if name != "RS"}
    assert ratios == pytest.approx(figures, rel=0.10)
    assert sorted(ratios, key=ratios.__getitem__) == sorted(figures, key=figures.__getitem__)


def test_weight_stationary_cannot_run_a_batch_of_64(settings: case.Settings) -> None:
    """Section VII: the buffer cannot hold the psums of one filter of CONV1 for 64 images; the other layers' fit."""
    result = convolutions(settings, "WS", 64)
    misfit = result.misfits["conv1"]
    assert list(result.misfits) == ["conv1"]
    assert isinstance(misfit, ReuseMisfit)
    assert (misfit.demand, misfit.bound, misfit.gap) == (193600, 171161, 22439)
    for name in settings.dataflows:
        if name not in ("WS", "NLR"):
            assert not convolutions(settings, name, 64).misfits


def test_the_readings_that_the_text_leaves_open(settings: case.Settings) -> None:
    """What the two readings that were settled with the figures at hand are worth; the page of the study tells them."""
    reference = case.total(convolutions(settings, "RS", 1))
    for name, change, worth in (("WS", "apart", 1.67), ("NLR", "direct", 2.39)):
        flow = replace(load_reuse_dataflow(settings.dataflows[name].dataflow), **{change: ()})
        result = analyse_reuse("alexnet", flow, machine=machine(settings, name), layers=["conv*"], near=False)
        assert case.total(result) / reference == pytest.approx(worth, abs=0.005)


def test_word_by_word(settings: case.Settings) -> None:
    """Under the mappings published for the chip, the array whose words are counted one by one moves the same words.

    It sends filters through its buffer, which the dataflow's buffer does not keep, and its network out of the array has
    a price of its own; that is all that differs.
    """
    beside = case._beside(settings)
    assert list(beside) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    for one in beside.values():
        for level in ("alu", "dram", "array", "rf"):
            assert one.reuse[level] == pytest.approx(one.array[level], rel=1e-12)
        assert one.array["buffer"] == pytest.approx(one.reuse["buffer"] + one.filters, rel=1e-12)
