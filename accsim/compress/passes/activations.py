"""How feature maps are stored; their values are known only when a network runs."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from accsim.compress.model import ActivationCode, Model
from accsim.compress.passes.base import ModelPass
from accsim.errors import InputError, suggest
from accsim.workload.layer import Layer, LayerKind
from accsim.workload.network import Network

INPUT = "input"
"""Name of the network's input among feature maps."""
NON_NEGATIVE = {"relu", "relu6"}
"""Activation functions without negative results."""


class Activations(ModelPass):
    """Codes of feature maps: uniform ones of some bits, or signs.

    Nothing is projected: without inputs there are no values. ``top`` gives the range where the method knows it, as
    DoReFa's clipping to [0, 1] does; otherwise the step is left open, to be calibrated on inputs. Unless ``signed``
    says, codes are unsigned where no value can be negative: behind a ReLU, a softmax, and whatever keeps the sign of
    those. ``steps`` says how a range becomes a step when it is seen: ``symmetric`` about zero; ``affine`` with a zero
    point, codes always unsigned (Jacob et al., CVPR 2018, arXiv 1712.05877); ``power_of_two``, Ristretto's dynamic
    fixed point (Gysel et al., 2016), whose integer length ceil(log2 max|a|) leaves no bit for a sign, so that signed
    codes saturate at half of that power of two.

    ``threshold`` is the sparse code of Two-Step Quantization (Wang et al., CVPR 2018): values up to it become 0, the
    others are uniform; how the threshold is found, and its training, are not done, and the rule is as this project
    remembers it. DoReFa: Zhou et al., 2016 (arXiv 1606.06160).
    """

    name: ClassVar[str] = "activations"
    bits: int = Field(8, ge=1, le=32, description="bits of an activation")
    kind: Literal["uniform", "binary"] = Field("uniform", description="uniform, or signs (1 bit)")
    maps: tuple[str, ...] = Field(("*",), description="layers that give the feature maps, or input; names or patterns")
    skip: tuple[str, ...] = Field((), description="feature maps it leaves alone")
    signed: bool | None = Field(None, description="two's complement codes; by what gives the map if not given")
    steps: Literal["symmetric", "affine", "power_of_two"] = Field(
        "symmetric", description="how a calibrated range becomes a step"
    )
    top: float | None = Field(None, gt=0, description="largest value of a code; calibrated if not given")
    threshold: float = Field(0.0, ge=0, description="values up to this become 0")

    @model_validator(mode="after")
    def _bits_of_kind(self) -> Self:
        if self.kind == "binary" and self.bits != 1:
            raise ValueError(f"binary activations have 1 bit, got {self.bits}")
        if self.steps != "symmetric" and (self.kind == "binary" or self.top is not None):
            raise ValueError(f"steps ({self.steps}) are for uniform codes whose range is calibrated, without top")
        if self.steps == "affine" and self.signed:
            raise ValueError("affine codes are unsigned, with a zero point; leave signed out")
        if self.kind == "uniform" and self.bits == 1 and self.signed:
            raise ValueError("signed uniform codes have at least 2 bits, got 1; for signs use kind: binary")
        return self

    def apply(self, model: Model) -> Model:
        """Set the code of every chosen feature map.

        Raises:
            InputError: a pattern matches no feature map.
        """
        positive = non_negative(model.network)
        codes = {name: self.code(name in positive) for name in self.chosen(model.network)}
        return replace(model, activations={**model.activations, **codes}).after(self.record())

    def code(self, positive: bool) -> ActivationCode:
        """The code of a feature map without or with negative values."""
        if self.kind == "binary":
            return ActivationCode(1, signed=True, kind="binary", threshold=self.threshold)
        signed = (not positive and self.bits > 1) if self.signed is None else self.signed
        if self.steps == "affine":
            signed = False
        largest = (1 << (self.bits - 1 if signed else self.bits)) - 1
        scale = None if self.top is None else self.top / largest
        return ActivationCode(self.bits, signed, scale, threshold=self.threshold, steps=self.steps)

    def chosen(self, network: Network) -> list[str]:
        """Names of the feature maps that it is applied to, in order."""
        names = [INPUT, *(layer.name for layer in network.layers)]
        lost = [p for p in (*self.maps, *self.skip) if not any(fnmatchcase(name, p) for name in names)]
        if lost:
            raise InputError(
                [f"{self.name}: no feature map of {network.name} matches {p!r}{suggest(p, names)}" for p in lost]
            )
        return [
            name
            for name in names
            if any(fnmatchcase(name, p) for p in self.maps) and not any(fnmatchcase(name, p) for p in self.skip)
        ]


def non_negative(network: Network) -> set[str]:
    """Layers whose outputs cannot be negative, whatever the weights."""
    found: set[str] = set()
    for layer in network.layers:
        if _makes_non_negative(layer) or (_keeps_sign(layer) and layer.inputs and found.issuperset(layer.inputs)):
            found.add(layer.name)
    return found


def _makes_non_negative(layer: Layer) -> bool:
    return layer.kind is LayerKind.SOFTMAX or layer.operation in NON_NEGATIVE


def _keeps_sign(layer: Layer) -> bool:
    """Whether the output is non-negative where all inputs are."""
    return layer.kind in (
        LayerKind.POOL, LayerKind.ADD, LayerKind.MULTIPLY, LayerKind.CONCAT, LayerKind.SHUFFLE, LayerKind.RESHAPE,
        LayerKind.LRN,
    )  # fmt: skip
