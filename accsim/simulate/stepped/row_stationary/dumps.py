"""Compiled: copying the registers of a row of PEs after the ticks that are asked for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel
from accsim.kernels.lanes import shifted
from accsim.simulate.stepped.row_stationary import pe


class Dump(NamedTuple):
    """The ticks after which registers are copied, and the copies.

    Attributes:
        ticks: ascending.
        pipeline_stages: D of the package's docstring.
        window, filters, psum, product: values, int64 [ticks, rows, cols(, words)].
        window_valid, filters_valid, psum_valid, product_valid: bool of the same shapes.
    """

    ticks: NDArray[Any]
    pipeline_stages: int
    window: NDArray[Any]
    filters: NDArray[Any]
    psum: NDArray[Any]
    product: NDArray[Any]
    window_valid: NDArray[Any]
    filters_valid: NDArray[Any]
    psum_valid: NDArray[Any]
    product_valid: NDArray[Any]


class Stay(NamedTuple):
    """When a row of PEs is at a pass, and where its PEs are.

    Attributes:
        begin: tick of their first step.
        steps: of the program.
        loads: whether the pass brings filters.
        ends: [sets, rows], tick of each PE's first step of what follows.
        places: [sets, rows, 2], its row and column in the array.
    """

    begin: int
    steps: int
    loads: bool
    ends: NDArray[Any]
    places: NDArray[Any]


@kernel
def copy(work: pe.Work, stay: Stay, spads: pe.Spads, counts: NDArray[Any], dump: Dump) -> int:
    """Copy the registers of a row of PEs during one pass; the program is run as far as that takes.

    Returns:
        The first step that was not run.
    """
    last, later = stay.ends.max(), dump.pipeline_stages - 1
    for d in range(np.searchsorted(dump.ticks, stay.begin), np.searchsorted(dump.ticks, last)):
        copy_operands(work, stay, d, spads, dump)
    first = stay.begin + later - 1
    for d in range(np.searchsorted(dump.ticks, first), np.searchsorted(dump.ticks, first + stay.steps)):
        if later:
            copy_product(work, stay, d, dump.ticks[d] - first, spads, dump)
    reached = 0
    for d in range(np.searchsorted(dump.ticks, stay.begin + later), np.searchsorted(dump.ticks, last + later)):
        step = min(dump.ticks[d] - stay.begin - later, stay.steps - 1)
        pe.run(work, reached, step + 1, spads, counts)
        reached = step + 1
        written = reached - work.per_q * work.span * work.shift_cycles
        for a in range(work.sets):
            for j in range(work.rows):
                if dump.ticks[d] < stay.ends[a, j] + later:
                    at = d, stay.places[a, j, 0], stay.places[a, j, 1]
                    for f in range(min(pe.filters_of(work, a), written)):
                        dump.psum[at][f] = spads.psum[a, f, j]
                        dump.psum_valid[at][f] = True
    return reached


@kernel
def copy_operands(work: pe.Work, stay: Stay, d: int, spads: pe.Spads, dump: Dump) -> None:
    """Copy windows and filter spads for dump ``d``."""
    step = min(dump.ticks[d] - stay.begin, stay.steps - 1)
    column, local = pe.place_of(work, step)
    loaded = work.per_p * work.taps * work.channels
    if stay.loads and column == 0:
        loaded = min(loaded, local + 1)
    for a in range(work.sets):
        filters = pe.filters_of(work, a)
        for j in range(work.rows):
            if dump.ticks[d] < stay.ends[a, j]:
                at = d, stay.places[a, j, 0], stay.places[a, j, 1]
                copy_window(work, column, local, j, spads, dump.window[at], dump.window_valid[at])
                for word in range(loaded):
                    if word % work.per_p < filters:
                        dump.filters[at][word] = spads.filters[a, word]
                        dump.filters_valid[at][word] = True


@kernel
def copy_window(
    work: pe.Work, at: int, local: int, j: int, spads: pe.Spads, values: NDArray[Any], valid: NDArray[Any]
) -> None:
    """Copy a window as it is ``local`` steps after the first MAC of column ``at`` (negative while it is shifted)."""
    n, column = divmod(at, work.cols)
    fresh = work.new if column else work.span
    before = work.span + (column - 1) * work.new if column else 0
    come = work.per_q * fresh
    if local < 0:
        come = (come * work.shift_cycles + local + 1) // work.shift_cycles
    for channel in range(work.channels):
        arrived = before + min(max(come - channel * fresh, 0), fresh)
        for word in range(max(0, work.span - arrived), work.span):
            row = spads.row_of[work.first_row + j * work.stride]
            values[channel * work.span + word] = spads.rows[channel, n, arrived - work.span + word, row]
            valid[channel * work.span + word] = True


@kernel
def copy_product(work: pe.Work, stay: Stay, d: int, step: int, spads: pe.Spads, dump: Dump) -> None:
    """Copy products for dump ``d``: those of ``step``, if it is a MAC."""
    column, local = pe.place_of(work, step)
    mac, f = divmod(local, work.per_p)
    channel, tap = divmod(mac, work.taps)
    if local < 0 or channel >= work.channels:
        return
    for a in range(work.sets):
        for j in range(work.rows if f < pe.filters_of(work, a) else 0):
            word = pe.word_under(work, column, channel, tap, j, spads)
            at = d, stay.places[a, j, 0], stay.places[a, j, 1]
            dump.product[at] = shifted(spads.filters[a, local] * word, work.rule)
            dump.product_valid[at] = True
