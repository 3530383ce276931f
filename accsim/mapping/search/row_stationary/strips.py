"""What cutting the rows or the columns of a layer into pieces of one size comes to, for every size."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accsim.mapping.nest import Loop, Nest, input_extent, window_span
from accsim.mapping.row_stationary import cols_read, distinct_rows, even_runs, rows_read, starts
from accsim.workload.layer import Geometry

Table = npt.NDArray[np.int64]


@lru_cache(maxsize=256)
def _rows(g: Geometry, runs: tuple[int, ...], most: int, padding: bool) -> Table:
    out = []
    for size in range(1, most + 1):
        nest = Nest(g, (Loop("P", size),), padding)
        pieces = nest.pieces("P", 1)
        sent = sum(distinct_rows(p.size, r, g.stride_h, g.dilation_h) * n for p, n in pieces for r in runs)
        first = sum(distinct_rows(p.size, runs[0], g.stride_h, g.dilation_h) * n for p, n in pieces)
        read = sum(rows_read(nest, p, at, r) * n for p, n in pieces for at, r in starts(runs))
        fetched = nest.extent("P", 1), max(p.extent for p, _ in pieces)
        some = sum(n for p, n in pieces if p.extent)
        out.append((size, nest.count("P", 1), sent, read, *fetched, first, some))
    return np.array(out, dtype=np.int64)


def strips(g: Geometry, runs: tuple[int, ...], most: int, padding: bool) -> Table:
    """Strips of 1 to ``most`` output rows.

    Columns: rows, strips; summed over the strips, ifmap rows on the network, read from the buffer and fetched; the most
    fetched for one; summed, those on the network for the first run of filter rows; and strips that fetch any.
    """
    rows = replace(
        g, N=1, G=1, M=1, C=1, Q=1, S=1, W=1, stride_w=1, dilation_w=1, pad_left=0, pad_right=0, pad_bottom=0
    )
    return _rows(rows, runs, most, padding)


@lru_cache(maxsize=256)
def _columns(g: Geometry, fit: int, padding: bool) -> Table:
    runs, out = even_runs(g.S, fit), []
    for size in range(1, g.Q + 1):
        nest = Nest(g, (Loop("Q", size),), padding)
        pieces = nest.pieces("Q", 1)
        spans = [window_span(s, g.dilation_w) for s in runs]
        sent = sum(input_extent(p.size, g.stride_w, span) * n for p, n in pieces for span in spans)
        read = sum(cols_read(nest, p, at, s) * n for p, n in pieces for at, s in starts(runs))
        extents = nest.extent("Q", 1), max(p.extent for p, _ in pieces)
        some = sum(n for p, n in pieces if p.extent)
        out.append((size, nest.count("Q", 1), sent, *extents, len(runs), spans[0], read, some))
    return np.array(out, dtype=np.int64)


def columns(g: Geometry, fit: int, padding: bool) -> Table:
    """Blocks of 1 to Q output columns, where ``fit`` columns of a filter fit the scratchpads.

    Columns: output columns, blocks; summed over the blocks, ifmap columns on the network and fetched; the most fetched
    for one; runs of filter columns, the span of the first; summed, ifmap columns read from the buffer; and blocks that
    fetch any.
    """
    cols = replace(g, N=1, G=1, M=1, C=1, P=1, R=1, H=1, stride_h=1, dilation_h=1, pad_top=0, pad_bottom=0, pad_right=0)
    return _columns(cols, fit, padding)


class Runs(NamedTuple):
    """The pieces that an axis is cut into, for every size of a piece.

    Attributes:
        at: where those of each size begin in ``pieces``; one more entry for the end.
        pieces: outputs, inputs, and how many such pieces come in a row.
    """

    at: Table
    pieces: Table


@lru_cache(maxsize=256)
def runs(g: Geometry, dim: str, most: int, padding: bool) -> Runs:
    """The pieces of P or Q in order, for pieces of 0 (none) to ``most`` outputs."""
    at, out = [0, 0], list[list[int]]()
    for size in range(1, most + 1):
        for piece, times in Nest(g, (Loop(dim, size),), padding).pieces(dim, 1):
            if len(out) > at[-1] and out[-1][:2] == [piece.size, piece.extent]:
                out[-1][2] += times
            else:
                out.append([piece.size, piece.extent, times])
        at.append(len(out))
    return Runs(np.array(at, dtype=np.int64), np.array(out, dtype=np.int64).reshape(-1, 3))
