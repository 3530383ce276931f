"""Encodings by name, for recipes and the command line."""

from __future__ import annotations

from accsim.compress.encodings.best import Best
from accsim.compress.encodings.bitmap import Bitmap
from accsim.compress.encodings.block import Block
from accsim.compress.encodings.codebook import Codebook
from accsim.compress.encodings.csc_count import CscCount
from accsim.compress.encodings.dense import Dense
from accsim.compress.encodings.encoding import Encoding
from accsim.compress.encodings.matrix import Csc, Csr
from accsim.compress.encodings.n_m import StructuredNM
from accsim.compress.encodings.relative import Relative
from accsim.compress.encodings.run_length import RunLengthCode
from accsim.compress.encodings.zero_value import ZeroValue
from accsim.errors import AccsimError, suggest

ENCODINGS: dict[str, type[Encoding]] = {
    kind.name: kind
    for kind in (
        Dense, Relative, Csr, Csc, CscCount, Bitmap, ZeroValue, RunLengthCode, Block, StructuredNM, Codebook, Best,
    )
}  # fmt: skip
"""Every encoding by its name."""

HUFFMAN = "+huffman"


def parse_encoding(text: str) -> Encoding:
    """An encoding from how it is written: ``name``, ``name:arguments``, either with ``+huffman`` after it.

    Raises:
        AccsimError: an unknown name, or arguments that the encoding does not take.
    """
    plain, plus, more = text.partition("+")
    if plus + more not in {"", HUFFMAN}:
        raise AccsimError(f"encoding {text!r}: only '{HUFFMAN}' may follow, got {plus + more!r}")
    name, _, arguments = plain.partition(":")
    if name not in ENCODINGS:
        known = ", ".join(ENCODINGS)
        raise AccsimError(f"unknown encoding {name!r}{suggest(name, ENCODINGS)} (known are {known})")
    kind = ENCODINGS[name]
    try:
        return kind.parse(arguments, huffman=bool(plus))
    except AccsimError as error:
        raise AccsimError(f"encoding {text!r}: {error}; it is written {kind.usage}[{HUFFMAN}]") from None
