"""Blocks: non-zero blocks of any shape, by block row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.encoding import Encoding, ExpectedSize, expect_stream_counts
from accsim.compress.encodings.expectation import bit_length
from accsim.compress.encodings.frame import MOST_DIMENSIONS, Array, Frame, Integers, index_bits
from accsim.compress.encodings.pointers import places, pointer_fields, row_pointers
from accsim.compress.encodings.stream import Field
from accsim.errors import AccsimError

MOST_SIDE = 1 << 20


@dataclass(frozen=True, slots=True)
class Block(Encoding):
    """Blocks with a non-zero word in them, whole, with the block column of each and where each block row begins.

    ::

        codes        | block 0: grain words of b bits, in storage order | block 1 | ...    kept blocks
        columns      | ceil(log2 block columns) bits each                                  kept of them
        row_pointers | 0 | kept of block row 0 | ... | kept       block rows + 1, ceil(log2(kept + 1)) bits each

    The grain is laid from the tensor's first word; a grain of fewer dimensions than the tensor covers its last ones,
    and one longer than the tensor is cut to it. Blocks that reach past an edge are stored whole, with zeros there.
    Block rows are those of the first dimension, block columns all others in storage order. With one word to a block it
    is CSR.

    Attributes:
        grain: shape of a block; ``(1, 8)`` is eight words along the last dimension, written ``1x8``.

    Source: Narang, Undersander, Diamos, "Block-Sparse Recurrent Neural Networks", arXiv 1711.02782, 2017; block sparse
    row storage as in Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed. 2003, section 3.4 and in SPARSKIT.
    """

    name: ClassVar[str] = "block"
    usage: ClassVar[str] = "block:AxB..."

    grain: tuple[int, ...] = (1,)

    @property
    def arguments(self) -> str:
        """The grain."""
        return "x".join(map(str, self.grain))

    @classmethod
    def parse(cls, arguments: str, huffman: bool) -> Self:
        """``AxBx...``."""
        sides = arguments.split("x")
        if len(sides) > MOST_DIMENSIONS or not all(s.isascii() and s.isdigit() and len(s) < 8 for s in sides):
            raise AccsimError(f"the grain must be the sides of a block, as 1x8 or 4x4, got {arguments!r}")
        grain = tuple(map(int, sides))
        if not all(1 <= side <= MOST_SIDE for side in grain):
            raise AccsimError(f"a side of a block must be 1 to {MOST_SIDE}, got {arguments!r}")
        return cls(huffman=huffman, grain=grain)

    def check(self, frame: Frame) -> None:
        """A grain has no more dimensions than the tensor."""
        if len(self.grain) > max(1, len(frame.shape)):
            raise AccsimError(f"{self}: a tensor of shape {frame.shape} has fewer dimensions than the block")

    def sides(self, frame: Frame) -> tuple[int, ...]:
        """The grain in every dimension of the tensor, a vector being one row of a matrix."""
        shape = _at_least_two(frame.shape)
        grain = (1,) * (len(shape) - len(self.grain)) + self.grain
        return tuple(min(side, whole) for side, whole in zip(grain, shape, strict=True))

    def grid(self, frame: Frame) -> tuple[int, int]:
        """Block rows and block columns."""
        counts = [-(-n // side) for n, side in zip(_at_least_two(frame.shape), self.sides(frame), strict=True)]
        return counts[0], math.prod(counts[1:])

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """Codes, block columns and pointers."""
        rows, cols = self.grid(frame)
        words = math.prod(self.sides(frame))
        allowed = len(counts) == 3 and counts[1] <= rows * cols
        allowed = allowed and counts[0] == counts[1] * words and counts[2] == rows + 1
        expect_stream_counts(counts, "codes, columns and pointers", allowed)
        index, pointers = pointer_fields(rows, cols, counts[1], "columns", "row_pointers")
        return (Field("codes", counts[0], frame.bits, is_value=True), index, pointers)

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """Words of kept blocks, kept blocks, and the block rows and one."""
        rows, _ = self.grid(codes.frame)
        kept = int(np.count_nonzero(self._kept(codes)))
        return (kept * math.prod(self.sides(codes.frame)), kept, rows + 1)

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """Codes of kept blocks, their block columns, and pointers."""
        blocks = self._blocks(codes.frame, codes.values)
        at = np.flatnonzero(self._kept(codes))
        rows, cols = self.grid(codes.frame)
        pointers = row_pointers(np.bincount(at // cols, minlength=rows))
        return (codes.symbols(blocks[at]), at % cols, pointers)

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """Put the blocks at their places."""
        stored, columns, pointers = symbols
        rows, cols = self.grid(frame)
        at = places(columns, pointers, rows, cols, ("columns", "row_pointers"))
        shape, sides = _at_least_two(frame.shape), self.sides(frame)
        block, word = at[:, None], np.arange(math.prod(sides))[None, :]
        place = np.zeros((at.size, word.size), np.int64)
        inside = np.ones(place.shape, np.bool_)
        stride = 1
        for whole, side in zip(reversed(shape), reversed(sides), strict=True):
            block, along = np.divmod(block, -(-whole // side))
            word, within = np.divmod(word, side)
            coordinate = along * side + within
            inside &= coordinate < whole
            place += coordinate * stride
            stride *= whole
        stored = stored.reshape(place.shape)
        if stored[~inside].any():
            raise AccsimError("codes: not zero past the edge of the tensor")
        out = np.zeros(frame.size, np.int64)
        out[place[inside]] = stored[inside]
        return out

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """Kept blocks (grain b + index) + (block rows + 1) E[bits of a pointer].

        A block of s words of the tensor is kept with probability 1 - q^s; s is less than the grain at the edges.
        """
        shape, sides = _at_least_two(frame.shape), self.sides(frame)
        rows, cols = self.grid(frame)
        kinds = [((n // side, side), (1 if n % side else 0, n % side)) for n, side in zip(shape, sides, strict=True)]
        mean = variance = 0.0
        for chosen in product(*kinds):
            number = math.prod(many for many, _ in chosen)
            if number:
                kept = 1.0 - (1.0 - density) ** math.prod(side for _, side in chosen)
                mean += number * kept
                variance += number * kept * (1.0 - kept)
        pointer = bit_length(mean, variance, rows * cols)
        return ExpectedSize(mean * math.prod(sides) * frame.bits, mean * index_bits(cols) + (rows + 1) * pointer)

    def _blocks(self, frame: Frame, values: Array) -> Array:
        """[blocks, words of a block], padded with zeros at the edges."""
        shape, sides = _at_least_two(frame.shape), self.sides(frame)
        whole = values.reshape(shape)
        if any(n % side for n, side in zip(shape, sides, strict=True)):
            whole = np.pad(whole, [(0, -n % side) for n, side in zip(shape, sides, strict=True)])
        split = whole.reshape([k for n, side in zip(whole.shape, sides, strict=True) for k in (n // side, side)])
        order = [*range(0, split.ndim, 2), *range(1, split.ndim, 2)]
        return split.transpose(order).reshape(-1, math.prod(sides))

    def _kept(self, codes: Codes) -> NDArray[np.bool_]:
        """Which blocks hold a non-zero word."""
        from accsim.compress.encodings.scans import mark_blocks  # noqa: PLC0415

        shape, sides = _at_least_two(codes.frame.shape), self.sides(codes.frame)
        across = [-(-n // side) for n, side in zip(shape, sides, strict=True)]
        base = np.zeros(1, np.int64)
        for whole, side, many in zip(shape[:-1], sides[:-1], across[:-1], strict=True):
            base = (base[:, None] * many + (np.arange(whole) // side)[None, :]).ravel()
        kept = np.zeros(math.prod(across), np.bool_)
        mark_blocks(codes.mask.reshape(base.size, shape[-1]), base * across[-1], sides[-1], kept)
        return kept


def _at_least_two(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (2 - len(shape)) + shape
