"""What a plain YAML scalar means: the core schema of YAML 1.2 (specification 1.2.2, section 10.3.2).

PyYAML follows YAML 1.1, in which ``on`` is true, ``010`` is 8, ``2:4`` is 124, ``1_000`` is 1000 and ``200e6`` is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Scalar = str | int | float | bool | None

_NAMED: Mapping[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".nan": float("nan"),
    ".NaN": float("nan"),
    ".NAN": float("nan"),
} | {sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}

_NUMBER = re.compile(
    r"""(?P<integer>[-+]?[0-9]+)
      | 0o(?P<octal>[0-7]+)
      | 0x(?P<hexadecimal>[0-9a-fA-F]+)
      | (?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)""",
    re.VERBOSE,
)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_STARTS_NUMBER = frozenset("+-.0123456789")
_LONGEST_NUMBER = 1000


def plain_scalar(text: str) -> Scalar:
    """The value of an unquoted scalar.

    Raises:
        ValueError: the text reads differently in YAML 1.1 and 1.2 (``010``), or is a number of over 1000 digits.
    """
    if text in _NAMED:
        return _NAMED[text]
    if text[0] not in _STARTS_NUMBER:
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} characters is too long (at most {_LONGEST_NUMBER})")
    kind = match.lastgroup
    if kind == "integer":
        if _LEADING_ZERO.fullmatch(text):
            decimal = str(int(text))
            raise ValueError(f"{text} is ambiguous (octal in YAML 1.1, decimal in 1.2): write {decimal} or '{text}'")
        return int(text)
    if kind == "float":
        return float(text)
    return int(match[str(kind)], 8 if kind == "octal" else 16)
