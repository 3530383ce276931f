"""Compiled: the controller of an inner-product tile, which walks its steps and holds the array where a port is slow."""

from __future__ import annotations

from typing import Any

from accsim.kernels.jit import kernel
from accsim.simulate.inner_product import edges, latches

(
    MULTIPLY, ACTIVATION_BITS, USED_BITS, TERMS_MET, MOST_TERMS, TERM_PAIRS, WEIGHT_BITS, TURNS, PICK, LOOK_UP, SHIFT,
    OUTLIERS, UNARY,
) = range(13)  # fmt: skip
"""What the datapath does on an edge; see ``edges``."""

(
    COMPUTE, MACS, ZERO_MACS, IFMAP, WEIGHT, PSUM_OUT, UPDATES, NO_FILTER, NO_WINDOW, NO_LANE, FURTHER, SYNC, AT_WORK,
    ACTIVE, WIDE, COUNTERS,
) = range(16)  # fmt: skip
"""Counters: edges, MACs and those on zeros, words read and sums given, accumulator updates, slots by cause, products on
wide lanes."""

activation_bits, used_bits, turns = edges.activation_bits, edges.used_bits, edges.turns
multiply, weight_bits, terms_met, most_terms = edges.multiply, edges.weight_bits, edges.terms_met, edges.most_terms
listed, term_pairs, digits = edges.listed, edges.term_pairs, edges.digits
picked, looked_up, shifted, unary = edges.picked, edges.looked_up, edges.shifted, edges.unary
outliers = edges.outliers
take_activations, take_weights, give_sums = latches.take_activations, latches.take_weights, latches.give_sums
take_kept, take_codes = latches.take_kept, latches.take_codes


@kernel
def _alone(value: int, mode: int, how: Any) -> Any:
    """Edges that an activation would take for itself, at least one."""
    if mode == USED_BITS:
        if value == 0:
            return max(1, how[3])
        high = low = 0
        while value >> high:
            high += 1
        while how[2] and not (value >> low) & 1:
            low += 1
        return (-(-(high - low) // how[0]) + how[1]) * max(1, how[3])
    plus, minus = digits(value, how[0] != 0)
    both, count = plus | minus, 0
    while both:
        both &= both - 1
        count += 1
    return max(1, count)


@kernel
def _own(a: Any, a_count: Any, w_count: Any, r: int, c: int, n: int, spent: int, mode: int, how: Any) -> int:
    """Edges in which the lanes have work of their own, at least one each."""
    if mode == TERM_PAIRS:
        total = 0
        for i in range(r):
            for j in range(c):
                for k in range(n):
                    total += max(1, a_count[j, k] * w_count[i, k])
        return total
    if mode == OUTLIERS:
        return r * c * n
    if mode not in (USED_BITS, TERMS_MET, MOST_TERMS):
        return r * c * n * spent
    total = 0
    for j in range(c):
        for k in range(n):
            total += _alone(abs(a[j, k]), mode, how)
    return total * r


@kernel
def _zero_places(a: Any, w: Any, picks: Any, r: int, c: int, n: int) -> int:
    """MACs of a step on places without a weight, or on an activation picked that is zero."""
    zeros = 0
    for i in range(r):
        for j in range(c):
            for k in range(n):
                zeros += w[i, k] == 0 or a[j, picks[i, k]] == 0
    return zeros


@kernel
def run(
    ifmap: Any, weight: Any, sums: Any, layer: Any, rows: Any, cols: Any, lanes: Any, blocks: Any, table: Any,
    base: Any, registers: Any, mode: int, how: Any, book: Any, ports: Any, stalls: Any, counters: Any,
) -> None:  # fmt: skip
    """Every step of a tile, in order.

    Args:
        layer: strides, dilations, padding at the top and left, channels and filters of a group, products of a PE,
            and whether zero weights are what is counted as zeros.
        rows, cols, lanes: what is on each axis in the tile.
        blocks: where weights are skipped, the blocks on the lanes, whose words are ``lanes`` (``latches.take_kept``).
        table: of each step the first row, column and lane and the one after the last, whether it brings activations,
            brings weights, and is the last on its sums; the first word on the lanes and the one after the last, which
            are the lanes where none is skipped; the first block and the one after the last.
        base: of each step what the folds add to n, g, m, c, p, q, r, s.
        registers: activations and weights of the lanes, accumulators, and what is left of them.
        how: parameters of the datapath's mode.
        book: words of the codebook, ascending.
        ports: of each port its bits per edge, and the bits of an activation, a weight and a sum that pass it.
        stalls: edges held for each port.
        counters: see above.
    """
    a, w, acc, plus, minus, now, a_terms, a_count, w_terms, w_count, picks = registers
    height, width, deep = acc.shape[0], acc.shape[1], w.shape[1]
    zeros = empty = 0
    for step in range(table.shape[0]):
        r0, r1, c0, c1, n0, n1, brings_a, brings_w, leaves, a0, a1, b0, b1 = table[step]
        r, c, n = r1 - r0, c1 - c0, n1 - n0
        if brings_a:
            read, zeros = take_activations(
                ifmap, a, cols[c0:c1], lanes[a0:a1], base[step], layer[0], layer[1], layer[2], layer[3], layer[4],
                layer[5], layer[6],
            )  # fmt: skip
            counters[IFMAP] += read
        if brings_w:
            if mode == PICK:
                take_kept(weight, w, picks, rows[r0:r1], blocks[b0:b1], base[step], layer[7], how[0])
            else:
                empty = take_weights(weight, w, rows[r0:r1], lanes[n0:n1], base[step], layer[7])
            if mode == LOOK_UP:
                take_codes(w, picks, r, n, book)
            counters[WEIGHT] += r * n
        if mode == MULTIPLY:
            spent = multiply(a, w, acc, r, c, n)
        elif mode == ACTIVATION_BITS:
            spent = activation_bits(a, w, acc, r, c, n, how[0], how[1], how[2] != 0)
        elif mode == USED_BITS:
            spent = used_bits(a, w, acc, r, c, n, how[0], how[1], how[2] != 0, how[3], now)
        elif mode == TERMS_MET:
            spent = terms_met(a, w, acc, r, c, n, how[0] != 0, plus, minus)
        elif mode == MOST_TERMS:
            spent = most_terms(a, w, acc, r, c, n, how[0] != 0, plus, minus, now)
        elif mode == TERM_PAIRS:
            listed(a, c, n, how[0] != 0, a_terms, a_count)
            listed(w, r, n, how[0] != 0, w_terms, w_count)
            spent = term_pairs(acc, r, c, n, a_terms, a_count, w_terms, w_count)
        elif mode == PICK:
            spent = picked(a, w, acc, r, c, n, picks)
        elif mode == LOOK_UP:
            spent = looked_up(a, acc, r, c, n, picks, book)
        elif mode == SHIFT:
            spent = shifted(a, w, acc, r, c, n)
        elif mode == OUTLIERS:
            spent, wide = outliers(a, w, acc, r, c, n, how[0], how[1], how[2] != 0)
            counters[WIDE] += wide
        elif mode == UNARY:
            spent = unary(a, w, acc, r, c, n, how[0])
        elif mode == WEIGHT_BITS:
            spent = weight_bits(a, w, acc, r, c, n, how[0])
        else:
            spent = turns(a, w, acc, r, c, n, how[0], how[1], how[2])
        worst, slow = spent, -1
        for port in range(ports.shape[0]):
            bits = ports[port, 1] * c * (a1 - a0) * brings_a + ports[port, 2] * r * n * brings_w
            bits += ports[port, 3] * r * c * leaves
            edge = spent
            while edge * ports[port, 0] < bits:
                edge += 1
            if edge > worst:
                worst, slow = edge, port
        if slow >= 0:
            stalls[slow] += worst - spent
        own = _own(a, a_count, w_count, r, c, n, spent, mode, how)
        counters[COMPUTE] += spent
        counters[MACS] += r * c * n
        if mode == PICK:
            counters[ZERO_MACS] += _zero_places(a, w, picks, r, c, n)
        else:
            counters[ZERO_MACS] += empty * c if layer[9] else zeros * r
        counters[UPDATES] += r * c * spent
        counters[NO_FILTER] += (height - r) * width * deep * spent
        counters[NO_WINDOW] += r * (width - c) * deep * spent
        counters[NO_LANE] += r * c * (deep - n) * spent
        counters[FURTHER] += own - r * c * n
        counters[SYNC] += r * c * n * spent - own
        units = r * c * -(-n // layer[8])
        counters[AT_WORK] += units * spent
        counters[ACTIVE] = max(counters[ACTIVE], units)
        if leaves:
            give_sums(sums, acc, rows[r0:r1], cols[c0:c1], base[step], layer[7])
            counters[PSUM_OUT] += r * c
