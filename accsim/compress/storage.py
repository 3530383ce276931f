"""What the weights of a layer take in memory: which encoding, and exactly how many bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Transformed
from accsim.compress.encodings import choose, expected_size, measure, parse_encoding
from accsim.compress.encodings.best import CANDIDATES
from accsim.compress.encodings.encoding import Encoding
from accsim.compress.encodings.relative import BEST as BEST_GAP
from accsim.compress.encodings.relative import MOST_GAP_BITS, Relative
from accsim.compress.model import LayerParameters
from accsim.errors import AccsimError

Ints = npt.NDArray[np.int64]
BEST = "best"


@dataclass(frozen=True, slots=True)
class Stored:
    """How the weights of a layer are stored.

    Attributes:
        code: the name of the weight code; ``published`` where only figures are known.
        bits: of a weight's code.
        weights: how many there are.
        density: fraction that is not zero; ``None`` where nothing is known, and then all are stored. Of transformed
            kernels it is that of the weights, which are multiplied, and not of the coefficients, which are stored.
        encoding: its name, with arguments.
        size_bits: bits of the encoding, values and metadata.
        metadata_bits: those of them that are no values of weights: indices, masks, pointers.
        table_bits: scales, codebooks and the like, beside the encoding.
        expected: whether the size is an expectation under independent zeros, and not a count.
    """

    code: str
    bits: int
    weights: int
    density: float | None
    encoding: str
    size_bits: int | float
    metadata_bits: int | float
    table_bits: int = 0
    expected: bool = False

    @property
    def stored_bits(self) -> int | float:
        """Everything that is stored for the weights."""
        return self.size_bits + self.table_bits

    @property
    def overhead_bits(self) -> int | float:
        """Everything beside the values of weights."""
        return self.metadata_bits + self.table_bits


def store(parameters: LayerParameters, encoding: str = BEST) -> Stored:
    """Choose an encoding for the weights of a layer and count its bits.

    Args:
        parameters: whose own ``encoding``, where a pass has chosen one, comes first.
        encoding: any that ``accsim.compress.encodings`` knows; ``best`` takes the smallest.

    Raises:
        AccsimError: an unknown encoding, or one that cannot hold the weights.
    """
    code = parameters.weight
    if encoding == BEST and parameters.encoding is not None:
        encoding = parameters.encoding
    weights = int(np.prod(code.shape, dtype=np.int64))
    density = parameters.density
    symbols, bits = stored_symbols(parameters)
    if symbols.size == 0:
        parse_encoding(encoding)
        return Stored(code.name, code.bits, weights, density, "none", 0, 0, code.table_bits)
    chosen = choose(symbols, encoding, bits)
    size = measure(symbols, chosen, bits)
    return Stored(
        code=code.name,
        bits=code.bits,
        weights=weights,
        density=density,
        encoding=str(chosen),
        size_bits=size.size_bits,
        metadata_bits=size.metadata_bits,
        table_bits=code.table_bits,
    )


def stored_symbols(parameters: LayerParameters) -> tuple[Ints, int]:
    """The integers that are stored for a layer, 0 where a weight is 0, and the bits of each.

    A code in which 0 stands for another weight (the first entry of a codebook) gives that weight a number that is free;
    where no number of the code's width is free, a code needs one bit more. What shares a code among several weights
    (product codebooks) is stored as it is. Of transformed kernels it is the coefficients that are stored, and their
    zeros that count.
    """
    zero, symbols = _zeros(parameters), parameters.weight.symbols()
    if symbols.size == 0:
        return symbols, 1
    bits = max(parameters.weight.bits, _least_bits(symbols))
    if symbols.shape != zero.shape:
        return symbols, _least_bits(symbols)
    if not zero.any():
        return symbols, bits
    clash = ~zero & (symbols == 0)
    out: Ints = np.where(zero, 0, symbols)
    if clash.any():
        label = _free_label(symbols[~zero], bits)
        out[clash] = label
        bits = max(bits, _least_bits(out))
    return out, bits


def _zeros(parameters: LayerParameters) -> npt.NDArray[np.bool_]:
    """Where what is stored stands for 0."""
    code, kept = parameters.weight, parameters.kept
    if not isinstance(code, Transformed):
        return np.asarray(parameters.values() == 0)
    zero = code.stored() == 0
    # a whole kernel may have been pruned; parts of one cannot
    return np.asarray(zero if kept is None else zero | ~kept.any(axis=(2, 3), keepdims=True))


def store_published(
    shape: tuple[int, ...], bits: int, density: float | None, encoding: str = BEST, code: str = "published"
) -> Stored:
    """The expected size of weights of which only figures are known; zeros are taken as independent.

    Raises:
        AccsimError: an encoding whose size depends on the values.
    """
    weights, known = int(np.prod(shape, dtype=np.int64)), 1.0 if density is None else density
    options: list[Encoding] = list(CANDIDATES) if encoding == BEST else [parse_encoding(encoding)]
    options = [gap for option in options for gap in _gaps(option)]
    best = None
    for option in options:
        try:
            size = expected_size(shape, bits, known, option)
        except AccsimError:
            if encoding != BEST:
                raise
            continue
        if best is None or size.size_bits < best[1].size_bits:
            best = option, size
    if best is None:
        raise AccsimError(f"no encoding holds weights of shape {shape} in {bits} bits")
    return Stored(code, bits, weights, density, str(best[0]), best[1].size_bits, best[1].metadata_bits, expected=True)


def _gaps(option: Encoding) -> list[Encoding]:
    """A relative index of every width of gaps, for one that leaves the width to be chosen."""
    if isinstance(option, Relative) and option.gap_bits == BEST_GAP:
        return [replace(option, gap_bits=g) for g in range(1, MOST_GAP_BITS + 1)]
    return [option]


def _least_bits(symbols: Ints) -> int:
    least, most = int(symbols.min()), int(symbols.max())
    return max(1, max(0, most).bit_length() + (least < 0), (-least - 1).bit_length() + 1 if least < 0 else 1)


def _free_label(used: Ints, bits: int) -> int:
    """The smallest positive number that no weight has; within the code's width if there is one."""
    signed = bool((used < 0).any())
    taken = np.unique(used[(used > 0) & (used < 1 << 16)])
    gaps = np.flatnonzero(taken != np.arange(1, taken.size + 1))
    label = int(gaps[0]) + 1 if gaps.size else taken.size + 1
    if signed and label > (1 << (bits - 1)) - 1:
        below = np.unique(used[used < 0])[::-1]
        gaps = np.flatnonzero(below != -np.arange(1, below.size + 1))
        lowest = -(int(gaps[0]) + 1) if gaps.size else -(below.size + 1)
        return lowest if lowest >= -(1 << (bits - 1)) else label
    return label
