"""Compiled: the registers of an inner-product tile, edge by edge.

Each function runs one step: the operands are in their registers, and on every edge each lane takes in what its datapath
takes in an edge. They give the number of edges, seen as the step went on until no lane had anything left to do.

Shapes: ``a`` [columns, lanes], ``w`` [rows, lanes], ``acc`` [rows, columns]; only the first ``r``, ``c`` and ``n`` of
them are at work.
"""

from __future__ import annotations

from typing import Any

from accsim.kernels.jit import kernel


@kernel
def multiply(a: Any, w: Any, acc: Any, r: int, c: int, n: int) -> int:
    """A product in every lane."""
    for i in range(r):
        for j in range(c):
            total = 0
            for k in range(n):
                total += w[i, k] * a[j, k]
            acc[i, j] += total
    return 1


@kernel
def picked(a: Any, w: Any, acc: Any, r: int, c: int, n: int, picks: Any) -> int:
    """A product in every lane, of the activation that the index of its weight picks from its block."""
    for i in range(r):
        for j in range(c):
            total = 0
            for k in range(n):
                total += w[i, k] * a[j, picks[i, k]]
            acc[i, j] += total
    return 1


@kernel
def looked_up(a: Any, acc: Any, r: int, c: int, n: int, codes: Any, table: Any) -> int:
    """A product in every lane, with the word of the table that the weight's code stands for."""
    for i in range(r):
        for j in range(c):
            total = 0
            for k in range(n):
                total += table[codes[i, k]] * a[j, k]
            acc[i, j] += total
    return 1


@kernel
def shifted(a: Any, w: Any, acc: Any, r: int, c: int, n: int) -> int:
    """Every lane shifts its activation to the place of the one bit that its weight has, and adds or subtracts it."""
    for i in range(r):
        for j in range(c):
            total = 0
            for k in range(n):
                magnitude, place = abs(w[i, k]), 0
                if magnitude:
                    while magnitude >> (place + 1):
                        place += 1
                    total += -(a[j, k] << place) if w[i, k] < 0 else a[j, k] << place
            acc[i, j] += total
    return 1


@kernel
def low_part(word: int, bits: int, signed: bool) -> int:
    """What a lane of ``bits`` takes of a word: all of it where it fits, else its low bits."""
    low = word & ((1 << bits) - 1)
    return low - (1 << bits) if signed and low >> (bits - 1) else low


@kernel
def outliers(a: Any, w: Any, acc: Any, r: int, c: int, n: int, bits: int, wide: int, signed: bool) -> tuple[int, int]:
    """Low parts in every lane on the first edge; what is left of outliers' products, ``wide`` of a PE on each edge.

    Returns:
        Edges until no PE has an outlier left, and products with one.
    """
    edges, met = 1, 0
    for i in range(r):
        for j in range(c):
            queue = 0
            for k in range(n):
                x, y = low_part(a[j, k], bits, signed), low_part(w[i, k], bits, True)
                acc[i, j] += x * y
                if x != a[j, k] or y != w[i, k]:
                    acc[i, j] += w[i, k] * a[j, k] - x * y
                    queue += 1
            met += queue
            spent = 0
            while queue > 0:
                queue -= wide
                spent += 1
            edges = max(edges, spent)
    return edges, met


@kernel
def activation_bits(a: Any, w: Any, acc: Any, r: int, c: int, n: int, planes: int, at_once: int, signed: bool) -> int:
    """Two's complement activations, ``at_once`` planes of bits an edge, the lowest first; the highest is negative."""
    edges = 0
    low = 0
    while low < planes:
        high = min(low + at_once, planes)
        for i in range(r):
            for j in range(c):
                total = 0
                for k in range(n):
                    part = (a[j, k] >> low) & ((1 << (high - low)) - 1)
                    if signed and high == planes and (part >> (high - low - 1)) & 1:
                        part -= 1 << (high - low)
                    total += w[i, k] * part
                acc[i, j] += total << low
        low = high
        edges += 1
    return edges


@kernel
def _span(a: Any, c: int, n: int, trim_low: bool) -> tuple[int, int]:
    """Lowest and highest bit, exclusive, that any activation of the group has."""
    met = 0
    for j in range(c):
        for k in range(n):
            met |= abs(a[j, k])
    high = 0
    while met >> high:
        high += 1
    low = 0
    if trim_low and met:
        while not (met >> low) & 1:
            low += 1
    return low, high


@kernel
def used_bits(
    a: Any, w: Any, acc: Any, r: int, c: int, n: int, at_once: int, sign: int, trim_low: bool, weight_planes: int,
    now: Any,
) -> int:  # fmt: skip
    """Sign and magnitude, from the lowest bit that is met to the highest; with ``weight_planes``, weights bit by bit.

    Weights are two's complement; 0 planes for whole weights. ``now`` takes the part of each activation that is at work.
    """
    low, high = _span(a, c, n, trim_low)
    each = max(1, weight_planes)
    if high == 0:
        return each
    edges = 0
    while low < high:
        width = min(at_once, high - low)
        for j in range(c):
            for k in range(n):
                part = (abs(a[j, k]) >> low) & ((1 << width) - 1)
                now[j, k] = -part if a[j, k] < 0 else part
        for plane in range(each):
            for i in range(r):
                for j in range(c):
                    total = 0
                    if weight_planes:
                        for k in range(n):
                            total += ((w[i, k] >> plane) & 1) * now[j, k]
                        if plane == weight_planes - 1:
                            total = -total
                    else:
                        for k in range(n):
                            total += w[i, k] * now[j, k]
                    acc[i, j] += total << (plane + low)
            edges += 1
        low += width
    return edges + each * sign


@kernel
def digits(value: int, booth: bool) -> tuple[int, int]:
    """Places of positive and of negative powers of two of a magnitude."""
    if not booth:
        return value, 0
    thrice = 3 * value
    return (thrice & ~value) >> 1, (value & ~thrice) >> 1


@kernel
def terms_met(a: Any, w: Any, acc: Any, r: int, c: int, n: int, booth: bool, plus: Any, minus: Any) -> int:
    """The lowest power of two that any activation has left goes into every lane that has it."""
    for j in range(c):
        for k in range(n):
            plus[j, k], minus[j, k] = digits(abs(a[j, k]), booth)
    edges = 0
    while True:
        left = 0
        for j in range(c):
            for k in range(n):
                left |= plus[j, k] | minus[j, k]
        if left == 0:
            return max(1, edges)
        term = left & -left
        for i in range(r):
            for j in range(c):
                total = 0
                for k in range(n):
                    if plus[j, k] & term:
                        total += -w[i, k] if a[j, k] < 0 else w[i, k]
                    elif minus[j, k] & term:
                        total -= -w[i, k] if a[j, k] < 0 else w[i, k]
                acc[i, j] += total * term
        for j in range(c):
            for k in range(n):
                plus[j, k] &= ~term
                minus[j, k] &= ~term
        edges += 1


@kernel
def most_terms(a: Any, w: Any, acc: Any, r: int, c: int, n: int, booth: bool, plus: Any, minus: Any, now: Any) -> int:
    """Every lane takes in the lowest power of two that its own activation has left."""
    for j in range(c):
        for k in range(n):
            plus[j, k], minus[j, k] = digits(abs(a[j, k]), booth)
    edges = 0
    while True:
        busy = False
        for j in range(c):
            for k in range(n):
                left = plus[j, k] | minus[j, k]
                term = left & -left
                busy |= term != 0
                now[j, k] = -term if (minus[j, k] & term) else term
                if a[j, k] < 0:
                    now[j, k] = -now[j, k]
                plus[j, k] &= ~term
                minus[j, k] &= ~term
        if not busy:
            return max(1, edges)
        for i in range(r):
            for j in range(c):
                total = 0
                for k in range(n):
                    total += w[i, k] * now[j, k]
                acc[i, j] += total
        edges += 1


@kernel
def listed(values: Any, lines: int, n: int, booth: bool, terms: Any, count: Any) -> None:
    """The signed powers of two of every word, and how many they are: ``terms`` [lines, lanes, 64]."""
    for j in range(lines):
        for k in range(n):
            plus, minus = digits(abs(values[j, k]), booth)
            found = 0
            while plus | minus:
                left = plus | minus
                term = left & -left
                value = -term if (minus & term) else term
                terms[j, k, found] = -value if values[j, k] < 0 else value
                plus &= ~term
                minus &= ~term
                found += 1
            count[j, k] = found


@kernel
def term_pairs(acc: Any, r: int, c: int, n: int, a_terms: Any, a_count: Any, w_terms: Any, w_count: Any) -> int:
    """Every lane of every PE takes in the product of its next pair of powers of two; the step ends with the last."""
    edges = 1
    for i in range(r):
        for j in range(c):
            total = 0
            for k in range(n):
                taken = 0
                for x in range(a_count[j, k]):
                    for y in range(w_count[i, k]):
                        total += a_terms[j, k, x] * w_terms[i, k, y]
                        taken += 1
                edges = max(edges, taken)
            acc[i, j] += total
    return edges


@kernel
def weight_bits(a: Any, w: Any, acc: Any, r: int, c: int, n: int, planes: int) -> int:
    """Whole activations, a bit of the two's complement weights an edge; a single bit is the sign of +1 or -1."""
    if planes == 1:
        return multiply(a, w, acc, r, c, n)
    for plane in range(planes):
        for i in range(r):
            for j in range(c):
                total = 0
                for k in range(n):
                    bit = (w[i, k] >> plane) & 1
                    total += -bit * a[j, k] if plane == planes - 1 else bit * a[j, k]
                acc[i, j] += total << plane
    return planes


@kernel
def unary(a: Any, w: Any, acc: Any, r: int, c: int, n: int, stream: int) -> int:
    """Streams of ``stream`` bits, as many of them ones as the activation's magnitude: weights are added under them."""
    for edge in range(stream):
        for i in range(r):
            for j in range(c):
                total = 0
                for k in range(n):
                    if edge < abs(a[j, k]):
                        total += -w[i, k] if a[j, k] < 0 else w[i, k]
                acc[i, j] += total
    return stream


@kernel
def turns(a: Any, w: Any, acc: Any, r: int, c: int, n: int, width: int, a_turns: int, w_turns: int) -> int:
    """Parts of ``width`` bits of each operand in turn; the highest part of each has the sign."""
    mask = (1 << width) - 1
    for s in range(a_turns):
        for t in range(w_turns):
            for i in range(r):
                for j in range(c):
                    total = 0
                    for k in range(n):
                        x, y = a[j, k] >> (s * width), w[i, k] >> (t * width)
                        if s < a_turns - 1:
                            x &= mask
                        if t < w_turns - 1:
                            y &= mask
                        total += x * y
                    acc[i, j] += total << ((s + t) * width)
    return a_turns * w_turns
