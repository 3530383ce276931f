"""The lines of a network file: a name, an operation or a block, and its options. Nothing is evaluated here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from accsim.errors import suggest
from accsim.workload.arguments import Required
from accsim.workload.expression import Mistake
from accsim.workload.findings import Findings
from accsim.workload.operations import OPERATIONS
from accsim.workload.schema import Block
from accsim.yamlfile import Path

INPUT = "input"
RESERVED = ("from", "then", "repeat", "start")
_NAME = re.compile(r"[A-Za-z0-9_$#][A-Za-z0-9_.+/$#-]*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line, as written.

    Attributes:
        name: name of the layer or of the block's use; ``$`` and ``#`` are not yet replaced.
        operation: an operation or a block.
        path: place of the line's body in the file.
        options: every value of the line but those below, by its key; the main value under the operation's name.
        sources: names of the layers it reads; ``None`` for the line before.
        then: operations to apply to the result, one after the other.
        repeat, start: how often the line is repeated, and the first number; ``None`` if not given.
        good: whether nothing is wrong with the line so far.
    """

    name: str
    operation: str
    path: Path
    options: Mapping[str, object]
    sources: tuple[str, ...] | None = None
    then: tuple[Line, ...] = ()
    repeat: object = None
    start: object = None
    good: bool = True


class LineReader:
    """Reads the lines of a file that declares ``blocks``; mistakes go to ``findings``."""

    def __init__(self, blocks: Mapping[str, Block], findings: Findings) -> None:
        self.blocks = blocks
        self.findings = findings
        self.parameters = {name: block.defaults() for name, block in blocks.items()}
        for name, parameters in self.parameters.items():
            if name in OPERATIONS or name in RESERVED:
                self.findings.add(("blocks", name), "blocks", f"{name!r} already means something in a line", key=True)
            for parameter in parameters:
                if not parameter.isidentifier() or parameter in (*blocks, *OPERATIONS, *RESERVED):
                    sentence = f"{parameter!r} cannot name a parameter; it needs letters, digits and _, and a new name"
                    self.findings.add(("blocks", name, "parameters"), f"blocks.{name}", sentence)

    def read(self, lines: Sequence[object], path: Path, block: str | None = None) -> list[Line]:
        """Read a list of lines; ``block`` names the block they belong to."""
        found: dict[str, Line] = {}
        for index, entry in enumerate(lines):
            if not isinstance(entry, dict) or len(entry) != 1:
                sentence = f"expected one line such as 'conv1: {{conv: 64, kernel: 3}}', got {_brief(entry)}"
                self.findings.add((*path, index), "", sentence)
                continue
            ((name, body),) = entry.items()
            at = (*path, index, name)
            if name in found:
                where = self.findings.document.place(found[name].path, key=True)
                self.findings.add(at, name, f"this name is already used at {where}", key=True)
                continue
            line = self._line(name, body, at, block)
            found[name] = line
        return list(found.values())

    def _line(self, name: str, body: object, path: Path, block: str | None) -> Line:
        fields = {body: None} if isinstance(body, str) else body
        wrong = self._wrong_name(name, block, isinstance(fields, dict) and "repeat" in fields)
        if wrong:
            self.findings.add(path, name, wrong, key=True)
        operation = self._operation(name, fields, path)
        if wrong or operation is None or not isinstance(fields, dict):
            return Line(name, operation or "", path, {}, good=False)
        return self._options(name, operation, fields, path)

    def _wrong_name(self, name: str, block: str | None, repeated: bool) -> str:
        if name == INPUT:
            return "'input' names what the network (or the block) reads; choose another name"
        if not _NAME.fullmatch(name):
            return "a name is made of letters, digits and _ . + - /, and begins with a letter, a digit or _"
        if "$" in name and block is None:
            return "'$' stands for the name of a block and means nothing outside one"
        if "#" in name and not repeated:
            return "'#' stands for the number of a repetition, and there is no 'repeat'"
        return ""

    def _operation(self, name: str, fields: object, path: Path) -> str | None:
        """The one key of a line that is an operation or a block."""
        known = (*self.blocks, *OPERATIONS)
        keys = list(fields) if isinstance(fields, dict) else []
        found = [key for key in keys if key in self.blocks or key in OPERATIONS]
        if len(found) == 1:
            return str(found[0])
        if found:
            self.findings.add(path, name, f"has more than one operation: {', '.join(found)}")
        elif not keys:
            sentence = f"expected an operation such as relu or {{conv: 64, kernel: 3}}, got {_brief(fields)}"
            self.findings.add(path, name, sentence)
        else:
            odd = [key for key in keys if key not in RESERVED]
            hint = next((hint for key in odd if (hint := suggest(key, known))), f"; known are {', '.join(known)}")
            self.findings.add(path, name, f"no known operation in {', '.join(map(repr, keys))}{hint}")
        return None

    def _options(
        self, name: str, operation: str, fields: Mapping[str, object], path: Path, label: str | None = None
    ) -> Line:
        label = label or name
        options = {key: value for key, value in fields.items() if key not in RESERVED and value is not None}
        good = self._known_options(label, operation, options, path)
        listed = operation in OPERATIONS and OPERATIONS[operation].lists_inputs
        sources: tuple[str, ...] | None = None
        if listed and "from" in fields:
            sentence = f"{operation} lists what it reads itself: {operation}: [a, b]"
            self.findings.add((*path, "from"), name, sentence, key=True)
            good = False
        elif (key := operation if listed else "from") in (options if listed else fields):
            try:
                sources = _sources(fields[key])
            except Mistake as mistake:
                self.findings.add((*path, key), f"{name}: {key}", str(mistake))
                good = False
        if "start" in fields and "repeat" not in fields:
            sentence = "'start' numbers the repetitions, and there is no 'repeat'"
            self.findings.add((*path, "start"), name, sentence, key=True)
        then = tuple(self._then(name, fields.get("then"), (*path, "then")))
        return Line(name, operation, path, options, sources, then, fields.get("repeat"), fields.get("start"), good)

    def _then(self, name: str, written: object, path: Path) -> Iterable[Line]:
        if written is None:
            return
        for index, item in enumerate(written if isinstance(written, list) else [written]):
            at = (*path, index) if isinstance(written, list) else path
            fields = {item: None} if isinstance(item, str) else item
            operation = self._operation(f"{name}: then", fields, at)
            if operation is None or not isinstance(fields, dict):
                continue
            barred = [f"key {key!r}" for key in fields if key in RESERVED]
            if operation in self.blocks:
                barred.append(f"block {operation!r}")
            if barred:
                sentence = f"takes single operations that read the one before, not the {barred[0]}"
                self.findings.add(at, f"{name}: then", sentence)
                continue
            yield self._options(operation, operation, fields, at, f"{name}.{operation}")

    def _known_options(self, name: str, operation: str, options: Mapping[str, object], path: Path) -> bool:
        """Whether every key of the line is known and every value that must be given is there."""
        signature = self._signature(operation)
        wrong: list[tuple[Path, str, bool]] = []
        for key in options:
            if key == operation:
                if signature.main is None:
                    wrong.append(((*path, key), f"{operation} takes no value, got {_brief(options[key])}", False))
                elif signature.main != operation and signature.main in options:
                    sentence = f"{signature.main!r} is given twice: it is the value of {operation!r} too"
                    wrong.append(((*path, signature.main), sentence, True))
            elif key not in signature.required:
                names = (*(key for key in signature.required if key != operation), *RESERVED)
                hint = suggest(key, names) or f"; it has {', '.join(names)}"
                wrong.append(((*path, key), f"{operation} has no option {key!r}{hint}", True))
        given = {signature.main if key == operation else key for key in options}
        for key, required in signature.required.items():
            if required and key not in given:
                wrong.append((path, f"{operation} needs {_meaning(operation, key)}", False))
        for at, sentence, of_key in wrong:
            self.findings.add(at, name, sentence, of_key)
        return not wrong

    def _signature(self, operation: str) -> _Signature:
        if operation in self.blocks:
            parameters = self.parameters[operation]
            required = {key: default is None for key, default in parameters.items()}
            return _Signature(next(iter(parameters), None), required)
        known = OPERATIONS[operation]
        required = {key: option.default is Required for key, option in known.options.items()}
        if not known.lists_inputs and known.main is None:
            return _Signature(None, required)
        must = known.lists_inputs or (known.main is not None and known.main[1].default is Required)
        return _Signature(operation, {operation: must, **required})


@dataclass(frozen=True, slots=True)
class _Signature:
    """The keys of an operation or a block.

    Attributes:
        main: the key that the value behind the operation's name stands for; ``None`` if it takes no value.
        required: every key, and whether it must be given.
    """

    main: str | None
    required: Mapping[str, bool]


def _meaning(operation: str, key: str) -> str:
    if key != operation or operation not in OPERATIONS:
        return f"{key!r}"
    known = OPERATIONS[operation]
    if known.lists_inputs:
        return f"the layers it reads ({operation}: [a, b])"
    return f"a value, its {known.main[0] if known.main else 'value'} ({operation}: ...)"


def _sources(value: object) -> tuple[str, ...]:
    """Names of layers: one, or a list."""
    entries = list(value) if isinstance(value, list) else [value]
    if not entries or not all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in entries):
        raise Mistake(f"must be the name of a layer or a list of names, got {_brief(value)}")
    return tuple(str(entry) for entry in entries)


def _brief(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"a mapping with the keys {', '.join(map(repr, value))}" if value else "an empty mapping"
        case list():
            return f"a list of {len(value)}"
        case _:
            return repr(value)[:80]
