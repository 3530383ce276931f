"""A network with parameters that were given as arrays; what is missing is made up."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Set
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Float
from accsim.compress.grain import Reals
from accsim.compress.model import LayerNormParameters, LayerParameters, Model, NormParameters
from accsim.compress.synthetic import synthetic
from accsim.errors import InputError, suggest
from accsim.workload.layer import Layer, LayerKind
from accsim.workload.network import Network

Array = npt.NDArray[np.generic]
WEIGHT, BIAS = "weight", "bias"
NORM = ("gamma", "beta", "mean", "variance")
LAYER_NORM = NORM[:2]
TABLE, SLOPE = "table", "slope"
NAMES = (WEIGHT, BIAS, *NORM, TABLE, SLOPE)
"""Names of arrays: of a layer with weights, of norms, of an embedding, of a PReLU."""


def shapes_of(layer: Layer) -> dict[str, tuple[int, ...]]:
    """Shapes of a layer's parameters by name; empty for a layer without any."""
    g = layer.geometry
    match layer.kind:
        case LayerKind.CONV | LayerKind.FC if g is not None:
            return {WEIGHT: (g.M, g.channels_per_group, g.R, g.S), BIAS: (g.M,)}
        case LayerKind.BATCH_NORM:
            return dict.fromkeys(NORM, layer.output_shape[:1])
        case LayerKind.LAYER_NORM:
            return dict.fromkeys(LAYER_NORM, layer.output_shape[-1:])
        case LayerKind.EMBEDDING:
            width = layer.output_shape[-1]
            return {TABLE: (layer.weight_words // width, width)}
        case LayerKind.ACTIVATION if layer.operation == "prelu":
            return {SLOPE: (layer.weight_words,)}
        case _:
            return {}


def with_parameters(
    network: Network,
    given: Mapping[str, Mapping[str, Array]],
    where: str,
    seed: int = 0,
    *,
    coded: Mapping[str, LayerParameters] | None = None,
    epsilons: Mapping[str, float] | None = None,
    whole: bool = False,
    told: Set[str] = frozenset(),
) -> Model:
    """The network with these parameters, by layer and name; what is not given is made up.

    ``weight`` is [M, C / G, R, S] and ``bias`` [M] of a layer with weights; ``gamma``, ``beta``, ``mean`` and
    ``variance``, all four, are [channels] of a batch normalisation, and the first two [width] of a layer
    normalisation; ``table`` is [entries, width] of an embedding or of rows that read nothing, ``slope`` that of a
    PReLU. Arrays of other names are left alone.

    Args:
        coded: parameters of layers whose weights have codes.
        epsilons: of norms, by layer.
        whole: whether missing weights and norms are a mistake.
        told: arrays, as ``LAYER.weight``, that are wrong and have been told of.

    Raises:
        InputError: a layer that the network does not have, arrays of another shape or that are no finite numbers,
            variances below 0, and what is missing.
    """
    mistakes: list[str] = []
    held, small = dict(coded or {}), epsilons or {}
    found = _checked(network, given, mistakes)
    weights = {name for name, arrays in found.items() if WEIGHT in arrays} | held.keys()
    known = weights | {name for name, arrays in found.items() if arrays.keys() & {LAYER_NORM[0], SLOPE}}
    if whole:
        mistakes += _lacking(
            network, {f"{name}.{what}" for name, arrays in given.items() for what in arrays} | told, held
        )
    if mistakes:
        raise InputError(mistakes)
    made_up = [layer.name for layer in network.layers if layer.name not in known]
    model = synthetic(network, seed, made_up)
    parameters, norms, layer_norms = dict(model.parameters) | held, dict(model.norms), dict(model.layer_norms)
    for name, arrays in found.items():
        if WEIGHT in arrays and name not in held:
            values = arrays[WEIGHT]
            parameters[name] = LayerParameters(Float(values), trained=values)
        if BIAS in arrays:
            parameters[name] = replace(parameters[name], bias=arrays[BIAS])
        if NORM[3] in arrays:
            gamma, beta, mean, variance = (arrays[what] for what in NORM)
            norms[name] = NormParameters(gamma, beta, mean, variance, small.get(name, 1e-5))
        elif NORM[0] in arrays:
            layer_norms[name] = LayerNormParameters(arrays[NORM[0]], arrays[NORM[1]], small.get(name, 1e-5))
    origin, real = _origin(model, where, weights, known)
    return replace(
        model,
        origin=origin,
        real=real,
        parameters={layer.name: parameters[layer.name] for layer in network.layers if layer.name in parameters},
        norms=norms,
        layer_norms=layer_norms,
        tables={name: arrays[TABLE] for name, arrays in found.items() if TABLE in arrays},
        slopes={**model.slopes, **{name: arrays[SLOPE] for name, arrays in found.items() if SLOPE in arrays}},
    )


def _origin(model: Model, where: str, weights: Iterable[str], known: Iterable[str]) -> tuple[str, bool]:
    """Where the values come from, and whether all weights are real ones."""
    real = len(list(weights))
    if not real and not list(known):
        return model.origin, False
    lacking = len(model.parameters)
    parts = [f"of {lacking} other layers {model.origin}"] if lacking else []
    if model.norms:
        parts.append(f"norms of {len(model.norms)} layers made up: mean 0 and variance 1")
    if model.layer_norms:
        parts.append(f"norms of {len(model.layer_norms)} layers made up: gamma 1 and beta 0")
    return "; ".join([where, *parts]), not lacking


def _lacking(network: Network, given: Set[str], coded: Container[str]) -> list[str]:
    """The first array of every layer that has none; of a norm the others are told of where one is there."""
    out = []
    for layer in network.layers:
        shapes = shapes_of(layer)
        first = next(iter(shapes), TABLE)
        some = first in NORM and any(f"{layer.name}.{what}" in given for what in NORM)
        if first != TABLE and f"{layer.name}.{first}" not in given and layer.name not in coded and not some:
            out.append(f"{layer.name}.{first}: is missing; expected an array of shape {shapes[first]}")
    return out


def _checked(
    network: Network, given: Mapping[str, Mapping[str, Array]], mistakes: list[str]
) -> dict[str, dict[str, Reals]]:
    """The arrays as real numbers of their shapes; mistakes are added to the list."""
    layers = {layer.name: layer for layer in network.layers}
    out: dict[str, dict[str, Reals]] = {}
    for name, arrays in given.items():
        asked = {what: array for what, array in arrays.items() if what in NAMES}
        shapes = shapes_of(layers[name]) if name in layers else {}
        strange = [what for what in asked if what not in shapes]
        if strange:
            mistakes.append(_no_such(network, name, strange[0]))
            continue
        found = {}
        for what, array in asked.items():
            values = _array(f"{name}.{what}", array, shapes[what], mistakes)
            if values is not None:
                found[what] = values
        needed = [what for what in shapes if asked and what not in asked and what in NORM]
        mistakes += [f"{name}.{what}: is missing; expected an array of shape {shapes[what]}" for what in needed]
        if not needed and len(found) == len(asked):
            out[name] = found
    return out


def _no_such(network: Network, name: str, what: str) -> str:
    """That no layer of this name has such an array."""
    kinds = {WEIGHT: "with weights", BIAS: "with weights", TABLE: "with a table", SLOPE: "with slopes"}
    known = [layer.name for layer in network.layers if what in shapes_of(layer)]
    if what in NORM:
        return f"{name}.{what}: {network.name} has no normalisation {name!r}{suggest(name, known)}"
    return f"{name}.{what}: {network.name} has no layer {name!r} {kinds[what]}{suggest(name, known)}"


def _array(label: str, array: Array, wanted: tuple[int, ...], mistakes: list[str]) -> Reals | None:
    flat = wanted[:2] if wanted[2:] == (1, 1) else wanted
    if array.shape not in (wanted, flat):
        mistakes.append(f"{label}: must have shape {wanted}, got {array.shape}")
    elif array.dtype.kind not in "biuf":
        mistakes.append(f"{label}: must hold numbers, got {array.dtype}")
    elif array.dtype.kind == "f" and not bool(np.isfinite(array).all()):
        mistakes.append(f"{label}: holds values that are not finite")
    elif label.endswith(f".{NORM[3]}") and array.size and array.min() < 0:
        mistakes.append(f"{label}: holds values below 0")
    else:
        return np.asarray(array, np.float64).reshape(wanted)
    return None
