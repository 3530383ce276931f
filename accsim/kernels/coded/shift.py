"""Weights that are powers of two or zero: products are shifts (Zhou et al., INQ, ICLR 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Unpack

import numpy as np
from numpy.typing import NDArray

from accsim.kernels.bounds import magnitude
from accsim.kernels.coded.outputs import outputs
from accsim.kernels.shapes import Sliding, check_array, check_depths, slide

LARGEST: Final = 62


@dataclass(frozen=True, slots=True, eq=False)
class Powers:
    """Weights of a sign and an exponent.

    Attributes:
        codes: int8 of any shape, [rows, K] or [M, C / groups, R, S]: 0 is zero, and e + 1 with a sign is 2**e with that
            sign, for e from 0 to 62. Levels below one, as INQ's 2**n2, are a scale of the layer.

    Raises:
        ValueError: another type, a code outside -63 .. 63.
    """

    codes: NDArray[np.int8]

    def __post_init__(self) -> None:
        if self.codes.dtype != np.int8:
            raise ValueError(f"codes are int8, got {self.codes.dtype}")
        if self.codes.size and max(-int(self.codes.min()), int(self.codes.max())) > LARGEST + 1:
            raise ValueError(f"codes are -{LARGEST + 1} .. {LARGEST + 1}, got {self.codes.min()} .. {self.codes.max()}")

    def decode(self) -> NDArray[np.int64]:
        """The weights."""
        sizes = np.int64(1) << np.maximum(np.abs(self.codes.astype(np.int64)) - 1, 0)
        weights: NDArray[np.int64] = np.sign(self.codes) * sizes
        return weights


def encode(values: NDArray[Any]) -> Powers:
    """Integers that are zero or plus or minus a power of two, up to 2**62.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: another integer.
    """
    check_array("values", values, values.ndim)
    wide = values.astype(np.int64)
    sizes = np.abs(wide)
    wrong = (sizes & (sizes - 1) != 0) | (sizes < 0) | (values.dtype.kind == "u") & (wide < 0)
    if wrong.any():
        raise ValueError(f"{values[wrong].flat[0]} is neither zero nor plus or minus a power of two up to 2**{LARGEST}")
    exponents = np.frexp(sizes.astype(np.float64))[1]  # 2**e is 0.5 * 2**(e + 1); 0 has exponent 0
    return Powers((np.sign(wide) * exponents).astype(np.int8))


def gemm(a: Powers, b: NDArray[Any]) -> NDArray[Any]:
    """The product of rows of powers of two and a matrix, by shifts and additions.

    Args:
        a: [rows, K].
        b: integers [K, columns].

    Returns:
        [rows, columns], exact: int32 if every sum must fit, else int64. Any size may be zero.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: shapes that do not match, sums that may leave 64 bits.
    """
    check_array("a", a.codes, 2)
    check_array("b", b, 2)
    check_depths(a.codes.shape, b.shape)
    (rows, depth), columns = a.codes.shape, b.shape[1]
    if not (rows and depth and columns):
        return np.zeros((rows, columns), np.int32)
    out = convolve(b.reshape(1, depth, 1, columns), Powers(a.codes.reshape(rows, depth, 1, 1)))
    return out.reshape(rows, columns)


def convolve(ifmap: NDArray[Any], weight: Powers, **how: Unpack[Sliding]) -> NDArray[Any]:
    """The convolution of :func:`accsim.kernels.convolve` with weights [M, C / groups, R, S], by shifts and additions.

    Args:
        ifmap: integers [N, C, H, W]; N may be zero.
        weight: powers of two.
        how: see :class:`accsim.kernels.shapes.Sliding`.

    Returns:
        [N, M, P, Q], exact: int32 if every sum must fit, else int64.

    Raises:
        TypeError: an array that does not hold integers.
        ValueError: shapes that do not match, a window larger than the padded input, sums that may leave 64 bits.
    """
    check_array("ifmap", ifmap, 4)
    check_array("weight", weight.codes, 4)
    at = slide(ifmap.shape, weight.codes.shape, how)
    filters, taps = weight.codes.shape[0], int(np.prod(weight.codes.shape[1:]))
    largest = max(-int(weight.codes.min()), int(weight.codes.max()), 1) - 1
    bound = taps * magnitude(ifmap) << largest
    if bound >= 2**63:
        raise ValueError(f"sums of {taps} products with 2**{largest} may leave 64 bits")
    kind = np.int32 if bound < 2**31 else np.int64
    codes = np.ascontiguousarray(weight.codes.reshape(at.groups, filters // at.groups, taps))

    def compute(inputs: NDArray[Any], window: Any, out: NDArray[Any]) -> None:
        from accsim.kernels.coded import windows  # noqa: PLC0415

        windows.shifted_panels(inputs, codes, window, out.reshape(*out.shape[:3], -1))

    return outputs(ifmap, filters, at, kind, compute)
