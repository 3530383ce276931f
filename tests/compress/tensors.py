"""Weights to test passes on: of several distributions, with ties, zeros and pruned ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from accsim.compress.codes import Code, Float
from accsim.compress.model import LayerParameters
from accsim.compress.passes.base import LayerPass
from accsim.workload.reader import load_network

CONV, FC = (load_network("lenet_caffe").layer(name) for name in ("conv1", "ip1"))
GRAIN = st.sampled_from(["layer", "filter", "channel", "kernel", "pixel", "channels:1", "channels:2", "channels:3"])


def draw_normal(count: int = 100_000, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A layer of standard normal weights, in one filter of one channel."""
    return np.random.default_rng(seed).standard_normal((1, 1, 1, count))


@st.composite
def tensors(draw: st.DrawFn) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights [M, C, R, S] of a drawn distribution and scale, or rounded so that there are ties and zeros."""
    shape = tuple(draw(st.integers(1, most)) for most in (4, 6, 3, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["normal", "laplace", "uniform", "student", "ties", "one value", "zeros"]))
    weights = {
        "normal": lambda: rng.standard_normal(shape), "laplace": lambda: rng.laplace(size=shape),
        "uniform": lambda: rng.uniform(-1, 1, shape), "student": lambda: rng.standard_t(3, shape),
        "ties": lambda: np.rint(2 * rng.standard_normal(shape)) / 2, "one value": lambda: np.full(shape, rng.normal()),
        "zeros": lambda: np.zeros(shape),
    }[kind]()  # fmt: skip
    return weights * draw(st.sampled_from([1.0, 0.01, 37.0]))


@st.composite
def layers(draw: st.DrawFn, pruned: bool | None = None) -> LayerParameters:
    """Parameters of a layer, some of them pruned or none."""
    weights = draw(tensors())
    if pruned is None:
        pruned = draw(st.booleans())
    if not pruned:
        return LayerParameters(Float(weights), trained=weights)
    kept = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(weights.shape) < draw(
        st.sampled_from([0.0, 0.3, 0.7])
    )
    return LayerParameters(Float(weights), kept=kept, grain="weight", trained=weights)


def code_of(rule: LayerPass, weights: np.ndarray[Any, np.dtype[np.float64]]) -> Code:
    """The code that a pass makes of weights."""
    return rule.project(CONV, LayerParameters(Float(weights))).weight


def error_of(rule: LayerPass, parameters: LayerParameters | np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Squared error of a pass."""
    if not isinstance(parameters, LayerParameters):
        parameters = LayerParameters(Float(parameters))
    return float(((rule.project(CONV, parameters).values() - parameters.values()) ** 2).sum())
