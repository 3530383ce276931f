"""The written parts of a report: cards, a layer's detail, the accelerator, the energy table."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accsim.report.quantities import MISSING, Scale, amount, finite, percent, si, significant, whole
from accsim.report.roofline import Roof
from accsim.report.view import LayerView, ResultView, shorten
from accsim.report.yamltext import to_yaml


@dataclass(frozen=True, slots=True)
class Card:
    """One figure of the summary."""

    title: str
    value: str
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What is folded out for one layer."""

    layer: LayerView
    brief: str
    facts: list[tuple[str, str]]
    activity: list[tuple[str, list[tuple[str, ...]]]]
    energy_unit: str
    omitted: bool
    tensors: list[tuple[str, ...]]
    idle: list[tuple[str, str, str]]
    mapping: str
    notes: list[str]
    warnings: list[str]


def tags(view: ResultView) -> list[tuple[str, str]]:
    """What was run, in the fewest words."""
    raw = view.raw
    return [
        ("dataflow", flat(raw["dataflow"])),
        ("batch", whole(view.batch)),
        ("clock", f"{significant(view.clock_mhz, 6)} MHz"),
        ("recipe", flat(raw.get("recipe") or "none")),
        ("engine", flat(raw.get("engine"))),
        ("values", flat(raw.get("values"))),
        ("energy table", flat(raw["energy_table"].get("name"))),
        *([("mappings for least", flat(raw["objective"]))] if raw.get("objective") else []),
        *((str(name), flat(value)) for name, value in (raw.get("bindings") or {}).items()),
    ]


def cards(view: ResultView) -> list[Card]:
    """The summary: time, energy, power, work, traffic, area."""
    totals, batch = view.raw["totals"], view.batch
    per_batch = f"batch of {batch}" if batch > 1 else "batch of 1"
    seconds = view.latency_ms / 1e3
    rate = f"{si(2 * view.macs / seconds, 'OP/s')} at 2 OP per MAC" if seconds and view.macs else ""
    each = view.unit.show(view.energy / batch)
    per_mac = view.unit.show(view.energy / view.macs if view.macs else None)
    absolute = view.raw["energy_table"].get("unit") != "mac"
    on_chip = finite(totals.get("power_mw")) if absolute else None
    system = finite(totals.get("system_power_mw")) if absolute else None
    power_note = (
        f"{significant(system)} mW with DRAM" if system is not None else "the energy table has no absolute unit"
    )
    area = finite(totals.get("area_mm2"))
    busiest = max((v.utilization for v in view.layers), default=0.0)
    return [
        Card(
            "Latency", *_split(si(view.latency_ms, "s", 1e-3)), f"{per_batch}, {si(view.total_cycles['total'])} cycles"
        ),
        Card("Throughput", significant(totals.get("fps")), "fps", "inferences per second"),
        Card("Energy per inference", *_split(each), f"{view.unit.show(view.energy)} for the {per_batch}"),
        Card("Energy per MAC", *_split(per_mac), f"table {shorten(str(view.raw['energy_table'].get('name')), 40)}"),
        Card("Power, on chip", significant(on_chip), "mW" if on_chip is not None else "", power_note),
        Card("MACs", *_split(si(view.macs)), rate),
        Card("Utilisation", *_split(percent(view.utilization)), f"best layer {percent(busiest)}"),
        Card(
            "DRAM traffic", *_split(si(view.dram_bits / 8, "B")), f"{si(view.dram_bits / 8 / batch, 'B')} per inference"
        ),
        Card("Buffer traffic", *_split(si(view.buffer_bits / 8, "B")), "reads, writes and fills of shared buffers"),
        Card(
            "Area",
            significant(area or None),
            "mm²" if area else "",
            "" if area else "the energy table has no area figures",
        ),
    ]


def _split(text: str) -> tuple[str, str]:
    value, _, unit = text.partition(" ")
    return value, unit


def details(view: ResultView, machine: Roof | None, most_rows: int) -> list[Detail]:
    """One per layer, in order; activity rows for the dearest layers only where there are more than ``most_rows``."""
    shown = set()
    for layer in view.by_energy():
        most_rows -= len(layer.raw.get("activity", ()))
        if most_rows < 0:
            break
        shown.add(layer.index)
    return [_detail(view, layer, machine, layer.index in shown) for layer in view.layers]


def _detail(view: ResultView, layer: LayerView, machine: Roof | None, shown: bool) -> Detail:
    raw = layer.raw
    activity = raw.get("activity", ())
    unit = view.unit.scale(max((amount(row.get("energy")) for row in activity), default=0.0))
    slots = {str(k): amount(v) for k, v in raw.get("pe", {}).get("idle_slots", {}).items()}
    all_slots = sum(slots.values()) + layer.macs
    return Detail(
        layer=layer,
        brief=f"{si(layer.latency_ms, 's', 1e-3)}, {view.unit.show(layer.energy)}",
        facts=_facts(view, layer, machine),
        activity=_activity(activity, unit) if shown else [],
        energy_unit=unit.unit,
        omitted=not shown and bool(activity),
        tensors=[_tensor(str(name), t) for name, t in raw.get("tensors", {}).items() if t],
        idle=[(k.replace("_", " "), whole(int(v)), percent(v / all_slots)) for k, v in slots.items() if v],
        mapping=to_yaml(raw["mapping"]) if raw.get("mapping") else "",
        notes=[str(note) for note in raw.get("notes", ())],
        warnings=[str(warning) for warning in raw.get("warnings", ())],
    )


def _facts(view: ResultView, layer: LayerView, machine: Roof | None) -> list[tuple[str, str]]:
    c = layer.cycles
    split = ", ".join(f"{key} {c[key]:,}" for key in ("compute", "fill", "drain", "stall") if c[key])
    told = [
        (
            "Time",
            f"{si(layer.latency_ms, 's', 1e-3)}; "
            f"without off-chip waits {si(layer.raw.get('processing_ms'), 's', 1e-3)}",
        ),
        ("Cycles", f"{layer.total:,}" + (f" = {split}" if split else "") + f"; starts at {layer.start:,}"),
    ]
    waits = ", ".join(f"{key} {value:,}" for key, value in layer.stalls.items() if value)
    if waits:
        told.append(("Stalled on", waits))
    if layer.macs:
        told.append(("MACs", _macs(layer)))
        active = f"{layer.active_max:,} at most, {significant(layer.active_average, 4)} on average"
        told.append(("PEs", f"{active}; {percent(layer.utilization)} of all slots do a MAC"))
    intensity, rate = layer.macs_per_dram_byte, layer.macs_per_cycle
    if intensity and rate:
        text = f"{significant(intensity)} MACs per DRAM byte, {significant(rate)} MACs per cycle"
        if machine is not None:
            bound = "the DRAM channel" if intensity < machine.ridge else "the array"
            text += f", {percent(rate / machine.at(intensity))} of the roof set by {bound}"
        told.append(("Roofline", text))
    expected = finite(layer.raw.get("expected_compute_cycles"))
    if expected is not None:
        told.append(("Array cycles expected", f"{expected:,.0f} of the values' densities alone, beside those counted"))
    told.append(("Traffic", f"DRAM {si(layer.dram_bits / 8, 'B')}, buffers {si(layer.buffer_bits / 8, 'B')}"))
    told.append(("Energy", view.unit.show(layer.energy)))
    compared = layer.raw.get("scalesim")
    if compared:
        told.append(("SCALE-Sim", flat(compared)))
    return told


def _macs(layer: LayerView) -> str:
    effectual = finite(layer.raw.get("effectual_macs"))
    if effectual is None or effectual == layer.macs:
        return f"{layer.macs:,}"
    return f"{layer.macs:,}, of which {percent(effectual / layer.macs)} have no zero operand"


def _activity(activity: Sequence[Mapping[str, Any]], unit: Scale) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Rows under the level they belong to."""
    levels: dict[str, list[tuple[str, ...]]] = {}
    for row in activity:
        peer = f" ({row['peer']})" if row.get("peer") else ""
        bits = whole(row["bits"]) if row.get("bits") else ""
        action = str(row["action"]).replace("_", " ") + peer
        levels.setdefault(str(row["level"]), []).append(
            (str(row["operand"]), action, whole(row["accesses"]), bits, unit.show(row.get("energy")))
        )
    return list(levels.items())


def _tensor(name: str, tensor: Mapping[str, Any]) -> tuple[str, ...]:
    stored, metadata = amount(tensor.get("stored_bits")), amount(tensor.get("metadata_bits"))
    density = finite(tensor.get("density"))
    return (
        name,
        whole(tensor.get("bits")),
        str(tensor.get("encoding", "")),
        si(stored / 8, "B"),
        si(metadata / 8, "B") if metadata else "",
        MISSING if density is None else percent(density),
        str(tensor.get("lived_in", "")),
    )


def size(bits: object) -> str:
    """A capacity: KiB and MiB where it has bytes enough, bits below."""
    number = finite(bits)
    if number is None:
        return MISSING
    for factor, name in ((8 * 2**30, "GiB"), (8 * 2**20, "MiB"), (8 * 2**10, "KiB"), (8, "B")):
        if number >= factor and (number / factor * 1000).is_integer():
            return f"{number / factor:,g} {name}"
    return f"{number:,g} b"


def level_rows(view: ResultView, area: Mapping[str, Any]) -> list[dict[str, str]]:
    """The accelerator's levels with what is known of each."""
    described = {str(level.get("name")): level for level in _description(view).get("levels", ())}
    areas = area.get("by_level", {})
    rows = []
    names = list(dict.fromkeys([*(str(level["name"]) for level in view.raw["levels"]), *described]))
    plain = {str(level["name"]): level for level in view.raw["levels"]}
    for name in names:
        level = {**plain.get(name, {}), **described.get(name, {})}
        other = {
            k: v
            for k, v in level.items()
            if k not in ("name", "kind", "instances", "size_bits", "width_bits", "operands", "source")
        }
        rows.append(
            {
                "name": name,
                "kind": str(level.get("kind", "")),
                "instances": whole(level.get("instances")),
                "size": size(level.get("size_bits")),
                "width": f"{whole(level['width_bits'])} b" if finite(level.get("width_bits")) is not None else MISSING,
                "operands": ", ".join(str(op) for op in level.get("operands") or ()),
                "area": significant(areas.get(name)),
                "energy": percent(view.by_level.get(name, 0.0) / view.energy) if view.energy else MISSING,
                "source": str(level.get("source") or ""),
                "other": flat(other),
            }
        )
    return rows


def machine_facts(view: ResultView) -> list[tuple[str, str]]:
    """The accelerator's own figures: array, PE, clock, and whatever else its description carries."""
    told = ("levels", "assumed", "description", "source", "clock_mhz", "name")
    rest = {key: value for key, value in _description(view).items() if key not in told}
    if "area_mm2" in rest:
        rest["published area_mm2"] = rest.pop("area_mm2")
    return [("core clock", f"{significant(view.clock_mhz, 6)} MHz"), *facts(rest)]


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Any mapping as names and values; what is empty is left out."""
    return [_named(key, value) for key, value in values.items() if value not in (None, "", [], {})]


def _description(view: ResultView) -> Mapping[str, Any]:
    found = view.raw.get("hardware_description")
    return found if isinstance(found, Mapping) else {}


UNITS = {"nm": "nm", "v": "V", "mhz": "MHz", "mm2": "mm²", "bits": "bits", "ms": "ms", "pj": "pJ", "mw": "mW"}
CAPITALS = {"macs": "MACs", "dram": "DRAM", "pe": "PE", "pes": "PEs", "mac": "MAC", "sram": "SRAM"}


def _name_and_unit(key: object) -> tuple[str, str]:
    parts = str(key).split("_")
    unit = UNITS.get(parts[-1], "") if len(parts) > 1 else ""
    return " ".join(CAPITALS.get(part, part) for part in (parts[:-1] if unit else parts)), unit


def words(key: object) -> str:
    """A key as a heading, its unit after a comma: ``node_nm`` is ``node, nm``."""
    name, unit = _name_and_unit(key)
    return f"{name}, {unit}" if unit else name


def _named(key: object, value: object) -> tuple[str, str]:
    """A key and its value as words, the unit after the value."""
    name, unit = _name_and_unit(key)
    return name, f"{flat(value)} {unit}".rstrip()


def flat(value: object) -> str:
    """Any plain value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(" ".join(_named(k, v)) for k, v in value.items() if v not in (None, "", [], {}))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(flat(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return MISSING if finite(value) is None else f"{value:,.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    return MISSING if value is None else str(value)


def entry_table(entries: object) -> tuple[list[str], list[list[str]]]:
    """Any list of mappings as headings and rows; the headings are the keys in order of appearance."""
    found = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, Sequence) else []
    keys = list(dict.fromkeys(str(key) for entry in found for key in entry))
    keys = [key for key in keys if any(entry.get(key) not in (None, "", [], {}) for entry in found)]
    filled = [["" if entry.get(key) is None else flat(entry.get(key)) for key in keys] for entry in found]
    return [words(key) for key in keys], filled


def sources(value: object) -> list[str]:
    """Sources as sentences, from a text, a list or a mapping of keys to texts."""
    if isinstance(value, Mapping):
        return [f"{key}: {flat(text)}" for key, text in value.items()]
    if isinstance(value, str):
        return [value] if value else []
    return [flat(item) for item in value] if isinstance(value, Iterable) else []


def command(view: ResultView) -> str:
    """The command line that made the result; empty when it does not say."""
    found = view.raw.get("command")
    if isinstance(found, Sequence) and not isinstance(found, str):
        return shlex.join(str(word) for word in found)
    return str(found or "")


def versions(view: ResultView) -> list[tuple[str, str]]:
    """Versions of accsim and of what it ran on."""
    found = view.raw.get("versions")
    rest = [(str(k), str(v)) for k, v in found.items() if k != "accsim"] if isinstance(found, Mapping) else []
    return [("accsim", str(view.raw.get("accsim", MISSING))), *rest]
