"""Compiled folds: a table of them runs through the array, one wave each (see ``feeds`` for how registers are kept)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel
from accsim.simulate.stepped.systolic.feeds import (
    BACK,
    CORNER_ENTRIES,
    FIRST,
    LANE0,
    LANE_ENTRIES,
    LANES,
    LAST,
    LEAVING,
    LEFT,
    LINE0,
    LINE_ENTRIES,
    LINES,
    LOADING,
    MACS,
    PASSED,
    REST_OUT,
    REST_X,
    REST_Y,
    RETURNED,
    WORKING,
    ZEROS_X,
    ZEROS_Y,
    Feed,
    Out,
    Shape,
    feed,
    shift_valid,
    strides,
)  # fmt: skip
from accsim.simulate.stepped.systolic.serial import Mac, serial_along, serial_in_place
from accsim.simulate.stepped.systolic.vectors import add_along, add_in_place

BLOCK = 256
"""Edges that one line is swept before the next."""


@kernel
def sweep_in_place(
    x: NDArray[Any], xs: Any, y: NDArray[Any], ys: Any, lines: int, lanes: int, ends: NDArray[np.int64],
    live: NDArray[np.int64], rule: Rule, acc: NDArray[Any],
) -> int:  # fmt: skip
    """Sums grow in the PEs: ``acc`` [lines, lanes]; line l runs ``ends[l]`` edges. Returns the MACs done."""
    macs = 0
    for block in range(0, ends[0], BLOCK):
        for line in range(lines):
            stop = min(block + BLOCK, ends[line])
            add_in_place(
                acc, line * acc.shape[1], x, xs[0] + line * xs[1], xs[2], y, ys[0] + line * ys[1], ys[2], lanes, block,
                stop, rule,
            )  # fmt: skip
            for u in range(block, stop):
                macs += live[u]
    return macs


@kernel
def sweep_along(
    x: NDArray[Any], xs: Any, held: NDArray[Any], lines: int, lanes: int, ends: NDArray[np.int64],
    live: NDArray[np.int64], rule: Rule, slots: NDArray[Any],
) -> int:  # fmt: skip
    """Sums move from line to line: ``slots`` [edges, lanes] lie still while lines sweep over them; returns the MACs."""
    macs = 0
    for block in range(0, ends[0], BLOCK):
        for line in range(lines):
            stop = min(block + BLOCK, ends[line])
            add_along(
                slots, 0, slots.shape[1], x, xs[0] + line * xs[1], xs[2], held, line * held.shape[1], lanes, block,
                stop, rule,
            )  # fmt: skip
            for u in range(block, stop):
                macs += live[u]
    return macs


@kernel
def give(out: Out, at: int, value: int, count: NDArray[np.int64]) -> None:
    """A sum leaves: it is added to what is in the buffer, if anything is."""
    count[RETURNED] += out.visited[at]
    out.visited[at] = 1
    out.sums[at] += value
    count[LEFT] += 1


@kernel
def drain(
    fold: NDArray[np.int64], shape: Shape, out: Out, acc: NDArray[Any], moved: NDArray[np.int64], limit: int,
    count: NDArray[np.int64],
) -> Any:  # fmt: skip
    """Complete sums leave their PEs, shifted through the lines or directly; returns edges after the last MAC.

    A lane shifts as one, from the edge after its own last MAC or, where all lanes wait for the last one, after that
    lane's. Its registers lie still and their base moves by a line per edge: after n edges the sum of line l is in line
    l + n. The register of the exit line is the one at the array's edge.

    Args:
        fold, shape, out, count: as for ``run_in_place``.
        acc: [lines, lanes], the sums.
        moved: receives how many lines each lane has shifted.
        limit: edges to run after that of the first lane's last MAC; with fewer than none, nothing has left.
    """
    lines, lanes = fold[LINES], fold[LANES]
    exit_line = shape.exit_line if shape.exit_line >= 0 else lines - 1
    last, shifts, edges = (lanes - 1) * shape.lane_skew, 1 if shape.direct else exit_line + 1, 0
    for n in range(lanes):
        begin = n * shape.lane_skew if shape.each_lane else last
        moved[n] = max(0, min(shifts, limit - begin))
        at = fold[REST_OUT] + out.lane_at[fold[LANE0] + n]
        for shift in range(max(0, min(shifts, limit - begin + 1))):
            for line in range(lines) if shape.direct else range(exit_line - shift, exit_line - shift + 1):
                if line < lines:
                    give(out, at + out.line_at[fold[LINE0] + line], acc[line, n], count)
                    edges = max(edges, begin + shift - last)
            if shift < exit_line and not shape.direct:
                count[PASSED] += min(lines, exit_line - shift)
    return 1 if shape.direct else edges


@kernel
def leave(
    fold: NDArray[np.int64], shape: Shape, out: Out, slots: NDArray[Any], lane_skew: int, mac_edges: int,
    count: NDArray[np.int64],
) -> Any:  # fmt: skip
    """Sums leave the chain or the tree, edge by edge; returns edges after the last MAC."""
    lanes, steps = fold[LANES], out.step_at.size
    for n in range(lanes):
        at = fold[REST_OUT] + out.lane_at[fold[LANE0] + n]
        for k in range(steps):
            give(out, at + out.step_at[k], slots[(k + 1) * mac_edges - 1 + n * lane_skew, n], count)
    if shape.tree:
        inputs = fold[LINES] if shape.exit_line < 0 else shape.exit_line + 1
        edges = 0
        while inputs > 1:
            inputs = (inputs + 1) // 2
            edges += 1
        return edges
    crossed = max(0, shape.exit_line - (fold[LINES] - 1))
    count[PASSED] += crossed * steps * lanes
    return crossed


@kernel
def preload(fresh: NDArray[Any], load: NDArray[Any], differ: bool, limit: int, hops: NDArray[np.int64]) -> int:
    """Stationary words shift in from the top, the last row's first; returns edges until every PE has its own.

    After edge e the registers of rows 0 to e hold a word.

    Args:
        fresh: words to load, [rows, cols].
        load: load registers, [rows, cols].
        differ: rows have words of their own; else one word is copied down.
        limit: edges to run at most (for a dump).
        hops: words handed from a PE to the one below, added up.
    """
    rows, cols = fresh.shape
    edges: int = min(rows, limit)
    for edge in range(edges):
        for row in range(edge, 0 if differ else max(0, edge - 1), -1):
            for col in range(cols):
                load[row, col] = load[row - 1, col]
            hops[0] += cols
        if differ or edge == 0:
            for col in range(cols):
                load[0, col] = fresh[rows - 1 - edge if differ else 0, col]
    return edges


@kernel
def unchanged(f: Feed, now: Any, last: Any, rest: int) -> bool:
    """Whether the words of a feed are those of the fold before: its registers hold them already."""
    if now[1] != last[1] or now[3] != last[3] or now[rest] != last[rest]:
        return False
    return (now[0] == last[0] or not f.own) and (now[2] == last[2] or f.window)


@kernel
def run_in_place(
    folds: NDArray[np.int64], x: Feed, y: Feed, shape: Shape, rule: Rule, out: Out, acc: NDArray[Any],
    moved: NDArray[np.int64], xb: NDArray[Any], yb: NDArray[Any], bits: NDArray[np.uint64], live: NDArray[np.int64],
    limit: int, mac: Mac, count: NDArray[np.int64], seen: NDArray[np.int64],
) -> None:  # fmt: skip
    """Run folds whose sums stay in the PEs.

    Args:
        folds: one row per fold.
        limit: edges to run from the fold's start on (for a dump).
        acc: [lines, lanes], sums so far.
        moved: [lanes], how many lines the sums have shifted on their way out.
        xb, yb, bits, live: registers of the streaming operands, valid bits and how many are set; left as they are.
        mac: how the PEs take a MAC in.
        count: counters, added up.
        seen: edges by fold, filled in.
    """
    steps = x.step_at.size
    ends = np.zeros(acc.shape[0], np.int64)
    zeros_x, zeros_y, edges, last = 0, 0, 0, (-1, -1, -1, -1, -1, -1)
    for f in range(folds.shape[0]):
        fold = folds[f]
        lines, lanes = fold[LINES], fold[LANES]
        now = (fold[LINE0], lines, fold[LANE0], lanes, fold[REST_X], fold[REST_Y])
        if lanes != last[3]:
            edges = shift_valid(np.repeat(x.valid, mac.edges), lanes, shape.lane_skew, bits, live)
        if not unchanged(x, now, last, 4):
            zeros_x = feed(x, fold[REST_X], fold[LINE0], lines, fold[LANE0], lanes, shape.lane_skew, xb)
        if not unchanged(y, now, last, 5):
            zeros_y = feed(y, fold[REST_Y], fold[LINE0], lines, fold[LANE0], lanes, shape.lane_skew, yb)
        last = now
        if fold[FIRST]:
            acc[:] = 0
        for line in range(lines):
            ends[line] = max(0, min(edges, limit - line * shape.line_skew))
        room = steps + (lanes - 1) * shape.lane_skew
        if mac.edges == 1:
            macs = sweep_in_place(
                xb, strides(x, room, lanes), yb, strides(y, room, lanes), lines, lanes, ends, live, rule, acc
            )
        else:
            macs = serial_in_place(
                xb, strides(x, room, lanes), yb, strides(y, room, lanes), lines, lanes, shape.lane_skew, ends, steps,
                mac, acc,
            )  # fmt: skip
        count[ZEROS_X] += zeros_x
        count[ZEROS_Y] += zeros_y
        note(count, seen[f], macs, lines, edges, live, bits, shape.line_skew, mac.edges)
        moved[:] = 0
        if fold[LAST]:
            before = count[RETURNED]
            left = limit - (steps * mac.edges + (lines - 1) * shape.line_skew)
            seen[f, LEAVING] = drain(fold, shape, out, acc, moved, left, count)
            seen[f, BACK] = count[RETURNED] - before


@kernel
def note(
    count: NDArray[np.int64], seen: NDArray[np.int64], macs: int, lines: int, edges: int, live: NDArray[np.int64],
    bits: NDArray[np.uint64], line_skew: int, mac_edges: int,
) -> None:  # fmt: skip
    """Add up what a wave did: MACs, words that entered the first lane, the first line or both, and edges with a MAC.

    A word is valid for all edges of its MAC.
    """
    entered: Any = 0
    live_edges = lit = 0
    for u in range(edges):
        entered += np.int64(bits[u, 0] & np.uint64(1))
        lit += live[u]
        if live[u]:
            live_edges = u + 1
    count[MACS] += macs
    count[LANE_ENTRIES] += entered * lines // mac_edges
    count[LINE_ENTRIES] += lit // mac_edges
    count[CORNER_ENTRIES] += entered // mac_edges
    seen[WORKING] = live_edges + (lines - 1) * line_skew


@kernel
def run_along(
    folds: NDArray[np.int64], x: Feed, h: Feed, preloads: int, differ: bool, shape: Shape, rule: Rule, out: Out,
    fresh: NDArray[Any], load: NDArray[Any], held: NDArray[Any], slots: NDArray[Any], xb: NDArray[Any],
    bits: NDArray[np.uint64], live: NDArray[np.int64], limit: int, mac: Mac, own: NDArray[Any],
    count: NDArray[np.int64], seen: NDArray[np.int64], load_hops: NDArray[np.int64], held_zeros: NDArray[np.int64],
) -> None:  # fmt: skip
    """Run folds whose sums move from line to line, or are added in a tree; ``h`` stays in the PEs.

    Args:
        preloads: 0: a stationary word reaches its PE one edge ahead of the stream; 1, 2: it is shifted through the
            lines, or through the lanes.
        differ: whether words that are shifted in differ along the way.
        fresh, load, held: [lines, lanes], stationary words at the edge, on their way and in use.
        slots: [edges, lanes], sums on their way.
        mac: how the PEs take a MAC in.
        own: [lines, lanes], what each PE has of a MAC that takes several edges.
        load_hops: words handed from PE to PE while they are shifted in, added up.
        held_zeros: zeros in ``held``.
    """
    steps = x.step_at.size
    ends = np.zeros(held.shape[0], np.int64)
    last_lanes = -1
    edges = 0
    for f in range(folds.shape[0]):
        fold = folds[f]
        lines, lanes = fold[LINES], fold[LANES]
        if lanes != last_lanes:
            edges = shift_valid(np.repeat(x.valid, mac.edges), lanes, shape.lane_skew, bits, live)
            last_lanes = lanes
        zeros = feed(x, fold[REST_X], fold[LINE0], lines, fold[LANE0], lanes, shape.lane_skew, xb)
        if fold[FIRST]:
            held_zeros[0] = 0
            for line in range(lines):
                at = fold[REST_Y] + h.line_at[fold[LINE0] + line]
                for n in range(lanes):
                    word = h.source[at + h.lane_at[fold[LANE0] + n]]
                    held_zeros[0] += word == 0
                    fresh[line, n] = word
            if preloads == 1:
                seen[f, LOADING] = preload(fresh[:lines, :lanes], load[:lines, :lanes], differ, lines, load_hops)
            elif preloads:
                seen[f, LOADING] = preload(fresh[:lines, :lanes].T, load[:lines, :lanes].T, differ, lanes, load_hops)
            else:
                load[:lines, :lanes] = fresh[:lines, :lanes]
                seen[f, LOADING] = 1
            held[:lines, :lanes] = load[:lines, :lanes]
        for line in range(lines):
            ends[line] = max(0, min(edges, limit - line * shape.line_skew))
        slots[:edges] = 0
        room = strides(x, steps + (lanes - 1) * shape.lane_skew, lanes)
        if mac.edges == 1:
            macs = sweep_along(xb, room, held, lines, lanes, ends, live, rule, slots)
        else:
            macs = serial_along(xb, room, held, lines, lanes, shape.lane_skew, ends, steps, mac, own, slots)
        count[ZEROS_X] += zeros
        count[ZEROS_Y] += held_zeros[0] * x.step_at.size
        note(count, seen[f], macs, lines, edges, live, bits, shape.line_skew, mac.edges)
        if limit > edges + lines:
            before = count[RETURNED]
            seen[f, LEAVING] = leave(fold, shape, out, slots, shape.lane_skew, mac.edges, count)
            seen[f, BACK] = count[RETURNED] - before
