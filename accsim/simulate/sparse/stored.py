"""Bits of a layer's tensors off chip, as sparse machines store them."""

from __future__ import annotations

import math
from dataclasses import replace

from accsim.compress.encodings.run_length import pairs_per_word
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.sparse import Sparse, SparseKind
from accsim.simulate.activity import TensorReport
from accsim.simulate.mac_task import MacTask
from accsim.simulate.storage import OffChipBits
from accsim.workload.layer import Operand

NAMES = {
    SparseKind.CARTESIAN_PRODUCT: "relative",
    SparseKind.CSC_CLUSTERS: "csc_count",
    SparseKind.WORK_QUEUES: "csc_count",
    SparseKind.SKIPPING_LANES: "brick",
    SparseKind.BITMASK_CHUNKS: "bitmap",
}
"""What the codes are called; ``brick`` is Cnvlutin's, words that are not zero with their offsets, at full size."""


def bits_per_word(sparse: Sparse, operand: Operand, bits: int, density: float) -> float:
    """Expected bits off chip per word of a long tensor whose zeros are independent.

    ``relative`` and ``csc_count`` store pairs of a count of zeros and a word, fillers included; addresses of columns
    are left out. Cnvlutin stores weights, and EIE activations, as they are.
    """
    word = sparse.code_bits if operand is Operand.WEIGHT and sparse.code_bits else bits
    match sparse.kind:
        case SparseKind.CARTESIAN_PRODUCT | SparseKind.CSC_CLUSTERS:
            return pairs_per_word(sparse.count_bits, density) * (word + sparse.count_bits)
        case SparseKind.WORK_QUEUES:
            if operand is not Operand.WEIGHT:
                return bits
            return pairs_per_word(sparse.count_bits, density) * (word + sparse.count_bits)
        case SparseKind.SKIPPING_LANES:
            return word if operand is Operand.WEIGHT else bits + math.ceil(math.log2(max(2, sparse.brick)))
        case SparseKind.BITMASK_CHUNKS:
            return 1 + density * word


def _width(task: MacTask, accelerator: Accelerator, operand: Operand) -> float | None:
    """Bits per word of a tensor that is coded; ``None`` for one that is not."""
    sparse, known = accelerator.array.sparse, task.known_densities
    if sparse is None:
        return None
    density = {Operand.IFMAP: known.ifmap, Operand.WEIGHT: known.weight, Operand.OFMAP: known.ofmap}.get(operand)
    return bits_per_word(sparse, operand, accelerator.bits(operand), 1.0 if density is None else density)


CODED = frozenset({Operand.IFMAP, Operand.WEIGHT, Operand.OFMAP})
"""Tensors that move off chip as they are stored."""


def off_chip(task: MacTask, accelerator: Accelerator) -> OffChipBits:
    """Bits of a transfer of some words: their share of the whole tensor's, rounded up."""
    widths = {operand: _width(task, accelerator, operand) for operand in CODED}

    def bits(operand: Operand, words: int) -> int:
        width = widths.get(operand)
        return words * accelerator.bits(operand) if width is None else math.ceil(words * width * (1 - 2.0**-50))

    return bits


def held_as(task: MacTask, accelerator: Accelerator) -> Accelerator:
    """The machine with words as wide as they lie in its buffers on average, rounded up."""
    weight, ifmap, ofmap = (_width(task, accelerator, one) for one in (Operand.WEIGHT, Operand.IFMAP, Operand.OFMAP))
    pe = accelerator.pe
    return replace(
        accelerator,
        pe=replace(
            pe,
            weight_bits=math.ceil(pe.weight_bits if weight is None else weight),
            activation_bits=math.ceil(pe.activation_bits if ifmap is None else ifmap),
            output_bits=math.ceil(pe.output_bits if ofmap is None else ofmap),
        ),
    )


def reported(task: MacTask, accelerator: Accelerator, report: TensorReport) -> TensorReport:
    """How a tensor that lives off chip was stored."""
    width = _width(task, accelerator, report.operand)
    sparse = accelerator.array.sparse
    if width is None or sparse is None or report.lived_in != accelerator.dram.name or report.operand not in CODED:
        return report
    if width == report.bits:
        return report
    sizes = {Operand.IFMAP: task.geometry.ifmap_words, Operand.WEIGHT: task.geometry.weight_words}
    words = sizes.get(report.operand, task.geometry.ofmap_words)
    stored = math.ceil(words * width * (1 - 2.0**-50))
    density = 1.0 if report.density is None else report.density
    own = sparse.code_bits if report.operand is Operand.WEIGHT and sparse.code_bits else report.bits
    return TensorReport(
        report.operand,
        report.bits,
        NAMES[sparse.kind],
        stored,
        max(0.0, stored - words * density * own),
        report.density,
        report.lived_in,
    )
