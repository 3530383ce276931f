"""LLVM vectors for kernels whose speed depends on them; LLVM lowers them to what the machine has.

A loop over vectors that must keep its accumulators in registers is written as LLVM instructions: the compiler must
assume that a store to one array changes another, and would load and store them on every step.
"""

from __future__ import annotations

from typing import Any

from accsim.kernels.jit import kernel  # names the cache before Numba is imported

from llvmlite import ir  # isort: skip
from numba import types  # isort: skip
from numba.core import cgutils  # isort: skip
from numba.extending import intrinsic  # isort: skip

__all__ = [
    "code",
    "constant",
    "data_of",
    "intrinsic",
    "ir",
    "kernel",
    "load",
    "popcount",
    "set_bits",
    "splat",
    "store",
    "types",
    "vector",
]

code: Any = cgutils  # untyped


def vector(bits: int, lanes: int) -> Any:
    """The type of ``lanes`` integers of ``bits`` bits."""
    return ir.VectorType(ir.IntType(bits), lanes)


def constant(kind: Any, value: int) -> Any:
    """A vector with ``value`` in every lane."""
    return ir.Constant(kind, [value] * kind.count)


def data_of(target: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Pointer to the first element of a contiguous array argument."""
    return target.make_array(kind)(target, builder, array).data


def load(builder: Any, pointer: Any, kind: Any, align: int) -> Any:
    """``kind.count`` neighbours from ``pointer`` on."""
    words = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    words.align = align
    return words


def store(builder: Any, words: Any, pointer: Any, align: int) -> None:
    """Write a vector to ``pointer`` and the elements after it."""
    stored = builder.store(words, builder.bitcast(pointer, words.type.as_pointer()))
    stored.align = align


def popcount(builder: Any, words: Any) -> Any:
    """Set bits of each element."""
    kind = words.type
    name = f"llvm.ctpop.v{kind.count}i{kind.element.width}"
    return builder.call(code.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), [words])


def _set_bits(_context: Any, word: Any) -> Any:
    """Set bits of an unsigned integer."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.ctpop(arguments[0]), ir.IntType(64))

    return types.int64(word), generate


set_bits: Any = intrinsic(_set_bits)


def splat(builder: Any, number: Any, lanes: int) -> Any:
    """A number in every lane."""
    kind = ir.VectorType(number.type, lanes)
    index = ir.IntType(32)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(index, 0))
    everywhere = ir.Constant(ir.VectorType(index, lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), everywhere)
