"""Roundings to integers, by the names that QONNX gives them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accsim.compress.grain import Reals

Rounding = Callable[[Reals], Reals]


def _away(values: Reals) -> Reals:
    return np.copysign(np.ceil(np.abs(values)), values)


def _half_up(values: Reals) -> Reals:
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


def _half_down(values: Reals) -> Reals:
    return np.copysign(np.ceil(np.abs(values) - 0.5), values)


ROUNDINGS: dict[str, Rounding] = {
    "half_even": np.rint,
    "ceil": np.ceil,
    "floor": np.floor,
    "up": _away,
    "down": np.trunc,
    "half_up": _half_up,
    "half_down": _half_down,
}
"""To the nearest with ties to even; up; down; away from 0; towards 0; to the nearest with ties away from or towards 0.

Source: QONNX, ``rounding_mode`` of ``Quant`` and ``Trunc``; its ``ROUND`` is ``half_even``.
"""
