"""The nearest weights of the form a * q, with q in a fixed symmetric set of integers and one real a per block."""

from __future__ import annotations

import numpy as np

from accsim.compress.codes import Binary, Code, Ints, PowerOfTwo, Ternary
from accsim.compress.grain import Reals
from accsim.compress.passes.blocks import Blocks, ratio

CHUNK = 1 << 20
"""Candidate scales looked at together."""


def thresholds(levels: Ints) -> Reals:
    """Middles between neighbouring levels, 0 before the first one."""
    out: Reals = (levels + np.concatenate([[0], levels[:-1]])) / 2
    return out


def nearest(magnitudes: Reals, scale: Reals, levels: Ints) -> Ints:
    """The level nearest to each magnitude over its block's scale, the larger one in a tie; 0 where the scale is 0.

    Args:
        magnitudes: [blocks..., weights].
        scale: [blocks...].
        levels: positive, ascending; 0 is one more.
    """
    out = np.zeros(magnitudes.shape, np.int64)
    for step, middle in zip(np.diff(levels, prepend=0), thresholds(levels), strict=True):
        out += np.where(magnitudes >= middle * scale[..., None], step, 0)
    return np.where(scale[..., None] > 0, out, 0)


def best_scale(magnitudes: Reals, levels: Ints) -> float:
    """The scale a for which a * {0, levels} is nearest to the magnitudes in the least-squares sense.

    For given integers q the best a is <w, q> / <q, q>, and leaves ||w||^2 - <w, q>^2 / <q, q>. As a falls from infinity
    the nearest q change at the places w_i / t_j (t_j the middles between levels) and nowhere else, so every assignment
    that can be optimal is met on the way; counts and prefix sums of sorted magnitudes price each one.

    Args:
        magnitudes: one dimension.
        levels: positive, ascending.
    """
    ordered = np.sort(magnitudes[magnitudes > 0])
    if not ordered.size:
        return 0.0
    sums = np.concatenate([[0.0], np.cumsum(ordered[::-1])])
    middles = thresholds(levels)
    linear, square = np.diff(levels, prepend=0), np.diff(levels * levels, prepend=0)
    best, scale = -1.0, 0.0
    for at in middles:
        for start in range(0, ordered.size, CHUNK):
            candidates = ordered[start : start + CHUNK] / at
            above = np.zeros_like(candidates)
            below = np.zeros_like(candidates)
            for middle, first, second in zip(middles, linear, square, strict=True):
                # one place exactly on a middle counts as above it, whatever rounding made of the quotient
                limit = middle * candidates * (1 - 1e-12)
                count = ordered.size - np.searchsorted(ordered, limit, side="left")
                above += first * sums[count]
                below += second * count
            gain = above * above / below
            winner = int(gain.argmax())
            if gain[winner] > best:
                best, scale = float(gain[winner]), float(above[winner] / below[winner])
    return scale


def refit(magnitudes: Reals, codes: Ints) -> Reals:
    """The best scale of each block for its integers: <w, q> / <q, q>; 0 where all are 0."""
    return ratio((magnitudes * codes).sum(axis=-1), (codes * codes).sum(axis=-1).astype(np.float64))


def powers(count: int) -> Ints:
    """1, 2, 4 ... ``count`` of them."""
    return np.asarray(1 << np.arange(count), np.int64)


def alternate(magnitudes: Reals, levels: Ints, most: int) -> tuple[Reals, Ints]:
    """Best integers for the scale and best scale for the integers in turn, until neither changes.

    The error never grows. What is reached depends on the beginning: the scale at which the mean level is the mean
    magnitude.
    """
    count = np.maximum((magnitudes > 0).sum(axis=-1), 1)
    scale = magnitudes.sum(axis=-1) / count / levels.mean()
    codes = np.zeros(magnitudes.shape, np.int64)
    for _ in range(most):
        found = nearest(magnitudes, scale, levels)
        if np.array_equal(found, codes):
            break
        codes, scale = found, refit(magnitudes, found)
    return scale, codes


def power_code(blocks: Blocks, scale: Reals, codes: Ints, count: int) -> Code:
    """Weights a * sign(W) * q with q in {0, 1, 2, 4 ...}, as the smallest code that holds them."""
    signs = np.where(blocks.rows < 0, -1, 1) * (codes > 0)
    stored = blocks.scale(scale)
    if count == 1:
        return Ternary(blocks.weights(signs), stored, stored)
    exponents = np.log2(np.maximum(codes, 1)).astype(np.int64)
    bits = int(2 * count).bit_length()
    return PowerOfTwo(blocks.weights(signs), blocks.weights(exponents), 0, count - 1, bits, stored)


def sign_code(blocks: Blocks, scale: Reals) -> Binary:
    """Weights a * sign(W), sign(0) = +1."""
    return Binary(blocks.weights(blocks.rows >= 0).astype(np.bool_), blocks.scale(scale))
