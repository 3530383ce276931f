"""Energy from non-zero counts: the method's own rules, and a layer worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import accsim
from accsim.energy.nonzero import NonZeros, TensorEnergy, Words, ZeroIfmap
from accsim.energy_from_nonzeros import dense_result, nonzero_energy, sparse
from accsim.errors import AccsimError, InputError
from accsim.fidelity import validate
from accsim.fidelity.cases import energy_aware_pruning as case
from accsim.fidelity.recipe import load_recipe
from accsim.library import read_text, shipped_folder
from accsim.result import Result
from accsim.source import Source

PARTS = ("ifmap", "ofmap", "weight", "computation")
DENSITY = st.floats(0, 1)


@pytest.fixture(scope="module")
def dense() -> Result:
    """One layer of AlexNet on the chip, as the method counts it: no gating, no coding."""
    network = accsim.load_network("alexnet", batch=4, layers=["conv3"])
    return dense_result(network, "eyeriss", energy_table="eyeriss_normalized")


def energy(dense: Result, nonzeros: NonZeros, zero_ifmap: ZeroIfmap = ZeroIfmap.GATE) -> TensorEnergy:
    (layer,) = sparse(dense, {"conv3": nonzeros}, zero_ifmap)
    return layer


def rows(dense: Result, kinds: tuple[str, ...], operands: tuple[str, ...], actions: tuple[str, ...]) -> float:
    """Energy of some of the dense layer's counters, for one inference."""
    named = {level.name: level.kind.value for level in dense.accelerator.levels}
    return sum(
        row.energy / 4
        for row in dense.estimates[0].rows
        if named.get(row.count.level, "pe") in kinds
        and row.count.operand.value in operands
        and row.count.action.value in actions
    )


def test_a_layer_by_hand(dense: Result) -> None:
    """Densities 1/2 (ifmap), 1/4 (weight) and 3/4 (ofmap): stored words take 9, 5 and 13 of 16 bits."""
    found = energy(dense, NonZeros(Words(0.5), Words(0.25), Words(0.75)))
    moved = ("dram", "sram", "noc"), ("read", "write", "fill", "send", "deliver", "hop")
    assert found.macs == 149520384
    assert found.nonskipped_macs == 149520384 / 8
    assert found.computation == pytest.approx(149520384 / 8)
    assert found.weight == pytest.approx(
        rows(dense, moved[0], ("weight",), moved[1]) * 5 / 16 + rows(dense, ("rf",), ("weight",), ("read",)) / 8
    )
    assert found.ifmap == pytest.approx(
        rows(dense, moved[0], ("ifmap",), moved[1]) * 9 / 16 + rows(dense, ("rf",), ("ifmap",), ("read",)) * 9 / 16 / 4
    )
    assert found.ofmap == pytest.approx(
        rows(dense, moved[0], ("ofmap",), moved[1]) * 13 / 16
        + rows(dense, moved[0], ("psum",), moved[1])
        + rows(dense, ("rf",), ("psum",), ("read", "write")) / 4
    )


def test_a_dense_layer_pays_its_maps_and_nothing_else(dense: Result) -> None:
    """Maps cost a sixteenth of what moves."""
    found = energy(dense, NonZeros())
    maps = (
        sum(
            rows(dense, ("dram", "sram", "noc"), (operand,), ("read", "write", "fill", "send", "deliver", "hop")) / 16
            for operand in ("ifmap", "weight", "ofmap")
        )
        + rows(dense, ("rf",), ("ifmap",), ("read",)) / 16
    )
    assert found.total == pytest.approx(dense.energy / 4 + maps)


@given(ifmap=DENSITY, weight=DENSITY, ofmap=DENSITY, more=DENSITY, which=st.sampled_from(("ifmap", "weight", "ofmap")))
def test_more_non_zeros_never_cost_less(
    dense: Result, ifmap: float, weight: float, ofmap: float, more: float, which: str
) -> None:
    few = NonZeros(Words(ifmap), Words(weight), Words(ofmap))
    density = getattr(few, which).density
    many = replace(few, **{which: Words(density + (1 - density) * more)})
    for zero_ifmap in ZeroIfmap:
        low, high = energy(dense, few, zero_ifmap), energy(dense, many, zero_ifmap)
        assert low.total == pytest.approx(sum(getattr(low, part) for part in PARTS))
        for part in (*PARTS, "nonskipped_macs"):
            assert getattr(low, part) <= getattr(high, part) * (1 + 1e-12)


@given(ifmap=DENSITY, weight=DENSITY)
def test_skipping_a_psum_spares_psums_only(dense: Result, ifmap: float, weight: float) -> None:
    nonzeros = NonZeros(Words(ifmap), Words(weight))
    gate, skip = (energy(dense, nonzeros, zero_ifmap) for zero_ifmap in ZeroIfmap)
    assert skip.ofmap <= gate.ofmap * (1 + 1e-12)
    assert (skip.ifmap, skip.weight, skip.computation) == (gate.ifmap, gate.weight, gate.computation)


@given(weight=DENSITY)
def test_energy_is_linear_in_the_weights_density(dense: Result, weight: float) -> None:
    none, some, every = (energy(dense, NonZeros(Words(0.4), Words(x))).total for x in (0.0, weight, 1.0))
    assert some == pytest.approx(none + weight * (every - none))


def test_computation_is_linear_in_each_width_and_data_in_its_own(dense: Result) -> None:
    """Asilomar 2017: computation is linear in the width of one operand, and so quadratic when both change."""
    whole = energy(dense, NonZeros())
    half = energy(dense, NonZeros(weight=Words(bits=8)))
    both = energy(dense, NonZeros(ifmap=Words(bits=8), weight=Words(bits=8)))
    assert half.computation == whole.computation / 2
    assert both.computation == whole.computation / 4
    assert (half.ifmap, half.ofmap) == (whole.ifmap, whole.ofmap)
    read = rows(dense, ("rf",), ("weight",), ("read",))
    assert half.weight - read / 2 == pytest.approx((whole.weight - read) * 9 / 17)


def test_densities_of_the_networks_file_count_the_padding_that_is_fetched() -> None:
    network = accsim.load_network("alexnet", batch=4, layers=["conv3"])
    pixels = network.layers[0].ifmap_statistics.density
    assert pixels is not None
    (given_by_file,) = nonzero_energy(network, "eyeriss")
    (by_hand,) = nonzero_energy(network, "eyeriss", nonzeros={"conv3": NonZeros(Words(pixels * (13 / 15) ** 2))})
    assert given_by_file.total == pytest.approx(by_hand.total)
    assert given_by_file.nonskipped_macs == pytest.approx(149520384 * pixels * (13 / 15) ** 2)


def test_refused() -> None:
    with pytest.raises(InputError, match=r"^alexnet has no layer 'conv6' with MACs; did you mean 'conv5'"):
        nonzero_energy("alexnet", nonzeros={"conv6": NonZeros()})
    with pytest.raises(AccsimError) as caught:
        nonzero_energy("alexnet", "edge_8x8")
    assert str(caught.value) == (
        "the energy of non-zeros is counted on operands of 16 bits, and those of edge_8x8 have 8 (weights), "
        "8 (activations) and 32 (psums)"
    )


NAME = "energy-aware-pruning"


@pytest.fixture
def settings() -> case.Settings:
    path = shipped_folder("reports") / NAME / "recipe.yaml"
    return load_recipe(Source(NAME, str(path), read_text(path))).settings


def test_alexnet_of_the_study(settings: case.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The original within 5 %, and the pruned network's published energy within what its totals allow."""
    alexnet = {"alexnet": settings.models["alexnet"]}
    monkeypatch.setattr(case, "NEEDED", {})
    found = case.run(settings.model_copy(update={"models": alexnet, "other_batches": [], "other_hardware": []}))
    versions, published = found.versions["alexnet"], validate.publication(NAME)
    original, pruned = versions["original"], versions["energy_aware"]
    assert original.energy == pytest.approx(published.number("energy.alexnet.original"), rel=0.05)
    assert original.nonskipped_macs == pytest.approx(settings.models["alexnet"].nonskipped_macs)
    assert pruned.nonzero_weights == pytest.approx(5.73e6)
    assert pruned.nonskipped_macs == pytest.approx(0.56e8)
    assert pruned.least < pruned.energy < pruned.most
    assert pruned.least < published.number("energy_from_totals.alexnet.energy_aware") < pruned.most


def test_a_recipe_without_what_is_compared_or_with_layers_that_are_not_there(settings: case.Settings) -> None:
    model = settings.models["alexnet"].model_copy(update={"ifmaps": {"conv8": 0.5}})
    with pytest.raises(InputError) as caught:
        case.run(settings.model_copy(update={"models": {"alexnet": model}}))
    assert caught.value.mistakes == (
        "the study compares googlenet pruned by energy_aware; energy_aware is missing",
        "alexnet: no layer 'conv8' with MACs; did you mean 'conv5' or 'conv4' or 'conv3'?",
    )


def test_a_total_that_no_fractions_give(settings: case.Settings) -> None:
    model = settings.models["alexnet"].model_copy(update={"nonskipped_macs": 7.2e8})
    with pytest.raises(AccsimError) as caught:
        case.run(settings.model_copy(update={"models": {**settings.models, "alexnet": model}}))
    assert str(caught.value) == (
        "7.2e+08 MACs that are not skipped need non-zero fractions outside 0 to 1 in the ifmaps of conv2"
    )
