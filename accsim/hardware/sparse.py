"""What a machine whose time follows zeros skips, and the queues, banks and masks it does that with.

How many cycles such a machine takes is worked out from the zeros of a layer's operands (``accsim.simulate.sparse``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SparseKind(StrEnum):
    """The published kinds of sparse machines.

    ``cartesian_product``: every non-zero pixel of a tile times every non-zero weight of a channel (SCNN). Rows and
        columns are PEs, lanes the multipliers of each.
    ``csc_clusters``: both operands in compressed columns, PEs in clusters (Eyeriss v2). Rows are those of all clusters,
        columns those of one, lanes the multipliers of a PE.
    ``work_queues``: compressed weights times non-zero activations, a queue before every PE (EIE). Rows are PEs.
    ``skipping_lanes``: lanes that take only the activations that are not zero (Cnvlutin). Rows are filters.
    ``bitmask_chunks``: masks of both operands, matched chunk by chunk (SparTen). Rows are clusters, columns units.
    """

    CARTESIAN_PRODUCT = "cartesian_product"
    CSC_CLUSTERS = "csc_clusters"
    WORK_QUEUES = "work_queues"
    SKIPPING_LANES = "skipping_lanes"
    BITMASK_CHUNKS = "bitmask_chunks"


@dataclass(frozen=True, slots=True)
class Sparse:
    """The parameters of a sparse machine; each kind has its own.

    Attributes:
        kind: what it skips, and how.
        inputs: cartesian product: pixels multiplied in a step; the lanes over them are its weights.
        accumulators, banks: cartesian product: sums a PE holds, in how many banks.
        clusters: CSC clusters: clusters that the rows are split in.
        iact_words, weight_words, psum_words: CSC clusters: pairs and sums that a PE holds.
        queue_depth: work queues: activations that a queue holds.
        count_bits: CSC clusters, work queues, cartesian product: bits of the zeros before a word.
        brick: skipping lanes: channels that a lane takes one after another.
        chunk: bitmask chunks: channels of a chunk.
        balanced: bitmask chunks: whether dense and sparse filters share a unit.
        code_bits: bits that a stored weight takes; 0 for its own width. Fewer where weights are indices of a codebook.
    """

    kind: SparseKind
    inputs: int = 4
    accumulators: int = 1024
    banks: int = 32
    clusters: int = 1
    iact_words: int = 16
    weight_words: int = 192
    psum_words: int = 32
    queue_depth: int = 8
    count_bits: int = 4
    brick: int = 16
    chunk: int = 128
    balanced: bool = True
    code_bits: int = 0


OWN: tuple[tuple[tuple[SparseKind, ...], str], ...] = (
    ((SparseKind.CARTESIAN_PRODUCT,), "inputs"),
    ((SparseKind.CARTESIAN_PRODUCT,), "accumulators"),
    ((SparseKind.CARTESIAN_PRODUCT,), "banks"),
    ((SparseKind.CSC_CLUSTERS,), "clusters"),
    ((SparseKind.CSC_CLUSTERS,), "iact_words"),
    ((SparseKind.CSC_CLUSTERS,), "weight_words"),
    ((SparseKind.CSC_CLUSTERS,), "psum_words"),
    ((SparseKind.WORK_QUEUES,), "queue_depth"),
    ((SparseKind.CARTESIAN_PRODUCT, SparseKind.CSC_CLUSTERS, SparseKind.WORK_QUEUES), "count_bits"),
    ((SparseKind.SKIPPING_LANES,), "brick"),
    ((SparseKind.BITMASK_CHUNKS,), "chunk"),
    ((SparseKind.BITMASK_CHUNKS,), "balanced"),
)
"""Parameters that only some kinds have."""
