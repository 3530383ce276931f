"""Shapes that matrix products and convolutions can have, and what is said when they cannot."""

from __future__ import annotations

from typing import Any, NamedTuple, TypedDict

from numpy.typing import NDArray


class Sliding(TypedDict, total=False):
    """How windows slide in every convolution here, as keyword arguments.

    Attributes:
        groups: parts the channels and the filters are split in; 1 if not given.
        stride: pixels from one window to the next, down and across; (1, 1).
        dilation: pixels from one tap to the next, down and across; (1, 1).
        padding: rows or columns of padding at the top, bottom, left and right; (0, 0, 0, 0).
    """

    groups: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]


class Slide(NamedTuple):
    """A convolution whose shapes have been checked."""

    groups: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    p: int
    q: int
    filter: tuple[int, int]

    @property
    def window(self) -> tuple[int, ...]:
        """The fields of an :class:`accsim.kernels.windows.Window`."""
        return (*self.filter, self.p, self.q, *self.stride, *self.dilation, self.padding[0], self.padding[2])


def check_array(what: str, array: NDArray[Any], dimensions: int) -> None:
    """Whether an array holds integers and has as many dimensions.

    Raises:
        TypeError: it does not hold integers.
        ValueError: it has another number of dimensions.
    """
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must hold integers, got {array.dtype}")
    if array.ndim != dimensions:
        raise ValueError(f"{what} must have {dimensions} dimensions, got shape {array.shape}")


def check_depths(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Whether a matrix of shape ``left`` can be multiplied by one of shape ``right``."""
    if left[1] != right[0]:
        raise ValueError(f"a has {left[1]} columns and b {right[0]} rows")


def slide(ifmap: tuple[int, ...], weight: tuple[int, ...], how: Sliding) -> Slide:
    """The windows of a convolution of ``ifmap`` [N, C, H, W] and ``weight`` [M, C / groups, R, S].

    Raises:
        ValueError: shapes that do not match, a window larger than the padded input.
    """
    groups, stride, dilation = how.get("groups", 1), how.get("stride", (1, 1)), how.get("dilation", (1, 1))
    padding = how.get("padding", (0, 0, 0, 0))
    steps = (*stride, *dilation)
    if 0 in ifmap[1:] or 0 in weight:
        raise ValueError(f"only the batch may be zero, got ifmap {ifmap} and weight {weight}")
    if groups < 1 or min(steps) < 1 or min(padding) < 0:
        raise ValueError(
            f"groups, strides and dilations are at least 1 and padding at least 0, got {groups}, {steps} and {padding}"
        )
    if ifmap[1] != groups * weight[1] or weight[0] % groups:
        raise ValueError(
            f"{ifmap[1]} channels and {weight[0]} filters of {weight[1]} channels do not make {groups} groups"
        )
    (height, width), (r, s), (top, bottom, left, right) = ifmap[2:], weight[2:], padding
    p = _positions("height", height + top + bottom, dilation[0] * (r - 1) + 1, stride[0])
    q = _positions("width", width + left + right, dilation[1] * (s - 1) + 1, stride[1])
    return Slide(groups, stride, dilation, padding, p, q, (r, s))


def _positions(what: str, room: int, span: int, stride: int) -> int:
    if span > room:
        raise ValueError(f"a window that spans {span} in {what} does not fit the padded input of {room}")
    return (room - span) // stride + 1
