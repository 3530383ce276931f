"""Compiled: running the registers of a row of PEs up to the ticks that are asked for, and copying them."""

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


class Moving(NamedTuple):
    """Registers of a row of PEs that only take words and move them, as they are after a step.

    Attributes:
        window, window_valid: [rows, channels * span].
        filters, filters_valid: [sets, words].
        taken: [channels], words that each window has taken of its row of the ifmap.
    """

    window: NDArray[Any]
    window_valid: NDArray[Any]
    filters: NDArray[Any]
    filters_valid: NDArray[Any]
    taken: NDArray[Any]


@kernel
def begin_pass(work: pe.Work, loads: bool, spads: pe.Spads) -> Moving:
    """Empty windows, and filter spads with what stays in them."""
    words, windows = work.per_p * work.taps * work.channels, (work.rows, work.channels * work.span)
    moving = Moving(
        np.zeros(windows, np.int64), np.zeros(windows, np.bool_), np.zeros((work.sets, words), np.int64),
        np.zeros((work.sets, words), np.bool_), np.zeros(work.channels, np.int64),
    )  # fmt: skip
    for word in range(0 if loads else words):
        take_filter(work, word, spads, moving)
    return moving


@kernel
def move(work: pe.Work, loads: bool, begin: int, end: int, spads: pe.Spads, moving: Moving) -> None:
    """Run the steps from ``begin`` to before ``end``, as far as they move words."""
    cycles = max(work.shift_cycles, 1)
    for step in range(begin, end):
        column, local = pe.place_of(work, step)
        fresh = work.new if column % work.cols else work.span
        shifts = work.per_q * fresh * work.shift_cycles
        if local == -shifts and column % work.cols == 0:
            moving.window_valid[:], moving.taken[:] = False, 0
        if local < 0:
            word, rest = divmod(shifts + local + 1, cycles)
            if rest == 0:
                take_pixel(work, column, (word - 1) // fresh, spads, moving)
        elif local == 0 and work.shift_cycles == 0:
            for word in range(work.per_q * fresh):
                take_pixel(work, column, word // fresh, spads, moving)
        if loads and column == 0 and 0 <= local < moving.filters.shape[1]:
            take_filter(work, local, spads, moving)


@kernel
def take_pixel(work: pe.Work, column: int, channel: int, spads: pe.Spads, moving: Moving) -> None:
    """The next word of a channel enters its window, and the words in it move down by one."""
    if channel >= work.channels:
        return
    first, last, n = channel * work.span, (channel + 1) * work.span - 1, column // work.cols
    for j in range(work.rows):
        for at in range(first, last):
            moving.window[j, at] = moving.window[j, at + 1]
            moving.window_valid[j, at] = moving.window_valid[j, at + 1]
        row = spads.row_of[work.first_row + j * work.stride]
        moving.window[j, last] = spads.rows[channel, n, moving.taken[channel], row]
        moving.window_valid[j, last] = True
    moving.taken[channel] += 1


@kernel
def take_filter(work: pe.Work, word: int, spads: pe.Spads, moving: Moving) -> None:
    """The next word of a load enters the filter spads."""
    for a in range(work.sets):
        if word % work.per_p < pe.filters_of(work, a):
            moving.filters[a, word] = spads.filters[a, word]
            moving.filters_valid[a, word] = True


@kernel
def copy(work: pe.Work, stay: Stay, spads: pe.Spads, counts: NDArray[Any], dump: Dump) -> int:
    """Copy the registers of a row of PEs during one pass; the program is run as far as that takes.

    Returns:
        The first step that was not run.
    """
    last, later = stay.ends.max(), dump.pipeline_stages - 1
    moving, moved = begin_pass(work, stay.loads, spads), 0
    for d in range(np.searchsorted(dump.ticks, stay.begin), np.searchsorted(dump.ticks, last)):
        step = min(dump.ticks[d] - stay.begin, stay.steps - 1)
        move(work, stay.loads, moved, step + 1, spads, moving)
        moved = step + 1
        copy_operands(work, stay, d, moving, dump)
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
def copy_operands(work: pe.Work, stay: Stay, d: int, moving: Moving, dump: Dump) -> None:
    """Copy windows and filter spads for dump ``d``."""
    windows, words = moving.window.shape[1], moving.filters.shape[1]
    for a in range(work.sets):
        for j in range(work.rows):
            if dump.ticks[d] < stay.ends[a, j]:
                at = d, stay.places[a, j, 0], stay.places[a, j, 1]
                dump.window[at][:windows] = moving.window[j] * moving.window_valid[j]
                dump.window_valid[at][:windows] = moving.window_valid[j]
                dump.filters[at][:words] = moving.filters[a]
                dump.filters_valid[at][:words] = moving.filters_valid[a]


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
