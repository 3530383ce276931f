"""Popcount products of four rows and up to 64 columns, with all counts in vector registers.

Rows are words of 32 bits along K. Columns lie in panels: the words of 64 neighbouring columns side by side, so that a
vector register holds one word of each of 16 columns and no sum runs across lanes. One step loads four vectors of
columns and four words of rows; each of its 16 pairs costs a logic instruction, a popcount and an addition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accsim.kernels.llvm import code, constant, data_of, intrinsic, ir, load, popcount, splat, store, types, vector

LANES = 16
PANEL = 64
ROWS = 4

Tile = Callable[..., None]


def _counted(builder: Any, kind: str, rows: list[Any], columns: list[Any]) -> list[Any]:
    """The words whose set bits count, one or two: see :data:`KINDS`."""
    if kind == "and":
        return [builder.and_(rows[0], columns[0])]
    if kind == "xor":
        return [builder.xor(rows[0], columns[0])]
    differ = builder.xor(rows[-1], columns[-1])
    if kind == "ternary columns":
        return [builder.and_(differ, columns[0])]
    if kind == "ternary rows":
        return [builder.and_(differ, rows[0])]
    both = builder.and_(rows[0], columns[0])
    return [both, builder.and_(both, differ)]


def _nonzero(builder: Any, planes: list[Any]) -> list[Any]:
    """(positive, negative) masks as (nonzero, negative); a single plane as it is."""
    return [builder.or_(planes[0], planes[1]), planes[1]] if len(planes) == 2 else planes


# What is counted: row planes, column planes, counts.
KINDS = {
    "and": (1, 1, 1),
    "xor": (1, 1, 1),
    "ternary columns": (1, 2, 1),  # places where a sign differs from the sign of a ternary number that is not zero
    "ternary rows": (2, 1, 1),
    "ternary": (2, 2, 2),  # places where both are not zero, and those of them where signs differ
}


def tile(kind: str, vectors: int) -> Tile:
    """``out[i, j] = start + scale * count + 2nd scale * 2nd count``; with ``adds``, the last two are added to it.

    The compiled function takes: row words and the place of the first, words from row to row, from plane to plane;
    column words and the place of the panel, words from plane to plane; words along K; out and the place of its first
    element, elements from row to row; adds, start, scale, second scale. Arrays are contiguous; places count elements.
    """
    row_planes, column_planes, counts = KINDS[kind]

    @intrinsic
    def product(
        _context: Any, a: Any, a_at: Any, a_row: Any, a_plane: Any, b: Any, b_at: Any, b_plane: Any, words: Any,
        out: Any, out_at: Any, out_row: Any, adds: Any, start: Any, scale: Any, scale2: Any,
    ) -> Any:  # fmt: skip
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, a_at, a_row, a_plane, b, b_at, b_plane, words, out, out_at, out_row, adds, start, *scales = arguments
            wide = vector(32, LANES)
            place = words.type
            left = data_of(target, builder, signature.args[0], a)
            right = data_of(target, builder, signature.args[4], b)
            sums = [code.alloca_once(builder, wide) for _ in range(ROWS * vectors * counts)]
            for one in sums:
                builder.store(constant(wide, 0), one)
            row_at = [
                builder.add(a_at, builder.add(builder.mul(place(i), a_row), builder.mul(place(p), a_plane)))
                for i in range(ROWS) for p in range(row_planes)
            ]  # fmt: skip
            plane_at = [builder.add(b_at, builder.mul(place(p), b_plane)) for p in range(column_planes)]
            with code.for_range(builder, words) as loop:
                k = loop.index
                panel = builder.mul(k, place(PANEL))
                columns = []
                for v in range(vectors):
                    here = [builder.add(builder.add(at, panel), place(v * LANES)) for at in plane_at]
                    columns.append(_nonzero(builder, [load(builder, builder.gep(right, [at]), wide, 4) for at in here]))
                for i in range(ROWS):
                    here = [builder.add(at, k) for at in row_at[i * row_planes : (i + 1) * row_planes]]
                    row = _nonzero(builder, [builder.load(builder.gep(left, [at])) for at in here])
                    row = [splat(builder, word, LANES) for word in row]
                    for v in range(vectors):
                        for c, counted in enumerate(_counted(builder, kind, row, columns[v])):
                            kept = sums[(i * vectors + v) * counts + c]
                            builder.store(builder.add(builder.load(kept), popcount(builder, counted)), kept)
            results = data_of(target, builder, signature.args[8], out)
            scales = [splat(builder, builder.trunc(scale, ir.IntType(32)), LANES) for scale in scales]
            begin = splat(builder, builder.trunc(start, ir.IntType(32)), LANES)
            for i in range(ROWS):
                for v in range(vectors):
                    at = builder.add(builder.add(out_at, builder.mul(place(i), out_row)), place(v * LANES))
                    there = builder.gep(results, [at])
                    total = builder.select(adds, load(builder, there, wide, 4), begin)
                    for c in range(counts):
                        count = builder.load(sums[(i * vectors + v) * counts + c])
                        total = builder.add(total, builder.mul(count, scales[c]))
                    store(builder, total, there, 4)
            return target.get_dummy_value()

        place = types.intp
        return types.void(
            a, place, place, place, b, place, place, place, out, place, place, types.boolean, place, place, place
        ), generate

    return product


def weighted_tile(vectors: int) -> Tile:
    """``out[i, j] = start`` + the sum over pairs of planes of scale * set bits of both, all pairs in one go.

    For short rows: a multiplication per word instead of sums that are scaled and stored once per pair. The compiled
    function takes: row words and the place of the first, words from row to row, from plane to plane; column words, the
    place of the panel, words from plane to plane; words along K; planes and scales [pairs, 2] and the number of pairs;
    out and the place of its first element, elements from row to row; adds, start.
    """

    @intrinsic
    def product(
        _context: Any, a: Any, a_at: Any, a_row: Any, a_plane: Any, b: Any, b_at: Any, b_plane: Any, words: Any,
        planes: Any, scales: Any, pairs: Any, out: Any, out_at: Any, out_row: Any, adds: Any, start: Any,
    ) -> Any:  # fmt: skip
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a_at, a_row, a_plane, b_at, b_plane, words = (arguments[n] for n in (1, 2, 3, 5, 6, 7))
            pairs, out_at, out_row, adds, start = (arguments[n] for n in (10, 12, 13, 14, 15))
            wide, place, short = vector(32, LANES), words.type, ir.IntType(32)
            left, right, which, factors, results = (
                data_of(target, builder, signature.args[n], arguments[n]) for n in (0, 4, 8, 9, 11)
            )
            begin = splat(builder, builder.trunc(start, short), LANES)
            sums = []
            for i in range(ROWS):
                for v in range(vectors):
                    at = builder.add(builder.add(out_at, builder.mul(place(i), out_row)), place(v * LANES))
                    there = builder.gep(results, [at])
                    kept = code.alloca_once(builder, wide)
                    builder.store(builder.select(adds, load(builder, there, wide, 4), begin), kept)
                    sums.append((kept, there))
            with code.for_range(builder, pairs) as outer:
                first = builder.mul(outer.index, place(2))
                p, q = (builder.load(builder.gep(which, [builder.add(first, place(n))])) for n in (0, 1))
                scale = splat(builder, builder.trunc(builder.load(builder.gep(factors, [first])), short), LANES)
                x, y = builder.add(a_at, builder.mul(p, a_plane)), builder.add(b_at, builder.mul(q, b_plane))
                with code.for_range(builder, words) as loop:
                    k = loop.index
                    panel = builder.add(y, builder.mul(k, place(PANEL)))
                    columns = [
                        load(builder, builder.gep(right, [builder.add(panel, place(v * LANES))]), wide, 4)
                        for v in range(vectors)
                    ]
                    for i in range(ROWS):
                        at = builder.add(builder.add(x, builder.mul(place(i), a_row)), k)
                        row = splat(builder, builder.load(builder.gep(left, [at])), LANES)
                        for v in range(vectors):
                            count = popcount(builder, builder.and_(row, columns[v]))
                            kept = sums[i * vectors + v][0]
                            builder.store(builder.add(builder.load(kept), builder.mul(count, scale)), kept)
            for kept, there in sums:
                store(builder, builder.load(kept), there, 4)
            return target.get_dummy_value()

        place = types.intp
        return types.void(
            a, place, place, place, b, place, place, place, planes, scales, place, out, place, place, types.boolean,
            place,
        ), generate  # fmt: skip

    return product
