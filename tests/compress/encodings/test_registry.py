"""Encodings as they are written."""

from __future__ import annotations

import pytest

from accsim.compress.encodings import ENCODINGS, parse_encoding
from accsim.errors import AccsimError


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("dense", "dense"), ("relative", "relative:4"), ("relative:best+huffman", "relative:best+huffman"),
        ("csr+huffman", "csr+huffman"), ("csc", "csc"), ("csc_count", "csc_count:4"), ("bitmap", "bitmap"),
        ("zero_value", "zero_value"), ("zero_value:1", "zero_value"), ("zero_value:32", "zero_value:32"),
        ("run_length", "run_length:5,16,3,64"), ("run_length:4,8,5,64", "run_length:4,8,5,64"),
        ("block:1x08", "block:1x8"), ("nm:2:4", "nm:2:4"), ("nm:2:4,axis=1", "nm:2:4"),
        ("nm:1:8,axis=0+huffman", "nm:1:8,axis=0+huffman"), ("codebook", "codebook"), ("best+huffman", "best+huffman"),
    ],
)  # fmt: skip
def test_written_and_read(text: str, full: str) -> None:
    encoding = parse_encoding(text)
    assert str(encoding) == full
    assert parse_encoding(full) == encoding
    assert type(encoding) is ENCODINGS[encoding.name]


KNOWN = "(known are dense, relative, csr, csc, csc_count, bitmap, zero_value, run_length, block, nm, codebook, best)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"unknown encoding '' {KNOWN}"),
        ("relativ:4", f"unknown encoding 'relativ'; did you mean 'relative'? {KNOWN}"),
        ("run-length", f"unknown encoding 'run-length'; did you mean 'run_length'? {KNOWN}"),
        ("dense+hufman", "encoding 'dense+hufman': only '+huffman' may follow, got '+hufman'"),
        ("csr+huffman+huffman", "encoding 'csr+huffman+huffman': only '+huffman' may follow, got '+huffman+huffman'"),
        ("csr:4", "encoding 'csr:4': it takes no arguments, got '4'; it is written csr[+huffman]"),
        (
            "relative:17",
            "encoding 'relative:17': 'best' or the bits of a gap must be 1 to 16, got '17'; it is written "
            "relative[:GAP_BITS|:best][+huffman]",
        ),
        (
            "csc_count:x",
            "encoding 'csc_count:x': the bits of a count must be 1 to 16, got 'x'; it is written "
            "csc_count[:COUNT_BITS][+huffman]",
        ),
        (
            "zero_value:0",
            "encoding 'zero_value:0': the words of a group must be 1 to 1024, got '0'; it is written "
            "zero_value[:GROUP][+huffman]",
        ),
        (
            "run_length:5,16,3",
            "encoding 'run_length:5,16,3': it takes RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS, got '5,16,3'; it is written "
            "run_length[:RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS][+huffman]",
        ),
        (
            "run_length:5,16,3,63",
            "encoding 'run_length:5,16,3,63': a word must hold one pair or more and an end flag in up to 1024 bits, "
            "got 3 pairs of 21 bits in 63; it is written run_length[:RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS][+huffman]",
        ),
        (
            "run_length:17,16,1,64",
            "encoding 'run_length:17,16,1,64': a run must have 1 to 16 bits and a level 1 to 32, got 17 and 16; it is "
            "written run_length[:RUN_BITS,LEVEL_BITS,PAIRS,WORD_BITS][+huffman]",
        ),
        (
            "block",
            "encoding 'block': the grain must be the sides of a block, as 1x8 or 4x4, got ''; it is written "
            "block:AxB...[+huffman]",
        ),
        (
            "block:0x4",
            "encoding 'block:0x4': a side of a block must be 1 to 1048576, got '0x4'; it is written block:AxB..."
            "[+huffman]",
        ),
        (
            "nm:5:4",
            "encoding 'nm:5:4': N:M must have 1 <= N <= M <= 64, got 5:4; it is written nm:N:M[,axis=A][+huffman]",
        ),
        ("nm:2", "encoding 'nm:2': it takes N:M or N:M,axis=A, got '2'; it is written nm:N:M[,axis=A][+huffman]"),
    ],
)
def test_what_is_no_encoding(text: str, message: str) -> None:
    with pytest.raises(AccsimError) as error:
        parse_encoding(text)
    assert str(error.value) == message
