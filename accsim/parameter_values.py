"""The parameters of a network as what a run works on: compressed by a recipe, computed with, counted."""

from __future__ import annotations

from pathlib import Path

from accsim.compress.compressed import Compressed, as_it_is, compress
from accsim.compress.executor import load_array, run
from accsim.compress.feature_tensors import tensors_of
from accsim.compress.model import Model
from accsim.compress.parameters import with_parameters
from accsim.compress.ranges import calibrated, ranges
from accsim.compress.recipe import Recipe
from accsim.compress.recipe_reader import load_recipe
from accsim.errors import InputError
from accsim.simulate.values import Array, Tensors, read_tensors
from accsim.workload.network import Network

Given = str | Path | Tensors | None


def parameters_of(
    network: Network,
    model: Model | None,
    recipe: str | Path | Recipe | None,
    tensors: Given,
    inputs: str | Path | Array | None,
    *,
    integer_weights: bool = False,
    by_value: bool = False,
    path: object = None,
) -> tuple[Compressed | None, bool, Given]:
    """What weights, a recipe and inputs make of a network.

    Weights among ``tensors`` are trained ones, which a recipe compresses; its other tensors are of the compressed
    network. With inputs, the tensors are what the model computes from them, its feature maps calibrated on the model
    before the recipe, on the same inputs.

    Args:
        model: the network with its parameters, if it has any.
        integer_weights: whether weights are asked for as the integers they are multiplied as, where counting needs no
            more than their zeros.
        by_value: whether weights are asked for because the machine skips by them.
        path: of the model.

    Returns:
        the compressed network, if weights have codes or there is a recipe; whether values are made up; the tensors.

    Raises:
        InputError: things given that exclude each other.
    """
    if inputs is not None:
        _require(network, model, tensors)
    if recipe is None and model is not None:
        compressed, values = as_it_is(model, _named(path)), tensors
        if inputs is None and compressed is not None and tensors is None:
            values = _weights(compressed, integer_weights, by_value) if integer_weights or by_value else None
    else:
        compressed, values = _compressed(network, model, recipe, tensors, integer_weights, by_value)
    if inputs is not None and model is not None:
        values = _computed(model, compressed, inputs)
    used = model if compressed is None else compressed
    return compressed, used is not None and not used.real, values


def _named(path: object) -> dict[str, object]:
    """The recipe that made an archive, if it says so."""
    from accsim.compress.archive import read_recipe  # noqa: PLC0415

    archive = isinstance(path, str | Path) and str(path).lower().endswith(".npz")
    return (read_recipe(str(path)) if archive else None) or {}


def _require(network: Network, model: Model | None, tensors: Given) -> None:
    if model is None:
        said = "inputs need a model with trained parameters (an ONNX file, or an archive with its network)"
        raise InputError([f"{said}; those of {network.name} would be made up"])
    if tensors:
        raise InputError(["inputs give every tensor its values; give either inputs or tensors"])


def _compressed(
    network: Network,
    model: Model | None,
    recipe: str | Path | Recipe | None,
    tensors: Given,
    integer_weights: bool,
    by_value: bool,
) -> tuple[Compressed, Tensors]:
    found = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe or Recipe("")
    found.require_for(network)
    where = str(tensors) if isinstance(tensors, str | Path) else "the given weights"
    given = read_tensors(tensors, network) if isinstance(tensors, str | Path) else tensors or {}
    weights = {name: {"weight": arrays["weight"]} for name, arrays in given.items() if "weight" in arrays}
    if weights and found.layers:
        raise InputError([f"recipe {found.name} holds published figures and no passes: {where} cannot be compressed"])
    if weights and model is not None:
        raise InputError([f"both {model.origin} and {where} have weights to compress; give either"])
    compressed = compress(with_parameters(network, weights, where) if model is None else model, found)
    values: dict[str, dict[str, Array]] = {
        name: rest for name, arrays in given.items() if (rest := {k: v for k, v in arrays.items() if k != "weight"})
    }
    names = {layer.name for layer in compressed.network.layers}
    # a density says as much as the zeros do, unless those of the ifmap are known too, or the machine skips by weights
    wanted = names if integer_weights or by_value else names & values.keys()
    own_values = (
        _weights(compressed, integer_weights, by_value) if wanted == names else compressed.nonzero_masks(wanted)
    )
    for name, own in own_values.items():
        if name in wanted:
            values[name] = {**values.get(name, {}), **own}
    return compressed, values


def _weights(compressed: Compressed, integer_weights: bool, by_value: bool) -> dict[str, dict[str, Array]]:
    """The weights of every layer: integers where they have them; else, if that will do, where they are not zero."""
    names = {layer.name for layer in compressed.network.layers}
    out = {} if integer_weights else compressed.nonzero_masks(names)
    return out | (compressed.integer_weights() if integer_weights or by_value else {})


def _computed(model: Model, compressed: Compressed | None, inputs: str | Path | Array) -> Tensors:
    """What the layers of the model, compressed where it is, compute from inputs, by layer and tensor."""
    given = load_array(str(inputs), model.network) if isinstance(inputs, str | Path) else inputs
    after = model if compressed is None or compressed.model is None else compressed.model
    if any(code.scale is None for code in after.activations.values()):
        after = calibrated(after, ranges([run(model, given)]))
    return tensors_of(after, run(after, given))
