"""Encodings of tensors of integer codes: what a layer's weights take in memory, to the bit.

``encode`` stores an array under an encoding, ``decode`` gives the same array back, ``measure`` and ``size_bits`` count
exactly what would be stored without building it, ``expected_size`` is the expectation for independent zeros, and
``choose`` says which encoding ``best`` stands for. ``Encoded.bytes`` and ``from_bytes`` are the file form.
``parse_encoding`` reads an encoding as it is written (``relative:4+huffman``); ``ENCODINGS`` lists them.

=============  =========================================================  ============================================
name           streams                                                    bits at fixed width
=============  =========================================================  ============================================
``dense``      codes                                                      n b
``relative``   gaps, codes                                                (nnz + fillers) (b + g)
``csr``        codes, columns, row pointers                               nnz (b + log2 cols) + (rows + 1) log2(nnz + 1)
``csc``        codes, rows, column pointers                               the same of the transpose
``csc_count``  data, counts, addresses                                    (nnz + fillers) (b + g) + (cols + 1) pointers
``bitmap``     mask, codes                                                n + nnz b
``zero_value`` flags and codes in turn                                    n + nnz b
``run_length`` words of (run, level) pairs                                64 ceil(pairs / 3)
``block``      codes of kept blocks, block columns, row pointers          kept (grain b + index) + pointers
``nm``         N codes of M, places                                       n N / M (b + log2 M)
``codebook``   table, indices                                             k b + n log2 k
``best``       those of the smallest
=============  =========================================================  ============================================

n words, nnz of them non-zero, codes of b bits, logarithms rounded up. ``+huffman`` codes each stream with a canonical
Huffman code where that, with its table, is smaller.

Invariants, and where they end: decoding gives back every tensor an encoding accepts. A dense tensor is never smaller
than ``best``, which includes it. A single sparse encoding can be larger than dense, at a density above its break-even:
1 - 1/b for ``bitmap`` (so never smaller for b = 1) and 3/4 for 16-bit levels with 5-bit runs. A Huffman code takes less
than one bit per symbol above the entropy for two symbols or more; one symbol alone takes none, and the table is extra.
"""

from accsim.compress.encodings.encoded import (
    Encoded,
    choose,
    decode,
    encode,
    expected_size,
    measure,
    size_bits,
)
from accsim.compress.encodings.encoding import Encoding, ExpectedSize
from accsim.compress.encodings.registry import ENCODINGS, parse_encoding
from accsim.compress.encodings.serial import from_bytes
from accsim.compress.encodings.stream import Size

__all__ = [
    "ENCODINGS",
    "Encoded",
    "Encoding",
    "ExpectedSize",
    "Size",
    "choose",
    "decode",
    "encode",
    "expected_size",
    "from_bytes",
    "measure",
    "parse_encoding",
    "size_bits",
]
