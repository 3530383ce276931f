"""Lanes of a line as vectors: one register of each of its PEs, side by side in memory.

The registers of a line at an edge are a run of memory that starts at ``base + u * pitch`` (see ``feeds``): pitch -1
where words move from lane to lane, the width of a slot where they move from line to line, 0 where they stay. The loops
over edges are written as LLVM vectors of 32, 16, 8, 4, 2 and 1 lanes. They keep a line's sums, or its stationary words,
in vector registers of the machine from edge to edge, which the compiler does not find by itself in a loop over lanes
inside a loop over edges: it must assume that a store to one array may change another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from accsim.kernels.accumulator import Rule
from accsim.kernels.jit import kernel  # names the cache before Numba is imported

from llvmlite import ir  # isort: skip
from numba import types  # isort: skip
from numba.core import cgutils  # isort: skip
from numba.extending import intrinsic  # isort: skip

code: Any = cgutils  # untyped
WIDTHS = (32, 16, 8, 4, 2, 1)


def _place(target: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    """Pointer to ``lanes`` neighbouring words from place ``index`` of an array's memory."""
    data = target.make_array(kind)(target, builder, array).data
    vector = ir.VectorType(target.get_data_type(kind.dtype), lanes)
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def _load(target: Any, builder: Any, kind: Any, array: Any, index: Any, wide: Any) -> Any:
    """Words as wide as sums are."""
    words = builder.load(_place(target, builder, kind, array, index, wide.count))
    words.align = kind.dtype.bitwidth // 8
    return words if kind.dtype.bitwidth == wide.element.width else builder.sext(words, wide)


def _store(target: Any, builder: Any, kind: Any, array: Any, index: Any, words: Any) -> None:
    stored = builder.store(words, _place(target, builder, kind, array, index, words.type.count))
    stored.align = kind.dtype.bitwidth // 8


def _at(builder: Any, base: Any, edge: Any, pitch: Any) -> Any:
    return builder.add(base, builder.mul(edge, pitch))


def _spread(builder: Any, number: Any, wide: Any) -> Any:
    """A number in every lane."""
    if wide.element.width < number.type.width:
        number = builder.trunc(number, wide.element)
    zero = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(wide, ir.Undefined), number, zero)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), wide.count), [0] * wide.count)
    return builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), everywhere)


def _rounded(builder: Any, product: Any, rule: tuple[Any, Any, Any]) -> Any:
    """Products as they enter a sum (see ``accumulator.Rule``)."""
    shift, bias, even = (_spread(builder, number, product.type) for number in rule)
    kept = builder.and_(even, builder.ashr(product, shift))
    return builder.ashr(builder.add(builder.add(product, bias), kept), shift)


def _stay(lanes: int, rounds: bool) -> Callable[..., None]:
    """``sums[at + n] += a[a_at + u * a_pitch + n] * b[b_at + u * b_pitch + n]`` for u from ``first`` to ``last``."""

    @intrinsic
    def stay(
        _context: Any, sums: Any, at: Any, a: Any, a_at: Any, a_pitch: Any, b: Any, b_at: Any, b_pitch: Any,
        first: Any, last: Any, shift: Any, bias: Any, even: Any,
    ) -> Any:  # fmt: skip
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums_kind, _, a_kind, _, _, b_kind = signature.args[:6]
            sums, at, a, a_at, a_pitch, b, b_at, b_pitch, first, last, *rule = arguments
            wide = ir.VectorType(target.get_data_type(sums_kind.dtype), lanes)
            kept = code.alloca_once(builder, wide)
            builder.store(_load(target, builder, sums_kind, sums, at, wide), kept)
            with code.for_range_slice(builder, first, last, last.type(1), last.type) as (u, _):
                product = builder.mul(
                    _load(target, builder, a_kind, a, _at(builder, a_at, u, a_pitch), wide),
                    _load(target, builder, b_kind, b, _at(builder, b_at, u, b_pitch), wide),
                )
                product = _rounded(builder, product, tuple(rule)) if rounds else product
                builder.store(builder.add(builder.load(kept), product), kept)
            _store(target, builder, sums_kind, sums, at, builder.load(kept))
            return target.get_dummy_value()

        place = types.intp
        return types.void(sums, place, a, place, place, b, place, place, *(place,) * 5), generate

    return stay


def _pass(lanes: int, rounds: bool) -> Callable[..., None]:
    """``sums[at + u * pitch + n] += a[a_at + u * a_pitch + n] * held[held_at + n]``, u from ``first`` to ``last``."""

    @intrinsic
    def move(
        _context: Any, sums: Any, at: Any, pitch: Any, a: Any, a_at: Any, a_pitch: Any, held: Any, held_at: Any,
        first: Any, last: Any, shift: Any, bias: Any, even: Any,
    ) -> Any:  # fmt: skip
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sums_kind, _, _, a_kind, _, _, held_kind = signature.args[:7]
            sums, at, pitch, a, a_at, a_pitch, held, held_at, first, last, *rule = arguments
            wide = ir.VectorType(target.get_data_type(sums_kind.dtype), lanes)
            words = _load(target, builder, held_kind, held, held_at, wide)
            with code.for_range_slice(builder, first, last, last.type(1), last.type) as (u, _):
                product = builder.mul(_load(target, builder, a_kind, a, _at(builder, a_at, u, a_pitch), wide), words)
                product = _rounded(builder, product, tuple(rule)) if rounds else product
                here = _at(builder, at, u, pitch)
                before = _load(target, builder, sums_kind, sums, here, wide)
                _store(target, builder, sums_kind, sums, here, builder.add(before, product))
            return target.get_dummy_value()

        place = types.intp
        return types.void(sums, place, place, a, place, place, held, place, *(place,) * 5), generate

    return move


STAY32, STAY16, STAY8, STAY4, STAY2, STAY1 = (_stay(lanes, rounds=False) for lanes in WIDTHS)
PASS32, PASS16, PASS8, PASS4, PASS2, PASS1 = (_pass(lanes, rounds=False) for lanes in WIDTHS)
STAY_ROUNDED8, STAY_ROUNDED1 = (_stay(lanes, rounds=True) for lanes in (8, 1))
PASS_ROUNDED8, PASS_ROUNDED1 = (_pass(lanes, rounds=True) for lanes in (8, 1))


@kernel
def add_in_place(
    sums: NDArray[Any], at: int, a: NDArray[Any], a_at: int, a_pitch: int, b: NDArray[Any], b_at: int, b_pitch: int,
    lanes: int, first: int, last: int, rule: Rule,
) -> None:  # fmt: skip
    """MACs of one line from edge ``first`` to ``last`` whose sums stay; each ``at`` is a place in an array's memory."""
    n, s, i, e = 0, rule.shift, rule.bias, rule.even
    if s:
        while n + 8 <= lanes:
            STAY_ROUNDED8(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
            n += 8
        while n < lanes:
            STAY_ROUNDED1(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
            n += 1
        return
    while n + 32 <= lanes:
        STAY32(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
        n += 32
    if n + 16 <= lanes:
        STAY16(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
        n += 16
    if n + 8 <= lanes:
        STAY8(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
        n += 8
    if n + 4 <= lanes:
        STAY4(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
        n += 4
    if n + 2 <= lanes:
        STAY2(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)
        n += 2
    if n < lanes:
        STAY1(sums, at + n, a, a_at + n, a_pitch, b, b_at + n, b_pitch, first, last, s, i, e)


@kernel
def add_along(
    sums: NDArray[Any], at: int, pitch: int, a: NDArray[Any], a_at: int, a_pitch: int, held: NDArray[Any],
    held_at: int, lanes: int, first: int, last: int, rule: Rule,
) -> None:  # fmt: skip
    """MACs of one line from edge ``first`` to ``last`` whose sums move on; each ``at`` is a place in memory."""
    n, s, i, e = 0, rule.shift, rule.bias, rule.even
    if s:
        while n + 8 <= lanes:
            PASS_ROUNDED8(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
            n += 8
        while n < lanes:
            PASS_ROUNDED1(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
            n += 1
        return
    while n + 32 <= lanes:
        PASS32(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
        n += 32
    if n + 16 <= lanes:
        PASS16(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
        n += 16
    if n + 8 <= lanes:
        PASS8(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
        n += 8
    if n + 4 <= lanes:
        PASS4(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
        n += 4
    if n + 2 <= lanes:
        PASS2(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
        n += 2
    if n < lanes:
        PASS1(sums, at + n, pitch, a, a_at + n, a_pitch, held, held_at + n, first, last, s, i, e)
