"""The rules between the parts of an accelerator: each finds its mistakes as (path in the file, sentence)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from accsim.errors import suggest
from accsim.hardware.accelerator import (
    Accelerator,
    ArrayFamily,
    Dram,
    FilterLoad,
    Link,
    RegisterFile,
    Sram,
    VectorUnit,
)
from accsim.hardware.build import CARRIED, IN_PE, STORED, TENSORS
from accsim.hardware.datapath import Datapath, DatapathKind
from accsim.hardware.mac_cycles import SEVERAL, VALUES_DECIDE, mac_cycles
from accsim.hardware.schema import AcceleratorFile, SramFile
from accsim.hardware.sizes import spell_size
from accsim.hardware.sparse import OWN as sparse_keys
from accsim.hardware.sparse import Sparse, SparseKind
from accsim.workload.layer import Operand
from accsim.workload.operations import ACTIVATIONS
from accsim.yamlfile import Path

Mistake = tuple[Path, str]

MOST_UNARY = 16
"""Most bits of an activation that is streamed in unary."""

FUSABLE = ACTIVATIONS
"""What a vector unit may apply to words as they pass: operations that look at one word and change no size."""


def check(file: AcceleratorFile, machine: Accelerator) -> list[Mistake]:
    """Every mistake between the parts of ``machine``, which was built from ``file``."""
    return [mistake for rule in _RULES for mistake in rule(file, machine)]


def _names(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, level in enumerate(machine.levels):
        if level.name in seen:
            yield ("levels", index, "name"), f"another level is called {level.name!r} too, and results go by name"
        seen.add(level.name)


def _order(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    drams = [index for index, level in enumerate(machine.levels) if isinstance(level, Dram)]
    if not drams:
        yield ("levels",), "needs one level of kind dram, first in the list"
    elif drams[0] != 0:
        yield ("levels", drams[0]), "must come first: levels are listed from the outside in"
    for index in drams[1:]:
        yield ("levels", index), f"only one level may be of kind dram, and {machine.levels[drams[0]].name!r} is"
    spad: str | None = None
    for index, level in enumerate(machine.levels):
        if isinstance(level, RegisterFile):
            spad = spad or level.name
        elif isinstance(level, Sram) and spad is not None:
            yield ("levels", index), f"must come before {spad!r}: levels are listed from the outside in"
    vectors = [index for index, level in enumerate(machine.levels) if isinstance(level, VectorUnit)]
    for index in vectors[1:]:
        yield ("levels", index), f"only one level may be of kind vector, and {machine.levels[vectors[0]].name!r} is"


def _operands(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    for index, level in enumerate(machine.levels):
        path: Path = ("levels", index)
        if isinstance(level, VectorUnit):
            continue
        lists = [(path, level.operands)]
        if isinstance(level, Sram) and file.levels[index].model_fields_set & {"partitions"}:
            lists = [((*path, "partitions", j), part.operands) for j, part in enumerate(level.partitions)]
        seen: set[Operand] = set()
        for where, listed in lists:
            for operand in sorted({o for o in listed if listed.count(o) > 1 or o in seen}, key=STORED.index):
                yield (*where, "operands"), f"{operand} is already listed in {level.name!r}"
            seen.update(listed)
        allowed: tuple[Operand, ...] = STORED
        why = ""
        if isinstance(level, RegisterFile):
            allowed, why = IN_PE, "a PE holds psums until they are finished"
        elif isinstance(level, Link):
            allowed = CARRIED[level.direction]
            why = f"a network of direction '{level.direction}' carries {_words(allowed, 'or')}"
        for operand in [o for o in STORED if o in level.operands and o not in allowed]:
            yield (*path, "operands"), f"cannot list {operand}: {why}"


def _reachable(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    for index, level in enumerate(machine.levels):
        if isinstance(level, Dram):
            missing = [o for o in TENSORS if o not in level.operands]
            if missing:
                yield (
                    ("levels", index, "operands"),
                    f"must list {_words(missing)} too: tensors come from {level.name!r} and return to it",
                )
    if not machine.chain(Operand.PSUM):
        yield ("levels",), "no level holds psum, so sums of several folds have no place"
    if machine.array.family is ArrayFamily.ROW_STATIONARY:
        held = {o for level in machine.levels if isinstance(level, RegisterFile) for o in level.operands}
        missing = [o for o in IN_PE if o not in held]
        if missing:
            yield (
                ("levels",),
                f"a row-stationary PE needs levels of kind rf for ifmap, weight and psum; none holds {_words(missing)}",
            )
    seen: dict[tuple[Operand, str], str] = {}
    for index, level in enumerate(machine.levels):
        if isinstance(level, Link):
            for operand in dict.fromkeys(level.operands):
                other = seen.setdefault((operand, level.direction), level.name)
                if other != level.name:
                    yield ("levels", index, "operands"), f"{other!r} already carries {operand} {_WAY[level.direction]}"


_WAY = {"in": "in", "out": "out", "local": "between PEs"}


def _buffers(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    for index, (level, written) in enumerate(zip(machine.levels, file.levels, strict=True)):
        if not isinstance(level, Sram) or not isinstance(written, SramFile):
            continue
        path: Path = ("levels", index)
        for j, part in enumerate(level.partitions):
            where: Path = path if written.partitions is None else (*path, "partitions", j)
            asked = written.buffers if written.partitions is None else written.partitions[j].buffers
            for operand in asked if isinstance(asked, dict) else ():
                if operand not in part.operands:
                    yield (*where, "buffers", operand), f"{operand} is not held here{suggest(operand, part.operands)}"
            if not part.size_bits:
                yield (*path, "size"), f"leaves nothing for {_words(part.operands)}"
            elif level.bank_bits is not None and part.size_bits % level.bank_bits:
                yield (*where, "size"), _banks(part.size_bits, level.bank_bits)
        if written.partitions is not None and written.size:
            if level.bank_bits and written.size % level.bank_bits:
                yield (*path, "size"), _banks(written.size, level.bank_bits)
            elif written.size % level.width_bits:
                yield (
                    (*path, "size"),
                    f"{spell_size(written.size)} is no whole number of {level.width_bits}-bit accesses",
                )
        missing = [o for o in (Operand.IFMAP, Operand.OFMAP) if o not in level.operands]
        if level.keeps_activations and missing:
            yield (*path, "keeps_activations"), f"needs ifmap and ofmap here; {_words(missing)} is not held"


def _banks(size: int, bank: int) -> str:
    return f"{spell_size(size)} is no whole number of banks of {spell_size(bank)}"


def _coding(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    for index, level in enumerate(machine.levels):
        if isinstance(level, Dram) and level.run_length is not None:
            coding = level.run_length
            pair = coding.run_bits + machine.pe.activation_bits
            if coding.pairs_per_word * pair > coding.word_bits:
                yield (
                    ("levels", index, "run_length", "word"),
                    f"{coding.pairs_per_word} pairs of a {coding.run_bits}-bit run and a "
                    f"{machine.pe.activation_bits}-bit level need {coding.pairs_per_word * pair} b, "
                    f"got {coding.word_bits} b",
                )


def _numbers(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    pe = machine.pe
    if pe.output_bits > pe.accumulator_bits:
        key = "accumulator_bits" if file.pe.output_bits is None else "output_bits"
        yield (
            ("pe", key),
            f"an output of {pe.output_bits} bits is wider than the accumulator of {pe.accumulator_bits} bits",
        )
    product = pe.weight_bits + pe.activation_bits
    if pe.product_shift >= product:
        yield ("pe", "product_shift"), f"a shift of {pe.product_shift} drops all {product} bits of a product"


def _family(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    """Options that another array family has, and that would be ignored here."""
    family = machine.array.family
    for families, part, key, default in _OWN:
        if family not in families and getattr(getattr(machine, part), key) != default:
            yield (part, key), f"is for {_words(map(_adjective, families), 'and')} arrays only"
    rows = family is ArrayFamily.ROW_STATIONARY
    if machine.pe.psum_gating and not machine.pe.zero_gating and rows:
        yield ("pe", "psum_gating"), "needs zero_gating"
    for index, level in enumerate(machine.levels):
        for j, held in enumerate(level.partitions if isinstance(level, Sram) else ()):
            if held.circular and (not rows or Operand.IFMAP not in held.operands):
                what = "is for ifmaps, which are not held here" if rows else "is for row-stationary arrays only"
                whole = getattr(file.levels[index], "partitions", None) is None
                where: Path = ("levels", index) if whole else ("levels", index, "partitions", j)
                yield (*where, "circular"), f"a circular buffer {what}"
    if not rows and file.mappings:
        yield ("mappings",), "published pass parameters are for row-stationary arrays only"


def _adjective(family: ArrayFamily) -> str:
    return family.value.replace("_", "-")


_ROWS, _SYSTOLIC, _PRODUCT = (ArrayFamily.ROW_STATIONARY,), (ArrayFamily.SYSTOLIC,), (ArrayFamily.INNER_PRODUCT,)
_SPARSE = (ArrayFamily.SPARSE,)
_OWN: tuple[tuple[tuple[ArrayFamily, ...], str, str, object], ...] = (
    (_ROWS, "pe", "psum_add_cycles", 0),
    (_ROWS, "pe", "window_shift_cycles", 0),
    (_ROWS, "pe", "filter_load", FilterLoad.FIRST_COLUMN),
    (_ROWS, "pe", "psum_gating", False),
    (_ROWS, "pe", "fifo_depth", None),
    (_SYSTOLIC, "array", "edge_taps", False),
    (_SYSTOLIC, "array", "stationary_buffers", 1),
    ((*_PRODUCT, *_SPARSE), "array", "lanes", 1),
    (_SPARSE, "array", "sparse", None),
)
"""Options of some families only: the families, the part and the key, and the value that means nothing."""


def _sparse(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    """A sparse array says what it skips; parameters that its kind does not have; axes that do not divide."""
    array, sparse = machine.array, machine.array.sparse
    if sparse is None:
        if array.family is ArrayFamily.SPARSE:
            yield ("array", "sparse"), "a sparse array needs it: what it skips, such as {kind: work_queues}"
        return
    default = Sparse(sparse.kind)
    for kinds, key in sparse_keys:
        if sparse.kind not in kinds and getattr(sparse, key) != getattr(default, key):
            yield ("array", "sparse", key), f"is for {_words(kinds, 'and')} machines only"
    if sparse.kind is SparseKind.CARTESIAN_PRODUCT and array.lanes % sparse.inputs:
        yield ("array", "sparse", "inputs"), f"must divide lanes, {array.lanes}, got {sparse.inputs}"
    if array.rows % sparse.clusters:
        yield ("array", "sparse", "clusters"), f"must divide rows, {array.rows}, got {sparse.clusters}"
    for kinds, key in _ONE:
        if sparse.kind in kinds and getattr(array, key) != 1:
            yield ("array", key), f"must be 1 for a {sparse.kind} machine, got {getattr(array, key)}"


_ONE = (
    ((SparseKind.WORK_QUEUES, SparseKind.SKIPPING_LANES), "cols"),
    ((SparseKind.WORK_QUEUES, SparseKind.BITMASK_CHUNKS), "lanes"),
)
"""Axes of the array that some kinds of sparse machines do not have."""


def _datapath(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    """Parameters that the kind of datapath does not have, and those that it needs."""
    path, default = machine.pe.datapath, Datapath()
    if path != default and machine.array.family is not ArrayFamily.INNER_PRODUCT:
        yield from _beside_inner_product(machine)
    for kinds, key in _PARAMETERS:
        if path.kind not in kinds and getattr(path, key) != getattr(default, key):
            yield ("pe", "datapath", key), f"is for {_words(kinds, 'and')} datapaths only"
    if path.kind is DatapathKind.FUSED_BRICKS and path.fused_bits % path.brick_bits:
        yield (
            ("pe", "datapath", "fused_bits"),
            f"must be a multiple of brick_bits, {path.brick_bits}, got {path.fused_bits}",
        )
    if (path.n or path.m) and not 0 < path.n <= path.m:
        yield ("pe", "datapath", "n"), f"n of m weights are kept, so 0 < n <= m, got {path.n} of {path.m}"
    elif path.n and machine.array.family is ArrayFamily.INNER_PRODUCT and machine.array.lanes % path.n:
        yield (
            ("array", "lanes"),
            f"must be a multiple of n, {path.n}: the lanes of a block of {path.m} weights share its activations; "
            f"got {machine.array.lanes}",
        )
    for kind, key in _NEEDED:
        if path.kind is kind and not getattr(path, key):
            yield ("pe", "datapath"), f"a {kind} datapath needs {key}"
    wide = min(machine.pe.activation_bits, machine.pe.weight_bits)
    if path.kind is DatapathKind.OUTLIER_LANE and path.normal_bits >= wide:
        yield (
            ("pe", "datapath", "normal_bits"),
            f"must be less than the {wide} bits of the PE's operands, which outliers have, got {path.normal_bits}",
        )
    if path.kind is DatapathKind.UNARY and machine.pe.activation_bits > MOST_UNARY:
        yield (
            ("pe", "activation_bits"),
            f"a unary stream of {machine.pe.activation_bits} bits has 2^{machine.pe.activation_bits} cycles; at most "
            f"{MOST_UNARY} bits",
        )
    for operand, most in _WIDTHS.get(path.kind, {}).items():
        if getattr(machine.pe, operand) != most:
            yield ("pe", operand), f"must be {most} for a {path.kind} datapath, got {getattr(machine.pe, operand)}"


def _beside_inner_product(machine: Accelerator) -> Iterator[Mistake]:
    """Datapaths that the PEs of another family cannot have."""
    path, family = machine.pe.datapath, machine.array.family
    if family is not ArrayFamily.SYSTOLIC:
        yield (
            ("pe", "datapath"),
            f"is for inner-product and systolic arrays only; PEs of {_adjective(family)} arrays do a MAC per cycle",
        )
    elif path.kind in VALUES_DECIDE:
        yield (
            ("pe", "datapath"),
            f"a {path.kind} datapath takes as long as its values need, and systolic PEs must stay in step with their "
            "neighbours; use an inner_product array, or activation_serial, whose cycles follow widths alone",
        )
    elif path.kind in SEVERAL:
        yield (
            ("pe", "datapath"),
            f"a {path.kind} datapath takes several products in a cycle, and systolic PEs hand on one word at a time; "
            "use an inner_product array",
        )
    elif path.n or path.m:
        yield ("pe", "datapath"), "n of m weights are skipped on the lanes of inner_product arrays only"
    elif mac_cycles(machine.pe) > 1 and machine.pe.product_shift:
        yield (
            ("pe", "product_shift"),
            f"must be 0: {path.kind} PEs add parts of a product, got {machine.pe.product_shift}",
        )


_K = DatapathKind
_PARAMETERS: tuple[tuple[tuple[DatapathKind, ...], str], ...] = (
    ((_K.ACTIVATION_SERIAL, _K.DYNAMIC_PRECISION, _K.BOTH_SERIAL), "serial_bits"),
    ((_K.ACTIVATION_SERIAL, _K.DYNAMIC_PRECISION, _K.BOTH_SERIAL), "sign_cycle"),
    ((_K.DYNAMIC_PRECISION, _K.BOTH_SERIAL), "trim_low"),
    ((_K.TERM_SERIAL, _K.BOTH_TERMS), "digits"),
    ((_K.TERM_SERIAL,), "shift_bits"),
    ((_K.FUSED_BRICKS,), "brick_bits"),
    ((_K.FUSED_BRICKS,), "fused_bits"),
    ((_K.CODEBOOK,), "codebook_words"),
    ((_K.OUTLIER_LANE,), "normal_bits"),
    ((_K.OUTLIER_LANE,), "outlier_group"),
    ((_K.OUTLIER_LANE,), "outlier_share"),
    ((_K.BIT_PARALLEL,), "n"),
    ((_K.BIT_PARALLEL,), "m"),
)  # fmt: skip
_NEEDED = ((_K.CODEBOOK, "codebook_words"),)
_WIDTHS = {
    _K.BINARY_WEIGHT: {"weight_bits": 1},
    _K.XNOR: {"weight_bits": 1, "activation_bits": 1},
    _K.TERNARY: {"weight_bits": 2},
}


def _fused(file: AcceleratorFile, machine: Accelerator) -> Iterator[Mistake]:
    for index, level in enumerate(machine.levels):
        if isinstance(level, VectorUnit):
            for j, name in enumerate(level.fused):
                path = ("levels", index, "fused", j)
                if name not in FUSABLE:
                    hint = suggest(name, FUSABLE) or f"; expected one of {', '.join(FUSABLE)}"
                    yield path, f"no operation named {name!r}{hint}"
                elif name in level.fused[:j]:
                    yield path, f"{name!r} is listed twice"


def _words(names: Iterable[str], joint: str = "and") -> str:
    *first, last = names
    return f"{', '.join(first)} {joint} {last}" if first else str(last)


_RULES: tuple[Callable[[AcceleratorFile, Accelerator], Iterator[Mistake]], ...] = (
    _names, _order, _operands, _reachable, _buffers, _coding, _numbers, _family, _datapath, _sparse, _fused,
)  # fmt: skip
