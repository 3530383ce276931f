"""What flows along an ONNX graph's edges while it is imported: constants, feature maps, and quantisers between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Binary, Code, Float, Uniform
from accsim.compress.grain import Reals, Scale, Shape
from accsim.importers.onnx_views import Axes

Array = npt.NDArray[Any]


class Unsupported(Exception):
    """A node cannot be imported; says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """How a constant's values come from codes: value = (code - zero point) * scale.

    Attributes:
        codes: integers of the constant's shape. scale, zero_point: broadcast to it.
        bits, signed: of a code; one signed bit is +1 or -1.
        block: neighbours along ``axis`` that share a scale; 0 where nothing is said of it.
        trained: the values before they were rounded, if known.
    """

    codes: Array
    scale: Array
    zero_point: Array
    bits: int
    signed: bool
    block: int = 0
    trained: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """Codes between QuantizeLinear and DequantizeLinear."""

    scale: Array
    zero_point: Array
    low: int
    high: int
    trained: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor that is known.

    Attributes:
        values: its values.
        codes: the codes they come from, for quantised weights.
        width: bits and signedness of integers that a DequantizeLinear will read.
        pending: where a QuantizeLinear made them.
    """

    values: Array
    codes: Codes | None = None
    width: tuple[int, bool] | None = None
    pending: Pending | None = None

    def moved(self, move: Callable[[Array], Array]) -> Constant:
        """The constant with its axes moved or reshaped."""
        codes = self.codes
        if codes is not None:
            trained = None if codes.trained is None else move(codes.trained)
            codes = Codes(
                move(codes.codes), move(codes.scale), move(codes.zero_point), codes.bits, codes.signed, codes.block,
                trained,
            )  # fmt: skip
        return Constant(move(self.values), codes, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A feature map.

    Attributes:
        layer: the layer that gives it.
        dims: its shape in the graph, without the batch.
        sole: whether nothing else reads what the layer gives.
        pads: zeros (top, bottom, left, right) that a Pad node put around it.
        pending: a quantiser that is not complete yet.
        view: the axes of the graph's tensor, the batch among them, where it is not stored as it is addressed; ``dims``
            are then the sizes behind the first one.
        factor: what a constant multiplied it by, which no layer has taken over yet.
    """

    layer: str
    dims: tuple[int, ...]
    sole: bool = True
    pads: tuple[int, int, int, int] | None = None
    pending: Pending | None = None
    view: Axes | None = None
    factor: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether a layer can read it as it is."""
        return self.pads is None and self.pending is None and self.view is None and self.factor == 1.0


Result = Value | Constant
"""What a node gives."""


def finite(values: Reals, what: str, verb: str = "holds") -> Reals:
    """The values, if all are finite.

    Raises:
        Unsupported: one is not.
    """
    some = values if any(values.strides) else values.flat[:1]  # one value in all places
    if not np.isfinite(some).all():
        raise Unsupported(f"its {what} {verb} values that are not finite")
    return values


def reals(values: Array) -> Reals:
    """Values as float64; a tensor that repeats one value stays one value in memory."""
    if values.size > 1 and not any(values.strides):
        return np.broadcast_to(np.float64(values.flat[0]), values.shape)
    return values.astype(np.float64, order="C")  # sums are rounded in the order of memory: the same ones again


def weight_code(constant: Constant, arrange: Callable[[Array], Array]) -> tuple[Code, Reals | None]:
    """The code of a layer's weights and the trained values behind it.

    Args:
        arrange: brings the constant to [M, C / G, R, S].

    Raises:
        Unsupported: scales that no grain describes.
    """
    codes = constant.codes
    if codes is None:
        values = finite(reals(arrange(constant.values)), "weights", "hold")
        return Float(values), values
    trained = None if codes.trained is None else reals(arrange(codes.trained))
    whole = arrange(codes.codes).astype(np.int64)
    scale, at = _grain(arrange(codes.scale), codes.block)
    if codes.bits == 1 and codes.signed:
        return Binary(whole > 0, scale), trained
    points = arrange(codes.zero_point)
    zero = np.zeros((1, 1, 1, 1), np.int64)
    if points.any():
        zero = points[at].astype(np.int64)
        if (Scale(zero.astype(np.float64), scale.block, scale.grain).over(points.shape) != points).any():
            raise Unsupported("its zero points have another grain than its scales")
        if (zero == zero.flat[0]).all():
            zero = zero[:1, :1, :1, :1]
    return Uniform(whole, scale, codes.bits, codes.signed, zero), trained


def _grain(full: Array, block: int) -> tuple[Scale, tuple[slice, ...]]:
    """Scales of every weight as one per block, and where the blocks begin."""
    shape: Shape = full.shape[0], full.shape[1], full.shape[2], full.shape[3]
    varies = tuple(_varies(full, axis) for axis in range(4))
    m, c, r, s = shape
    channels = min(block, c) if block > 1 and _in_blocks(full, min(block, c)) else 1
    match varies:
        case (False, False, False, False):
            grain, blocks = "layer", shape
        case (True, False, False, False):
            grain, blocks = "filter", (1, c, r, s)
        case (False, True, False, False) if channels == 1:
            grain, blocks = "channel", (m, 1, r, s)
        case (_, True, False, False):
            grain, blocks = (f"channels:{channels}", (1, channels, r, s)) if channels > 1 else ("kernel", (1, 1, r, s))
        case (False, False, _, _):
            grain, blocks = "pixel", (m, c, 1, 1)
        case _:
            raise Unsupported("its scales differ in more ways than one per layer, filter, channel group or pixel")
    at = tuple(slice(None, None, max(1, step)) for step in blocks)
    return Scale(full[at].astype(np.float64), blocks, grain), at


def _varies(full: Array, axis: int) -> bool:
    if full.shape[axis] == 1 or full.strides[axis] == 0:
        return False
    return bool((full != full.take([0], axis=axis)).any())


def _in_blocks(full: Array, block: int) -> bool:
    firsts = full[:, ::block].repeat(block, axis=1)[:, : full.shape[1]]
    return bool((firsts == full).all())


def width_of(low: int, high: int) -> tuple[int, bool, tuple[int, int] | None]:
    """Bits and signedness that codes from ``low`` to ``high`` need, and the limits, where those are narrower."""
    if low < 0:
        bits = max((-low - 1).bit_length(), high.bit_length()) + 1
        full = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    else:
        bits = max(1, high.bit_length())
        full = 0, (1 << bits) - 1
    return bits, low < 0, None if full == (low, high) else (low, high)
