"""What a layer's tensors say about it: exact counts of effectual MACs, and sizes of run-length coded feature maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accsim.errors import InputError, suggest
from accsim.hardware.accelerator import Dram
from accsim.simulate.coding import Coded
from accsim.workload.layer import Geometry, Layer
from accsim.workload.network import Network
from accsim.workload.operands import as_filters, as_map, names_of, shape_of

Array = npt.NDArray[np.generic]
Tensors = Mapping[str, Mapping[str, Array]]
"""Values by layer and tensor."""


@dataclass(frozen=True, slots=True)
class Values:
    """Counts taken from the values of a layer's tensors; ``None`` where a tensor was not given.

    Attributes:
        ifmap_density, weight_density, ofmap_density: fraction of non-zero words.
        ifmap_macs: MACs whose ifmap word is not zero; padding counts as zero.
        effectual_macs: MACs whose ifmap and weight words (as far as given) are both not zero.
        taps: of the ifmap, the words that are not zero under each tap over all outputs, (C, R, S); ``ifmap_macs`` is
            their sum times the filters of a group.
        ifmap_code, ofmap_code: sizes run-length coded in the tensor's storage order, an ifmap with its padding where
            that is fetched; ``None`` for a machine without a code too.
    """

    ifmap_density: float | None
    weight_density: float | None
    ofmap_density: float | None
    ifmap_macs: int | None
    effectual_macs: int | None
    ifmap_code: Coded | None
    ofmap_code: Coded | None
    taps: npt.NDArray[np.int64] | None = field(default=None, compare=False, repr=False)


def load_tensors(path: str | Path, network: Network) -> dict[str, dict[str, Array]]:
    """Read an ``.npz`` archive whose arrays are called ``LAYER.ifmap``, ``LAYER.weight`` or ``LAYER.ofmap``.

    Shapes: feature maps (N, C, H, W) or (N, tokens, width), without N when the batch is 1; weights (M, C / G, R, S). A
    product of two activations has ``LAYER.ifmap2``, another feature map, in the place of the weight.

    Raises:
        InputError: every mistake in the archive.
    """
    out, where, mistakes = _read_tensors(path, network)
    mistakes += [f"{where}: {m}" for m in tensor_mistakes(out, network)]
    if mistakes:
        raise InputError(mistakes)
    return out


def read_tensors(path: str | Path, network: Network) -> dict[str, dict[str, Array]]:
    """The arrays of such an archive by layer and tensor, whose names and shapes are not looked at yet.

    Raises:
        InputError: it is missing, no archive, or has arrays of other names or larger than any tensor of the network.
    """
    out, _, mistakes = _read_tensors(path, network)
    if mistakes:
        raise InputError(mistakes)
    return out


def _read_tensors(path: str | Path, network: Network) -> tuple[dict[str, dict[str, Array]], str, list[str]]:
    """The arrays, where they are, and sentences on names that are none of a tensor."""
    from accsim.npz import archive  # noqa: PLC0415
    from accsim.source import printable  # noqa: PLC0415

    out: dict[str, dict[str, Array]] = {}
    mistakes: list[str] = []
    words = [(layer.ifmap_words, layer.ofmap_words, layer.weight_words) for layer in network.layers]
    most = max((max(held) for held in words), default=0)
    with archive(path) as file:
        if not file.members:
            raise InputError([f"{file.where}: holds no arrays; expected LAYER.ifmap, LAYER.weight or LAYER.ofmap"])
        for key in file.members:
            layer, dot, name = key.rpartition(".")
            if dot:
                out.setdefault(layer, {})[name] = file.read(key, most)
            else:
                mistakes.append(f"{file.where}: {printable(key)}: expected LAYER.ifmap, LAYER.weight or LAYER.ofmap")
        return out, file.where, mistakes


def tensor_mistakes(tensors: Mapping[str, Mapping[str, Array]], network: Network) -> list[str]:
    """Sentences on tensors that belong to no layer, have another shape, or hold something other than numbers."""
    layers = {layer.name: layer for layer in network.mac_layers}
    out: list[str] = []
    for name, arrays in tensors.items():
        layer = layers.get(name)
        if layer is None:
            out.append(f"{network.name} has no layer with MACs called {name!r}{suggest(name, layers)}")
            continue
        names = names_of(layer)
        for which, array in arrays.items():
            if which not in names:
                out.append(f"{name}.{which}: must be one of {', '.join(names)}{suggest(which, names)}")
                continue
            wanted = shape_of(layer, which)
            without_batch = wanted[1:] if which != "weight" and layer.batch == 1 else wanted
            if array.shape not in (wanted, without_batch):
                out.append(f"{name}.{which}: must have shape {wanted}, got {array.shape}")
            elif array.dtype.kind not in "biuf":
                out.append(f"{name}.{which}: must hold numbers, got {array.dtype}")
            elif array.dtype.kind == "f" and not bool(np.isfinite(array).all()):
                out.append(f"{name}.{which}: holds values that are not finite")
    return out


def measure(layer: Layer, tensors: Mapping[str, Array], dram: Dram) -> Values:
    """Count what the values of a layer's tensors decide.

    Args:
        tensors: some of those that ``names_of`` lists, in the shapes of ``shape_of``.
        dram: the machine's off-chip memory, which may code feature maps and fetch their padding.
    """
    ifmap, weight, ofmap = (tensors.get(name) for name in names_of(layer))
    ifmap_macs = effectual = per_tap = None
    if ifmap is not None and layer.geometry is not None:
        per_tap = _nonzero_per_tap(layer.geometry, as_map(layer, np.not_equal(ifmap, 0)))
        ifmap_macs = int(per_tap.sum()) * layer.geometry.filters_per_group
        effectual = ifmap_macs
        if weight is not None:
            effectual = _effectual(layer.geometry, per_tap, as_filters(layer, np.not_equal(weight, 0)))
    return Values(
        ifmap_density=_density(ifmap),
        weight_density=_density(weight),
        ofmap_density=_density(ofmap),
        ifmap_macs=ifmap_macs,
        effectual_macs=effectual,
        ifmap_code=_coded(_padded(layer, ifmap) if dram.fetch_padding else ifmap, dram),
        ofmap_code=_coded(ofmap, dram),
        taps=per_tap,
    )


def run_length_pairs(values: Array, run_bits: int) -> int:
    """Pairs of a run-length code: (zeros before, level), a run being at most 2^run_bits - 1 zeros.

    A longer run is cut by pairs whose level is a zero; zeros at the end are closed by such a pair too.
    """
    covered: int = 2**run_bits
    at = np.flatnonzero(values)
    if at.size == 0:
        return -(-int(values.size) // covered)
    gaps = np.diff(at, prepend=-1) - 1
    rest = values.size - 1 - int(at[-1])
    fillers: int = int((gaps // covered).sum()) - (-rest // covered)
    return int(at.size) + fillers


def _padded(layer: Layer, ifmap: Array | None) -> Array | None:
    """A layer's ifmap with its padding."""
    g = layer.geometry
    if ifmap is None or g is None or not (g.pad_top or g.pad_bottom or g.pad_left or g.pad_right):
        return ifmap
    return np.pad(as_map(layer, ifmap), ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)))


def _coded(values: Array | None, dram: Dram) -> Coded | None:
    code = dram.run_length
    if values is None or code is None or values.size == 0:
        return None
    words = -(-run_length_pairs(values.ravel(), code.run_bits) // code.pairs_per_word)
    return Coded(int(values.size), int(np.count_nonzero(values)), words, code.word_bits)


def _density(values: Array | None) -> float | None:
    return None if values is None or values.size == 0 else int(np.count_nonzero(values)) / int(values.size)


def _nonzero_per_tap(geometry: Geometry, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Non-zero ifmap words that each tap meets over all outputs: (C, R, S)."""
    g = geometry
    pads = ((0, 0), (0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right))
    padded = np.pad(mask, pads)
    out = np.zeros((g.C, g.R, g.S), dtype=np.int64)
    for r in range(g.R):
        rows = slice(r * g.dilation_h, r * g.dilation_h + (g.P - 1) * g.stride_h + 1, g.stride_h)
        for s in range(g.S):
            cols = slice(s * g.dilation_w, s * g.dilation_w + (g.Q - 1) * g.stride_w + 1, g.stride_w)
            out[:, r, s] = padded[:, :, rows, cols].sum(axis=(0, 2, 3), dtype=np.int64)
    return out


def _effectual(geometry: Geometry, per_tap: npt.NDArray[np.int64], weight: npt.NDArray[np.bool_]) -> int:
    """MACs with both words non-zero: per tap, non-zero ifmap words times filters with a non-zero weight there."""
    g = geometry
    filters = weight.reshape(g.G, g.filters_per_group, g.channels_per_group, g.R, g.S).sum(1, dtype=np.int64)
    return int((filters * per_tap.reshape(filters.shape)).sum())
