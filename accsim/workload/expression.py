"""Sizes in a network file: whole numbers, or sums and products of named sizes such as ``4 * width``."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import lru_cache

from accsim.errors import suggest
from accsim.workload.layer import INT64_MAX


class Mistake(ValueError):
    """What is wrong with one value or one layer, as half a sentence; the reader adds the place and the layer."""


_LONGEST = 200


@lru_cache(maxsize=4096)
def _parse(text: str) -> ast.expr | None:
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # text such as '4and' is a mistake to report, not one to warn of
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def evaluate(value: object, names: Mapping[str, int]) -> int:
    """Return the whole number that ``value`` stands for, with ``names`` the sizes it may use.

    The operators are ``+``, ``-``, ``*`` and ``/``, which must divide exactly, and brackets.

    Raises:
        Mistake: not a whole number, not an expression, an unknown name or an inexact division.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return _checked(value)
    if not isinstance(value, str):
        raise Mistake(f"must be a whole number, got {shown(value)}")
    tree = _parse(value)
    if tree is None:
        raise Mistake(f"must be a whole number or an expression such as '4 * width', got {value!r}")
    return _checked(_value(tree, names, value))


def _checked(number: int) -> int:
    """``number``, unless it is too large; also keeps intermediate products from growing without bound."""
    if abs(number) > INT64_MAX:
        raise Mistake(f"cannot be represented in 64 bits (at most {INT64_MAX})")
    return number


def _value(node: ast.expr, names: Mapping[str, int], text: str) -> int:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            if name in names:
                return names[name]
            if text.strip() == name and not names:
                raise Mistake(f"must be a whole number, got {text!r}")
            known = ", ".join(sorted(names)) or "there are none here"
            raise Mistake(f"no size named {name!r}{suggest(name, names) or f' (sizes known here: {known})'}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names, text)
        case ast.BinOp(left=left, op=operator, right=right):
            return _combine(_value(left, names, text), operator, _value(right, names, text), text)
        case _:
            raise Mistake(f"must be a whole number or an expression such as '4 * width', got {text!r}")


def _combine(left: int, operator: ast.operator, right: int, text: str) -> int:
    match operator:
        case ast.Add():
            return _checked(left + right)
        case ast.Sub():
            return _checked(left - right)
        case ast.Mult():
            return _checked(left * right)
        case ast.Div() | ast.FloorDiv():
            if right == 0 or left % right:
                raise Mistake(f"{text!r}: {left} is not divisible by {right}")
            return left // right
        case _:
            raise Mistake(f"{text!r}: only + - * / and brackets are understood")


def shown(value: object) -> str:
    """Show a value as the file would write it."""
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else repr(value)
