"""A network with parameters that were given as arrays; what is missing is made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Float
from accsim.compress.grain import Reals
from accsim.compress.model import LayerParameters, Model, NormParameters
from accsim.compress.synthetic import synthetic
from accsim.errors import InputError, suggest
from accsim.workload.network import Network

Array = npt.NDArray[np.generic]
WEIGHT, BIAS = "weight", "bias"
NORM = ("gamma", "beta", "mean", "variance")
"""Names of arrays: of a layer with weights, and of a batch normalisation."""


def with_parameters(network: Network, given: Mapping[str, Mapping[str, Array]], where: str, seed: int = 0) -> Model:
    """The network with these parameters, by layer and name; what is not given is made up.

    ``weight`` is [M, C / G, R, S] and ``bias`` [M] of a layer with weights; ``gamma``, ``beta``, ``mean`` and
    ``variance``, all four, are [channels] of a batch normalisation. Arrays of other names are left alone.

    Raises:
        InputError: a layer that the network does not have, or arrays of another shape or that are no numbers.
    """
    model = synthetic(network, seed)
    mistakes: list[str] = []
    parameters: dict[str, LayerParameters] = {}
    norms: dict[str, NormParameters] = {}
    for name, arrays in given.items():
        if arrays.keys() & {WEIGHT, BIAS}:
            old = model.parameters.get(name)
            if old is None:
                known = list(model.parameters)
                mistakes.append(f"{network.name} has no layer {name!r} with weights{suggest(name, known)}")
                continue
            shapes = {WEIGHT: old.weight.shape, BIAS: old.weight.shape[:1]}
            found = _checked(name, {key: arrays[key] for key in shapes if key in arrays}, shapes, mistakes)
            if WEIGHT in found:
                old = replace(old, weight=Float(found[WEIGHT]), trained=found[WEIGHT])
            parameters[name] = replace(old, bias=found.get(BIAS, old.bias))
        elif arrays.keys() & set(NORM):
            norm = model.norms.get(name)
            if norm is None:
                mistakes.append(f"{network.name} has no batch normalisation {name!r}{suggest(name, model.norms)}")
                continue
            mistakes += [f"{name}.{key}: is missing" for key in NORM if key not in arrays]
            found = _checked(
                name,
                {key: arrays[key] for key in NORM if key in arrays},
                dict.fromkeys(NORM, norm.mean.shape),
                mistakes,
            )
            if len(found) == len(NORM):
                norms[name] = NormParameters(
                    found["gamma"], found["beta"], found["mean"], found["variance"], norm.epsilon
                )
    if mistakes:
        raise InputError(mistakes)
    weights = {name for name in parameters if WEIGHT in given[name]}
    if not weights and not norms:
        return model.with_parameters(parameters)
    lacking = len(model.parameters) - len(weights)
    parts = [f"of {lacking} other layers {model.origin}"] if lacking else []
    if model.norms and len(norms) < len(model.norms):
        parts.append(f"norms of {len(model.norms) - len(norms)} layers made up: mean 0 and variance 1")
    return replace(
        model.with_parameters(parameters),
        norms={**model.norms, **norms},
        origin="; ".join([where, *parts]),
        real=not lacking,
    )


def _checked(
    layer: str, arrays: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]], mistakes: list[str]
) -> dict[str, Reals]:
    """The arrays as real numbers of their shapes; mistakes are added to the list."""
    out: dict[str, Reals] = {}
    for name, array in arrays.items():
        wanted = shapes[name]
        flat = wanted[:2] if wanted[2:] == (1, 1) else wanted
        if array.shape not in (wanted, flat):
            mistakes.append(f"{layer}.{name}: must have shape {wanted}, got {array.shape}")
        elif array.dtype.kind not in "biuf":
            mistakes.append(f"{layer}.{name}: must hold numbers, got {array.dtype}")
        elif not bool(np.isfinite(array).all()):
            mistakes.append(f"{layer}.{name}: holds values that are not finite")
        else:
            out[name] = np.asarray(array, np.float64).reshape(wanted)
    return out
