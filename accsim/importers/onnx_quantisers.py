"""Quantisers of ONNX graphs: QONNX's nodes, and QuantizeLinear, Clip and DequantizeLinear of the standard.

On constants they give weights as codes, on feature maps an ``ActivationCode``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from accsim.compress.grain import Reals
from accsim.compress.model import ActivationCode, Truncation
from accsim.compress.rounding import ROUNDINGS
from accsim.importers.onnx_fold import require_small
from accsim.importers.onnx_values import Array, Codes, Constant, Pending, Unsupported, finite, reals, width_of

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""The domains that QONNX's operators go by."""

MOST_BITS = 32
UNCLIPPED = (-(2**62), 2**62)
"""Limits of the codes of a quantiser that does not clip."""


def quantiser(inputs: Sequence[Constant | None], attributes: Mapping[str, Any]) -> tuple[Array, Array, int, bool, int]:
    """Scale, zero point, bits, signedness and smallest code of a ``Quant`` or ``IntQuant``; the largest follows."""
    scale, zero, width = _parameters(inputs, ("scale", "zero point", "bit width"))
    bits = _bits(width)
    return scale, _whole(zero), bits, bool(attributes.get("signed", 1)), int(attributes.get("narrow", 0))


def code_range(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest code, as QONNX defines them: narrow signed ranges are symmetric."""
    if signed:
        return -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - narrow


def rounding(attributes: Mapping[str, Any], default: str) -> str:
    """The rounding of a QONNX node."""
    name = str(attributes.get("rounding_mode", default)).lower()
    name = "half_even" if name == "round" else name
    if name not in ROUNDINGS:
        raise Unsupported(f"rounding_mode {name.upper()!r} is not known; known are {', '.join(ROUNDINGS)}")
    return name


def quantised_weights(constant: Constant, inputs: Sequence[Constant | None], attributes: Mapping[str, Any]) -> Constant:
    """Weights behind a ``Quant`` or ``IntQuant``."""
    scale, zero, bits, signed, narrow = quantiser(inputs, attributes)
    values = _weights(constant)
    step, point = _over(scale, values), _over(zero, values)
    if bits == 1 and signed:
        codes = np.where(values / step + point >= 0, 1, -1)
        if point.any():
            raise Unsupported("signs have no zero point")
    else:
        low, high = code_range(bits, signed, bool(narrow))
        codes = ROUNDINGS[rounding(attributes, "ROUND")](np.clip(values / step + point, low, high)).astype(np.int64)
    return Constant((codes - point) * step, Codes(codes, step, point, bits, signed, trained=constant.values))


def bipolar_weights(constant: Constant, scale: Constant | None) -> Constant:
    """Weights behind a ``BipolarQuant``."""
    (factor,) = _parameters([scale], ("scale",))
    values = _weights(constant)
    step = _over(factor, values)
    codes = np.where(values >= 0, 1, -1)
    return Constant(codes * step, Codes(codes, step, np.zeros_like(codes), 1, True, trained=constant.values))


def quantised_map(inputs: Sequence[Constant | None], attributes: Mapping[str, Any]) -> ActivationCode:
    """The code of a feature map behind a ``Quant`` or ``IntQuant``."""
    scale, zero, bits, signed, narrow = quantiser(inputs, attributes)
    step, point = _one(scale, "scale"), int(_one(zero, "zero point"))
    if bits == 1 and signed:
        if point:
            raise Unsupported("signs have no zero point")
        return ActivationCode(1, True, step, 0, "binary")
    low, high = code_range(bits, signed, bool(narrow))
    mode = rounding(attributes, "ROUND")
    return ActivationCode(bits, signed, step, point, limits=(low, high) if narrow else None, rounding=mode)


def bipolar_map(scale: Constant | None) -> ActivationCode:
    """The code of a feature map behind a ``BipolarQuant``."""
    (factor,) = _parameters([scale], ("scale",))
    return ActivationCode(1, True, _one(factor, "scale"), 0, "binary")


def truncated_map(inputs: Sequence[Constant | None], attributes: Mapping[str, Any], signed: bool) -> ActivationCode:
    """The code of a feature map behind a ``Trunc``.

    Version 1 (scale, zero point, input bits, output bits) drops the difference of the bits and keeps scale and zero
    point. Version 2 (scale, zero point, input bits, output scale, output bits) divides by the power of two nearest to
    the ratio of the scales, and clips.

    Args:
        signed: whether the codes before are; version 1 does not say.
    """
    if len(inputs) == 4:
        scale, zero, before, after = _parameters(inputs, ("scale", "zero point", "input bits", "output bits"))
        bits, step, point = _bits(after), _one(scale, "scale"), float(_one(_whole(zero), "zero point"))
        dropped = _bits(before) - bits
        if dropped < 0:
            raise Unsupported(f"it truncates {bits - dropped} bits to {bits}")
        truncation = Truncation(step, point, 2.0**dropped)
        mode = rounding(attributes, "FLOOR")
        return ActivationCode(
            bits, signed, step, int(point), limits=UNCLIPPED, rounding=mode, truncation=truncation
        )  # fmt: skip
    if len(inputs) != 5:
        raise Unsupported(f"Trunc has 5 or 6 inputs, got {len(inputs) + 1}")
    names = ("scale", "zero point", "input bits", "output scale", "output bits")
    scale, zero, _, wide, after = _parameters(inputs, names)
    step, out, point = _one(scale, "scale"), _one(wide, "output scale"), float(_one(_whole(zero), "zero point"))
    divisor = float(2.0 ** np.rint(np.log2(out / step)))
    if (point / divisor) % 1:
        raise Unsupported(f"its zero point {point:g} divided by {divisor:g} is no whole number")
    bits, is_signed, narrow = _bits(after), bool(attributes.get("signed", 1)), bool(attributes.get("narrow", 0))
    return ActivationCode(
        bits, is_signed, out, int(point / divisor), limits=code_range(bits, is_signed, narrow) if narrow else None,
        rounding=rounding(attributes, "FLOOR"), truncation=Truncation(step, point, divisor),
    )  # fmt: skip


def standard_code(pending: Pending) -> ActivationCode:
    """The code of a feature map between QuantizeLinear and DequantizeLinear."""
    bits, signed, narrower = width_of(pending.low, pending.high)
    step, point = _one(pending.scale, "scale"), int(_one(pending.zero_point, "zero point"))
    return ActivationCode(bits, signed, step, point, limits=narrower)


def dequantised(constant: Constant, scale: Constant | None, zero: Constant | None, axis: int, block: int) -> Constant:
    """Weights behind a DequantizeLinear: one scale, one per slice of ``axis``, or one per ``block`` along it."""
    if constant.width is None:
        raise Unsupported("it reads a constant that holds no integers")
    (factor,) = _parameters([scale], ("scale",))
    require_small(constant.values.size)
    codes = constant.values
    step = _spread(factor, codes, axis, block, "scale")
    point = np.zeros(codes.shape, np.int64)
    if zero is not None:
        point = _spread(zero.values.astype(np.int64), codes, axis, block, "zero point")
    bits, signed = constant.width
    if constant.pending is not None:
        bits, signed, _ = width_of(constant.pending.low, constant.pending.high)
    whole = codes.astype(np.int64)
    trained = None if constant.pending is None else constant.pending.trained
    values = (whole - point) * step
    return Constant(values, Codes(whole, step, point, bits, signed, block, trained))


def quantised_constant(constant: Constant, pending: Pending, axis: int, block: int) -> Constant:
    """A constant behind QuantizeLinear: integers for a DequantizeLinear."""
    values = _weights(constant)
    step = _spread(pending.scale, values, axis, block, "scale")
    point = _spread(pending.zero_point, values, axis, block, "zero point")
    codes = np.clip(np.rint(values / step) + point, pending.low, pending.high).astype(np.int64)
    bits, signed, _ = width_of(pending.low, pending.high)
    kept = Pending(pending.scale, pending.zero_point, pending.low, pending.high, constant.values)
    return Constant(codes, None, (bits, signed), kept)


def _weights(constant: Constant) -> Reals:
    require_small(constant.values.size)
    return finite(reals(constant.values), "weights", "hold")


def scales(scale: Constant | None) -> Array:
    """Scales of a QuantizeLinear."""
    return _parameters([scale], ("scale",))[0]


def _parameters(inputs: Sequence[Constant | None], names: Sequence[str]) -> list[Array]:
    out = []
    for i, name in enumerate(names):
        constant = inputs[i] if i < len(inputs) else None
        if constant is None:
            raise Unsupported(f"its {name} is not a constant")
        values = constant.values.astype(np.float64)
        if not np.isfinite(values).all():
            raise Unsupported(f"its {name} is not finite")
        if name.endswith("scale") and (values <= 0).any():
            raise Unsupported(f"its {name} is not positive")
        out.append(values)
    return out


def _bits(values: Array) -> int:
    bits = _one(values, "bit width")
    if bits % 1 or not 1 <= bits <= MOST_BITS:
        raise Unsupported(f"its bit width must be a whole number from 1 to {MOST_BITS}, got {bits:g}")
    return int(bits)


def _whole(values: Array) -> Array:
    if (values % 1).any():
        raise Unsupported("its zero point is no whole number")
    return values.astype(np.int64)


def _one(values: Array, what: str) -> float:
    if not values.size:
        raise Unsupported(f"its {what} is empty")
    if values.size != 1 and (values != values.flat[0]).any():
        raise Unsupported(f"a feature map has one {what}, but it has {values.size}")
    return float(values.flat[0])


def _over(values: Array, of: Array) -> Array:
    try:
        return np.broadcast_to(values, of.shape)
    except ValueError:
        raise Unsupported(f"scales of shape {list(values.shape)} do not suit weights of {list(of.shape)}") from None


def _spread(values: Array, codes: Array, axis: int, block: int, what: str) -> Array:
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), codes.shape)
    if not -codes.ndim <= axis < codes.ndim:
        raise Unsupported(f"axis {axis} is outside the tensor's {codes.ndim}")
    axis %= codes.ndim
    wanted: tuple[int, ...]
    if block:
        wanted = (*codes.shape[:axis], -(-codes.shape[axis] // block), *codes.shape[axis + 1 :])
        if values.shape == wanted:
            return values.repeat(block, axis=axis).take(np.arange(codes.shape[axis]), axis=axis)
    else:
        wanted = (codes.shape[axis],)
        if values.shape == wanted:
            return np.broadcast_to(values.reshape(-1, *(1 for _ in codes.shape[axis + 1 :])), codes.shape)
    raise Unsupported(f"its {what} must have shape {list(wanted)}, got {list(values.shape)}")
