"""The smallest of all encodings for one tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from accsim.compress.encodings.bitmap import Bitmap
from accsim.compress.encodings.codebook import Codebook
from accsim.compress.encodings.codes import Codes
from accsim.compress.encodings.csc_count import CscCount
from accsim.compress.encodings.dense import Dense
from accsim.compress.encodings.encoding import Encoding, ExpectedSize
from accsim.compress.encodings.frame import Frame, Integers
from accsim.compress.encodings.matrix import Csc, Csr
from accsim.compress.encodings.relative import BEST, Relative
from accsim.compress.encodings.run_length import RunLengthCode
from accsim.compress.encodings.stream import Field
from accsim.compress.encodings.zero_value import ZeroValue
from accsim.errors import AccsimError

CANDIDATES: tuple[Encoding, ...] = (
    Dense(),
    Bitmap(),
    ZeroValue(),
    Relative(gap_bits=BEST),
    Csr(),
    Csc(),
    CscCount(),
    RunLengthCode(),
    Codebook(),
)
"""Tried in this order; among equals the first wins, and one without Huffman coding before one with.

``block`` and ``nm`` are not among them: their grain is that of a pruning, which has to be named.
"""


@dataclass(frozen=True, slots=True)
class Best(Encoding):
    """Whichever of ``CANDIDATES`` is smallest; with ``+huffman`` each of them is tried with and without.

    It stands for another encoding: what is stored is that one's streams, under that one's name.
    """

    name: ClassVar[str] = "best"
    usage: ClassVar[str] = "best"

    def resolve(self, codes: Codes) -> Encoding:
        """The smallest one."""
        return min(self._tried(codes), key=lambda candidate: candidate.measure(codes).size_bits)

    def expect(self, frame: Frame, density: float) -> ExpectedSize:
        """The least of the expected sizes: that of one encoding for all tensors of the kind, not of one for each."""
        sizes = []
        for candidate in CANDIDATES:
            try:
                candidate.check(frame)
                sizes.append(candidate.expect(frame, density))
            except AccsimError:
                continue
        return min(sizes, key=lambda size: size.size_bits)

    def _tried(self, codes: Codes) -> list[Encoding]:
        out: list[Encoding] = []
        for candidate in CANDIDATES:
            try:
                candidate.check(codes.frame)
            except AccsimError:
                continue
            out.append(candidate.resolve(codes))
            if self.huffman:
                out.append(with_huffman(candidate).resolve(codes))
        return out

    def fields(self, frame: Frame, counts: tuple[int, ...]) -> tuple[Field, ...]:
        """None of its own."""
        raise _unresolved()

    def counts(self, codes: Codes) -> tuple[int, ...]:
        """None of its own."""
        raise _unresolved()

    def symbols(self, codes: Codes) -> tuple[Integers, ...]:
        """None of its own."""
        raise _unresolved()

    def restore(self, frame: Frame, symbols: tuple[Integers, ...]) -> Integers:
        """None of its own."""
        raise _unresolved()


def with_huffman(encoding: Encoding) -> Encoding:
    """The same encoding with Huffman coding of its streams."""
    return replace(encoding, huffman=True)


def _unresolved() -> AccsimError:
    return AccsimError("'best' has no streams of its own: it stands for the encoding that it resolves to")
