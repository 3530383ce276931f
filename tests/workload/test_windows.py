from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accsim.workload.expression import Mistake
from accsim.workload.windows import slide

small = st.integers(1, 5)
zeros = st.integers(0, 3)


def positions(size: int, kernel: int, stride: int, dilation: int, before: int, after: int, ceil: bool) -> int:
    """Slide the window along the padded input, one pixel at a time, and count where it stops."""
    padded = ["zero"] * before + ["pixel"] * size + ["zero"] * after
    count = 0
    for start in range(0, len(padded), stride):
        taps = [start + dilation * tap for tap in range(kernel)]
        if taps[-1] < len(padded):
            count += 1
            continue
        previous_end = taps[-1] - stride
        if ceil and count and previous_end < len(padded) - 1 and start < before + size:
            count += 1  # pixels are left over that no window reached
        break
    return count


@given(st.integers(1, 12), small, small, st.integers(1, 3), zeros, zeros)
def test_positions_equal_a_window_slid_by_hand(
    size: int, kernel: int, stride: int, dilation: int, before: int, after: int
) -> None:
    expected = positions(size, kernel, stride, dilation, before, after, ceil=False)
    if expected == 0:
        with pytest.raises(Mistake, match="does not fit the padded input"):
            slide("height", size, kernel, stride, dilation, (before, after), ceil=False)
    else:
        assert slide("height", size, kernel, stride, dilation, (before, after), ceil=False).outputs == expected


@given(st.integers(1, 12), small, small, zeros, zeros)
def test_ceil_adds_a_window_for_left_over_pixels(size: int, kernel: int, stride: int, before: int, after: int) -> None:
    before, after = min(before, kernel - 1), min(after, kernel - 1)
    expected = positions(size, kernel, stride, 1, before, after, ceil=True)
    if expected:
        assert slide("height", size, kernel, stride, 1, (before, after), ceil=True).outputs == expected


@given(st.integers(1, 20), small, small, st.integers(1, 3))
def test_same_covers_every_stride_and_pads_least(size: int, kernel: int, stride: int, dilation: int) -> None:
    axis = slide("height", size, kernel, stride, dilation, None, ceil=False)
    assert axis.outputs == len(range(0, size, stride))
    assert axis.after - axis.before in (0, 1)
    assert positions(size, kernel, stride, dilation, axis.before, axis.after, ceil=False) == axis.outputs
    if axis.after:
        assert positions(size, kernel, stride, dilation, axis.before, axis.after - 1, ceil=False) < axis.outputs


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "ceil", "outputs"),
    [
        (227, 11, 4, (0, 0), False, 55),  # AlexNet conv1
        (224, 7, 2, (3, 3), False, 112),  # ResNet conv1
        (112, 3, 2, (0, 0), True, 56),  # GoogLeNet pool1, Caffe
        (109, 3, 2, (0, 0), True, 54),  # SqueezeNet 1.0 pool1
        (147, 3, 2, None, False, 74),  # Xception block 2
    ],
)
def test_published_sizes(
    size: int, kernel: int, stride: int, padding: tuple[int, int] | None, ceil: bool, outputs: int
) -> None:
    assert slide("height", size, kernel, stride, 1, padding, ceil).outputs == outputs


def test_the_message_says_what_would_fit() -> None:
    with pytest.raises(Mistake) as caught:
        slide("width", 5, 4, 1, 3, (1, 1), ceil=False)
    assert str(caught.value) == (
        "a window that spans 10 in width does not fit the padded input of 7 (5 + 1 + 1 padding);"
        " a kernel of at most 3 would"
    )
