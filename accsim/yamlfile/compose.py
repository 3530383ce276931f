"""YAML text to a tree of nodes, with syntax mistakes in plain words.

libyaml's composer is used where PyYAML was built with it; it is about ten times faster than the Python one.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from accsim.errors import InputError

Node = yaml.Node

NO_TAG = ""
"""The tag of a plain scalar, list or mapping without an explicit tag."""

STRING_TAG = "tag:yaml.org,2002:str"
"""The tag of quoted text."""


class _TooDeep(Exception):
    """Nesting past the limit; libyaml's composer recurses in C and would overflow its stack."""


class _Resolver:
    """Gives plain scalars, lists and mappings no tag, and quoted scalars the tag of text.

    An explicit tag stays, so the builder can tell ``!!int 3`` from ``3``.
    """

    deepest: int
    depth: int

    def resolve(self, kind: type[Any], value: Any, implicit: Any) -> str:
        """Return the tag of a node that has none."""
        return STRING_TAG if kind is yaml.ScalarNode and not implicit[0] else NO_TAG

    def descend_resolver(self, parent: object, index: object) -> None:
        """Called by the composer on its way into a node."""
        self.depth += 1
        if self.depth > self.deepest:
            raise _TooDeep

    def ascend_resolver(self) -> None:
        """Called by the composer on its way out of a node."""
        self.depth -= 1


_Loader: type[Any]
if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _CLoader(_Resolver, CParser):
        def __init__(self, text: str, deepest: int) -> None:
            self.depth, self.deepest = 0, deepest
            CParser.__init__(self, text)

    _Loader = _CLoader
else:  # pragma: no cover - PyYAML's wheels have libyaml
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _PythonLoader(_Resolver, Reader, Scanner, Parser, Composer):
        def __init__(self, text: str, deepest: int) -> None:
            self.depth, self.deepest = 0, deepest
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)

    _Loader = _PythonLoader


def compose(text: str, place: str, deepest: int, positions: bool = True) -> Node | None:
    """Parse one YAML document; None when it is empty.

    Raises:
        InputError: ``place:line:col: not valid YAML: ...``, one sentence about the first mistake.
    """
    try:
        loader = _Loader(text, deepest + 1)
        node: Node | None = loader.get_single_node()
        return node
    except yaml.reader.ReaderError as error:
        where, what = _bad_character(text, error)
    except UnicodeEncodeError as error:
        where, what = _line_column(text, error.start), "a character that is not valid Unicode"
    except yaml.MarkedYAMLError as error:
        if "maximum nesting depth" in str(error):  # libyaml has a limit of its own, which its scanner meets first
            raise InputError([f"{place}: nested more than {deepest} deep"]) from None
        where, what = _syntax_error(text, error)
    except _TooDeep:
        raise InputError([f"{place}: nested more than {deepest} deep"]) from None
    at = f"{place}:{where[0]}:{where[1]}" if positions else place
    raise InputError([f"{at}: not valid YAML: {what}"])


def _syntax_error(text: str, error: yaml.MarkedYAMLError) -> tuple[tuple[int, int], str]:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return (1, 1), _explain(error, "")
    if "could not find expected ':'" in str(error.problem) and error.context_mark is not None:
        return (error.context_mark.line + 1, error.context_mark.column + 1), "expected ':' after this key"
    rest = text[mark.index :]
    if rest.strip():
        return (mark.line + 1, mark.column + 1), _explain(error, rest[0])
    # The parser stands behind the last line break; the end of what is written there says more.
    return _line_column(text, len(text.rstrip())), f"{_explain(error, '')}, found the end of the file"


def _bad_character(text: str, error: yaml.reader.ReaderError) -> tuple[tuple[int, int], str]:
    code = error.character if isinstance(error.character, int) else ord(str(error.character)[0])
    index = next((i for i, c in enumerate(text) if ord(c) == code), 0)
    return _line_column(text, index), f"the control character 0x{code:02x} is not allowed"


def _line_column(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


_WORDS = (
    ("did not find expected node content", "expected a value"),
    ("did not find expected '-' indicator", "expected '- ' and the next item of the list, at the list's indentation"),
    ("did not find expected key", "expected a key at the same indentation, or a quote or bracket is misplaced"),
    (
        "mapping values are not allowed",
        "expected no ':' here (quote a value with ': ' in it, check the indentation)",
    ),
    ("block sequence entries are not allowed", "expected no '- ' here (a list starts on its own line)"),
    ("found undefined alias", "expected an anchor (&name) earlier in the file for this alias (*name)"),
    ("but found another document", "expected one document, and a second one starts here"),
    ("found unknown escape character", "expected a known escape after '\\' in double quotes ('\\\\' is a backslash)"),
    ("found invalid Unicode character escape", "expected a valid Unicode character after '\\' in double quotes"),
    ("did not find expected <document start>", "expected the end of the file"),
    ("did not find expected tag URI", "expected a tag after '!' (quote a value that starts with it)"),
    ("found undefined tag handle", "expected no tag (quote a value that starts with '!')"),
    (
        "did not find expected alphabetic or numeric character",
        "expected a name after '&' or '*' (quote a value that starts with one)",
    ),
    ("found incompatible YAML document", "expected YAML 1.2"),
    ("found unknown directive name", "expected no directive (quote a value that starts with '%')"),
    ("found a tab character", "expected spaces, found a tab"),
)


def _explain(error: yaml.MarkedYAMLError, character: str) -> str:
    """The parser's complaint about ``character`` in plain words."""
    problem, context = error.problem or "", error.context or ""
    opened = f"opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}" if error.context_mark else ""
    if "flow sequence" in context or "flow mapping" in context:
        what = "list" if "sequence" in context else "mapping"
        return f"expected ',' or {']' if what == 'list' else '}'!r} in the {what} {opened}"
    if "end of stream" in problem:
        return f"expected a closing quote for the text {opened}"
    if "cannot start any token" in problem:
        if character == "\t":
            return "expected spaces for indentation, found a tab"
        return f"expected a value, found {character!r} (quote a value that starts with it)"
    for fragment, sentence in _WORDS:
        if fragment in problem:
            return sentence
    plain = re.sub(r"^(did not find|could not find) ", "", problem)
    return plain if plain.startswith("expected") else f"expected something else, {plain or context}"
