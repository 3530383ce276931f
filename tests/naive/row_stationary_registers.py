"""The registers of the row-stationary array of PE objects, laid out as the stepped machine's dumps are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.naive.row_stationary_clocked import Array

Dump = dict[str, tuple[NDArray[np.int64], NDArray[np.bool_]]]
"""Values and valid bits by register name."""


def snapshot(of: Array) -> Dump:
    """Values and valid bits of every register."""
    m, array = of.layer.m, of.machine.array
    taps = max(len(one.taps) for one in of.passes)
    span = max(of.layer.span(one) for one in of.passes)
    sizes = {"ifmap_window": m.q * span, "filter_spad": m.q * taps * m.p, "psum_spad": m.p, "product": 0}
    shapes = {name: (array.rows, array.cols, *((size,) if size else ())) for name, size in sizes.items()}
    dump = {name: (np.zeros(shape, np.int64), np.zeros(shape, bool)) for name, shape in shapes.items()}

    def put(name: str, at: tuple[int, ...], value: int) -> None:
        dump[name][0][at], dump[name][1][at] = value, True

    for spot, pe in of.pes.items():
        place = of.places[spot]
        for channel, words in pe.window.items():
            for o, word in enumerate(words):
                if word is not None:
                    put("ifmap_window", (*place, channel * len(words) + o), word.value)
        for (channel, tap, f), word in pe.weights.items() if pe.at is not None else ():
            at = (channel * len(pe.at.taps) + tap) * len(pe.at.filters[0]) + f
            put("filter_spad", (*place, at), word.value)
        for f, value in pe.sums.items():
            put("psum_spad", (*place, f), value)
        if pe.pipeline and pe.pipeline[0].value is not None:
            put("product", place, pe.pipeline[0].value)
    if of.machine.pe.pipeline_stages < 2:
        del dump["product"]
    return dump
