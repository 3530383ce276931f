"""One row of a sparse matrix times a panel of a dense one, with all sums in vector registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accsim.kernels.llvm import code, data_of, intrinsic, ir, load, splat, store, types

LANES = 16


def strip(vectors: int) -> Callable[..., None]:
    """``out[out_at + j]`` = sum of ``values[t] * panel[at + places[t] * row + j]`` for t from ``first`` to ``last``.

    For j from 0 to 16 * ``vectors`` - 1, in order of t; one type throughout, products of floats are rounded
    before they are added. The compiled function takes: values, places (int32), first, last; panel, place of its first
    element, elements from row to row; out and the place of its first element; whether to begin with what is there,
    instead of 0. Every array is contiguous.
    """

    @intrinsic
    def product(
        _context: Any, values: Any, places: Any, first: Any, last: Any, panel: Any, at: Any, row: Any, out: Any,
        out_at: Any, adds: Any,
    ) -> Any:  # fmt: skip
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            (first, last), (at, row), (out_at, adds) = arguments[2:4], arguments[5:7], arguments[8:10]
            element = target.get_data_type(signature.args[0].dtype)
            wide = ir.VectorType(element, LANES)
            whole = isinstance(element, ir.IntType)
            multiply, add = (builder.mul, builder.add) if whole else (builder.fmul, builder.fadd)
            numbers, columns, rows, sums = (
                data_of(target, builder, signature.args[n], arguments[n]) for n in (0, 1, 4, 7)
            )
            there = builder.gep(sums, [out_at])
            steps = [ir.Constant(out_at.type, v * LANES) for v in range(vectors)]
            size = signature.args[0].dtype.bitwidth // 8
            kept = [code.alloca_once(builder, wide) for _ in range(vectors)]
            nothing = ir.Constant(wide, [0 if whole else 0.0] * LANES)
            for v, one in enumerate(kept):
                before = load(builder, builder.gep(there, [steps[v]]), wide, size)
                builder.store(builder.select(adds, before, nothing), one)
            with code.for_range_slice(builder, first, last, first.type(1), first.type) as (t, _):
                number = splat(builder, builder.load(builder.gep(numbers, [t])), LANES)
                place = builder.sext(builder.load(builder.gep(columns, [t])), at.type)
                here = builder.gep(rows, [builder.add(at, builder.mul(place, row))])
                for v, one in enumerate(kept):
                    words = load(builder, builder.gep(here, [steps[v]]), wide, size)
                    builder.store(add(builder.load(one), multiply(number, words)), one)
            for v, one in enumerate(kept):
                store(builder, builder.load(one), builder.gep(there, [steps[v]]), size)
            return target.get_dummy_value()

        place = types.intp
        return types.void(values, places, place, place, panel, place, place, out, place, types.boolean), generate

    return product
