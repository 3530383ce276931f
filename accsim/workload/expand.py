"""From lines to layers: names, blocks, repetition and the graph.

One pass in file order: a line's inputs are looked up among what came before and its shape is inferred at once. A line
with a mistake leaves a name without a shape, and whatever reads it is passed over silently, so each mistake is told
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accsim.errors import AccsimError, suggest
from accsim.workload.arguments import size
from accsim.workload.builders import Call, Shape
from accsim.workload.expression import Mistake, evaluate
from accsim.workload.findings import Findings
from accsim.workload.layer import Layer
from accsim.workload.lines import INPUT, Line, LineReader
from accsim.workload.operations import OPERATIONS
from accsim.workload.schema import NetworkFile
from accsim.yamlfile import Path

MOST_LAYERS = 100_000
DEEPEST = 50


class _TooManyLayers(Exception):
    """Expansion passed ``MOST_LAYERS``; going on would only fill the memory."""


@dataclass(slots=True)
class Scope:
    """Where names are looked up while one list of lines is expanded.

    Attributes:
        prefix: full name of the block's use; empty at the top of the file.
        sizes: the sizes that expressions may name.
        source: the layer that ``input`` means here.
        blocks: the blocks being expanded, outermost first.
        ends: for each line so far, by its name as written, the layer in which it ends.
        later: names of the lines still to come.
    """

    prefix: str
    sizes: Mapping[str, int]
    source: str
    blocks: tuple[str, ...] = ()
    ends: dict[str, str] = field(default_factory=dict)
    later: list[str] = field(default_factory=list)

    def full(self, name: str) -> str:
        """The name of a line within the network: ``$`` is the block's name, which else goes before it with a dot."""
        if "$" in name:
            return name.replace("$", self.prefix)
        return f"{self.prefix}.{name}" if self.prefix else name


class Expansion:
    """The layers of one network file; mistakes go to ``findings``."""

    def __init__(
        self, file: NetworkFile, sizes: Mapping[str, int], shape: Shape | None, batch: int, findings: Findings
    ) -> None:
        self.sizes = sizes
        self.batch = batch
        self.findings = findings
        self.layers: list[Layer] = []
        self.shapes: dict[str, Shape | None] = {INPUT: shape}
        self.ends: dict[str, str] = {INPUT: INPUT}
        self.paths: dict[str, Path] = {}
        self.turns = 0
        reader = LineReader(file.blocks, findings)
        self.parameters = reader.parameters
        self.blocks = {
            name: reader.read(block.layers, ("blocks", name, "layers"), name) for name, block in file.blocks.items()
        }
        self.lines = reader.read(file.layers, ("layers",))

    def run(self) -> tuple[Layer, ...]:
        """Expand the whole file."""
        try:
            self._list(self.lines, Scope("", self.sizes, INPUT))
        except _TooManyLayers:
            self.findings.add(("layers",), "", f"the network has more than {MOST_LAYERS} layers")
        return tuple(self.layers)

    def _list(self, lines: Sequence[Line], scope: Scope) -> str:
        """Expand a list of lines and return the layer in which it ends."""
        end = scope.source
        for index, line in enumerate(lines):
            scope.later = [later.name for later in lines[index + 1 :]]
            end = scope.ends[line.name] = self._repeated(line, scope, end)
        return end

    def _repeated(self, line: Line, scope: Scope, previous: str) -> str:
        full = scope.full(line.name)
        if line.repeat is None:
            return self._once(line, full, scope, previous, line.sources)
        try:
            option = "repeat"
            count = size(line.repeat, scope.sizes)
            if count > MOST_LAYERS:
                raise Mistake(f"must be at most {MOST_LAYERS}, got {count}")
            option = "start"
            start = 0 if line.start is None else size(line.start, scope.sizes, 0)
        except Mistake as mistake:
            self.findings.add((*line.path, option), f"{full}: {option}", str(mistake))
            return self._failed(full)
        end, sources = previous, line.sources
        for number in range(start, start + count):
            name = full.replace("#", str(number)) if "#" in full else f"{full}.{number}"
            end, sources = self._once(line, name, scope, end, sources), None
        self.ends[full] = end
        return end

    def _once(self, line: Line, name: str, scope: Scope, previous: str, sources: tuple[str, ...] | None) -> str:
        """Expand one repetition of a line with its ``then``; return the layer in which it ends."""
        self.turns += 1
        if self.turns > MOST_LAYERS:
            raise _TooManyLayers
        if not line.good or not self._unused(line, name):
            if line.operation in OPERATIONS:
                self._arguments(line, name, scope)
            return self._failed(name)
        inputs = self._inputs(line, name, scope, sources, previous)
        if line.operation in self.blocks:
            end = self._block(line, name, scope, inputs)
        else:
            end = self._layer(line, name, scope, inputs, line.then)
        for item in line.then:
            if not item.good:
                end = self._failed(f"{name}.{item.name}")
                break
            end = self._layer(item, f"{name}.{item.name}", scope, (end,), ())
        self.ends[name] = end
        return end

    def _failed(self, name: str) -> str:
        self.shapes.setdefault(name, None)
        self.ends[name] = name
        return name

    def _unused(self, line: Line, name: str) -> bool:
        if line.name == "$":
            return True
        if name in self.paths:
            self._name_used(line, name)
            return False
        self.paths[name] = line.path
        return True

    def _name_used(self, line: Line, name: str) -> None:
        where = self.findings.document.place(self.paths[name], key=True)
        self.findings.add(line.path, name, f"this name is already used at {where}", key=True)

    def _inputs(
        self, line: Line, name: str, scope: Scope, sources: tuple[str, ...] | None, previous: str
    ) -> tuple[str, ...] | None:
        """The layers that a line reads; ``None`` if one is unknown."""
        if sources is None:
            sourceless = line.operation in OPERATIONS and OPERATIONS[line.operation].inputs == (0, 0)
            return () if sourceless else (previous,)
        found: list[str] = []
        key = line.operation if line.operation in OPERATIONS and OPERATIONS[line.operation].lists_inputs else "from"
        for index, source in enumerate(sources):
            end = self._end(source, scope)
            if end is None:
                self.findings.add((*line.path, key, index), name, self._unknown(source, line, scope))
            else:
                found.append(end)
        return tuple(found) if len(found) == len(sources) else None

    def _end(self, source: str, scope: Scope) -> str | None:
        """The layer in which the line or layer called ``source`` ends, looked up in the block first."""
        if source == INPUT:
            return scope.source
        return scope.ends.get(source) or self.ends.get(scope.full(source)) or self.ends.get(source)

    def _unknown(self, source: str, line: Line, scope: Scope) -> str:
        if source == line.name:
            return "reads itself; a layer reads only earlier layers"
        if source in scope.later:
            return f"reads {source!r}, which comes later; a layer reads only earlier layers"
        known = dict.fromkeys((*scope.ends, *self.ends))
        return f"reads {source!r}, but no earlier layer has this name{suggest(source, known)}"

    def _block(self, line: Line, name: str, scope: Scope, inputs: tuple[str, ...] | None) -> str:
        called = line.operation
        if called in scope.blocks:
            self.findings.add(line.path, name, f"block {called!r} uses itself: {' > '.join((*scope.blocks, called))}")
            return self._failed(name)
        if len(scope.blocks) >= DEEPEST:
            self.findings.add(line.path, name, f"blocks are nested more than {DEEPEST} deep")
            return self._failed(name)
        if inputs is not None and len(inputs) != 1:
            self.findings.add((*line.path, "from"), name, f"a block reads one layer, got {len(inputs)}")
            return self._failed(name)
        sizes = self._parameters(line, name, scope)
        if sizes is None or inputs is None:
            return self._failed(name)
        return self._list(self.blocks[called], Scope(name, sizes, inputs[0], (*scope.blocks, called)))

    def _parameters(self, line: Line, name: str, scope: Scope) -> dict[str, int] | None:
        """The sizes that a block's lines may use: the file's and the block's own."""
        called = line.operation
        parameters = self.parameters[called]
        sizes, good = dict(self.sizes), True
        for index, (key, default) in enumerate(parameters.items()):
            option = called if index == 0 and called in line.options else key
            try:
                if option in line.options:
                    sizes[key] = evaluate(line.options[option], scope.sizes)
                elif good:
                    option = ""
                    sizes[key] = evaluate(default, sizes)
            except Mistake as mistake:
                path = (*line.path, option) if option else ("blocks", called, "parameters")
                self.findings.add(path, f"{name}: {key}", str(mistake))
                good = False
        return sizes if good else None

    def _layer(
        self, line: Line, name: str, scope: Scope, inputs: tuple[str, ...] | None, then: tuple[Line, ...]
    ) -> str:
        arguments = self._arguments(line, name, scope)
        shapes = [self.shapes[source] for source in inputs or ()]
        if name in self.shapes:
            self._name_used(line, name)
            return self._failed(name)
        self.paths.setdefault(name, line.path)
        if arguments is None or inputs is None or not self._enough(line, name, inputs):
            return self._failed(name)
        known = tuple(shape for shape in shapes if shape is not None)
        if len(known) < len(shapes):
            return self._failed(name)
        if arguments.get("bias", False) is None:
            arguments["bias"] = not (then and then[0].operation == "batch_norm")
        try:
            layer = OPERATIONS[line.operation].build(Call(name, line.operation, inputs, known, self.batch, arguments))
        except Mistake as mistake:
            self.findings.add(line.path, name, str(mistake))
            return self._failed(name)
        except AccsimError as error:
            self.findings.add(line.path, "", str(error))
            return self._failed(name)
        self.layers.append(layer)
        self.shapes[name] = layer.output_shape
        self.ends[name] = name
        return name

    def _enough(self, line: Line, name: str, inputs: tuple[str, ...]) -> bool:
        least, most = OPERATIONS[line.operation].inputs
        if least <= len(inputs) <= most:
            return True
        wanted = f"{least}" if least == most else f"at least {least}"
        plural = "" if wanted == "1" else "s"
        self.findings.add(line.path, name, f"{line.operation} reads {wanted} layer{plural}, got {len(inputs)}")
        return False

    def _arguments(self, line: Line, name: str, scope: Scope) -> dict[str, Any] | None:
        operation = OPERATIONS[line.operation]
        arguments, good = {}, True
        named = [(key, key, option) for key, option in operation.options.items()]
        if operation.main is not None:
            named.append((line.operation, *operation.main))
        for key, meaning, option in named:
            if key not in line.options:
                arguments[meaning] = option.default
                continue
            try:
                arguments[meaning] = option.read(line.options[key], scope.sizes)
            except Mistake as mistake:
                self.findings.add((*line.path, key), f"{name}: {key}", str(mistake))
                good = False
        return arguments if good else None
