"""Accelerator files: what is read, and every message about what is wrong, as the user sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator, ArrayFamily, Cell, Dram, Overflow, Partition, Rounding, Sram
from accsim.hardware.reader import load_accelerator
from accsim.workload.layer import Operand

MINIMAL = """\
name: mine
clock: 500 MHz
array: {family: systolic, rows: 16, cols: 16}
pe: {weight_bits: 8, activation_bits: 8, accumulator_bits: 32}
levels:  # from the outside in
  - {name: dram, kind: dram, width: 64 b}
  - {name: buffer, kind: sram, size: 256 KiB, width: 128 b}
"""

ROW_STATIONARY = """\
clock: 100 MHz
array: {family: row_stationary, rows: 4, cols: 4}
levels:
  - {name: dram, kind: dram, width: 64 b}
  - {name: glb, kind: sram, size: 16 KiB, width: 64 b}
  - {name: ifmap_spad, kind: rf, operands: ifmap, words: 12, width: 8 b}
  - {name: filter_spad, kind: rf, operands: weight, words: 64, width: 8 b}
  - {name: psum_spad, kind: rf, operands: psum, words: 16, width: 32 b}
"""

Load = Callable[..., Accelerator]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def from_text(text: str, *overrides: str) -> Accelerator:
        Path("hw.yaml").write_text(text, encoding="utf-8")
        return load_accelerator("hw.yaml", overrides)

    return from_text


@pytest.fixture
def mistakes(load: Load) -> Callable[..., list[str]]:
    def of(text: str, *overrides: str) -> list[str]:
        with pytest.raises(InputError) as caught:
            load(text, *overrides)
        return list(caught.value.mistakes)

    return of


Mistakes = Callable[..., list[str]]


class TestWhatIsRead:
    def test_a_small_systolic_machine_needs_seven_lines(self, load: Load) -> None:
        machine = load(MINIMAL)
        assert machine.name == "mine"
        assert machine.clock_mhz == 500
        assert (machine.array.family, machine.array.rows, machine.array.cols) == (ArrayFamily.SYSTOLIC, 16, 16)
        assert machine.dataflow == "weight_stationary"
        assert machine.energy_table == "horowitz_45nm"
        every = (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM, Operand.OFMAP)
        assert machine.levels == (
            Dram("dram", every, 64),
            Sram("buffer", every, 128, (Partition(every, 256 * 1024 * 8),)),
        )
        assert machine.pe.output_bits == 8
        assert (machine.pe.rounding, machine.pe.overflow) == (Rounding.TRUNCATE, Overflow.WRAP)

    def test_without_a_name_the_file_gives_it(self, load: Load) -> None:
        assert load(MINIMAL.replace("name: mine\n", "")).name == "hw"

    def test_a_row_stationary_array_has_a_row_stationary_dataflow(self, load: Load) -> None:
        assert load(ROW_STATIONARY).dataflow == "row_stationary"

    def test_one_number_of_buffers_is_for_every_operand(self, load: Load) -> None:
        machine = load(MINIMAL, "levels.buffer.buffers=2")
        assert [machine.buffers[0].partition(o).copies(o) for o in machine.buffers[0].operands] == [2, 2, 2, 2]

    def test_buffers_may_be_given_per_operand(self, load: Load) -> None:
        part = load(MINIMAL, "levels.buffer.buffers={weight: 2}").buffers[0].partitions[0]
        assert (part.copies(Operand.WEIGHT), part.copies(Operand.IFMAP)) == (2, 1)

    def test_several_buffers_and_operands_that_skip_them(self, load: Load) -> None:
        machine = load(
            MINIMAL + "  - {name: fifo, kind: sram, operands: weight, size: 4 KiB, width: 128 b}\n"
            "  - {name: sums, kind: sram, operands: [psum], size: 8 KiB, width: 512 b}\n"
            "  - {name: weight_register, kind: rf, operands: weight, words: 1, width: 8 b}\n"
        )
        chains = {o: [level.name for level in machine.chain(o)] for o in (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM)}
        assert chains == {
            Operand.IFMAP: ["dram", "buffer"],
            Operand.WEIGHT: ["dram", "buffer", "fifo", "weight_register"],
            Operand.PSUM: ["dram", "buffer", "sums"],
        }

    def test_defaults_of_networks_follow_their_direction(self, load: Load) -> None:
        machine = load(
            MINIMAL + "  - {name: there, kind: noc, direction: in, width: 64 b}\n"
            "  - {name: back, kind: noc, direction: out}\n"
        )
        there, back = machine.link(Operand.WEIGHT, "in"), machine.link(Operand.OFMAP, "out")
        assert there is not None
        assert back is not None
        assert (there.name, there.width_bits, there.operands) == (
            "there",
            64,
            (Operand.IFMAP, Operand.WEIGHT, Operand.PSUM),
        )
        assert (back.name, back.width_bits, back.operands) == ("back", None, (Operand.PSUM, Operand.OFMAP))

    def test_a_register_file_is_given_in_words_or_as_a_size(self, load: Load) -> None:
        spad = load(MINIMAL + "  - {name: rf, kind: rf, size: 512 B, width: 16 b, cell: sram}\n").level("rf")
        assert (spad.size_words, spad.size_bits, spad.cell) == (256, 4096, Cell.SRAM)  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("written", "node", "voltage"),
        [("{node: 65 nm, voltage: 900 mV}", 65, 0.9), ("{node: 65, voltage: 1}", 65, 1), ("{}", None, None)],
    )
    def test_technology(self, load: Load, written: str, node: float | None, voltage: float | None) -> None:
        machine = load(MINIMAL + f"technology: {written}\n")
        assert (machine.node_nm, machine.voltage_v) == (node, voltage)

    def test_units(self, load: Load) -> None:
        machine = load(MINIMAL, "clock=0.2 GHz", "levels.buffer.size=100 kB", "levels.dram.width=8 B")
        assert (machine.clock_mhz, machine.buffers[0].size_bits, machine.dram.width_bits) == (200, 800_000, 64)


class TestOverrides:
    def test_they_change_what_they_name(self) -> None:
        machine = load_accelerator("eyeriss", ["array.rows=24", "levels.dram.clock=90 MHz", "pe.weight_bits=8"])
        assert (machine.array.rows, machine.dram.clock_mhz, machine.pe.weight_bits) == (24, 90, 8)

    def test_a_partition_is_addressed_by_its_index(self) -> None:
        machine = load_accelerator("eyeriss", ["levels.glb.partitions.0.size=216 KiB"])
        assert machine.buffers[0].size_bits == 224 * 1024 * 8

    def test_a_size_is_divided_among_partitions(self) -> None:
        """Twice the Eyeriss buffer has twice the banks in each part; 32 banks are divided 25 : 2 as 30 and 2."""

        def parts(size: str) -> list[int]:
            machine = load_accelerator("eyeriss", [f"levels.glb.size={size}"])
            return [part.size_bits // (8 * 1024) for part in machine.buffers[0].partitions]

        assert parts("216 KiB") == [200, 16]
        assert parts("128 KiB") == [120, 8]
        assert parts("108 KiB") == [100, 8]

    @pytest.mark.parametrize(
        ("size", "said"),
        [("110 KiB", "110 KiB is no whole number of banks of 4 KiB"), ("4 KiB", "leaves nothing for weight")],
    )
    def test_a_size_that_cannot_be_divided(self, size: str, said: str) -> None:
        with pytest.raises(InputError) as caught:
            load_accelerator("eyeriss", [f"levels.glb.size={size}"])
        assert caught.value.mistakes == (f"--set levels.glb.size={size}: {said}",)

    @pytest.mark.parametrize(
        ("assignment", "message"),
        [
            ("array.rws=24", "--set array.rws=24: no key 'rws' in array; did you mean 'rows'?"),
            ("array.rows=twelve", "--set array.rows=twelve: must be an integer, got 'twelve'"),
            ("array.rows=0", "--set array.rows=0: must be at least 1, got 0"),
            ("levels.gbl.width=64 b", "--set levels.gbl.width=64 b: no item 'gbl' in levels; did you mean 'glb'?"),
            (
                "levels.dram.width=64 MHz",
                "--set levels.dram.width=64 MHz: must be a size such as '108 KiB', got '64 MHz'",
            ),
        ],
    )
    def test_their_mistakes_name_them(self, assignment: str, message: str) -> None:
        with pytest.raises(InputError) as caught:
            load_accelerator("eyeriss", [assignment])
        assert caught.value.mistakes == (message,)

    def test_what_they_break_elsewhere_is_placed_there(self) -> None:
        with pytest.raises(InputError) as caught:
            load_accelerator("eyeriss", ["levels.glb.bank=3 KiB"])
        first, second = caught.value.mistakes
        assert first.startswith("accsim/hardware/presets/eyeriss.yaml:")
        assert first.endswith(": levels.glb.partitions.0.size: 100 KiB is no whole number of banks of 3 KiB")
        assert second.endswith(": levels.glb.partitions.1.size: 8 KiB is no whole number of banks of 3 KiB")


class TestFieldMistakes:
    def test_all_at_once(self, mistakes: Mistakes) -> None:
        text = """\
name: mine
clock: 500 KiB
array: {family: systolc, rows: twelve, cols: 70000}
pe: {weight_bits: 0, activation_bits: 65, rounding: up}
levels:
  - {name: dram, kind: dram, width: 64 b, latncy: 3}
  - {name: buffer, kind: sram, width: -64 b, size: 256 MHz}
  - {name: pe, kind: rf, words: 0, width: 8 b}
  - {name: vector, kind: vectr, lanes: 4}
  - {name: link, kind: noc, direction: inwards, operands: [ifmap, wieght]}
"""
        assert mistakes(text) == [
            "hw.yaml:2:8: clock: must be a frequency such as '200 MHz', got '500 KiB'",
            "hw.yaml:3:17: array.family: must be 'systolic', 'row_stationary', 'inner_product' or 'sparse', got "
            "'systolc'; did you mean 'systolic'?",
            "hw.yaml:3:32: array.rows: must be an integer, got 'twelve'",
            "hw.yaml:3:46: array.cols: must be at most 65536, got 70000",
            "hw.yaml:4:19: pe.weight_bits: must be at least 1, got 0",
            "hw.yaml:4:39: pe.activation_bits: must be at most 64, got 65",
            "hw.yaml:4:53: pe.rounding: must be 'truncate', 'nearest' or 'nearest_even', got 'up'",
            "hw.yaml:6:43: no key 'latncy' in levels.dram; did you mean 'latency_cycles'?",
            "hw.yaml:7:39: levels.buffer.width: must be greater than 0, got '-64 b'",
            "hw.yaml:7:52: levels.buffer.size: must be a size such as '108 KiB', got '256 MHz'",
            "hw.yaml:8:12: levels.pe.name: 'pe' is taken: results use it for the MAC units",
            "hw.yaml:8:33: levels.pe.words: must be at least 1, got 0",
            "hw.yaml:9:26: levels.vector.kind: must be 'dram', 'sram', 'rf', 'noc' or 'vector', got 'vectr'; "
            "did you mean 'vector'?",
            "hw.yaml:10:40: levels.link.direction: must be 'in', 'out' or 'local', got 'inwards'",
            "hw.yaml:10:67: levels.link.operands.1: must be 'ifmap', 'weight', 'psum' or 'ofmap', got 'wieght'; "
            "did you mean 'weight'?",
        ]

    def test_missing_keys(self, mistakes: Mistakes) -> None:
        assert mistakes("name: mine\nlevels:\n  - {name: dram}\n") == [
            "hw.yaml:1:1: key 'clock' is missing",
            "hw.yaml:1:1: key 'array' is missing",
            "hw.yaml:3:5: key 'kind' is missing in levels.dram",
        ]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("{name: b, kind: sram, width: 64 b}", "levels.b: needs a size or a list of partitions"),
            (
                "{name: b, kind: sram, width: 64 b, buffers: 2, partitions: [{operands: all, size: 1 KiB}]}",
                "levels.b: has partitions, so buffers must be given in each of them",
            ),
            ("{name: b, kind: rf, width: 16 b}", "levels.b: needs either words or a size"),
            ("{name: b, kind: rf, width: 16 b, words: 2, size: 4 B}", "levels.b: needs either words or a size"),
            (
                "{name: b, kind: rf, width: 16 b, size: 3 B}",
                "levels.b: its size of 24 b is no whole number of 16-bit words",
            ),
        ],
    )
    def test_levels_that_contradict_themselves(self, mistakes: Mistakes, line: str, message: str) -> None:
        assert mistakes(MINIMAL + f"  - {line}\n") == [f"hw.yaml:8:5: {message}"]

    def test_level_names(self, mistakes: Mistakes) -> None:
        assert mistakes(MINIMAL.replace("name: buffer", "name: my buffer")) == [
            "hw.yaml:7:12: levels.my buffer.name: must be a name of letters, digits, '_' and '-' that starts with a "
            "letter, got 'my buffer'"
        ]

    def test_run_length_coding_is_for_the_off_chip_memory(self, mistakes: Mistakes) -> None:
        text = MINIMAL.replace("width: 128 b", "width: 128 b, run_length: {run: 5 b}")
        assert mistakes(text) == [
            "hw.yaml:7:61: no key 'run_length' in levels.buffer; expected one of name, kind, operands, width, size, "
            "buffers, circular, partitions, bank, read_per_cycle, write_per_cycle, keeps_activations"
        ]

    def test_a_node_with_the_wrong_unit(self, mistakes: Mistakes) -> None:
        assert mistakes(MINIMAL + "technology: {node: 65 V}\n") == [
            "hw.yaml:8:20: technology.node: must be a process node such as '65 nm', got '65 V'"
        ]


class TestCrossFieldMistakes:
    def test_all_at_once(self, mistakes: Mistakes) -> None:
        text = """\
clock: 100 MHz
dataflow: row_stationry
energy_table: horowits_45nm
array: {family: row_stationary, rows: 4, cols: 4, edge_taps: true}
pe: {activation_bits: 16, accumulator_bits: 8, product_shift: 24}
levels:
  - {name: glb, kind: sram, size: 16 KiB, bank: 3 KiB, width: 64 b, buffers: {weight: 2}, operands: [ifmap, psum]}
  - name: dram
    kind: dram
    operands: [ifmap, weight]
    width: 64 b
    run_length: {run: 6 b, pairs_per_word: 3, word: 64 b, operands: ifmap}
  - {name: spad, kind: rf, operands: [ifmap, weight, ofmap], words: 12, width: 8 b}
  - {name: spad, kind: sram, operands: [ifmap, ifmap], size: 1 KiB, width: 8 b, keeps_activations: true}
  - {name: dram2, kind: dram, width: 64 b}
  - {name: v, kind: vector, lanes: 1, fused: [relu, rleu, relu]}
  - {name: w, kind: vector, lanes: 1}
  - {name: gin, kind: noc, direction: in, operands: [ifmap, ofmap]}
  - {name: gin2, kind: noc, direction: in, operands: ifmap}
"""
        assert mistakes(text) == [
            "hw.yaml:2:11: dataflow: no dataflow named 'row_stationry'; did you mean 'row_stationary' or "
            "'isca16_row_stationary' or 'weight_stationary'?",
            "hw.yaml:3:15: energy_table: no energy table named 'horowits_45nm'; did you mean 'horowitz_45nm'?",
            "hw.yaml:4:62: array.edge_taps: is for systolic arrays only",
            "hw.yaml:5:45: pe.accumulator_bits: an output of 16 bits is wider than the accumulator of 8 bits",
            "hw.yaml:5:63: pe.product_shift: a shift of 24 drops all 24 bits of a product",
            "hw.yaml:7:3: levels: a row-stationary PE needs levels of kind rf for ifmap, weight and psum; none holds "
            "psum",
            "hw.yaml:7:35: levels.glb.size: 16 KiB is no whole number of banks of 3 KiB",
            "hw.yaml:7:87: levels.glb.buffers.weight: weight is not held here",
            "hw.yaml:8:5: levels.dram: must come first: levels are listed from the outside in",
            "hw.yaml:10:15: levels.dram.operands: must list ofmap too: tensors come from 'dram' and return to it",
            "hw.yaml:12:53: levels.dram.run_length.word: 3 pairs of a 6-bit run and a 16-bit level need 66 b, got 64 b",
            "hw.yaml:13:38: levels.spad.operands: cannot list ofmap: a PE holds psums until they are finished",
            "hw.yaml:14:5: levels.spad: must come before 'spad': levels are listed from the outside in",
            "hw.yaml:14:12: levels.spad.name: another level is called 'spad' too, and results go by name",
            "hw.yaml:14:40: levels.spad.operands: ifmap is already listed in 'spad'",
            "hw.yaml:14:100: levels.spad.keeps_activations: needs ifmap and ofmap here; ofmap is not held",
            "hw.yaml:15:5: levels.dram2: only one level may be of kind dram, and 'dram' is",
            "hw.yaml:16:53: levels.v.fused.1: no operation named 'rleu'; did you mean 'relu' or 'relu6' or 'prelu'?",
            "hw.yaml:16:59: levels.v.fused.2: 'relu' is listed twice",
            "hw.yaml:17:5: levels.w: only one level may be of kind vector, and 'v' is",
            "hw.yaml:18:53: levels.gin.operands: cannot list ofmap: a network of direction 'in' carries ifmap, weight "
            "or psum",
            "hw.yaml:19:54: levels.gin2.operands: 'gin' already carries ifmap in",
        ]

    def test_no_off_chip_memory_and_no_place_for_psums(self, mistakes: Mistakes) -> None:
        levels = "levels:\n  - {name: v, kind: vector, lanes: 1}\n"
        text = "clock: 1 MHz\narray: {family: systolic, rows: 1, cols: 1}\n" + levels
        assert mistakes(text) == [
            "hw.yaml:4:3: levels: needs one level of kind dram, first in the list",
            "hw.yaml:4:3: levels: no level holds psum, so sums of several folds have no place",
        ]

    def test_a_dataflow_of_the_other_family(self, mistakes: Mistakes) -> None:
        assert mistakes(MINIMAL + "dataflow: row_stationary\n") == [
            "hw.yaml:8:11: dataflow: 'row_stationary' is for row_stationary arrays, and this one is systolic"
        ]
        assert mistakes(ROW_STATIONARY, "dataflow=weight_stationary") == [
            "--set dataflow=weight_stationary: 'weight_stationary' is for systolic arrays, and this one is "
            "row_stationary"
        ]

    def test_options_of_the_other_family_are_not_ignored(self, mistakes: Mistakes) -> None:
        text = MINIMAL + "mappings: {alexnet: {conv1: {m: 1, n: 1, e: 1, p: 1, q: 1, r: 1, t: 1}}}\n"
        changes = (
            "pe.psum_add_cycles=1", "pe.window_shift_cycles=2", "pe.filter_load=whole_pass", "pe.psum_gating=true",
            "pe.fifo_depth=8",
        )  # fmt: skip
        assert mistakes(text, *changes) == [
            "hw.yaml:8:11: mappings: published pass parameters are for row-stationary arrays only",
            "--set pe.psum_add_cycles=1: is for row-stationary arrays only",
            "--set pe.window_shift_cycles=2: is for row-stationary arrays only",
            "--set pe.filter_load=whole_pass: is for row-stationary arrays only",
            "--set pe.psum_gating=true: is for row-stationary arrays only",
            "--set pe.fifo_depth=8: is for row-stationary arrays only",
        ]

    def test_a_datapath_that_the_family_cannot_have_is_refused(self, mistakes: Mistakes) -> None:
        late = (
            "datapath takes as long as its values need, and systolic PEs must stay in step with their neighbours; use "
            "an inner_product array, or activation_serial, whose cycles follow widths alone"
        )
        for kind in ("dynamic_precision", "term_serial", "both_terms"):
            assert mistakes(MINIMAL, f"pe.datapath={kind}") == [f"--set pe.datapath={kind}: a {kind} {late}"]
        assert mistakes(MINIMAL, "pe.datapath=fused_bricks") == [
            "--set pe.datapath=fused_bricks: a fused_bricks datapath takes several products in a cycle, and systolic "
            "PEs hand on one word at a time; use an inner_product array"
        ]
        skipping = MINIMAL.replace("accumulator_bits: 32", "datapath: {kind: bit_parallel, n: 2, m: 4}")
        assert mistakes(skipping) == [
            "hw.yaml:4:52: pe.datapath: n of m weights are skipped on the lanes of inner_product arrays only"
        ]
        assert mistakes(ROW_STATIONARY, "pe.datapath=activation_serial") == [
            "--set pe.datapath=activation_serial: is for inner-product and systolic arrays only; PEs of row-stationary "
            "arrays do a MAC per cycle"
        ]
        assert mistakes(MINIMAL, "pe.datapath=unary", "pe.activation_bits=17") == [
            "--set pe.activation_bits=17: a unary stream of 17 bits has 2^17 cycles; at most 16 bits"
        ]
        assert mistakes(MINIMAL, "pe.datapath=activation_serial", "pe.product_shift=2") == [
            "--set pe.product_shift=2: must be 0: activation_serial PEs add parts of a product, got 2"
        ]

    def test_outliers_are_wider_than_the_narrow_lanes(self, mistakes: Mistakes) -> None:
        text = MINIMAL.replace("systolic, rows", "inner_product, lanes: 4, rows")
        path = text.replace("accumulator_bits: 32", "datapath: {kind: outlier_lane, normal_bits: 8}")
        assert mistakes(path) == [
            "hw.yaml:4:86: pe.datapath.normal_bits: must be less than the 8 bits of the PE's operands, which outliers "
            "have, got 8"
        ]

    def test_the_lanes_of_a_block_are_whole(self, mistakes: Mistakes) -> None:
        text = MINIMAL.replace("systolic, rows: 16", "inner_product, lanes: 3, rows: 16")
        assert mistakes(text.replace("accumulator_bits: 32", "datapath: {kind: bit_parallel, n: 2, m: 4}")) == [
            "hw.yaml:3:39: array.lanes: must be a multiple of n, 2: the lanes of a block of 4 weights share its "
            "activations; got 3"
        ]

    def test_sums_are_gated_by_what_gates_macs(self, mistakes: Mistakes) -> None:
        assert mistakes(ROW_STATIONARY, "pe.psum_gating=true") == ["--set pe.psum_gating=true: needs zero_gating"]

    def test_a_circular_buffer_is_one_of_ifmaps_for_rows_of_them(self, mistakes: Mistakes) -> None:
        assert mistakes(MINIMAL, "levels.buffer.circular=true") == [
            "--set levels.buffer.circular=true: a circular buffer is for row-stationary arrays only"
        ]
        parts = (
            "partitions: [{operands: [ifmap, psum, ofmap], size: 8 KiB}, "
            "{operands: weight, size: 8 KiB, circular: true}]"
        )
        assert mistakes(ROW_STATIONARY.replace("size: 16 KiB", parts)) == [
            "hw.yaml:5:131: levels.glb.partitions.1.circular: a circular buffer is for ifmaps, which are not held here"
        ]

    def test_a_size_in_the_file_that_is_not_the_sum(self, mistakes: Mistakes) -> None:
        parts = "[{operands: all, size: 1 KiB}]"
        level = f"  - {{name: b, kind: sram, width: 64 b, size: 2 KiB, partitions: {parts}}}\n"
        assert mistakes(MINIMAL + level) == [
            "hw.yaml:8:46: levels.b.size: is 2 KiB, and the partitions add up to 1 KiB; leave size out"
        ]

    def test_partitions_that_overlap(self, mistakes: Mistakes) -> None:
        parts = "[{operands: ifmap, size: 1 KiB}, {operands: all, size: 1 KiB}]"
        level = f"  - {{name: b, kind: sram, width: 8 b, partitions: {parts}}}\n"
        text = MINIMAL[: MINIMAL.index("  - {name: buffer")] + level
        assert mistakes(text) == [
            "hw.yaml:7:95: levels.b.partitions.1.operands: ifmap is already listed in 'b'",
        ]

    def test_a_missing_pass_parameter(self, mistakes: Mistakes) -> None:
        text = ROW_STATIONARY + "mappings: {alexnet: {conv1: {m: 1, n: 1, e: 1, p: 1, q: 1, r: 1}}}\n"
        assert mistakes(text) == ["hw.yaml:9:22: key 't' is missing in mappings.alexnet.conv1"]


class TestFilesThatAreNotThere:
    def test_a_name(self) -> None:
        with pytest.raises(InputError) as caught:
            load_accelerator("eyeris")
        said = "no accelerator named 'eyeris'; did you mean 'eyeriss' or 'eyeriss_v2' or 'eyeriss_isca16'?"
        assert str(caught.value) == said

    def test_a_path(self) -> None:
        with pytest.raises(InputError) as caught:
            load_accelerator("no/such.yaml")
        assert str(caught.value) == "file not found: no/such.yaml"

    def test_half_a_file(self, mistakes: Mistakes) -> None:
        assert mistakes(MINIMAL[: MINIMAL.index(", width: 128")]) == [
            "hw.yaml:7:45: not valid YAML: expected ',' or '}' in the mapping opened at 7:5, found the end of the file"
        ]
