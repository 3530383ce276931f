"""Compiled gathering of the inputs under a sliding window into a panel, one row per tap and one column per position."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from accsim.kernels.jit import kernel


class Window(NamedTuple):
    """Filter height and width R S, output height and width P Q, strides, dilations, zeros above and to the left."""

    R: int
    S: int
    P: int
    Q: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int


@kernel
def gather(ifmap: NDArray[Any], c0: int, window: Window, k0: int, taps: int, first: int, panel: NDArray[Any]) -> None:
    """panel[k, j] = the pixel of ``ifmap`` [N, C, H, W] under tap k0 + k of the window at position first + j.

    Taps count along (C, R, S) from channel c0, positions along (N, P, Q). Padding gives zeros. Fills whole rows of
    ``panel``, its first ``taps`` ones.
    """
    width = panel.shape[1]
    for k in range(taps):
        c, tap = divmod(k0 + k, window.R * window.S)
        r, s = divmod(tap, window.S)
        n, position = divmod(first, window.P * window.Q)
        p, q = divmod(position, window.Q)
        j = 0
        while j < width:
            run = min(window.Q - q, width - j)
            row = p * window.stride_h + r * window.dilation_h - window.pad_top
            column = q * window.stride_w + s * window.dilation_w - window.pad_left
            copy_run(ifmap[n, c0 + c], row, column, window.stride_w, panel[k, j : j + run])
            j += run
            q = 0
            p += 1
            if p == window.P:
                p = 0
                n += 1


@kernel
def copy_run(plane: NDArray[Any], row: int, column: int, step: int, run: NDArray[Any]) -> None:
    """run[i] = plane[row, column + i * step], or zero outside ``plane`` [H, W]."""
    height, width = plane.shape
    if not 0 <= row < height:
        run[:] = 0
        return
    size = run.shape[0]
    inside = min(max(-(column // step), 0), size)
    outside = min(max(-((column - width) // step), inside), size)
    for i in range(inside):
        run[i] = 0
    for i in range(inside, outside):
        run[i] = plane[row, column + i * step]
    for i in range(outside, size):
        run[i] = 0
