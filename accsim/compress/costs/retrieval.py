"""Search in compressed vectors: operations and bits."""

from __future__ import annotations

from accsim.compress.codes import REAL_BITS
from accsim.compress.costs.cost import Cost, positive


def product_scan(items: int, queries: int, subspaces: int, codewords: int, dimensions: int) -> Cost:
    """Asymmetric distances to all items: per query a table of K x D products, then M look-ups and additions per item.

    Args:
        items: vectors that are searched.
        queries: vectors that are looked for.
        subspaces: M.
        codewords: K, of each subspace.
        dimensions: D.
    """
    positive(items=items, queries=queries, subspaces=subspaces, codewords=codewords, dimensions=dimensions)
    index_bits = max(1, (codewords - 1).bit_length())
    return Cost(
        "product quantisation",
        "K D MACs per query; M look-ups and M additions per query and item; M log2 K bits per item",
        "Jégou et al., TPAMI 2011",
        codewords * dimensions,
        codewords * dimensions * REAL_BITS + items * subspaces * index_bits,
        queries * codewords * dimensions,
        operations=(("lookup", queries * items * subspaces), ("add", queries * items * subspaces)),
    )


def additive_scan(items: int, queries: int, codebooks: int, codewords: int, dimensions: int) -> Cost:
    """As ``product_scan`` with codewords as long as the vectors: m K D products per query, m look-ups per item.

    The squared norm of an item is one more look-up and addition, and 32 bits.
    """
    positive(items=items, queries=queries, codebooks=codebooks, codewords=codewords, dimensions=dimensions)
    index_bits = max(1, (codewords - 1).bit_length())
    table = codebooks * codewords * dimensions
    return Cost(
        "additive quantisation",
        "m K D MACs per query; m + 1 look-ups and additions per query and item; m log2 K + 32 bits per item",
        "Martinez et al., ECCV 2018",
        table,
        table * REAL_BITS + items * (codebooks * index_bits + REAL_BITS),
        queries * table,
        operations=(("lookup", queries * items * (codebooks + 1)), ("add", queries * items * (codebooks + 1))),
    )


def hamming_scan(items: int, queries: int, bits: int) -> Cost:
    """Hamming distances to all items: ceil(b / 64) words of xor and popcount each, and the additions between them."""
    positive(items=items, queries=queries, bits=bits)
    words = -(-bits // 64)
    pairs = items * queries
    return Cost(
        "binary hashing",
        "ceil(b / 64) exclusive ors and popcounts, one addition less, per query and item; b bits per item",
        "the usual form",
        0,
        items * bits,
        0,
        operations=(("xor", pairs * words), ("popcount", pairs * words), ("add", pairs * (words - 1))),
        checked=True,
    )
