"""Layers without MACs: operations of the vector unit, traffic, and time.

Operations are counted as elementary arithmetic steps (add, multiply, compare, exponential, division: one each), by the
textbook form of each function. Some layers move nothing of their own:

* reshape and concat are addressing: producers write where the consumer reads;
* a batch norm right after a layer with MACs is folded into its weights and bias, which is exact at inference;
* an activation the machine fuses is applied to outputs as they leave the array: operations, but no traffic and no time;
  after another operation of the vector unit it shares that one's pass: operations and their time, but no traffic.

Softmax and layer norm go over a row several times (``vector_rows``).

A lane does one operation per cycle, and moves one word per cycle where there is less to do (a shuffle has none).
"""

from __future__ import annotations

from enum import StrEnum
from math import prod

from accsim.hardware.accelerator import Accelerator
from accsim.simulate.activity import Action, Cycles
from accsim.simulate.ledger import Ledger
from accsim.simulate.vector_rows import loads, operations_again, row_words
from accsim.workload.layer import Layer, LayerKind, Operand


class Role(StrEnum):
    """How a layer without MACs is run: by addressing, in weights, on outputs, in another's pass, or on its own."""

    VIEW = "view"
    FOLDED = "folded"
    FUSED = "fused"
    PASSED = "passed"
    OWN = "own"

    @property
    def rewrites(self) -> bool:
        """Whether the layer's output takes the place of its input on the way to storage."""
        return self in (Role.FOLDED, Role.FUSED, Role.PASSED)


ACTIVATION_OPS = {
    "relu": 1,
    "relu6": 2,
    "clip": 2,
    "leaky_relu": 2,
    "prelu": 2,
    "sigmoid": 4,
    "tanh": 5,
    "hard_sigmoid": 4,
    "hard_swish": 5,
    "swish": 5,
    "silu": 5,
    "gelu": 13,
    "gelu_tanh": 13,
}
"""Operations per word: gelu in its tanh form, sigmoid as 1 / (1 + exp(-x)), tanh through exp(2x)."""

SOFTMAX_OPS = 5
"""Maximum, subtraction, exponential, sum, division."""
LAYER_NORM_OPS = 7
"""Mean, subtraction, square, variance, normalisation, scale, shift."""
BATCH_NORM_OPS = 2
"""Scale and shift."""
LRN_FIXED_OPS = 4
"""Scale, offset, power, division, beside a square and a sum over the window."""


def operations(layer: Layer) -> int:
    """Elementary operations of a layer without MACs, for the whole batch."""
    words = layer.ofmap_words
    window = prod(layer.window)
    match layer.kind:
        case LayerKind.POOL:
            return words * (window - 1 + (1 if layer.operation != "max" else 0))
        case LayerKind.ACTIVATION:
            return words * ACTIVATION_OPS.get(layer.operation, 1)
        case LayerKind.BATCH_NORM:
            return words * BATCH_NORM_OPS
        case LayerKind.LAYER_NORM:
            return words * LAYER_NORM_OPS
        case LayerKind.SOFTMAX:
            return words * SOFTMAX_OPS
        case LayerKind.LRN:
            return words * (2 * window + LRN_FIXED_OPS)
        case LayerKind.ADD | LayerKind.MULTIPLY:
            return words * max(len(layer.inputs) - 1, 1)
        case _:
            return 0


def count_vector(
    layer: Layer, accelerator: Accelerator, input_homes: tuple[str | None, ...], output_home: str | None, ledger: Ledger
) -> Cycles:
    """Count a layer that the vector unit runs on its own.

    Args:
        input_homes, output_home: the on-chip level each tensor lives in, or ``None`` for DRAM.
        ledger: receives the accesses.
    """
    dram, bits = accelerator.dram, accelerator.pe.activation_bits
    off_chip = 0
    buffer = next((b for b in accelerator.buffers if Operand.IFMAP in b.operands), None)
    stage, unit = buffer.name if buffer else None, accelerator.vector
    again = loads(layer, unit)
    held = buffer is not None and again > 1 and row_words(layer) * bits <= buffer.partition(Operand.IFMAP).size_bits
    for operand, home, words, word_bits in _sources(layer, accelerator, input_homes):
        times = again if operand is Operand.IFMAP else 1
        if home is None:
            fetched = words * (1 if held else times)
            off_chip += fetched * word_bits
            ledger.move(dram.name, operand, Action.READ, fetched, word_bits, peer=stage)
            ledger.move(stage, operand, Action.FILL, fetched, word_bits, peer=dram.name)
        ledger.move(home or stage, operand, Action.READ, words * times, word_bits)
    ledger.move(output_home or stage, Operand.OFMAP, Action.WRITE, layer.ofmap_words, bits)
    if output_home is None:
        off_chip += layer.ofmap_words * bits
        ledger.move(stage, Operand.OFMAP, Action.READ, layer.ofmap_words, bits, peer=dram.name)
        ledger.move(dram.name, Operand.OFMAP, Action.WRITE, layer.ofmap_words, bits, peer=stage)
    compute = 0
    if unit is not None:
        count = operations(layer) + operations_again(layer, unit)
        ledger.times(unit.name, Operand.COMPUTE, Action.OP, count)
        compute = -(-max(count, layer.ofmap_words) // unit.lanes)
    waits = dram.cycles(off_chip, accelerator.clock_mhz) - compute
    return Cycles(compute, stalls=((dram.name, waits),) if waits > 0 else ())


def _sources(
    layer: Layer, accelerator: Accelerator, input_homes: tuple[str | None, ...]
) -> list[tuple[Operand, str | None, int, int]]:
    """What a layer reads: operand, where it lives, words, and bits of a word. Trained words live in DRAM.

    Of an embedding's table only the rows that are looked up are read; which they are is not counted.
    """
    bits, weight_bits = accelerator.pe.activation_bits, accelerator.pe.weight_bits
    if layer.kind is LayerKind.EMBEDDING:
        return [(Operand.WEIGHT, None, layer.ofmap_words, bits)]
    out: list[tuple[Operand, str | None, int, int]] = []
    for i, (home, shape) in enumerate(zip(input_homes, layer.input_shapes, strict=True)):
        out.append((Operand.IFMAP if i == 0 else Operand.IFMAP2, home, layer.batch * prod(shape), bits))
    if layer.weight_words:
        out.append((Operand.WEIGHT, None, layer.weight_words, weight_bits))
    return out


def count_passing(layer: Layer, accelerator: Accelerator, role: Role, ledger: Ledger) -> Cycles:
    """Count an activation that is applied to words as they pass."""
    unit = accelerator.vector
    if unit is None:
        return Cycles(0)
    count = operations(layer)
    ledger.times(unit.name, Operand.COMPUTE, Action.OP, count)
    return Cycles(-(-count // unit.lanes) if role is Role.PASSED else 0)
