"""How far the feature maps of two models lie apart on the same inputs. Not accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log10, sqrt
from typing import Any

import numpy as np

from accsim.compress.executor import Run
from accsim.compress.grain import Reals
from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class MapError:
    """The error of one feature map.

    Attributes:
        layer: the layer that gives it.
        relative_l2: ||reference - values|| / ||reference||; infinite for a difference from zeros.
        sqnr_db: -20 log10 of that; infinite without error.
    """

    layer: str
    relative_l2: float
    sqnr_db: float


@dataclass(frozen=True, slots=True)
class OutputError:
    """Errors of a model against a reference.

    Attributes:
        layers: of every feature map that both have in one shape, in the reference's order.
        output: of the last layer.
        inputs: where the inputs come from.
        made_up: whether inputs or parameters are not real ones.
    """

    layers: tuple[MapError, ...]
    output: MapError
    inputs: str
    made_up: bool


def output_error(reference: Run, other: Run) -> OutputError:
    """Compare two runs on the same inputs.

    Raises:
        AccsimError: the inputs differ, or the last layers' outputs have different shapes.
    """
    names = list(reference.values)
    if not np.array_equal(reference.given, other.given):
        raise AccsimError("the runs to compare had different inputs")
    last, end = names[-1], list(other.values)[-1]
    first, second = reference.values[last], other.values[end]
    if first.shape != second.shape:
        raise AccsimError(f"the outputs to compare have shapes {first.shape} and {second.shape}")
    common = [n for n in names if n in other.values and other.values[n].shape == reference.values[n].shape]
    layers = tuple(_error(n, reference.values[n], other.values[n]) for n in common)
    return OutputError(layers, _error(last, first, second), reference.inputs, reference.made_up or other.made_up)


def described(errors: OutputError) -> dict[str, Any]:
    """As plain data; what is infinite is ``None``."""

    def one(error: MapError) -> dict[str, Any]:
        figures = {"relative_l2": error.relative_l2, "sqnr_db": error.sqnr_db}
        return {"layer": error.layer, **{k: v if isfinite(v) else None for k, v in figures.items()}}

    return {
        "inputs": errors.inputs,
        "made_up": errors.made_up,
        "layers": [one(error) for error in errors.layers],
        "output": one(errors.output),
    }


def _error(name: str, reference: Reals, values: Reals) -> MapError:
    noise, signal = float(np.sum((reference - values) ** 2)), float(np.sum(reference**2))
    if not noise:
        return MapError(name, 0.0, inf)
    if not signal:
        return MapError(name, inf, -inf)
    return MapError(name, sqrt(noise / signal), 10 * log10(signal / noise))
