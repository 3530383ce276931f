"""What must add up in every result: traffic from both sides, cycles, energy, PE slots, and where tensors lived.

Each property runs the whole pipeline on small random networks and machines of both array families.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from accsim import estimate, load_accelerator, load_mappings, load_network
from accsim.errors import AccsimError, MappingError
from accsim.hardware.accelerator import Accelerator, InitialPsum
from accsim.mapping.mapping import Mapping
from accsim.report.schema import result_schema
from accsim.result import Result
from accsim.simulate.activity import Action, Count
from accsim.workload.layer import Geometry, Layer, LayerKind, Operand
from accsim.workload.network import Network
from tests.strategies import (
    change,
    conv_layers,
    fc_layers,
    mac_layers,
    small_networks,
    systolic_machines,
    tight_row_stationary_machines,
    with_buffers,
)

SYSTOLIC = ("weight_stationary", "output_stationary", "input_stationary")
EXAMPLES = settings(max_examples=25, deadline=None)


@st.composite
def jobs(draw: st.DrawFn, density: bool = False) -> tuple[Network, Accelerator, str]:
    """A small network, a machine, and a dataflow that runs on it."""
    network = draw(small_networks(density))
    if draw(st.booleans()):
        return network, draw(tight_row_stationary_machines()), "row_stationary"
    return network, draw(systolic_machines()), draw(st.sampled_from(SYSTOLIC))


def run(
    network: Network,
    machine: Accelerator,
    dataflow: str,
    table: str = "eyeriss_normalized",
    mapping: dict[str, Mapping] | None = None,
) -> Result:
    """The pipeline; a layer that fits the machine under no mapping is no example of anything here.

    A mapping that is given was legal on a like machine and stays so.
    """
    try:
        return estimate(network, machine, dataflow=dataflow, energy_table=table, mapping=mapping)
    except MappingError:
        assume(mapping is not None)
        raise


def alone(layer: Layer) -> Network:
    """A network of one layer."""
    return Network(layer.name, (layer,), layer.input_shapes[0], layer.batch)


def mapped(result: Result) -> dict[str, Mapping]:
    """The mappings of a result, to be given to another run."""
    pairs = zip(result.estimates, result.mappings_used, strict=True)
    return {e.activity.layer: m for e, m in pairs if m is not None}


def total(counts: tuple[Count, ...], **wanted: Any) -> int:
    """Bits of the counters with the given fields."""
    return sum(c.bits for c in counts if all(getattr(c, name) == value for name, value in wanted.items()))


def storage(machine: Accelerator) -> set[str]:
    """DRAM and the shared buffers."""
    return {machine.dram.name, *(level.name for level in machine.buffers)}


IN, OUT = (Action.FILL, Action.WRITE), (Action.READ,)


# Rule: bits moved between two levels agree from both sides, and the energy is the sum of its parts.


@EXAMPLES
@given(jobs())
def test_bits_between_two_levels_agree_from_both_sides(job):
    network, machine, dataflow = job
    for layer in run(network, machine, dataflow).estimates:
        counts = layer.activity.counts
        given_, taken = {}, {}
        for c in counts:
            if c.peer in storage(machine) and c.level in storage(machine):
                side, key = (
                    (given_, (c.level, c.peer, c.operand)) if c.action in OUT else (taken, (c.peer, c.level, c.operand))
                )
                side[key] = side.get(key, 0) + c.bits
        assert given_ == taken


@EXAMPLES
@given(jobs())
def test_what_a_network_delivers_is_what_the_scratchpads_receive(job):
    network, machine, dataflow = job
    for layer in run(network, machine, dataflow).estimates:
        counts = layer.activity.counts
        for c in counts:
            if c.action is Action.DELIVER and c.peer is not None and dataflow == "row_stationary":
                assert c.bits == total(counts, level=c.peer, operand=c.operand, action=Action.FILL, peer=c.level)


@EXAMPLES
@given(jobs())
def test_what_leaves_the_buffer_is_what_the_network_sends(job):
    network, machine, dataflow = job
    for layer in run(network, machine, dataflow).estimates:
        counts = layer.activity.counts
        for c in counts:
            if c.action is not Action.SEND:
                continue
            inward = machine.link(Operand.WEIGHT if c.operand is Operand.IFMAP2 else c.operand, "in")
            if inward is not None and inward.name == c.level:
                read = total(counts, operand=c.operand, action=Action.READ, peer=c.level)
                assert read <= c.bits  # padding that is not fetched is made at the bus
                if machine.dram.fetch_padding or c.operand is not Operand.IFMAP:
                    assert read == c.bits
            else:
                assert c.bits == total(counts, operand=c.operand, action=Action.WRITE, peer=c.level)


@EXAMPLES
@given(jobs(density=True))
def test_energy_is_the_sum_of_its_parts(job):
    network, machine, dataflow = job
    result = run(network, machine, dataflow).to_dict()
    levels: dict[str, float] = {}
    for layer in result["layers"]:
        parts: dict[str, float] = {}
        for row in layer["activity"]:
            parts[row["level"]] = parts.get(row["level"], 0.0) + row["energy"]
        named = {level: energy for level, energy in layer["energy"].items() if level != "total"}
        assert all(energy == pytest.approx(parts.get(level, 0.0)) for level, energy in named.items())
        assert set(parts) <= set(named)
        assert layer["energy"]["total"] == pytest.approx(sum(named.values()))
        for level, energy in named.items():
            levels[level] = levels.get(level, 0.0) + energy
    whole = dict(result["totals"]["energy"])
    assert whole.pop("total") == pytest.approx(sum(whole.values()))
    assert whole == pytest.approx(levels)


# Rule: every finished output is drained once; a partial sum that leaves a level comes back as a read.


@EXAMPLES
@given(jobs())
def test_every_output_is_written_once_where_it_lives(job):
    network, machine, dataflow = job
    for layer, e in zip(network.layers, run(network, machine, dataflow).estimates, strict=True):
        if not layer.kind.has_macs:
            continue
        ofmap = next(t for t in e.activity.tensors if t.operand is Operand.OFMAP)
        written = total(e.activity.counts, level=ofmap.lived_in, operand=Operand.OFMAP, action=Action.WRITE)
        assert written == layer.ofmap_words * machine.pe.output_bits == ofmap.stored_bits


@EXAMPLES
@given(jobs())
def test_sums_that_leave_a_buffer_come_back(job):
    network, machine, dataflow = job
    dram = machine.dram.name
    for layer, e in zip(network.layers, run(network, machine, dataflow).estimates, strict=True):
        if not layer.kind.has_macs:
            continue
        counts, psum = e.activity.counts, Operand.PSUM
        zeros = layer.ofmap_words * machine.pe.accumulator_bits
        if machine.array.initial_psum is InitialPsum.READ:
            zeros = 0
        holders = [b.name for b in machine.buffers if psum in b.operands]
        spilled = total(counts, level=dram, operand=psum, action=Action.WRITE)
        assert total(counts, level=dram, operand=psum, action=Action.READ) == spilled
        nearest = holders[-1]
        out = sum(c.bits for c in counts if (c.level, c.operand, c.action) == (nearest, psum, Action.WRITE))
        back = sum(
            c.bits
            for c in counts
            if (c.level, c.operand, c.action) == (nearest, psum, Action.READ) and c.peer not in storage(machine)
        )
        assert back == out - zeros
        assert out >= layer.ofmap_words * machine.pe.accumulator_bits


@settings(max_examples=15, deadline=None)
@given(jobs())
def test_reading_the_first_sums_costs_one_read_per_output_and_nothing_else_changes(job):
    network, machine, dataflow = job
    zero = replace(machine, array=replace(machine.array, initial_psum=InitialPsum.ZERO))
    read = replace(machine, array=replace(machine.array, initial_psum=InitialPsum.READ))
    base = run(network, zero, dataflow)
    other = run(network, read, dataflow, mapping=mapped(base))
    for layer, a, b in zip(network.layers, base.estimates, other.estimates, strict=True):
        if layer.kind.has_macs:
            more = layer.ofmap_words * machine.pe.accumulator_bits
            for action in (Action.READ, Action.WRITE):
                found = {
                    name: sum(
                        c.bits for c in e.activity.counts
                        if c.operand is Operand.PSUM and c.action is action and c.level in storage(machine)
                    )
                    for name, e in (("zero", a), ("read", b))
                }  # fmt: skip
                assert found["read"] - found["zero"] == (more if action is Action.READ else 0)


# Rule: counters are integers of 64 bits; what cannot be represented is an error and never wraps.


@EXAMPLES
@given(jobs())
def test_counters_are_whole_and_not_negative(job):
    network, machine, dataflow = job
    for e in run(network, machine, dataflow).estimates:
        a = e.activity
        numbers = [n for c in a.counts for n in (c.accesses, c.bits)]
        numbers += [a.macs, a.start_cycle, a.processing_cycles, a.cycles.compute, a.cycles.fill, a.cycles.drain]
        numbers += [n for _, n in a.cycles.stalls] + [n for _, n in a.idle_slots]
        assert all(type(n) is int and 0 <= n < 2**63 for n in numbers)
        assert a.expected == ()  # nothing is known of the values, so nothing is expected of them


@pytest.mark.parametrize(("machine", "dataflow"), [("eyeriss", None), ("tpu_v1", None), ("edge_8x8", None)])
@pytest.mark.parametrize("size", [2**31, 2**31 - 1])
def test_a_size_beyond_64_bits_is_an_error(machine, dataflow, size):
    """2^62 weights of 8 or 16 bits: the MACs can be represented and the bits that move cannot."""
    g = Geometry(N=1, G=1, M=size, C=size, P=1, Q=1, R=1, S=1, H=1, W=1)
    layer = Layer("fc", LayerKind.FC, ("input",), ((1, size),), (1, size), 1, g, g.weight_words, 0, "fc")
    with pytest.raises(AccsimError, match=r"cannot be represented|too long to be represented"):
        estimate(alone(layer), machine, dataflow=dataflow)


def test_a_layer_of_too_many_macs_is_an_error():
    g = Geometry(N=1, G=1, M=2**32, C=2**32, P=1, Q=1, R=1, S=1, H=1, W=1)
    with pytest.raises(AccsimError) as caught:
        Layer("fc", LayerKind.FC, ("input",), ((1, 2**32),), (1, 2**32), 1, g, g.weight_words, 0, "fc")
    assert str(caught.value) == (
        "layer 'fc': 18446744073709551616 MACs cannot be represented in 64 bits (at most 9223372036854775807)"
    )


# Rule: utilisation, distinct words, larger buffers, more bandwidth, gating.


@EXAMPLES
@given(jobs())
def test_utilisation_and_idle_slots(job):
    network, machine, dataflow = job
    for layer in run(network, machine, dataflow).to_dict()["layers"]:
        slots = machine.array.pes * layer["cycles"]["total"]
        assert 0 <= layer["pe"]["utilization"] <= 1
        assert layer["pe"]["active_average"] <= layer["pe"]["active_max"] <= machine.array.pes
        assert all(n >= 0 for n in layer["pe"]["idle_slots"].values())
        assert sum(layer["pe"]["idle_slots"].values()) + layer["macs"] == slots


def touched(g: Geometry) -> int:
    """Pixels that some tap reads, one at a time."""
    rows = {p * g.stride_h + r * g.dilation_h - g.pad_top for p in range(g.P) for r in range(g.R)}
    cols = {q * g.stride_w + s * g.dilation_w - g.pad_left for q in range(g.Q) for s in range(g.S)}
    return g.N * g.C * sum(0 <= y < g.H for y in rows) * sum(0 <= x < g.W for x in cols)


@EXAMPLES
@given(jobs())
def test_distinct_words_reads_of_dram_and_fills_of_the_buffer(job):
    network, machine, dataflow = job
    for layer, e in zip(network.layers, run(network, machine, dataflow).estimates, strict=True):
        g = layer.geometry
        if g is None:
            continue
        for operand, words in ((Operand.WEIGHT, g.weight_words), (Operand.IFMAP, touched(g))):
            tensor = next(t for t in e.activity.tensors if t.operand is operand)
            buffer = next((b.name for b in machine.buffers if operand in b.operands), None)
            if tensor.lived_in != machine.dram.name or buffer is None:
                continue
            read = total(e.activity.counts, level=machine.dram.name, operand=operand, action=Action.READ)
            filled = total(e.activity.counts, level=buffer, operand=operand, action=Action.FILL)
            assert words * machine.bits(operand) <= read <= filled


@st.composite
def growing(draw: st.DrawFn) -> tuple[Layer, Accelerator, Accelerator, str]:
    """A layer, a machine, and the same machine with a larger buffer."""
    more = draw(st.sampled_from([1, 16, 100, 1000, 30000]))
    if draw(st.booleans()):
        layer = draw(st.one_of(conv_layers(largest=12), fc_layers()))
        base = draw(tight_row_stationary_machines())
        shared, weights = (part.size_bits for part in base.buffers[0].partitions)
        return (
            layer,
            base,
            with_buffers(base, shared + 16 * more, weights + 16 * draw(st.integers(0, 50))),
            "row_stationary",
        )
    layer, base = draw(mac_layers()), draw(systolic_machines())
    levels = {
        level.name: {
            "partitions": tuple(replace(part, size_bits=part.size_bits + 8 * more) for part in level.partitions)
        }
        for level in base.buffers
    }
    return layer, base, change(base, **levels), draw(st.sampled_from(SYSTOLIC))


@settings(max_examples=40, deadline=None)
@given(growing())
def test_a_larger_buffer_never_raises_the_best_energy(case):
    """At the same energy per access (eyeriss_normalized) whatever the size of the level, and without leakage."""
    layer, small, large, dataflow = case
    before = run(alone(layer), small, dataflow)
    after = estimate(alone(layer), large, dataflow=dataflow, energy_table="eyeriss_normalized")
    assert after.energy <= before.energy * (1 + 1e-12)


@EXAMPLES
@given(jobs(), st.sampled_from([2, 3, 10]))
def test_more_bandwidth_never_adds_a_cycle(job, times):
    network, machine, dataflow = job
    base = run(network, machine, dataflow)
    wider = change(machine, dram={"width_bits": machine.dram.width_bits * times})
    other = run(network, wider, dataflow, mapping=mapped(base))
    for a, b in zip(base.estimates, other.estimates, strict=True):
        assert b.activity.cycles.total <= a.activity.cycles.total
        assert b.activity.processing_cycles == a.activity.processing_cycles


@EXAMPLES
@given(jobs())
def test_wider_ports_and_networks_never_add_a_cycle(job):
    network, machine, dataflow = job
    base = run(network, machine, dataflow)
    levels: dict[str, dict[str, Any]] = {}
    for level in machine.levels:
        for name in ("read_bits_per_cycle", "write_bits_per_cycle"):
            if getattr(level, name, None):
                levels.setdefault(level.name, {})[name] = getattr(level, name) * 2
        if level.kind.value == "noc" and level.width_bits:
            levels.setdefault(level.name, {})["width_bits"] = level.width_bits * 2
    other = run(network, change(machine, **levels), dataflow, mapping=mapped(base))
    for a, b in zip(base.estimates, other.estimates, strict=True):
        assert b.activity.cycles.total <= a.activity.cycles.total


@EXAMPLES
@given(jobs(density=True), st.sampled_from(["eyeriss_65nm", "horowitz_45nm"]))
def test_gating_saves_energy_and_never_a_cycle(job, table):
    network, machine, dataflow = job
    plain = replace(machine, pe=replace(machine.pe, zero_gating=False))
    gated = replace(machine, pe=replace(machine.pe, zero_gating=True))
    base = run(network, plain, dataflow, table)
    other = run(network, gated, dataflow, table, mapping=mapped(base))
    for a, b in zip(base.estimates, other.estimates, strict=True):
        assert b.activity.cycles == a.activity.cycles
        assert b.energy <= a.energy * (1 + 1e-12)


@EXAMPLES
@given(jobs())
def test_gated_and_done_macs_are_all_the_macs(job):
    network, machine, dataflow = job
    machine = replace(machine, pe=replace(machine.pe, zero_gating=True))
    for e in run(network, machine, dataflow).estimates:
        done = sum(c.accesses for c in e.activity.counts if c.action in (Action.MAC, Action.GATED_MAC))
        assert done == e.activity.macs


# Rule: total = compute + fill + drain + stall; what is not a wait for DRAM is processing.


@EXAMPLES
@given(jobs())
def test_cycles_add_up(job):
    network, machine, dataflow = job
    result = run(network, machine, dataflow)
    clock = 0
    for e in result.estimates:
        a, dram = e.activity, machine.dram.name
        assert a.cycles.total == a.cycles.compute + a.cycles.fill + a.cycles.drain + sum(n for _, n in a.cycles.stalls)
        assert a.processing_cycles == a.cycles.total - dict(a.cycles.stalls).get(dram, 0)
        assert a.start_cycle == clock
        assert e.latency_ms == pytest.approx(a.cycles.total / machine.clock_mhz / 1e3)
        clock += a.cycles.total
    assert result.cycles == clock


@EXAMPLES
@given(jobs())
def test_no_layer_is_faster_than_its_macs_or_its_channel(job):
    network, machine, dataflow = job
    ratio = (machine.dram.clock_mhz or machine.clock_mhz) / machine.clock_mhz
    for e in run(network, machine, dataflow).estimates:
        moved = total(e.activity.counts, level=machine.dram.name)
        assert e.activity.cycles.total >= math.floor(moved / (machine.dram.width_bits * ratio))
        assert e.activity.cycles.total * machine.array.pes >= e.activity.macs


# Rule: traffic is in bits that move, and in accesses of the level's own width.


@EXAMPLES
@given(jobs())
def test_accesses_hold_the_bits_they_move(job):
    network, machine, dataflow = job
    widths = {level.name: getattr(level, "width_bits", None) for level in machine.levels}
    for e in run(network, machine, dataflow).estimates:
        for c in e.activity.counts:
            if c.bits and widths.get(c.level):
                assert c.accesses * widths[c.level] >= c.bits


# Rules over shipped networks: every layer is there, costs something, and its tensors live where the traffic says.

SHIPPED = [
    ("alexnet", "eyeriss", None),
    ("resnet20", "eyeriss", None),
    ("mobilenet_v2_1.0_224", "eyeriss_isca16", None),
    ("lenet", "edge_8x8", None),
    ("squeezenet1_1", "tpu_v1", None),
    ("resnet20", "systolic_32x32", "output_stationary"),
    ("lenet", "systolic_32x32", "input_stationary"),
    ("gpt2_decode", "tpu_v1", None),
]


@cache
def shipped(name: str, machine: str, dataflow: str | None) -> tuple[Network, Accelerator, Result]:
    sizes = {"sequence": 16} if name == "gpt2_decode" else {}
    network, accelerator = load_network(name, bindings=sizes), load_accelerator(machine)
    return network, accelerator, estimate(network, accelerator, dataflow=dataflow)


shipped_cases = pytest.mark.parametrize("case", SHIPPED, ids=lambda case: "-".join(filter(None, case)))


@shipped_cases
def test_every_layer_appears_and_costs_something(case):
    network, _, result = shipped(*case)
    layers = result.to_dict()["layers"]
    assert [layer["name"] for layer in layers] == [layer.name for layer in network.layers]
    for layer, row in zip(network.layers, layers, strict=True):
        free = any(note.startswith(("folded", "addressing only")) for note in row["notes"])
        fused = any(note.startswith("applied ") for note in row["notes"])
        moved = sum(entry["bits"] for entry in row["activity"])
        if layer.kind.has_macs:
            assert row["macs"] > 0
            assert row["cycles"]["compute"] > 0
        elif free:
            assert row["cycles"]["total"] == 0
            assert moved == 0
        elif fused:
            assert moved == 0
            assert any(entry["action"] == "op" for entry in row["activity"])
        else:
            assert row["cycles"]["total"] > 0
            assert moved > 0


@shipped_cases
def test_slots_of_shipped_networks(case):
    _, machine, result = shipped(*case)
    for e in result.estimates:
        a = e.activity
        assert sum(n for _, n in a.idle_slots) + a.macs == machine.array.pes * a.cycles.total, a.layer
        assert all(n >= 0 for _, n in a.idle_slots), a.layer


@shipped_cases
def test_tensors_live_where_the_traffic_says(case):
    network, machine, result = shipped(*case)
    check_residency(network, machine, result)


@EXAMPLES
@given(jobs())
def test_tensors_of_small_networks_live_where_the_traffic_says(job):
    network, machine, dataflow = job
    check_residency(network, machine, run(network, machine, dataflow))


def check_residency(network: Network, machine: Accelerator, result: Result) -> None:
    """A tensor that lives in DRAM is moved there and back; one that lives on chip is not."""
    dram, homes = machine.dram.name, {}
    for layer, e in zip(network.layers, result.estimates, strict=True):
        lived = {t.operand: t.lived_in for t in e.activity.tensors}
        homes[layer.name] = lived[Operand.OFMAP]
        if layer.inputs and layer.inputs[0] in homes and layer.kind is not LayerKind.EMBEDDING:
            assert lived[Operand.IFMAP] == homes[layer.inputs[0]], layer.name
        if not e.activity.counts or not layer.kind.has_macs:
            continue
        for operand, action in (
            (Operand.IFMAP, Action.READ),
            (Operand.IFMAP2, Action.READ),
            (Operand.OFMAP, Action.WRITE),
        ):
            if operand in lived:
                if operand is Operand.IFMAP and not touched(layer.geometry):
                    continue  # every tap reads padding
                moved = total(e.activity.counts, level=dram, operand=operand, action=action)
                assert (moved > 0) == (lived[operand] == dram), (layer.name, operand)


# The result format.


@pytest.mark.parametrize("case", SHIPPED[:6], ids=lambda case: "-".join(filter(None, case)))
def test_result_follows_its_schema(case):
    _, _, result = shipped(*case)
    assert [error.message for error in Draft202012Validator(result_schema()).iter_errors(result.to_dict())] == []


@settings(max_examples=15, deadline=None)
@given(jobs(density=True))
def test_result_of_a_small_network_follows_its_schema(job):
    network, machine, dataflow = job
    result = run(network, machine, dataflow).to_dict()
    assert [error.message for error in Draft202012Validator(result_schema()).iter_errors(result)] == []


@settings(max_examples=10, deadline=None)
@given(jobs(density=True))
def test_running_twice_gives_the_same(job):
    network, machine, dataflow = job
    assert run(network, machine, dataflow).to_dict() == run(network, machine, dataflow).to_dict()


def without_notes(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the sentences on where a mapping comes from."""
    layers = [{key: value for key, value in layer.items() if key != "notes"} for layer in result["layers"]]
    return {**{key: value for key, value in result.items() if key != "notes"}, "layers": layers}


def round_trip(network: Network, machine: Accelerator, result: Result, path) -> dict[str, Any]:
    """The result of the mappings that a result prints, written to a file and read again."""
    printed = {layer["name"]: layer["mapping"] for layer in result.to_dict()["layers"] if layer["macs"]}
    path.write_text(yaml.safe_dump(printed), encoding="utf-8")
    again = load_mappings(path, network, machine)
    return estimate(network, machine, dataflow=result.dataflow, energy_table=result.table, mapping=again).to_dict()


@settings(max_examples=15, deadline=None)
@given(job=jobs())
def test_a_printed_mapping_gives_the_same_result(job, tmp_path_factory):
    network, machine, dataflow = job
    result = run(network, machine, dataflow)
    again = round_trip(network, machine, result, tmp_path_factory.mktemp("maps") / "maps.yaml")
    assert without_notes(again) == without_notes(result.to_dict())


@pytest.mark.parametrize("case", SHIPPED[:6], ids=lambda case: "-".join(filter(None, case)))
def test_printed_mappings_of_shipped_networks(case, tmp_path):
    network, machine, result = shipped(*case)
    assert without_notes(round_trip(network, machine, result, tmp_path / "m.yaml")) == without_notes(result.to_dict())
