"""Layers without MACs, evaluated on numbers that count what is done to them."""

from __future__ import annotations

import math
from collections.abc import Callable


class Counted:
    """A number; every addition, product, division, comparison and exponential of one is one operation."""

    done = 0

    def __init__(self, value: float) -> None:
        self.value = value

    @classmethod
    def _step(cls, value: float) -> Counted:
        Counted.done += 1
        return Counted(value)

    def __add__(self, other: Counted) -> Counted:
        return self._step(self.value + other.value)

    def __sub__(self, other: Counted) -> Counted:
        return self._step(self.value - other.value)

    def __mul__(self, other: Counted) -> Counted:
        return self._step(self.value * other.value)

    def __truediv__(self, other: Counted) -> Counted:
        return self._step(self.value / other.value)

    def __neg__(self) -> Counted:
        return self._step(-self.value)


def larger(a: Counted, b: Counted) -> Counted:
    return Counted._step(max(a.value, b.value))


def smaller(a: Counted, b: Counted) -> Counted:
    return Counted._step(min(a.value, b.value))


def exp(x: Counted) -> Counted:
    return Counted._step(math.exp(x.value))


def power(x: Counted, y: float) -> Counted:
    return Counted._step(x.value**y)


def root(x: Counted) -> Counted:
    return Counted._step(math.sqrt(x.value))


C = Counted
ONE, TWO, HALF, SIX = C(1.0), C(2.0), C(0.5), C(6.0)


def leaky(x: Counted) -> Counted:
    below = smaller(x, C(0.0)).value
    return C._step(0.1 * x.value) if below else x


def sigmoid(x: Counted) -> Counted:
    return ONE / (ONE + exp(-x))


def tanh(x: Counted) -> Counted:
    e = exp(TWO * x)
    return (e - ONE) / (e + ONE)


def hard_sigmoid(x: Counted) -> Counted:
    """(Howard et al., ICCV 2019): min(max(x + 3, 0), 6) / 6."""
    return smaller(larger(x + C(3.0), C(0.0)), SIX) / SIX


def gelu(x: Counted) -> Counted:
    """Hendrycks and Gimpel, 2016, section 2: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    inner = C(math.sqrt(2 / math.pi)) * (x + C(0.044715) * (x * x * x))
    return HALF * x * (ONE + tanh(inner))


ACTIVATIONS: dict[str, Callable[[Counted], Counted]] = {
    "relu": lambda x: larger(x, C(0.0)),
    "relu6": lambda x: smaller(larger(x, C(0.0)), SIX),
    "clip": lambda x: smaller(larger(x, C(0.0)), SIX),
    "leaky_relu": leaky,
    "prelu": leaky,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": lambda x: x * hard_sigmoid(x),
    "silu": lambda x: x * sigmoid(x),
    "gelu": gelu,
    "gelu_tanh": gelu,
}


def pool(rows: list[Counted], kind: str) -> Counted:
    """One window."""
    total = rows[0]
    for value in rows[1:]:
        total = larger(total, value) if kind == "max" else total + value
    return total if kind == "max" else total / C(float(len(rows)))


def softmax(row: list[Counted]) -> list[Counted]:
    top = row[0]
    for value in row[1:]:
        top = larger(top, value)
    powers = [exp(value - top) for value in row]
    total = powers[0]
    for value in powers[1:]:
        total = total + value
    return [value / total for value in powers]


def layer_norm(row: list[Counted]) -> list[Counted]:
    total = row[0]
    for value in row[1:]:
        total = total + value
    mean = total / C(float(len(row)))
    centred = [value - mean for value in row]
    squares = [value * value for value in centred]
    spread = squares[0]
    for value in squares[1:]:
        spread = spread + value
    deviation = root(spread / C(float(len(row))) + C(1e-5))
    return [value / deviation * C(0.9) + C(0.1) for value in centred]


def lrn(window: list[Counted], at: int) -> Counted:
    """Krizhevsky et al., NIPS 2012, section 3.3: x / (k + alpha sum x^2)^beta."""
    total = C(0.0)
    for value in window:
        total = total + value * value
    return window[at] / power(TWO + C(1e-4) * total, 0.75)


def operations(work: Callable[[], object]) -> int:
    """Operations that ``work`` does."""
    before = Counted.done
    work()
    return Counted.done - before
