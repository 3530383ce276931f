"""How many positions a window takes on an axis, and the padding it needs: the rules of shape inference."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.workload.expression import Mistake


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a sliding window.

    Attributes:
        size: input pixels, without padding.
        kernel: taps of the window.
        stride, dilation: pixels between windows and between the taps of one.
        before, after: zeros ahead of the input and behind it.
        outputs: positions of the window.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    outputs: int


def reach(kernel: int, dilation: int) -> int:
    """Pixels from the first tap of a window to its last, both included."""
    return dilation * (kernel - 1) + 1


def slide(
    what: str, size: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int] | None, ceil: bool
) -> Axis:
    """Place a window on an axis called ``what``.

    With ``padding`` the window takes floor((size + padding - reach) / stride) + 1 positions. ``ceil`` rounds up
    instead and then drops a last window that would start behind the input (the pooling of Caffe, and of
    torch.nn.MaxPool2d with ``ceil_mode``). ``padding`` ``None`` is TensorFlow's ``SAME``: ceil(size / stride)
    positions, an odd zero behind.

    Raises:
        Mistake: the window is larger than the padded input.
    """
    span = reach(kernel, dilation)
    if padding is None:
        outputs = -(-size // stride)
        zeros = max((outputs - 1) * stride + span - size, 0)
        return Axis(size, kernel, stride, dilation, zeros // 2, zeros - zeros // 2, outputs)
    before, after = padding
    room = size + before + after - span
    if room < 0:
        raise Mistake(
            f"a window that spans {span} in {what} does not fit the padded input of {size + before + after}"
            f" ({size} + {before} + {after} padding); a kernel of at most"
            f" {(size + before + after - 1) // dilation + 1} would"
        )
    outputs = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (outputs - 1) * stride >= size + before:
        outputs -= 1
    return Axis(size, kernel, stride, dilation, before, after, outputs)
