"""One bit of each of 32 x 64 integers, packed down the columns: 64 words of 32 bits, side by side."""

from __future__ import annotations

from typing import Any

from accsim.kernels.llvm import constant, data_of, intrinsic, ir, load, splat, store, types, vector

DEPTH = 32
COLUMNS = 64


def _pack_block(_context: Any, values: Any, at: Any, pitch: Any, last: Any, bit: Any, words: Any, words_at: Any) -> Any:
    """``words[words_at + j]`` = sum for k up to ``last`` of bit ``bit`` of ``values[at + k * pitch + j]``, times 2**k.

    ``values`` are integers of 8 or 16 bits, ``words`` unsigned ones of 32; places count elements of contiguous arrays.
    Eight rows make a byte per column: a byte moves right by one and takes the next bit at its top, two instructions for
    64 values. Four such bytes per column, interleaved, are a word. Of fewer than 32 rows the last stands in for those
    that are missing, and its bits there are masked.
    """

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, at, pitch, last, bit, words, words_at = arguments
        size = signature.args[0].dtype.bitwidth
        source = data_of(target, builder, signature.args[0], values)
        chars, longs = vector(8, COLUMNS), vector(64, COLUMNS // 8)
        top, rest = constant(chars, 0x80), constant(chars, 0x7F)

        def at_top(numbers: Any) -> Any:
            """The bit wanted as the top bit of a byte; what is below does not matter."""
            if size == 8:
                left = splat(builder, builder.sub(bit.type(7), bit), COLUMNS // 8)
                return builder.bitcast(builder.shl(builder.bitcast(numbers, longs), left), chars)
            right = splat(builder, builder.trunc(bit, ir.IntType(16)), COLUMNS)
            low = builder.trunc(builder.lshr(numbers, right), chars)
            return builder.bitcast(builder.shl(builder.bitcast(low, longs), constant(longs, 7)), chars)

        packed = []
        for byte in range(DEPTH // 8):
            kept = constant(chars, 0)
            for k in range(8 * byte, 8 * byte + 8):
                row = last.type(k)
                row = builder.select(builder.icmp_signed("<", row, last), row, last)
                here = builder.gep(source, [builder.add(at, builder.mul(row, pitch))])
                numbers = at_top(load(builder, here, vector(size, COLUMNS), size // 8))
                moved = builder.bitcast(builder.lshr(builder.bitcast(kept, longs), constant(longs, 1)), chars)
                kept = builder.or_(builder.and_(moved, rest), builder.and_(numbers, top))
            packed.append(kept)
        index = ir.IntType(32)

        def interleave(first: Any, second: Any) -> Any:
            n = first.type.count
            order = [lane for j in range(n) for lane in (j, n + j)]
            return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(index, 2 * n), order))

        lows, highs = interleave(packed[0], packed[1]), interleave(packed[2], packed[3])
        halves = [builder.bitcast(pair, vector(16, COLUMNS)) for pair in (lows, highs)]
        whole = builder.bitcast(interleave(*halves), vector(32, COLUMNS))
        missing = builder.trunc(builder.sub(last.type(DEPTH - 1), last), index)
        mask = builder.lshr(ir.Constant(index, 0xFFFFFFFF), missing)
        whole = builder.and_(whole, splat(builder, mask, COLUMNS))
        store(builder, whole, builder.gep(data_of(target, builder, signature.args[5], words), [words_at]), 4)
        return target.get_dummy_value()

    place = types.intp
    return types.void(values, place, place, place, place, words, place), generate


pack_block: Any = intrinsic(_pack_block)
