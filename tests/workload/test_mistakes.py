"""Mistakes in a network file: whole sentences, with the place, the values and what would be legal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Mistakes = Callable[..., list[str]]

LINES = [
    (
        "a: {conv: 4, kernel: 9}",
        "net.yaml:3:8: a: a window that spans 9 in height does not fit the padded input of 8 (8 + 0 + 0 padding);"
        " a kernel of at most 8 would",
    ),
    (
        "a: {conv: 4, kernel: 3, groups: 2}",
        "net.yaml:3:8: a: 3 input channels cannot be split into 2 groups of equal size",
    ),
    ("a: {conv: 4, kernel: 3, groups: 3}", "net.yaml:3:8: a: 4 filters cannot be split into 3 groups of equal size"),
    ("a: {conv: -4, kernel: 3}", "net.yaml:3:15: a: conv: must be at least 1, got -4"),
    ("a: {conv: 4, kernel: 0}", "net.yaml:3:26: a: kernel: must be at least 1, got 0"),
    ("a: {conv: 4, kernel: 3, pad: -1}", "net.yaml:3:34: a: pad: must be at least 0, got -1"),
    ("a: {conv: 4}", "net.yaml:3:8: a: conv needs 'kernel'"),
    ("a: conv", "net.yaml:3:8: a: conv needs a value, its filters (conv: ...)\nnet.yaml:3:8: a: conv needs 'kernel'"),
    (
        "a: {conv: 4, kernel: 3, strde: 2}",
        "net.yaml:3:29: a: conv has no option 'strde'; did you mean 'stride' or 'start'?",
    ),
    ("a: {conv: 4, kernel: 3, stride: two}", "net.yaml:3:37: a: stride: must be a whole number, got 'two'"),
    ("a: {conv: 4, kernel: 1.5}", "net.yaml:3:26: a: kernel: must be a whole number, got 1.5"),
    ("a: {conv: 4, kernel: [3]}", "net.yaml:3:26: a: kernel: must be one size or [height, width], got [3]"),
    (
        "a: {conv: 4, kernel: 3, pad: [1, 2, 3]}",
        "net.yaml:3:34: a: pad: must be a size, [height, width], [top, bottom, left, right] or same, got [1, 2, 3]",
    ),
    ("a: {conv: 4, kernel: 3, bias: 1}", "net.yaml:3:35: a: bias: must be true or false, got 1"),
    (
        "a: {fc: 10, from: inptu}",
        "net.yaml:3:23: a: reads 'inptu', but no earlier layer has this name; did you mean 'input'?",
    ),
    ("a: {relu: , from: a}", "net.yaml:3:23: a: reads itself; a layer reads only earlier layers"),
    ("a: {relu: , from: [input, input]}", "net.yaml:3:8: a: relu reads 1 layer, got 2"),
    ("a: {relu: 3}", "net.yaml:3:15: a: relu takes no value, got 3"),
    ("a: {rleu: }", "net.yaml:3:8: a: no known operation in 'rleu'; did you mean 'relu' or 'relu6' or 'prelu'?"),
    ("a: rleu", "net.yaml:3:8: a: no known operation in 'rleu'; did you mean 'relu' or 'relu6' or 'prelu'?"),
    ("a: {conv: 4, fc: 3}", "net.yaml:3:8: a: has more than one operation: conv, fc"),
    ("a: [relu]", "net.yaml:3:8: a: expected an operation such as relu or {conv: 64, kernel: 3}, got a list of 1"),
    ("a: ", "net.yaml:3:7: a: expected an operation such as relu or {conv: 64, kernel: 3}, got nothing"),
    ("relu", "net.yaml:3:5: expected one line such as 'conv1: {conv: 64, kernel: 3}', got 'relu'"),
    ("input: relu", "net.yaml:3:5: input: 'input' names what the network (or the block) reads; choose another name"),
    (
        "a b: relu",
        "net.yaml:3:5: a b: a name is made of letters, digits and _ . + - /, and begins with a letter, a digit or _",
    ),
    ("$a: relu", "net.yaml:3:5: $a: '$' stands for the name of a block and means nothing outside one"),
    ("a#: relu", "net.yaml:3:5: a#: '#' stands for the number of a repetition, and there is no 'repeat'"),
    ("a: {relu: , start: 2}", "net.yaml:3:17: a: 'start' numbers the repetitions, and there is no 'repeat'"),
    ("a: {relu: , repeat: 0}", "net.yaml:3:25: a: repeat: must be at least 1, got 0"),
    ("a: {relu: , repeat: 1000000}", "net.yaml:3:25: a: repeat: must be at most 100000, got 1000000"),
    ("a: {add: [input, input], from: input}", "net.yaml:3:30: a: add lists what it reads itself: add: [a, b]"),
    ("a: add", "net.yaml:3:8: a: add needs the layers it reads (add: [a, b])"),
    ("a: {add: [input]}", "net.yaml:3:8: a: add reads at least 2 layers, got 1"),
    ("a: {relu: , then: tnah}", "net.yaml:3:23: a: then: no known operation in 'tnah'; did you mean 'tanh'?"),
    (
        "a: {relu: , then: {fc: 3, repeat: 2}}",
        "net.yaml:3:23: a: then: takes single operations that read the one before, not the key 'repeat'",
    ),
    (
        "a: {max_pool: 3, pad: 3}",
        "net.yaml:3:8: a: a window of 3 in height would hold nothing but padding with 3; pad less than 3",
    ),
    ("a: layer_norm", "net.yaml:3:8: a: input 'input' must be a sequence [tokens, width], but gives [3, 8, 8]"),
    ("a: {slice: [3, 3]}", "net.yaml:3:16: a: slice: must end behind its first position, got [3, 3]"),
    ("a: {slice: [2, 5]}", "net.yaml:3:8: a: slice [2, 5] of the channels goes past the end: 'input' gives [3, 8, 8]"),
]


@pytest.mark.parametrize(("line", "message"), LINES, ids=[line for line, _ in LINES])
def test_one_line(mistakes: Mistakes, line: str, message: str) -> None:
    assert "\n".join(mistakes(f"input: [3, 8, 8]\nlayers:\n  - {line}\n")) == message


def test_all_mistakes_come_at_once_and_in_order(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [3, 8, 8]
        layers:
          - a: {conv: 4, kernel: 3, strde: 2, pad: -1}
          - b: {conv: 4, kernel: 9, from: input}
          - c: {add: [b, input]}
          - d: {add: [f, input]}
          - e: {concat: [f, input]}
          - f: {conv: 3, kernel: 3, from: input}
          - g: {add: [f, input]}
          - h: {concat: [f, input]}
          - f: relu
        """
    ) == [
        "net.yaml:3:29: a: conv has no option 'strde'; did you mean 'stride' or 'start'?",
        "net.yaml:3:44: a: pad: must be at least 0, got -1",
        "net.yaml:4:8: b: a window that spans 9 in height does not fit the padded input of 8 (8 + 0 + 0 padding);"
        " a kernel of at most 8 would",
        "net.yaml:6:15: d: reads 'f', which comes later; a layer reads only earlier layers",
        "net.yaml:7:18: e: reads 'f', which comes later; a layer reads only earlier layers",
        "net.yaml:9:8: g: add needs inputs of one shape, but 'f' gives [3, 6, 6], 'input' gives [3, 8, 8]",
        "net.yaml:10:8: h: concat along channels needs all other sizes equal,"
        " but 'f' gives [3, 6, 6], 'input' gives [3, 8, 8]",
        "net.yaml:11:5: f: this name is already used at net.yaml:8:5",
    ]


def test_input(mistakes: Mistakes) -> None:
    assert mistakes("input: [3, -227, x]\nlayers: [a: relu]\n") == [
        "net.yaml:1:12: input: must be at least 1, got -227",
        "net.yaml:1:18: input: must be a whole number, got 'x'",
    ]


def test_past_64_bits_is_one_mistake(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [1, 1000000, 1000000]
        layers:
          - a: {conv: 64, kernel: 3, pad: 1}
          - b: {conv: 1000000, kernel: 3, pad: 1}
          - c: {fc: 10}
        """
    ) == [
        "net.yaml:4:8: layer 'b': 576000000000000000000 MACs cannot be represented in 64 bits"
        " (at most 9223372036854775807)"
    ]
    assert mistakes("input: [4, 3000000000, 3000000000]\nlayers: [a: relu]\n") == [
        "net.yaml:1:8: input: 36000000000000000000 words cannot be represented in 64 bits (at most 9223372036854775807)"
    ]
    assert mistakes("input: [1, 8, 8]\nlayers: [a: relu]\n", batch=2**60) == [
        f"net.yaml:1:8: input: {64 * 2**60} words cannot be represented in 64 bits (at most 9223372036854775807)"
    ]


def test_too_many_layers_stop_soon(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [1, 4, 4]
        blocks: {many: {layers: [{a: {relu: , repeat: 1000}}]}}
        layers: [b: {many: , repeat: 100000}]
        """
    ) == ["net.yaml:3:9: the network has more than 100000 layers"]


def test_blocks(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [1, 4, 4]
        blocks:
          loop:
            layers: [{x: {loop: }}]
          scaled:
            parameters: [p, q: 2 * p]
            layers: [{x: {conv: p, kernel: q}}]
          relu:
            layers: [{x: tanh}]
        layers:
          - a: loop
          - b: {scaled: 1, p: 2}
          - c: scaled
          - d: {scaled: 1, zz: 4}
          - e: {scaled: 1 / 0, from: input}
          - f: {scaled: 3, from: input}
          - g: {scaled: 1, from: [input, input]}
        """
    ) == [
        "net.yaml:4:18: a.x: block 'loop' uses itself: loop > loop",
        "net.yaml:7:18: f.x: a window that spans 6 in height does not fit the padded input of 4 (4 + 0 + 0 padding);"
        " a kernel of at most 4 would",
        "net.yaml:8:3: blocks: 'relu' already means something in a line",
        "net.yaml:12:20: b: 'p' is given twice: it is the value of 'scaled' too",
        "net.yaml:13:8: c: scaled needs 'p'",
        "net.yaml:14:20: d: scaled has no option 'zz'; it has p, q, from, then, repeat, start",
        "net.yaml:15:17: e: p: '1 / 0': 1 is not divisible by 0",
        "net.yaml:17:26: g: a block reads one layer, got 2",
    ]


def test_a_mistake_in_a_block_is_told_once(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [3, 4, 4]
        blocks: {wide: {layers: [{x: {conv: 3, kernel: 5, from: input}}]}}
        layers:
          - a: wide
          - b: {wide: , from: input}
        """
    ) == [
        "net.yaml:2:30: a.x: a window that spans 5 in height does not fit the padded input of 4 (4 + 0 + 0 padding);"
        " a kernel of at most 4 would"
    ]


def test_names_made_by_repetition_may_clash(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [3, 4, 4]
        layers:
          - a.1: relu
          - a: {relu: , repeat: 2}
          - b: {relu: , then: [tanh, tanh]}
        """
    ) == [
        "net.yaml:4:5: a.1: this name is already used at net.yaml:3:5",
        "net.yaml:5:30: b.tanh: this name is already used at net.yaml:5:24",
    ]


def test_densities(mistakes: Mistakes) -> None:
    assert mistakes(
        """
        input: [3, 4, 4]
        layers: [conv1: {conv: 3, kernel: 1}]
        densities:
          - {source: x, ifmap: {conv: 0.5, conv1: 0.5}}
          - {source: y, ifmap: {conv1: 0.5}}
        """
    ) == [
        "net.yaml:4:25: densities: no layer is named 'conv'; did you mean 'conv1'?",
        "net.yaml:5:25: densities: the ifmap density of 'conv1' is given twice",
    ]
