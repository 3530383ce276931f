"""Conditions between the keys of a design space: ``array.rows * array.cols <= 4096``.

They are Python expressions of comparisons, ``and``, ``or``, ``not``, ``in``, ``+ - * / // %``, numbers, quoted text and
the space's keys. A value with a unit counts in its base unit, bits or MHz, on both sides: ``levels.buffer.size <= '128
KiB'``. A key that is not a name in Python, such as one with a dash, is written ``key('...')``.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from accsim.errors import suggest
from accsim.yamlfile.units import FREQUENCIES, SIZES, quantity

Value = Any

_OPERATORS: Mapping[type[ast.AST], Callable[[Value, Value], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}

_LONGEST = 1000


class ConditionError(ValueError):
    """What is wrong with a condition, in words."""


@lru_cache(maxsize=4096)
def number(text: str) -> Value:
    """The value of a text: a number, a size in bits, a frequency in MHz, or the text itself."""
    plain = {"true": True, "false": False}
    if text in plain:
        return plain[text]
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    for units in (SIZES, FREQUENCIES):
        try:
            found = quantity(text, units, "")
        except ValueError:
            continue
        return int(found) if found.denominator == 1 else float(found)
    return text


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a space.

    Attributes:
        text: as it was written.
        keys: the keys it depends on.
    """

    text: str
    keys: frozenset[str]
    _test: Callable[[Mapping[str, str]], Value]

    def holds(self, values: Mapping[str, str]) -> bool:
        """Whether it holds for values by key.

        Raises:
            ConditionError: it cannot be worked out, such as a comparison of a number with text.
        """
        try:
            return bool(self._test(values))
        except (TypeError, ZeroDivisionError, OverflowError, KeyError) as error:
            reason = f"{error.args[0]!r} has no value" if isinstance(error, KeyError) else str(error)
            raise ConditionError(f"{self.text!r} cannot be worked out: {reason}") from None


def condition(text: str, known: frozenset[str]) -> Condition:
    """Read a condition on the keys ``known``.

    Raises:
        ConditionError: it is not an expression, or has a key or an operation that is not known.
    """
    if len(text) > _LONGEST:
        raise ConditionError(f"is longer than {_LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
        keys: set[str] = set()
        test = _compile(tree, known, keys)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, ConditionError):
            raise
        raise ConditionError(f"must be a condition such as 'array.rows <= array.cols', got {text!r}") from None
    if not keys:
        raise ConditionError(f"depends on no key of the space: {text!r}")
    return Condition(text, frozenset(keys), test)


Test = Callable[[Mapping[str, str]], Value]


def _compile(node: ast.expr, known: frozenset[str], keys: set[str]) -> Test:
    def inner(part: ast.expr) -> Test:
        return _compile(part, known, keys)

    match node:
        case ast.Constant(value=int() | float() | str() as value):
            constant = number(value) if isinstance(value, str) else value
            return lambda values: constant
        case ast.Name() | ast.Attribute():
            return _key(_dotted(node), known, keys)
        case ast.Call(func=ast.Name(id="key"), args=[ast.Constant(value=str(name))], keywords=[]):
            return _key(name, known, keys)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            tests = [inner(item) for item in items]
            return lambda values: [test(values) for test in tests]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            negated = inner(operand)
            return lambda values: not negated(values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            minus = inner(operand)
            return lambda values: -minus(values)
        case ast.BoolOp(op=op, values=parts):
            tests, every = [inner(part) for part in parts], all if isinstance(op, ast.And) else any
            return lambda values: every(test(values) for test in tests)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            a, b, apply = inner(left), inner(right), _OPERATORS[type(op)]
            return lambda values: apply(a(values), b(values))
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _OPERATORS for op in ops):
            sides, how = [inner(left), *map(inner, others)], [_OPERATORS[type(op)] for op in ops]
            return lambda values: _chain([side(values) for side in sides], how)
    raise ConditionError(f"{ast.unparse(node)!r} is not known in a condition")


def _chain(sides: list[Value], how: list[Callable[[Value, Value], Value]]) -> bool:
    return all(apply(sides[i], sides[i + 1]) for i, apply in enumerate(how))


def _key(name: str, known: frozenset[str], keys: set[str]) -> Test:
    if name not in known:
        hint = suggest(name, known) or f"; the space has {', '.join(sorted(known))}"
        raise ConditionError(f"no key {name!r} in the space{hint}")
    keys.add(name)
    return lambda values: number(values[name])


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    raise ConditionError(f"{ast.unparse(node)!r} is not known in a condition")
