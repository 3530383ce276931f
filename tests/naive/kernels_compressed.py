"""Products of compressed operands in plain Python: the bits, lists and books that machines read, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from numpy.typing import NDArray

from accsim.kernels.bits import PlaneCode
from accsim.kernels.bits.code import Reading

Numbers = Sequence[Any]


def plane_bits(number: int, code: PlaneCode) -> list[int]:
    """The bit of each plane."""
    if code.reading is Reading.SIGN:
        return [int(number < 0)]
    if code.reading is Reading.TERNARY:
        return [int(number == 1), int(number == -1)]
    return [(number >> p) & 1 for p in range(code.bits)]


def stands_for(number: int, code: PlaneCode) -> Any:
    """What an integer of a code stands for, said once more."""
    if code.reading is Reading.SIGN:
        return -1 if number < 0 else 1
    if code.reading is Reading.TERNARY:
        return {1: code.bases[0], 0: 0, -1: code.bases[1]}[number]
    return code.offset + sum(base for base, bit in zip(code.bases, plane_bits(number, code), strict=True) if bit)


def planes_dot(a: Numbers, b: Numbers, a_code: PlaneCode, b_code: PlaneCode) -> Any:
    """Every plane of one line with every plane of the other: whole lines as Python integers, set bits counted."""
    lines = []
    for numbers, code in ((a, a_code), (b, b_code)):
        planes = [0] * code.bits
        for k, number in enumerate(numbers):
            for p, bit in enumerate(plane_bits(number, code)):
                planes[p] |= bit << k
        # The offset is a plane of its own, set everywhere.
        lines.append([*zip(planes, code.bases, strict=True), ((1 << len(numbers)) - 1, code.offset)])
    return sum(v * u * (x & y).bit_count() for (x, v), (y, u) in product(*lines))


def xnor_dot(a: Numbers, b: Numbers) -> int:
    """Places where signs are equal minus places where they differ."""
    return sum(1 if (x < 0) == (y < 0) else -1 for x, y in zip(a, b, strict=True))


def ternary_dot(a: Numbers, b: Numbers) -> int:
    """Where both are not zero, plus one for equal signs and minus one for others."""
    return sum((x > 0) == (y > 0) or -1 for x, y in zip(a, b, strict=True) if x != 0 and y != 0)


def sparse_dot(a: dict[int, Any], b: dict[int, Any]) -> Any:
    """Only places that occur in both."""
    return sum(a[k] * b[k] for k in sorted(a) if k in b)


def lookup_dot(indices: Numbers, book: Numbers, b: Numbers) -> Any:
    """Every index looked up."""
    return sum(book[i] * x for i, x in zip(indices, b, strict=True))


def binned_dot(indices: Numbers, book: Numbers, b: Numbers) -> Any:
    """Inputs collected per entry first."""
    bins = [0] * len(book)
    for i, x in zip(indices, b, strict=True):
        bins[i] += x
    return sum(number * total for number, total in zip(book, bins, strict=True))


def shifted_dot(codes: Numbers, b: Numbers) -> int:
    """A shift and an addition or subtraction per weight that is not zero."""
    total = 0
    for code, x in zip(codes, b, strict=True):
        if code > 0:
            total += x << (code - 1)
        elif code < 0:
            total -= x << (-code - 1)
    return total


def gemm(
    rows: Sequence[Numbers], columns: Sequence[Numbers], dot: Callable[[Numbers, Numbers], Any]
) -> list[list[Any]]:
    """Every row with every column."""
    return [[dot(row, column) for column in columns] for row in rows]


def windows(
    ifmap: NDArray[Any],
    shape: tuple[int, ...],
    groups: int = 1,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> dict[tuple[int, int, int, int], dict[tuple[int, int, int], int]]:
    """For each output (n, m, p, q), the inputs inside the ifmap that it reads, by tap (c, r, s) of its filter."""
    batch, _, height, width = ifmap.shape
    filters, depth, taps_h, taps_w = shape
    top, bottom, left, right = padding
    seen = {}
    for n, m, p, q in product(range(batch), range(filters), range(top + height + bottom), range(left + width + right)):
        last = p * stride[0] + (taps_h - 1) * dilation[0], q * stride[1] + (taps_w - 1) * dilation[1]
        if last[0] >= top + height + bottom or last[1] >= left + width + right:
            continue
        inputs = {}
        for c, r, s in product(range(depth), range(taps_h), range(taps_w)):
            row, column = p * stride[0] + r * dilation[0] - top, q * stride[1] + s * dilation[1] - left
            if 0 <= row < height and 0 <= column < width:
                inputs[c, r, s] = ifmap[n, m // (filters // groups) * depth + c, row, column].item()
        seen[n, m, p, q] = inputs
    return seen


def product_codebook(ifmap: NDArray[Any], words: NDArray[Any], indices: NDArray[Any], **how: Any) -> dict[Any, Any]:
    """Tables of inner products of input sub-vectors with codewords, and their look-ups."""
    groups, subspaces, entries, length = words.shape
    table = {}
    for n, g, space, h, w in product(
        range(ifmap.shape[0]), range(groups), range(subspaces), range(ifmap.shape[2]), range(ifmap.shape[3])
    ):
        first = (g * subspaces + space) * length
        vector = [ifmap[n, first + d, h, w].item() for d in range(length)]
        for entry in range(entries):
            word = words[g, space, entry].tolist()
            table[n, g, space, h, w, entry] = sum(x * y for x, y in zip(vector, word, strict=True))
    filters, _, taps_h, taps_w = indices.shape
    # The same windows, of an ifmap that holds places instead of values: one channel per group and subspace.
    places = (ifmap[:, :1, :, :] * 0 + range_like(ifmap)).repeat(groups * subspaces, axis=1)
    outputs = {}
    for (n, m, p, q), inputs in windows(places, (filters, subspaces, taps_h, taps_w), groups, **how).items():
        g = m // (filters // groups)
        outputs[n, m, p, q] = sum(
            table[n, g, space, *divmod(place, ifmap.shape[3]), indices[m, space, r, s].item()]
            for (space, r, s), place in inputs.items()
        )
    return outputs


def range_like(ifmap: NDArray[Any]) -> Any:
    """h * W + w at every pixel."""
    import numpy as np

    return np.arange(ifmap.shape[2] * ifmap.shape[3]).reshape(1, 1, *ifmap.shape[2:])


def kernel_clusters(
    ifmap: NDArray[Any], centroids: NDArray[Any], indices: NDArray[Any], scales: NDArray[Any], **how: Any
) -> dict[Any, Any]:
    """Scaled inputs of a cluster are added before its centroid multiplies them."""
    shape = (*indices.shape, *centroids.shape[1:])
    outputs = {}
    for (n, m, p, q), inputs in windows(ifmap, shape, **how).items():
        sums: dict[Any, Any] = {}
        for (c, r, s), x in inputs.items():
            key = indices[m, c].item(), r, s
            sums[key] = sums.get(key, 0) + scales[m, c].item() * x
        outputs[n, m, p, q] = sum(centroids[key].item() * total for key, total in sums.items())
    return outputs
