"""Energy of a layer from the numbers of its non-zeros: the estimation method of energy-aware pruning.

T.-J. Yang, Y.-H. Chen and V. Sze, "Designing Energy-Efficient Convolutional Neural Networks using Energy-Aware
Pruning", CVPR 2017, and T.-J. Yang, Y.-H. Chen, J. Emer and V. Sze, "A Method to Estimate the Energy Consumption of
Deep Neural Networks", Asilomar 2017:

* the energy of a layer is that of its computation and of its data, E = E_comp + E_data, split into input fmap, output
  fmap, weight and computation; psums count with the output fmap;
* E_comp is the number of MACs that are not skipped, MACs x non-zero fraction of the ifmap x non-zero fraction of the
  weights, and is linear in the width of either operand;
* E_data is bits accessed x energy per bit, over all levels; a tensor is stored as a significance map, one bit for every
  word and the words that are not zero.

How often each level is accessed comes from the mapping of the dense layer. What a skipped MAC still does at the PE's
register file is our reading: what the PE of the chip does (Chen et al., JSSC 2017, section V). Weights are known before
they are used, so a zero weight is met by no MAC and costs no access; a zero of the ifmap is seen when its bit of the
map is read, and then gates the MAC and the read of the filter, while the psum is read and written as ever.
``ZeroIfmap.SKIP`` spares the psum too. Unfinished psums are dense, in the register file, on the networks and in the
buffers: they have not passed a ReLU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from accsim.energy.estimate import LayerEstimate
from accsim.hardware.accelerator import LevelKind
from accsim.simulate.activity import Action
from accsim.workload.layer import Operand

COUNTED_BITS = 16
"""The width at which a MAC's energy is 1 and words are counted, as in the papers."""


class ZeroIfmap(StrEnum):
    """What a PE does on a zero of the ifmap: gate the MAC and the filter read, or skip the psum as well."""

    GATE = "gate"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one tensor: the fraction that is not zero, and their width in bits."""

    density: float = 1.0
    bits: int = COUNTED_BITS

    @property
    def stored_bits(self) -> float:
        """Bits of a word in a significance map, on average."""
        return self.density * self.bits + 1


@dataclass(frozen=True, slots=True)
class NonZeros:
    """The non-zero fractions and widths of a layer's tensors; psums have the ofmap's width."""

    ifmap: Words = Words()
    weight: Words = Words()
    ofmap: Words = Words()


@dataclass(frozen=True, slots=True)
class TensorEnergy:
    """The energy of one layer for one inference, in the energy table's unit.

    Attributes:
        macs, nonskipped_macs: MACs of one inference, and those whose operands are both not zero.
        ifmap, ofmap, weight: data movement, psums with the ofmap.
        computation: MACs.
    """

    layer: str
    macs: float
    nonskipped_macs: float
    ifmap: float
    ofmap: float
    weight: float
    computation: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.ifmap + self.ofmap + self.weight + self.computation


def tensor_energy(
    estimate: LayerEstimate,
    kinds: Mapping[str, LevelKind],
    nonzeros: NonZeros,
    batch: int,
    zero_ifmap: ZeroIfmap = ZeroIfmap.GATE,
) -> TensorEnergy:
    """The energy of a layer with these non-zeros.

    Args:
        estimate: the dense layer, priced: 16-bit words, no gating and no coding.
        kinds: kind of each level by its name; MACs are at a level that is not among them.
        batch: inferences that ``estimate`` is for.
    """
    parts = dict.fromkeys(("ifmap", "ofmap", "weight", "computation"), 0.0)
    for row in estimate.rows:
        count = row.count
        part, share = _share(kinds.get(count.level), count.operand, count.action, nonzeros, zero_ifmap)
        parts[part] += row.energy * share / batch
    macs = estimate.activity.macs / batch
    return TensorEnergy(estimate.activity.layer, macs, macs * nonzeros.ifmap.density * nonzeros.weight.density, **parts)


def _share(
    kind: LevelKind | None, operand: Operand, action: Action, nonzeros: NonZeros, zero_ifmap: ZeroIfmap
) -> tuple[str, float]:
    """Which part of the energy a counter belongs to, and what share of the dense layer's is left."""
    ifmap, weight, ofmap = nonzeros.ifmap, nonzeros.weight, nonzeros.ofmap
    used = kind is LevelKind.RF and action is not Action.FILL  # an access for a MAC, not the arrival of a word
    both = ifmap.density * weight.density
    match operand:
        case Operand.COMPUTE:
            return "computation", both * ifmap.bits * weight.bits / COUNTED_BITS**2
        case Operand.WEIGHT | Operand.IFMAP2:
            return "weight", (both * weight.bits if used else weight.stored_bits) / COUNTED_BITS
        case Operand.IFMAP:
            return "ifmap", ifmap.stored_bits * (weight.density if used else 1.0) / COUNTED_BITS
        case Operand.OFMAP:
            return "ofmap", ofmap.stored_bits / COUNTED_BITS
        case _:
            met = both if zero_ifmap is ZeroIfmap.SKIP else weight.density
            return "ofmap", ofmap.bits * (met if used else 1.0) / COUNTED_BITS
