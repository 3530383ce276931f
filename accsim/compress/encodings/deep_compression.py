"""The container of the models that the authors of Deep Compression released.

Numbers are little endian, packed fields low bits first (of two 4-bit fields in a byte the first is the low nibble)::

    all layers  | uint32 stored entries, one for each layer
    each layer  | float32 codebook [2^bits]
                | float32 bias [outputs]
                | codes: entries of ``bits`` bits                      ceil(entries bits / 8) bytes
                | index: entries of 4 bits, zeros skipped before each  ceil(entries / 2) bytes

An entry stands at the sum of (index + 1) over the entries up to it, minus 1, in the flattened weight (outputs, inputs,
height, width). Where more than 15 zeros come before an entry, fillers stand: index 15 and a code whose value is 0.0.
Zeros after the last entry are not stored. Names, shapes and code widths are not in the file: a reader must know them.

So a container takes 4 L + sum(4 2^bits + 4 outputs + ceil(entries bits / 8) + ceil(entries / 2)) bytes.

Sources: Han, Mao, Dally, "Deep Compression", ICLR 2016; layout as read by ``decode.py`` of the repositories
songhan/Deep-Compression-AlexNet and songhan/SqueezeNet-Deep-Compression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.compress.encodings.frame import Integers
from accsim.compress.encodings.relative import relative_entries
from accsim.compress.encodings.stream import zero_bytes
from accsim.errors import AccsimError

GAP_BITS = 4
MOST_CODE_BITS = 16
MOST_WEIGHTS = 2**31

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What a reader must know of a layer.

    Attributes:
        name: of the layer, for messages.
        shape: of its weight; the first dimension is the outputs, each with a bias.
        bits: width of a code; 8 in convolutions and 4 in fully connected layers of the released AlexNet.
    """

    name: str
    shape: tuple[int, ...]
    bits: int

    @property
    def size(self) -> int:
        """Weights of the layer."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class ContainerLayer:
    """A layer of shared weights.

    Attributes:
        layout: its name, shape and code width.
        codebook: values, float32 [2^bits].
        bias: float32 [outputs].
        codes: which value each weight has, integers of the weight's shape. Weights of value 0.0 are not stored.
    """

    layout: LayerShape
    codebook: Floats
    bias: Floats
    codes: NDArray[Any]

    @property
    def weights(self) -> Floats:
        """The weights, float32, of the layer's shape."""
        out: Floats = self.codebook[self.codes]
        return out


def stored_entries(weights: NDArray[Any]) -> int:
    """Entries of a layer, fillers included: nnz + sum of floor((d - 1) / 16), d the distance from the one before."""
    at = np.flatnonzero(weights)
    return int(at.size + ((np.diff(at, prepend=-1) - 1) >> GAP_BITS).sum())


def container_bytes(layouts: Sequence[LayerShape], entries: Sequence[int]) -> int:
    """Size of a container whose layers store so many entries, fillers included."""
    return 4 * len(layouts) + sum(_layer_bytes(layout, n) for layout, n in zip(layouts, entries, strict=True))


def write_container(layers: Sequence[ContainerLayer]) -> bytes:
    """Write layers in order.

    Raises:
        AccsimError: a layer whose arrays do not fit its layout, or that needs a value 0.0 and has none.
    """
    counts, parts = [], []
    for layer in layers:
        _check_layer(layer)
        gaps, codes = _entries(layer)
        counts.append(gaps.size)
        parts += [layer.codebook.astype("<f4").tobytes(), layer.bias.astype("<f4").tobytes()]
        parts += [_packed(codes, layer.layout.bits), _packed(gaps, GAP_BITS)]
    return np.array(counts, "<u4").tobytes() + b"".join(parts)


def read_container(blob: bytes, layouts: Sequence[LayerShape]) -> tuple[ContainerLayer, ...]:
    """Read a container whose layers are known.

    Sizes are checked against the bytes there are before anything is read.

    Raises:
        AccsimError: with the byte and the layer, where the bytes are not such a container.
    """
    for layout in layouts:
        _check_layout(layout)
    at = 4 * len(layouts)
    if len(blob) < at:
        raise AccsimError(f"byte 0: {len(layouts)} counts of entries take {at} bytes, there are {len(blob)}")
    counts = [int(count) for count in np.frombuffer(blob, "<u4", len(layouts))]
    for i, (layout, count) in enumerate(zip(layouts, counts, strict=True)):
        if count > layout.size:
            raise AccsimError(f"byte {4 * i}: layer {layout.name!r} cannot store {count} of {layout.size} weights")
    needed = container_bytes(layouts, counts)
    if needed != len(blob):
        raise AccsimError(f"byte {min(needed, len(blob))}: these layers take {needed} bytes, there are {len(blob)}")
    out = []
    for layout, count in zip(layouts, counts, strict=True):
        end = at + _layer_bytes(layout, count)
        try:
            out.append(_layer(blob[at:end], layout, count))
        except AccsimError as error:
            raise AccsimError(f"bytes {at} to {end - 1}: layer {layout.name!r}: {error}") from None
        at = end
    return tuple(out)


def _layer_bytes(layout: LayerShape, entries: int) -> int:
    packed = -(-entries * layout.bits // 8) - (-entries * GAP_BITS // 8)
    return 4 * (1 << layout.bits) + 4 * layout.shape[0] + packed


def _layer(blob: bytes, layout: LayerShape, count: int) -> ContainerLayer:
    codebook = np.frombuffer(blob, "<f4", 1 << layout.bits).astype(np.float32)
    bias = np.frombuffer(blob, "<f4", layout.shape[0], codebook.nbytes).astype(np.float32)
    at = codebook.nbytes + bias.nbytes
    middle = at - (-count * layout.bits // 8)
    stored = _unpacked(blob[at:middle], count, layout.bits)
    places = np.cumsum(_unpacked(blob[middle:], count, GAP_BITS) + 1) - 1
    if count and places[-1] >= layout.size:
        raise AccsimError(f"an entry stands at weight {int(places[-1])} of {layout.size}")
    if count < layout.size:
        zero = _zero_code(codebook)
        if zero is None:
            raise AccsimError("it leaves weights out, and no value of its codebook is 0.0")
    else:
        zero = 0
    codes = np.full(layout.size, zero, np.uint16 if layout.bits > 8 else np.uint8)
    codes[places] = stored
    return ContainerLayer(layout, codebook, bias, codes.reshape(layout.shape))


def _entries(layer: ContainerLayer) -> tuple[Integers, Integers]:
    """Gaps and codes, fillers included."""
    flat = layer.codes.ravel().astype(np.int64)
    kept = layer.codebook[flat] != 0.0
    gaps, codes, _ = relative_entries(np.where(kept, flat + 1, 0), GAP_BITS, flat.size)
    zero = _zero_code(layer.codebook)
    if zero is None and not codes.all():
        raise AccsimError(f"layer {layer.layout.name!r}: it needs fillers, and no value of its codebook is 0.0")
    return gaps, np.where(codes == 0, zero or 0, codes - 1)


def _zero_code(codebook: Floats) -> int | None:
    at = np.flatnonzero(codebook == 0.0)
    return int(at[0]) if at.size else None


def _check_layout(layout: LayerShape) -> None:
    if not 1 <= layout.bits <= MOST_CODE_BITS:
        raise AccsimError(f"layer {layout.name!r}: a code must have 1 to {MOST_CODE_BITS} bits, got {layout.bits}")
    if not layout.shape or min(layout.shape) < 1 or layout.size > MOST_WEIGHTS:
        raise AccsimError(
            f"layer {layout.name!r}: a weight must have 1 to {MOST_WEIGHTS} words, got shape {layout.shape}"
        )


def _check_layer(layer: ContainerLayer) -> None:
    layout = layer.layout
    _check_layout(layout)
    codes = 1 << layout.bits
    for what, array, shape in (
        ("the codebook", layer.codebook, (codes,)),
        ("the bias", layer.bias, layout.shape[:1]),
        ("the codes", layer.codes, layout.shape),
    ):
        if array.shape != shape:
            raise AccsimError(f"layer {layout.name!r}: {what} must have shape {shape}, got {array.shape}")
    if layer.codes.dtype.kind not in "iu" or int(layer.codes.min()) < 0 or int(layer.codes.max()) >= codes:
        raise AccsimError(f"layer {layout.name!r}: codes must be integers from 0 to {codes - 1}")
    if not (np.isfinite(layer.codebook).all() and np.isfinite(layer.bias).all()):
        raise AccsimError(f"layer {layout.name!r}: the codebook or the bias holds values that are not finite")


def _packed(symbols: Integers, width: int) -> bytes:
    from accsim.compress.encodings.bitstream import pack  # noqa: PLC0415

    data = zero_bytes(symbols.size * width)
    pack(symbols, width, data)
    return data.tobytes()


def _unpacked(data: bytes, count: int, width: int) -> Integers:
    from accsim.compress.encodings.bitstream import unpack  # noqa: PLC0415

    symbols = np.zeros(count, np.int64)
    unpack(np.frombuffer(data, np.uint8), width, symbols)
    return symbols
