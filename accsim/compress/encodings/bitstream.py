"""Compiled packing of symbols into bytes, and back.

Bits are numbered from the low end: bit i of a stream is bit i mod 8 of byte i div 8, and a symbol's lowest bit comes
first (so of two 4-bit symbols in a byte the first is the low nibble). A Huffman code word is written first bit first.
Bits after the last one of a stream, up to a whole byte, are zero.

Shapes: ``symbols`` int64 [count], none negative; ``data`` uint8 [bytes], zeroed before it is packed into.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.jit import kernel

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


@kernel
def put(data: Bytes, position: int, value: int | np.int64, width: int) -> int:
    """Write the low ``width`` bits of ``value`` at a bit position; the position after them."""
    byte, shift, left = position >> 3, position & 7, width
    while left > 0:
        data[byte] |= (value << shift) & 255
        value >>= 8 - shift
        left -= 8 - shift
        byte += 1
        shift = 0
    return position + width


@kernel
def get(data: Bytes, position: int, width: int) -> np.int64:
    """Read ``width`` bits (at most 62) at a bit position."""
    value, have = np.int64(0), 0
    byte, shift = position >> 3, position & 7
    while have < width:
        value |= np.int64(data[byte] >> shift) << have
        have += 8 - shift
        byte += 1
        shift = 0
    return value & ((np.int64(1) << width) - 1)


@kernel
def pack(symbols: Integers, width: int, data: Bytes) -> None:
    """Write symbols of one width (at most 48 bits), from the first bit of ``data`` on."""
    held, have, at = np.int64(0), 0, 0
    for symbol in symbols:
        held |= symbol << have
        have += width
        while have >= 8:
            data[at] = held & 255
            held >>= 8
            have -= 8
            at += 1
    if have:
        data[at] = held & 255


@kernel
def unpack(data: Bytes, width: int, symbols: Integers) -> None:
    """Read symbols of one width (at most 48 bits), from the first bit of ``data`` on."""
    held, have, at = np.int64(0), 0, 0
    mask = (np.int64(1) << width) - 1
    for i in range(symbols.size):
        while have < width:
            held |= np.int64(data[at]) << have
            have += 8
            at += 1
        symbols[i] = held & mask
        held >>= width
        have -= width


@kernel
def pack_words(ranks: Integers, words: Integers, lengths: Integers, data: Bytes, position: int) -> int:
    """Write a code word per rank, from a bit position on. ``words`` [alphabet] have their first bit lowest."""
    for rank in ranks:
        position = put(data, position, words[rank], lengths[rank])
    return position


@kernel
def unpack_words(
    data: Bytes,
    position: int,
    end: int,
    quick: Integers,
    bits: int,
    first: Integers,
    number: Integers,
    before: Integers,
    ranks: Integers,
) -> int:
    """Read canonical code words up to bit ``end``; the position after them, or -1 where the bits are no such words.

    Args:
        quick: [2^bits] for the next bits: 64 * rank + length of the code word that they begin with, or 0.
        first, number, before: by length: first code word (first bit highest), code words of that length, and code
            words that are shorter.
        ranks: written: place of each symbol in the order of the code.
    """
    longest = first.size - 1
    held, have, at = np.int64(0), 0, position >> 3
    if position & 7:
        held = np.int64(data[at] >> (position & 7))
        have = 8 - (position & 7)
        at += 1
    mask = (np.int64(1) << bits) - 1
    for i in range(ranks.size):
        while have < bits and at < data.size:
            held |= np.int64(data[at]) << have
            have += 8
            at += 1
        entry = quick[held & mask]
        if entry:
            length = entry & 63
            if length > have or position + length > end:
                return -1
            ranks[i] = entry >> 6
            held >>= length
            have -= length
            position += length
            continue
        code, length = np.int64(0), 0
        while True:
            if length == longest or position == end:
                return -1
            if have == 0:
                held, have = np.int64(data[at]), 8
                at += 1
            code = 2 * code + (held & 1)
            held >>= 1
            have -= 1
            position += 1
            length += 1
            if code - first[length] < number[length]:
                ranks[i] = before[length] + code - first[length]
                break
    return position


@kernel
def pack_flagged(symbols: Integers, width: int, group: int, data: Bytes) -> int:
    """Per ``group`` symbols a flag each, set where the symbol is not zero, then those symbols; the bits written."""
    position = 0
    for start in range(0, symbols.size, group):
        stop = min(start + group, symbols.size)
        for i in range(start, stop):
            position = put(data, position, np.int64(symbols[i] != 0), 1)
        for i in range(start, stop):
            if symbols[i] != 0:
                position = put(data, position, symbols[i], width)
    return position


@kernel
def unpack_flagged(data: Bytes, end: int, width: int, group: int, symbols: Integers) -> int:
    """Undo :func:`pack_flagged`; the bits read, or -1 where they run out. ``symbols`` is zeroed before."""
    position = 0
    for start in range(0, symbols.size, group):
        stop = min(start + group, symbols.size)
        if position + stop - start > end:
            return -1
        flags = position
        position += stop - start
        for i in range(start, stop):
            if get(data, flags + i - start, 1):
                if position + width > end:
                    return -1
                symbols[i] = get(data, position, width)
                position += width
    return position


@kernel
def pack_pairs(
    runs: Integers, levels: Integers, run_bits: int, level_bits: int, pairs: int, word_bits: int, data: Bytes
) -> None:
    """Words of ``pairs`` (run, level) pairs; the last bit of the last word is set."""
    for i in range(runs.size):
        position = (i // pairs) * word_bits + (i % pairs) * (run_bits + level_bits)
        position = put(data, position, runs[i], run_bits)
        put(data, position, levels[i], level_bits)
    words = -(-runs.size // pairs)
    if words:
        put(data, words * word_bits - 1, np.int64(1), 1)


@kernel
def unpack_pairs(
    data: Bytes, words: int, run_bits: int, level_bits: int, pairs: int, word_bits: int, symbols: Integers
) -> bool:
    """Undo :func:`pack_pairs` into ``symbols``, zeroed before; whether the words hold exactly that many of them."""
    at = np.int64(0)
    for word in range(words):
        for slot in range(pairs):
            if at == symbols.size:
                if word < words - 1 or slot == 0:
                    return False
                break
            position = word * word_bits + slot * (run_bits + level_bits)
            at += get(data, position, run_bits)
            if at >= symbols.size:
                return False
            symbols[at] = get(data, position + run_bits, level_bits)
            at += 1
        if get(data, (word + 1) * word_bits - 1, 1) != (word == words - 1):
            return False
    return bool(at == symbols.size)
