"""Recipes: those that ship fit their networks and hold the published figures; mistakes are whole sentences."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from accsim import library
from accsim.compress.recipe import weighted
from accsim.compress.recipe_reader import load_recipe
from accsim.errors import InputError
from accsim.workload.network import Network
from accsim.workload.reader import load_network

network = cache(load_network)


@pytest.mark.parametrize("name", library.names("recipes"))
def test_a_recipe_that_ships_fits_its_network(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.network is not None
    assert recipe.source
    target: Network = network(recipe.network)
    recipe.require_for(target)
    for layer in weighted(target):
        said = recipe.layers.get(layer.name)
        density = None if said is None else said.weight_density(layer.weight_words)
        assert density is None or 0 <= density <= 1
    for accuracy in recipe.accuracy:
        assert 0 < accuracy.value_pct < 100
        assert accuracy.source


def sparsity_pct(name: str) -> float:
    recipe = load_recipe(name)
    weights = network(recipe.network or "").weight_words
    nonzeros = sum(layer.nonzeros or 0 for layer in recipe.layers.values())
    return 100 * (1 - nonzeros / weights)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        # IntelLabs/distiller, examples/: "Total sparsity" in the log of each schedule, in per cent
        ("alexnet-owt-agp", 88.31),
        ("alexnet-owt-sensitivity", 88.44),
        ("alexnet-owt-sensitivity-kernels", 88.24),
        ("mobilenet-v1-agp", 51.58),
        ("resnet18-agp", 59.92),
        ("resnet50-agp", 79.97),
        ("resnet50-agp-85", 84.57),
        ("resnet50-agp-26", 26.00),
        ("resnet50-agp-blocks", 36.68),
        ("resnet50-surgery", 80.05),
    ],
)
def test_layers_add_up_to_the_published_sparsity(name: str, published: float) -> None:
    assert sparsity_pct(name) == pytest.approx(published, abs=0.006)


def test_the_second_surgery_is_published_to_one_decimal() -> None:
    assert round(sparsity_pct("resnet50-surgery-83"), 1) == 82.6


def test_squeezenet_has_the_non_zeros_that_were_measured() -> None:
    # compressed_SqueezeNet.net: 415,921 of 1,244,448 weights are not zero
    recipe = load_recipe("squeezenet-deep-compression")
    assert sum(layer.nonzeros or 0 for layer in recipe.layers.values()) == 415_921
    assert network("squeezenet1_0").weight_words == 1_244_448


MISTAKES = {
    "passes:\n  - symetric: {bits: 8}\n": "r.yaml:2:5: passes.0: unknown pass 'symetric'; did you mean 'symmetric'?",
    "passes:\n  - symmetric: {bits: 1}\n": "r.yaml:2:23: passes.0.symmetric.bits: must be at least 2, got 1",
    "passes:\n  - symmetric: {bit: 8}\n": ("r.yaml:2:17: no key 'bit' in passes.0.symmetric; did you mean 'bits'?"),
    "passes:\n  - {symmetric: {}, twn: {}}\n": (
        "r.yaml:2:5: passes.0: must be one pass and its arguments, such as 'symmetric: {bits: 8}'"
    ),
    "network: resnet18\nsource: me\nlayers:\n  conv1: {density: 1.5}\n": (
        "r.yaml:4:20: layers.conv1.density: must be at most 1.0, got 1.5"
    ),
    "network: resnet18\nsource: me\nlayers:\n  conv1: {density: 0.5, nonzeros: 3}\n": (
        "r.yaml:4:20: layers.conv1.density: nonzeros gives it already"
    ),
    "source: me\nlayers:\n  conv1: {density: 0.5}\n": "r.yaml:2:1: layers: say whose they are, as network: NAME",
    "network: resnet18\nlayers:\n  conv1: {density: 0.5}\n": "r.yaml:1:1: source: published figures need one",
    "about: nothing\n": "r.yaml:1:1: the recipe has neither passes nor published layers",
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.items())
def test_a_mistake_is_told_with_its_place(
    text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(text)
    with pytest.raises(InputError) as found:
        load_recipe("r.yaml")
    assert str(found.value) == sentence


def refused(text: str, target: Network, folder: Path) -> str:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(InputError) as found:
        load_recipe(folder / "mine.yaml").require_for(target)
    return str(found.value)


def test_a_recipe_is_refused_for_what_it_is_not_for(tmp_path: Path) -> None:
    lenet = network("lenet_caffe")
    assert refused("network: resnet18\npasses:\n  - twn:\n", lenet, tmp_path) == (
        "recipe mine is for the network resnet18, got lenet_caffe"
    )
    layers = "network: lenet_caffe\nsource: me\nlayers:\n  conv1: {nonzeros: 501}\n  conv_2: {density: 0}\n"
    assert refused(layers, lenet, tmp_path).splitlines() == [
        "recipe mine: lenet_caffe has no layer 'conv_2' with weights; did you mean 'conv2' or 'conv1'?",
        "recipe mine: it says nothing of 'conv2', 'ip1', 'ip2'; 'incomplete: WHY' allows that",
        "recipe mine: layer 'conv1' has 500 weights, of which 501 cannot be non-zero",
    ]
