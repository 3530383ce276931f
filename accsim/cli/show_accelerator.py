"""An accelerator, level by level, with what is assumed."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import Any

from accsim.cli.console import Block, Line, table
from accsim.hardware.accelerator import Accelerator, Dram, Level, Link, RegisterFile, Sram, VectorUnit
from accsim.hardware.sizes import spell_size


def plain(machine: Accelerator) -> dict[str, Any]:
    """The accelerator as plain data; sizes are in bits, clocks in MHz."""
    found: dict[str, Any] = _plain(asdict(machine))
    for level, told in zip(machine.levels, found["levels"], strict=True):
        told["instances"] = machine.instances(level)
        told["size_bits"] = level.size_bits if isinstance(level, Sram | RegisterFile) else None
    found["mappings"] = {}
    for (network, layer), values, note in machine.mappings:
        told = dict(values) | ({"note": note} if note else {})
        found["mappings"].setdefault(network, {})[layer] = told
    return found


def blocks(machine: Accelerator) -> list[Block]:
    """What is printed."""
    array, pe = machine.array, machine.pe
    found: list[Block] = [
        Line(f"{machine.name}: {machine.description}", "bold"),
        f"source:       {machine.source}",
        f"technology:   {_stated('node', machine.node_nm, 'nm')}, {_stated('supply', machine.voltage_v, 'V')}, "
        f"{_stated('core area', machine.area_mm2, 'mm2')}",
        f"clock:        {machine.clock_mhz:g} MHz",
        f"array:        {array.rows} x {array.cols} = {array.pes} PEs, {array.family.value}"
        + _extra(
            ("edge taps", array.edge_taps),
            ("double-buffered stationary operand", array.stationary_buffers > 1),
            ("first psum is read", array.initial_psum.value == "read"),
        ),
        f"PE:           {pe.weight_bits}-bit weights, {pe.activation_bits}-bit activations, {pe.accumulator_bits}-bit "
        f"accumulator, {pe.output_bits}-bit outputs; {pe.rounding.value}, {pe.overflow.value}"
        + _extra((f"product shifted by {pe.product_shift}", pe.product_shift > 0), ("zero gating", pe.zero_gating)),
        f"dataflow:     {machine.dataflow}",
        f"energy table: {machine.energy_table}",
        "",
        table(
            ("level", "kind", "copies", "size", "width", "operands", "details"),
            [_row(machine, level) for level in machine.levels],
            left={"level", "kind", "operands", "details"},
        ),
    ]
    networks = dict.fromkeys(network for (network, _), *_ in machine.mappings)
    for network in networks:
        found += ["", Line(f"published mappings of {network}", "bold")]
        for (owner, layer), values, note in machine.mappings:
            if owner == network:
                said = " ".join(f"{key}={value}" for key, value in values)
                found.append(f"{layer}: {said}" + (f" ({note})" if note else ""))
    if machine.assumed:
        found += ["", Line("assumed (no public source)", "bold"), *machine.assumed]
    return found


def _row(machine: Accelerator, level: Level) -> list[object]:
    size = level.size_bits if isinstance(level, Sram | RegisterFile) else None
    width = None if isinstance(level, VectorUnit) else level.width_bits
    operands = () if isinstance(level, VectorUnit) else level.operands
    return [
        level.name,
        level.kind.value,
        machine.instances(level),
        "" if size is None else spell_size(size),
        "" if width is None else spell_size(width),
        ", ".join(operand.value for operand in operands),
        "; ".join(_details(level)),
    ]


def _details(level: Level) -> list[str]:
    match level:
        case Dram():
            said = [f"{level.standard}, " * (level.standard != "dram") + _clock(level)]
            said += [f"{level.latency_cycles} cycles latency"] * (level.latency_cycles > 0)
            said += [f"bursts of {spell_size(level.burst_bits)}"] * (level.burst_bits > 1)
            said += ["padding is fetched"] * level.fetch_padding
            if level.run_length is not None:
                coded = " and ".join(operand.value for operand in level.run_length.operands)
                said.append(f"run-length coding of {coded}")
            return said
        case Sram():
            said = [_partition(part) for part in level.partitions] if len(level.partitions) > 1 else []
            said += [f"banks of {spell_size(level.bank_bits)}"] if level.bank_bits else []
            for name, port in (("reads", level.read_bits_per_cycle), ("writes", level.write_bits_per_cycle)):
                said += [f"{name} {spell_size(port)} a cycle"] if port else []
            said += ["double buffered: " + ", ".join(_doubled(level))] if _doubled(level) else []
            return said + ["keeps activations between layers"] * level.keeps_activations
        case RegisterFile():
            return [f"{level.size_words} words", f"{level.cell.value} cells"]
        case Link():
            return [{"in": "buffer to PEs", "out": "PEs to buffer", "local": "PE to PE"}[level.direction]]
        case VectorUnit():
            held = [] if level.row_words is None else [f"rows of {level.row_words} words"]
            return [f"{level.lanes} lanes", *([f"fused: {', '.join(level.fused)}"] if level.fused else []), *held]


def _clock(level: Dram) -> str:
    return "core clock" if level.clock_mhz is None else f"{level.clock_mhz:g} MHz"


def _partition(part: Any) -> str:
    return f"{spell_size(part.size_bits)} for {', '.join(operand.value for operand in part.operands)}"


def _doubled(level: Sram) -> list[str]:
    return [operand.value for part in level.partitions for operand in part.operands if part.copies(operand) > 1]


def _extra(*said: tuple[str, bool]) -> str:
    return "".join(f", {text}" for text, holds in said if holds)


def _stated(what: str, value: float | None, unit: str) -> str:
    return f"{what} not stated" if value is None else f"{what} {value:g} {unit}"


def _plain(value: Any) -> Any:
    """Enums as their values, tuples as lists."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.value if isinstance(value, Enum) else value
