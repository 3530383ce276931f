"""Encodings word by word, as strings of the characters 0 and 1; bits of a symbol lowest first."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import product


def bits(symbol: int, width: int) -> str:
    return "".join(str(symbol >> i & 1) for i in range(width))


def packed(symbols: Sequence[int], width: int) -> str:
    return "".join(bits(s, width) for s in symbols)


def of_bytes(data: bytes, count: int) -> str:
    """The first ``count`` bits; what comes after them must be zeros of the last byte."""
    whole = "".join(bits(byte, 8) for byte in data)
    assert len(whole) - count < 8
    assert "1" not in whole[count:]
    return whole[:count]


def log2(count: int) -> int:
    """Bits for numbers below ``count``."""
    width = 0
    while 2**width < count:
        width += 1
    return width


def relative(codes: Sequence[int], gap_bits: int) -> tuple[list[int], list[int]]:
    """Gaps and codes, a zero stored wherever the gap field is full."""
    gaps: list[int] = []
    stored: list[int] = []
    skipped = 0
    waiting: list[tuple[int, int]] = []
    for code in codes:
        if code == 0 and skipped < 2**gap_bits - 1:
            skipped += 1
        elif code == 0:
            waiting.append((skipped, 0))
            skipped = 0
        else:
            for gap, filler in [*waiting, (skipped, code)]:
                gaps.append(gap)
                stored.append(filler)
            waiting, skipped = [], 0
    return gaps, stored


def compressed_rows(matrix: Sequence[Sequence[int]]) -> tuple[list[int], list[int], list[int]]:
    """Codes, columns and row pointers."""
    codes, columns, pointers = [], [], [0]
    for row in matrix:
        for column, code in enumerate(row):
            if code:
                codes.append(code)
                columns.append(column)
        pointers.append(len(codes))
    return codes, columns, pointers


def count_columns(matrix: Sequence[Sequence[int]], count_bits: int) -> tuple[list[int], list[int], list[int]]:
    """Data, counts and addresses, column by column."""
    data: list[int] = []
    counts: list[int] = []
    addresses = [0]
    for column in zip(*matrix, strict=True):
        gaps, codes = relative(column, count_bits)
        counts += gaps
        data += codes
        addresses.append(len(data))
    return data, counts, addresses


def flagged(codes: Sequence[int], width: int, group: int) -> str:
    out = ""
    for start in range(0, len(codes), group):
        part = codes[start : start + group]
        out += "".join("1" if c else "0" for c in part)
        out += "".join(bits(c, width) for c in part if c)
    return out


def words_of_pairs(
    pairs: Sequence[tuple[int, int]], run_bits: int, level_bits: int, per_word: int, word_bits: int
) -> str:
    out = ""
    for start in range(0, len(pairs), per_word):
        word = "".join(bits(run, run_bits) + bits(level, level_bits) for run, level in pairs[start : start + per_word])
        last = start + per_word >= len(pairs)
        out += word.ljust(word_bits - 1, "0") + ("1" if last else "0")
    return out


def blocks(matrix: Sequence[Sequence[int]], tall: int, wide: int) -> tuple[list[int], list[int], list[int]]:
    """Codes, block columns and pointers of blocks of ``tall`` by ``wide`` words."""
    rows, cols = len(matrix), len(matrix[0])
    codes: list[int] = []
    columns: list[int] = []
    pointers = [0]
    for top in range(0, rows, tall):
        for left in range(0, cols, wide):
            block = [
                matrix[r][c] if r < rows and c < cols else 0
                for r, c in product(range(top, top + tall), range(left, left + wide))
            ]
            if any(block):
                codes += block
                columns.append(left // wide)
        pointers.append(len(columns))
    return codes, columns, pointers


def n_of_m(row: Sequence[int], n: int, m: int) -> tuple[list[int], list[int]]:
    """Codes and places: of each group the non-zero words, and its first zeros to make up N."""
    codes: list[int] = []
    places: list[int] = []
    for start in range(0, len(row), m):
        group = list(row[start : start + m])
        group += [0] * (m - len(group))
        kept = [i for i, c in enumerate(group) if c]
        kept += [i for i, c in enumerate(group) if not c][: n - len(kept)]
        for i in sorted(kept):
            codes.append(group[i])
            places.append(i)
    return codes, places


def huffman_bits(counts: Sequence[int]) -> int:
    """Bits of all words of an optimal prefix code: the sum of all nodes that are joined."""
    heap = list(counts)
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def canonical_words(lengths: dict[int, int]) -> dict[int, str]:
    """Words by symbol, first bit first: in order of length, then symbol, each the one before and one."""
    out: dict[int, str] = {}
    word = before = 0
    for symbol, length in sorted(lengths.items(), key=lambda item: (item[1], item[0])):
        if out:
            word = (word + 1) << (length - before)
        before = length
        out[symbol] = format(word, f"0{length}b")
    return out


def huffman_stream(symbols: Sequence[int], lengths: dict[int, int], width: int) -> str:
    """The table, and the words of the symbols."""
    if len(lengths) == 1:
        return bits(0, 6) + bits(symbols[0], width)
    words = canonical_words(lengths)
    longest = max(lengths.values())
    out = bits(longest, 6)
    for length in range(1, longest + 1):
        out += bits(sum(1 for used in lengths.values() if used == length), width + 1)
    for symbol in sorted(lengths, key=lambda s: (lengths[s], s)):
        out += bits(symbol, width)
    return out + "".join(words[s] for s in symbols)
