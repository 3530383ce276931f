"""A layer with MACs, ready to be simulated: where its tensors live, and what is known of their values."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator, Dram
from accsim.hardware.datapath import DatapathKind
from accsim.mapping.capacity import Reserved
from accsim.mapping.mapping import Mapping
from accsim.simulate.coding import Coded, coded_bits_per_word, whole_words
from accsim.simulate.padding import pixel_share, valid_macs
from accsim.simulate.residency import NETWORK_INPUT
from accsim.simulate.storage import OffChipBits, Place, Residency
from accsim.simulate.values import Array, Values
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from accsim.workload.operands import names_of


@dataclass(frozen=True, slots=True)
class Densities:
    """Fraction of non-zero words of a layer's tensors, padding left out; ``None`` where nothing is known."""

    ifmap: float | None = None
    weight: float | None = None
    ofmap: float | None = None

    def first(self, values: Values | None) -> Densities:
        """Those of the values, as far as there are any; else these."""
        if values is None:
            return self
        return Densities(
            self.ifmap if values.ifmap_density is None else values.ifmap_density,
            self.weight if values.weight_density is None else values.weight_density,
            self.ofmap if values.ofmap_density is None else values.ofmap_density,
        )


NUMBERS = frozenset({"uniform", "binary", "ternary"})
"""Codes of weights that are numbers, which any multiplier wide enough takes."""

NATIVE = {DatapathKind.CODEBOOK: "codebook", DatapathKind.SHIFT: "power_of_two"}
"""Other codes, by the datapath that is made for them."""


@dataclass(frozen=True, slots=True)
class MacTask:
    """A layer with MACs, where its tensors live, and what is known of their values.

    Attributes:
        densities: of the values that were given, or else as the network states them.
        coded: tensors that are run-length coded off chip.
        values: what the tensors' values decide; ``None`` when there are none. Values that were made up leave
            ``densities`` and ``coded`` as they are.
        tensors: the values themselves, as they were given, by the tensor's name.
        drawn: names of those of them that were drawn from a density, for a machine that needs their zeros.
    """

    layer: Layer
    geometry: Geometry
    residency: Residency
    reserved: tuple[Reserved, ...]
    densities: Densities
    coded: frozenset[Operand]
    values: Values | None = None
    tensors: Dictionary[str, Array] = field(default_factory=dict, compare=False, repr=False)
    drawn: tuple[str, ...] = ()

    def weight_bits(self, accelerator: Accelerator) -> int:
        """Bits of a word of the second operand: those of its codes, where the machine works with them.

        Codes that are places in a table, planes with scales of their own or powers are no numbers that a multiplier
        takes: unless the datapath is made for them, their values are written out at the machine's width. Sparse
        machines hold their own kind of words.
        """
        known, whole = self.layer.weight_statistics, accelerator.bits(self.weight_name)
        native = NATIVE.get(accelerator.pe.datapath.kind)
        taken = (
            known.code is None or known.code in NUMBERS or known.code == native or accelerator.array.sparse is not None
        )
        return known.bits if known.bits and taken else whole

    def activation_bits(self, accelerator: Accelerator) -> int:
        """Bits of a word of the ifmap, likewise."""
        return self.layer.ifmap_statistics.bits or accelerator.bits(Operand.IFMAP)

    def machine(self, accelerator: Accelerator) -> Accelerator:
        """The machine with operands as wide as this layer's: what buffers hold of it, and what moves."""
        weight, activation = self.weight_bits(accelerator), self.activation_bits(accelerator)
        output = self.layer.ofmap_statistics.bits or accelerator.bits(Operand.OFMAP)
        pe = replace(accelerator.pe, weight_bits=weight, activation_bits=activation, output_bits=output)
        return accelerator if pe == accelerator.pe else replace(accelerator, pe=pe)

    def follows(self, accelerator: Accelerator) -> Accelerator:
        """The machine as this layer runs on it: operands are as wide as the layer's where its PEs follow widths."""
        return self.machine(accelerator) if accelerator.follows_widths else accelerator

    @property
    def on_zero_weights(self) -> int:
        """MACs whose weight is zero, as far as weights are known."""
        weight, g = self.tensors.get(names_of(self.layer)[1]), self.geometry
        return 0 if weight is None else int(np.count_nonzero(np.equal(weight, 0))) * g.N * g.P * g.Q

    @property
    def weight_name(self) -> Operand:
        """``weight``, or ``ifmap2`` when the second operand is an activation."""
        return Operand.IFMAP2 if self.layer.kind is LayerKind.MATMUL else Operand.WEIGHT

    @property
    def known_densities(self) -> Densities:
        """Of the values there are, made up or given, or else as the network states them."""
        return self.densities.first(self.values)

    def place(self, accelerator: Accelerator, mapping: Mapping) -> Place:
        """The layer on a machine under a mapping."""
        nest = mapping.nest(self.geometry, accelerator.dram.fetch_padding)
        first = self.layer.inputs[:1] == (NETWORK_INPUT,)
        return Place(accelerator, mapping, nest, self.residency, self.weight_name, first)

    def code_of(self, operand: Operand) -> Coded | None:
        """The coded size of a tensor that is coded off chip and whose values are known."""
        if operand is Operand.WEIGHT and operand in self.coded:
            known, words = self.layer.weight_statistics, self.geometry.weight_words
            kept = words if known.density is None else round(words * known.density)
            return Coded(words, kept, ceil(known.stored_bits or 0), 1)
        if self.values is None or operand not in self.coded:
            return None
        return self.values.ifmap_code if operand is Operand.IFMAP else self.values.ofmap_code

    @property
    def counted_codes(self) -> frozenset[Operand]:
        """Coded tensors whose values are known, so that their transfers are counted and not expected."""
        return frozenset(operand for operand in self.coded if self.code_of(operand) is not None)

    def coded_width(self, operand: Operand, dram: Dram) -> float:
        """Expected off-chip bits per word of a tensor that ``dram`` codes.

        Where padding is fetched its zeros are coded among the pixels.
        """
        known = self.densities.ifmap if operand is Operand.IFMAP else self.densities.ofmap
        density = 1.0 if known is None else known
        if operand is Operand.IFMAP and dram.fetch_padding:
            density *= pixel_share(self.geometry)
        if dram.run_length is None:
            raise ValueError(f"{dram.name} codes nothing")
        return coded_bits_per_word(dram.run_length, density)

    def off_chip(self, place: Place) -> OffChipBits:
        """Bits that a transfer takes off chip: coded by its values where they are known, else as expected."""
        dram = place.accelerator.dram
        code, known = dram.run_length, {operand: self.code_of(operand) for operand in self.coded}
        widths = {operand: self.coded_width(operand, dram) for operand, coded in known.items() if coded is None}

        def bits(operand: Operand, words: int) -> int:
            coded = known.get(operand)
            if coded is not None:
                return coded.transfer(words)
            if code is None or operand not in known:
                return words * place.bits(operand)
            return whole_words(code, words * widths[operand])

        return bits

    @property
    def zero_macs(self) -> int | None:
        """MACs whose ifmap word is zero, padding included; ``None`` if the values are not known."""
        known = None if self.values is None else self.values.ifmap_macs
        return None if known is None else self.geometry.macs - known

    def zeros_among(self, done: int) -> int:
        """The same of the ``done`` ones that a machine does at all, at most; padding alone where nothing is known."""
        zeros, g = self.zero_macs, self.geometry
        return min(done, g.macs - valid_macs(g) if zeros is None else zeros)

    @property
    def taps(self) -> npt.NDArray[np.int64] | None:
        """Ifmap words that are not zero under each tap; ``None`` if the values are not known."""
        return None if self.values is None else self.values.taps

    @property
    def effectual_macs(self) -> int | float:
        """MACs with no zero operand: counted from values, else expected from densities; padding is always zero."""
        if self.values is not None and self.values.effectual_macs is not None:
            return self.values.effectual_macs
        effectual: int | float = valid_macs(self.geometry)
        for density in (self.densities.ifmap, self.densities.weight):
            effectual = effectual if density is None else effectual * density
        return effectual
