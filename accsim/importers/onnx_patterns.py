"""Nodes that together are one layer: activations and layer norms that an exporter has written out.

An activation is found by evaluation: from a tensor that several nodes read, what elementwise nodes with single numbers
make of it is computed on a row of points and compared with the activations that are known. So every spelling of gelu is
found, whatever the order of its products. A layer norm is found by its nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from accsim.compress import arithmetic
from accsim.importers.onnx_values import Array

POINTS = np.linspace(-5.0, 5.0, 41)
CLOSE = 1e-5
"""Of the largest value: exporters write constants in float32, some of 0.7978845608 with fewer digits."""

KNOWN: Mapping[str, tuple[str, dict[str, str]]] = {
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "silu": ("Swish", {}),
    "hard_swish": ("HardSwish", {}),
}
"""Activations that are made of several nodes, with the operator of the standard that each of them is."""

_ONE: Mapping[str, Callable[[Array], Array]] = {
    "Erf": arithmetic.erf, "Tanh": np.tanh, "Sqrt": np.sqrt, "Neg": np.negative, "Exp": np.exp,
    "Sigmoid": lambda x: 0.5 * (1.0 + np.tanh(0.5 * x)), "HardSigmoid": lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "Identity": lambda x: x,
}  # fmt: skip
_TWO: Mapping[str, Callable[[Array, Array], Array]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power,
}  # fmt: skip
_MOST_NODES = 12

Number = Callable[[str], float | None]
"""The one number that a constant tensor holds; ``None`` for other tensors."""


def fused(nodes: Sequence[Any], outputs: Sequence[str], number: Number, make: Callable[..., Any]) -> list[Any]:
    """The nodes, those of a pattern replaced by one.

    Args:
        nodes: ``onnx.NodeProto`` in order.
        outputs: of the graph.
        make: makes a node of an operator, inputs, outputs, a name and attributes.
    """
    uses = Counter(name for node in nodes for name in node.input if name)
    uses.update(outputs)
    gone: set[int] = set()
    instead: dict[int, Any] = {}
    readers: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        if not node.output:
            continue
        for name in dict.fromkeys(node.input):
            readers.setdefault(name, []).append(i)
    for name in list(readers):
        if uses[name] < 2 or number(name) is not None:
            continue
        found = _activation(name, nodes, readers, uses, number) or _layer_norm(name, nodes, readers, uses, number)
        if found is None or gone & set(found[0]):
            continue
        members, operator, inputs, attributes = found
        last = nodes[members[-1]]
        gone |= set(members)
        instead[members[-1]] = make(operator, inputs, [last.output[0]], last.name or last.output[0], **attributes)
    return [instead.get(i, node) for i, node in enumerate(nodes) if i in instead or i not in gone]


Found = tuple[list[int], str, list[str], dict[str, Any]]


def _activation(
    source: str, nodes: Sequence[Any], readers: Mapping[str, list[int]], uses: Counter[str], number: Number
) -> Found | None:
    """The activation that begins at a tensor."""
    values: dict[str, Array] = {source: POINTS}
    members: list[int] = []
    frontier = list(readers.get(source, ()))
    while frontier and len(members) < _MOST_NODES:
        i = min(frontier)
        frontier.remove(i)
        if i in members:
            continue
        made = _evaluated(nodes[i], values, number)
        if made is None:
            continue
        members.append(i)
        result = nodes[i].output[0]
        values[result] = made
        name = _named(made) if len(members) > 1 else None
        behind = [] if name is None else _behind(members, nodes)
        if name is not None and _closed(behind, nodes, uses):
            operator, attributes = KNOWN[name]
            return behind, operator, [source], dict(attributes)
        frontier += readers.get(result, ())
    return None


def _evaluated(node: Any, values: Mapping[str, Array], number: Number) -> Array | None:
    if node.domain not in ("", "ai.onnx"):
        return None
    held = [values.get(name) for name in node.input]
    with np.errstate(all="ignore"):
        if node.op_type in _ONE and len(held) == 1 and held[0] is not None:
            return None if node.op_type == "HardSigmoid" and not _sixth(node) else _ONE[node.op_type](held[0])
        if node.op_type in _TWO and len(held) == 2:
            pair = [_number(one, name, number) for one, name in zip(held, node.input, strict=True)]
            if pair[0] is not None and pair[1] is not None:
                return _TWO[node.op_type](pair[0], pair[1])
    return None


def _sixth(node: Any) -> bool:
    held = {a.name: a.f for a in node.attribute}
    return bool(abs(held.get("alpha", 0.2) - 1 / 6) < CLOSE and held.get("beta", 0.5) == 0.5)


def _number(value: Array | None, name: str, number: Number) -> Array | None:
    if value is not None:
        return value
    found = number(name)
    return None if found is None else np.float64(found)  # type: ignore[return-value]  # a NumPy scalar broadcasts


def _named(values: Array) -> str | None:
    for name in KNOWN:
        wanted = arithmetic.ACTIVATIONS[name](POINTS, {})
        if values.shape == wanted.shape and np.abs(values - wanted).max() <= CLOSE * np.abs(wanted).max():
            return name
    return None


def _behind(members: Sequence[int], nodes: Sequence[Any]) -> list[int]:
    """Those of the nodes that the last one needs."""
    needed, out = {nodes[members[-1]].output[0]}, list[int]()
    for i in reversed(members):
        if nodes[i].output[0] in needed:
            needed.update(nodes[i].input)
            out.append(i)
    return out[::-1]


def _closed(members: Sequence[int], nodes: Sequence[Any], uses: Counter[str]) -> bool:
    """Whether nothing else reads what the nodes before the last one give."""
    inside = Counter(name for i in members for name in nodes[i].input)
    return all(uses[nodes[i].output[0]] == inside[nodes[i].output[0]] for i in members[:-1])


def _layer_norm(
    source: str, nodes: Sequence[Any], readers: Mapping[str, list[int]], uses: Counter[str], number: Number
) -> Found | None:
    """(x - mean) / sqrt(variance + epsilon), and the scale and shift behind it if they are constants."""

    def only(name: str, operator: str) -> int | None:
        """The only reader of a tensor, if it is such a node."""
        found = readers.get(name, [])
        return found[0] if len(found) == 1 and uses[name] == 1 and nodes[found[0]].op_type == operator else None

    def among(name: str, *operators: str) -> int | None:
        return next((i for i in readers.get(name, []) if nodes[i].op_type in operators), None)

    mean = among(source, "ReduceMean")
    axis = None if mean is None else _axis(nodes[mean], number)
    if mean is None or axis is None:
        return None
    less = only(nodes[mean].output[0], "Sub")
    if less is None or list(nodes[less].input) != [source, nodes[mean].output[0]]:
        return None
    centred = nodes[less].output[0]
    square = among(centred, "Pow", "Mul")
    if square is None:
        return None
    powers = nodes[square]
    inputs = list(powers.input)
    squared = len(inputs) == 2 and inputs[0] == centred and number(inputs[1]) == 2.0
    twice = squared if powers.op_type == "Pow" else inputs == [centred, centred]
    members = [mean, less, square]
    at = powers.output[0]
    epsilon = None
    for operator in ("ReduceMean", "Add", "Sqrt", "Div"):
        i = only(at, operator)
        if i is None:
            return None
        if operator == "Add":
            epsilon = next((e for e in map(number, nodes[i].input) if e is not None), None)
        if operator == "ReduceMean" and _axis(nodes[i], number) != axis:
            return None
        members.append(i)
        at = nodes[i].output[0]
    inside = Counter(name for i in members for name in nodes[i].input)
    divided = list(nodes[members[-1]].input) == [centred, nodes[members[-2]].output[0]]
    if not twice or epsilon is None or not divided or inside[centred] != uses[centred]:
        return None
    return members, "LayerNormalization", [source, ""], {"axis": axis, "epsilon": epsilon}


def _axis(node: Any, number: Number) -> int | None:
    """The one axis that a ReduceMean is over, if it keeps it."""
    held = {a.name: a for a in node.attribute}
    if "keepdims" in held and held["keepdims"].i != 1:
        return None
    if "axes" in held:
        return held["axes"].ints[0] if len(held["axes"].ints) == 1 else None
    found = number(node.input[1]) if len(node.input) > 1 else None
    return None if found is None else int(found)
