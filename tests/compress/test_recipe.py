"""Recipes: those that ship fit their networks and hold the published figures; mistakes are whole sentences."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from accsim import library
from accsim.compress.codes import Float
from accsim.compress.compressed import compress
from accsim.compress.model import LayerParameters, Model
from accsim.compress.passes.activations import Activations
from accsim.compress.passes.base import ChosenLayersPass
from accsim.compress.recipe import weighted
from accsim.compress.recipe_reader import load_recipe
from accsim.compress.synthetic import synthetic
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
        ("resnet20-ssl-layers", 6.80),
        ("resnet20-ssl-channels", 7.65),
        ("resnet20-ssl-channels-1.8x", 16.32),
    ],
)
def test_layers_add_up_to_the_published_sparsity(name: str, published: float) -> None:
    assert sparsity_pct(name) == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize(("name", "published"), [("resnet50-surgery-83", 82.6), ("resnet20-surgery", 69.1)])
def test_what_is_published_to_one_decimal(name: str, published: float) -> None:
    assert round(sparsity_pct(name), 1) == published


def test_resnext_but_for_its_first_layer() -> None:
    # the log has 44,029,440 weights, 11,007,360 of them not zero: "Total sparsity": 75.0
    recipe, target = load_recipe("resnext101-agp"), network("resnext101_32x4d")
    assert target.weight_words - target.layer("conv1").weight_words == 44_029_440
    assert sum(layer.nonzeros or 0 for layer in recipe.layers.values()) == 11_007_360


@pytest.mark.parametrize(
    ("name", "weights", "nonzeros"),
    [
        # IntelLabs/distiller, examples/: sums over the layers in the log of each schedule
        ("resnet20-ssl-channels-finetuned", 234_320, 234_320),
        ("resnet20-ssl-channels-1.8x-finetuned", 186_512, 186_512),
        ("resnet20-ssl-filters", 194_144, 194_144),
        ("resnet20-filters", 223_536, 120_000),
        ("resnet20-filters-bn-fold", 223_536, 120_000),
        ("resnet20-filters-2", 246_704, 143_488),
        ("resnet20-filters-3", 223_536, 96_960),
        ("resnet20-filters-4", 130_544, 78_776),
        pytest.param("resnet56-filters", 634_640, 634_640, marks=pytest.mark.slow),
        pytest.param("resnet56-filters-2", 570_704, 570_704, marks=pytest.mark.slow),
        pytest.param("resnet56-channels", 566_887, 566_887, marks=pytest.mark.slow),
        # the log has 625,424, without the two layers of layer2.1 of 4608 each
        pytest.param("resnet56-apoz", 625_424 + 2 * 4608, 634_640, marks=pytest.mark.slow),
        pytest.param("resnet56-apoz-2", 570_704, 570_704, marks=pytest.mark.slow),
    ],
)
def test_what_is_left_of_small_networks(name: str, weights: int, nonzeros: int) -> None:
    recipe = load_recipe(name)
    model = synthetic(network(recipe.network or ""))
    for one in recipe.passes:
        model = one.apply(model)
    assert model.network.weight_words == weights
    assert sum(np.count_nonzero(parameters.values()) for _, parameters in model.layers()) == nonzeros


def test_which_published_runs_have_no_recipe() -> None:
    # of 42 runs of IntelLabs/distiller only the two of Mask R-CNN, whose layers depend on what is in the image
    runs = [load_recipe(name).source for name in library.names("recipes")]
    assert len({source for source in runs if "distiller examples/" in source and "log in" in source}) == 40


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


@pytest.mark.parametrize("name", [name for name in library.names("recipes") if load_recipe(name).passes])
def test_passes_of_a_recipe_that_ships_name_layers_that_are_there(name: str) -> None:
    recipe = load_recipe(name)
    target: Network = network(recipe.network or "")
    shapes = {layer.name: (g.M, g.channels_per_group, g.R, g.S) for layer in weighted(target) if (g := layer.geometry)}
    parameters = {key: LayerParameters(Float(np.broadcast_to(0.0, shape))) for key, shape in shapes.items()}
    for one in recipe.passes:
        if isinstance(one, Activations):
            assert one.chosen(target)
        else:
            assert isinstance(one, ChosenLayersPass)
            assert one.chosen(Model(target, parameters))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights"),
    [
        # IntelLabs/distiller, examples/: parameters in the log of each schedule
        ("resnet50-filters", 12_335_296),
        ("resnet50-filters-2", 12_671_168),
        ("resnet50-filters-3", 17_329_344),
        ("resnet50-filters-fc", 12_335_296),
        ("resnet50-apoz", 12_335_296),
    ],
)
def test_removed_filters_leave_the_published_weights(name: str, weights: int) -> None:
    recipe = load_recipe(name)
    found = compress(synthetic(network(recipe.network or "")), recipe, "dense")
    assert found.network.weight_words == weights
    if name == "resnet50-filters-fc":
        # "Total sparsity": 11.62 %
        kept = sum(one.weights * (one.density or 0) for one in found.stored.values())
        assert round(100 * (1 - kept / weights), 2) == 11.62


@pytest.mark.slow
def test_q_cnn_takes_the_published_bytes() -> None:
    # Wu et al., CVPR 2016, section 5.3: K = 128, d = 8 in convolutions, K = 32, d = 4 in fc6 and fc7, K = 16, d = 1 in
    # fc8. Bytes of indices and of codewords in float32 that follow from these for each layer of AlexNet; codewords of
    # conv1 have its 3 channels, where 8 would take 4096 bytes
    expected = {
        "conv1": (10164, 1536), "conv2": (33600, 24576), "conv3": (96768, 131072), "conv4": (72576, 98304),
        "conv5": (48384, 98304), "fc6": (5898240, 1179648), "fc7": (2621440, 524288), "fc8": (2048000, 262144),
    }  # fmt: skip
    recipe = load_recipe("alexnet-q-cnn")
    quick = replace(recipe, passes=tuple(one.model_copy(update={"iterations": 0}) for one in recipe.passes))
    found = compress(synthetic(network("alexnet")), quick, "dense").stored
    assert {name: (one.size_bits / 8, one.table_bits / 8) for name, one in found.items()} == expected
