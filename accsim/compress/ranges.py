"""Ranges of feature maps, seen on inputs, and the scales that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from accsim.compress.executor import Run
from accsim.compress.feature_codes import limits
from accsim.compress.model import ActivationCode, Model
from accsim.compress.passes.uniform import integer_length
from accsim.errors import AccsimError


@dataclass(frozen=True, slots=True)
class Range:
    """Smallest and largest value of a feature map."""

    low: float
    high: float


def ranges(runs: Iterable[Run], percentile: float = 100.0) -> dict[str, Range]:
    """Ranges of every feature map over some runs.

    Args:
        runs: at least one.
        percentile: how many per cent of a run's values lie within the range: 100 takes the smallest and the largest,
            99.9 cuts the outer 0.05 % on each side (linear interpolation between order statistics). Over several runs
            the range is the widest.

    Raises:
        AccsimError: a percentile that is not above 50 and at most 100.
    """
    if not 50 < percentile <= 100:
        raise AccsimError(f"percentile must be above 50 and at most 100, got {percentile:g}")
    tail = (100 - percentile) / 2
    out: dict[str, Range] = {}
    for run in runs:
        for name, values in run.values.items():
            low, high = (float(v) for v in np.percentile(values, [tail, 100 - tail]))
            held = out.get(name)
            out[name] = Range(low, high) if held is None else Range(min(low, held.low), max(high, held.high))
    return out


def calibrated(model: Model, seen: Mapping[str, Range]) -> Model:
    """The model with a scale for every activation code that has none yet.

    ``symmetric`` steps: of signed codes scale = largest magnitude / largest code; unsigned codes cover 0 to the largest
    value. ``affine``: the range is widened to hold 0, scale = (max - min) / (2^b - 1) and zero point =
    round(-min / scale), so 0 has a code (Jacob et al., CVPR 2018). ``power_of_two``: scale = 2^(il - b) with il =
    ceil(log2 of the largest magnitude) (Ristretto, Gysel et al., 2016). A feature map that is 0 everywhere has scale 1.

    Raises:
        AccsimError: no range is known of a feature map that needs one, or an unsigned code is asked to hold values
            below 0.
    """
    changed = {}
    for name, code in model.activations.items():
        if code.scale is not None or code.kind == "float":
            continue
        if name not in seen:
            raise AccsimError(f"no range is known of the feature map {name!r}")
        low, high = seen[name].low, seen[name].high
        if code.steps == "affine":
            changed[name] = _affine(code, min(low, 0.0), max(high, 0.0))
            continue
        if code.signed:
            magnitude = max(abs(low), abs(high))
        elif low < 0:
            raise AccsimError(f"feature map {name!r} has values down to {low:g}, but its code is unsigned")
        else:
            magnitude = high
        if code.steps == "power_of_two" and magnitude:
            length = integer_length(magnitude, of_parameters=False)
            changed[name] = replace(code, scale=float(np.ldexp(1.0, length - code.bits)))
            continue
        largest = 1 if code.kind == "binary" else limits(code)[1]
        changed[name] = replace(code, scale=magnitude / largest if magnitude else 1.0)
    return replace(model, activations={**model.activations, **changed})


def _affine(code: ActivationCode, low: float, high: float) -> ActivationCode:
    least, most = limits(code)
    scale = (high - low) / (most - least)
    if not scale:
        return replace(code, scale=1.0)
    return replace(code, scale=scale, zero_point=least + min(max(round(-low / scale), 0), most - least))
