"""Write an accelerator as the YAML file that reads back as the same machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum

from accsim.hardware.accelerator import Accelerator, Array, Dram, Level, Link, Partition, Pe, RegisterFile, Sram
from accsim.hardware.build import CARRIED, IN_PE, STORED
from accsim.hardware.datapath import Datapath
from accsim.hardware.sizes import spell_size
from accsim.hardware.sparse import Sparse
from accsim.workload.layer import Operand

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*|[0-9]+(\.[0-9]+)? [A-Za-z]+")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


def write_accelerator(machine: Accelerator) -> str:
    """The machine as YAML, defaults left out.

    The name and every figure come back exactly from ``load_accelerator``; comments of the original file do not.
    """
    parts: dict[str, object] = {
        "name": machine.name,
        "description": machine.description,
        "source": machine.source,
        "technology": _given(node=machine.node_nm, voltage=machine.voltage_v),
        "clock": f"{_number(machine.clock_mhz)} MHz",
        "area_mm2": machine.area_mm2,
        "dataflow": machine.dataflow,
        "energy_table": machine.energy_table,
        "array": _fields(machine.array, Array(machine.array.family, machine.array.rows, machine.array.cols)),
        "pe": _pe(machine.pe),
    }
    lines = [f"{key}: {_flow(value)}" for key, value in parts.items() if value not in (None, "", {})]
    lines += ["levels:", *(f"  - {_flow(_level(level))}" for level in machine.levels)]
    if machine.mappings:
        lines.append("mappings:")
        for network in dict.fromkeys(network for (network, _), *_ in machine.mappings):
            lines.append(f"  {_flow(network)}:")
            for (owner, layer), values, note in machine.mappings:
                if owner == network:
                    lines.append(f"    {_flow(layer)}: {_flow(dict(values) | _given(note=note or None))}")
    if machine.assumed:
        lines += ["assumed:", *(f"  - {_flow(line)}" for line in machine.assumed)]
    return "\n".join(lines) + "\n"


def _level(level: Level) -> dict[str, object]:
    head: dict[str, object] = {"name": level.name, "kind": level.kind}
    if isinstance(level, Dram):
        return head | _dram(level)
    if isinstance(level, Sram):
        return head | _sram(level)
    if isinstance(level, RegisterFile):
        cell = level.cell if level.cell is not type(level.cell).REGISTER else None
        width = spell_size(level.width_bits)
        return head | _operands(level.operands, IN_PE) | _given(words=level.size_words, width=width, cell=cell)
    if isinstance(level, Link):
        width_if = None if level.width_bits is None else spell_size(level.width_bits)
        held = _operands(level.operands, CARRIED[level.direction])
        return head | {"direction": level.direction} | held | _given(width=width_if)
    out = head | {"lanes": level.lanes} | ({"fused": list(level.fused)} if level.fused else {})
    return out if level.row_words is None else out | {"row_words": level.row_words}


def _dram(level: Dram) -> dict[str, object]:
    coding, decoder = level.run_length, level.weight_decoder
    return _operands(level.operands, STORED) | _given(
        standard=level.standard if level.standard != "dram" else None,
        width=spell_size(level.width_bits),
        clock=None if level.clock_mhz is None else f"{_number(level.clock_mhz)} MHz",
        latency_cycles=level.latency_cycles or None,
        burst=spell_size(level.burst_bits) if level.burst_bits > 1 else None,
        fetch_padding=level.fetch_padding or None,
        weight_decoder=None
        if decoder is None
        else {"words_per_cycle": decoder.words_per_cycle, **_given(encodings=list(decoder.encodings) or None)},
        run_length=None
        if coding is None
        else {
            "run": spell_size(coding.run_bits),
            "pairs_per_word": coding.pairs_per_word,
            "word": spell_size(coding.word_bits),
            "operands": list(coding.operands),
            **_given(first_layer_input=coding.first_layer_input or None),
        },
    )


def _sram(level: Sram) -> dict[str, object]:
    ports = _given(
        width=spell_size(level.width_bits),
        bank=None if level.bank_bits is None else spell_size(level.bank_bits),
        read_per_cycle=None if level.read_bits_per_cycle is None else spell_size(level.read_bits_per_cycle),
        write_per_cycle=None if level.write_bits_per_cycle is None else spell_size(level.write_bits_per_cycle),
        keeps_activations=level.keeps_activations or None,
    )
    if len(level.partitions) == 1:
        return _operands(level.operands, STORED) | _part(level.partitions[0]) | ports
    return ports | {"partitions": [{"operands": list(part.operands)} | _part(part) for part in level.partitions]}


def _part(part: Partition) -> dict[str, object]:
    found: dict[str, object] = {"size": spell_size(part.size_bits)}
    if part.buffers:
        found["buffers"] = dict(part.buffers)
    return found | ({"circular": True} if part.circular else {})


def _operands(held: Sequence[Operand], every: Sequence[Operand]) -> dict[str, object]:
    return {} if tuple(held) == tuple(every) else {"operands": list(held)}


def _pe(pe: Pe) -> dict[str, object]:
    default = Pe(pe.weight_bits, pe.activation_bits, pe.accumulator_bits, pe.activation_bits)
    return _fields(pe, default)


def _fields(value: Array | Pe, default: Array | Pe) -> dict[str, object]:
    """Fields in order: those a file must give, and those that differ from the default."""
    always = {"family", "rows", "cols", "weight_bits", "activation_bits", "accumulator_bits"}
    found = {name: getattr(value, name) for name in value.__dataclass_fields__}
    path = found.get("datapath")
    if isinstance(path, Datapath):
        given = {name: getattr(path, name) for name in path.__dataclass_fields__}
        plain = Datapath()
        given = {name: v for name, v in given.items() if name == "kind" or v != getattr(plain, name)}
        found["datapath"] = path if path == plain else given
    sparse = found.get("sparse")
    if isinstance(sparse, Sparse):
        plain_sparse = Sparse(sparse.kind)
        given = {name: getattr(sparse, name) for name in sparse.__dataclass_fields__}
        found["sparse"] = {n: v for n, v in given.items() if n == "kind" or v != getattr(plain_sparse, n)}
    return {name: v for name, v in found.items() if name in always or v != getattr(default, name)}


def _given(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and value < 1e15 else repr(value)


def _flow(value: object) -> str:
    """A value in YAML's one-line form; text that could be read as something else is quoted."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT else _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written)
