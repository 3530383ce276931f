"""Read an accelerator from its YAML file.

Only ``clock``, ``array`` and ``levels`` are required. Sizes carry a unit (``108 KiB``, ``100 kB``, ``64 b``; a bare
number is bits), frequencies too (``200 MHz``; a bare number is MHz)::

    name, description, source: text
    technology: {node: 65 nm, voltage: 1.0 V}
    clock: 200 MHz
    area_mm2: 12.25                     # published core area, for comparison
    dataflow, energy_table: names       # weight_stationary or row_stationary by family; horowitz_45nm
    array: {family: systolic | row_stationary | inner_product | sparse, rows: 12, cols: 14, lanes: 1, edge_taps: false,
            stationary_buffers: 1 | 2, initial_psum: zero | read,
            sparse: {kind: cartesian_product, banks: 32, ...}}      # accsim.hardware.sparse
    pe: {weight_bits: 8, activation_bits: 8, accumulator_bits: 32, output_bits: 8, product_shift: 0,
         rounding: truncate | nearest | nearest_even, overflow: wrap | saturate, zero_gating: false,
         pipeline_stages: 1, psum_add_cycles: 0, window_shift_cycles: 0,
         filter_load: first_column | adjacent_columns | spare_words | whole_pass, psum_gating: false,
         fifo_depth: 32, datapath: bit_parallel | {kind: fused_bricks, brick_bits: 2, ...}}
    levels:                             # from the outside in; exactly one dram, first
      - {name: .., kind: dram, width: 64 b, clock: 60 MHz, latency_cycles: 0, burst: 1 b, standard: lpddr4,
         fetch_padding: false, weight_decoder: {encodings: [relative, huffman], words_per_cycle: 4},
         run_length: {run: 5 b, pairs_per_word: 3, word: 64 b, operands: [ifmap, ofmap], first_layer_input: false}}
      - {name: .., kind: sram, width: 64 b, size: 108 KiB, buffers: 2 | {weight: 2}, circular: false, bank: 4 KiB,
         read_per_cycle: 64 b, write_per_cycle: 64 b, keeps_activations: false,
         partitions: [{operands: [weight], size: 8 KiB, buffers: 1}]}
      - {name: .., kind: noc, direction: in | out | local, width: 16 b}
      - {name: .., kind: rf, width: 16 b, words: 12, cell: register | sram}
      - {name: .., kind: vector, lanes: 4, fused: [relu]}
    mappings: {network: {layer: {m: .., n: .., e: .., p: .., q: .., r: .., t: .., note: text}}}   # row stationary
    assumed: [text, ...]                # figures that no public source gives

Every level but ``vector`` takes ``operands``: some of ifmap, weight, psum, ofmap, or ``all`` (the default). What each
key means is said in ``accsim.hardware.accelerator``; ``accsim show eyeriss --yaml`` prints a complete file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath

from accsim import library
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator, ArrayFamily
from accsim.hardware.build import build
from accsim.hardware.checks import Mistake, check
from accsim.hardware.schema import AcceleratorFile, SramFile
from accsim.hardware.sizes import spell_size
from accsim.source import Source
from accsim.yamlfile import Document, bind, load, override


def load_accelerator(name_or_path: str | FilePath, overrides: Sequence[str] = ()) -> Accelerator:
    """Read an accelerator.

    Args:
        name_or_path: the name of a preset or of a file in ``$ACCSIM_PATH``, or a path.
        overrides: assignments such as ``array.rows=24`` or ``levels.glb.size=216 KiB``, applied in order. A size set
            on a buffer with partitions is divided among them in their proportions, in whole banks.

    Raises:
        InputError: the file is missing or not YAML, or all mistakes in its fields, or, where there are none, all
            mistakes between its parts; each with file, line and column, or with the override that made it.
    """
    return read_accelerator(library.find("accelerators", name_or_path), overrides)


def read_accelerator(source: Source, overrides: Sequence[str] = ()) -> Accelerator:
    """Read an accelerator from a text in the form above; see ``load_accelerator``.

    Raises:
        InputError: all mistakes in it.
    """
    document = override(load(source), overrides)
    file = bind(document, AcceleratorFile)
    machine = build(file, document.source.name)
    mistakes = [*check(file, machine), *_sizes(document, file), *_names(machine)]
    if mistakes:
        raise InputError(sentences(document, mistakes))
    return machine


def sentences(document: Document, mistakes: Sequence[Mistake]) -> list[str]:
    """Each mistake as ``place: key: sentence``, in the order of the file, those of overrides last."""
    found = []
    for path, said in mistakes:
        made = document.override_at(path)
        if made is not None:
            found.append((True, (0, 0), f"{made.label}: {said}"))
        else:
            found.append((False, document.position(path), f"{document.place(path)}: {document.spell(path)}: {said}"))
    return [said for *_, said in sorted(found, key=lambda item: item[:2])]


def _sizes(document: Document, file: AcceleratorFile) -> Iterator[Mistake]:
    """A buffer's size beside its partitions: an override resizes them, a size in the file must agree with them."""
    for index, level in enumerate(file.levels):
        if isinstance(level, SramFile) and level.partitions is not None and level.size is not None:
            total = sum(part.size for part in level.partitions)
            if level.size != total and ("levels", index, "size") not in document.overrides:
                yield (
                    ("levels", index, "size"),
                    f"is {spell_size(level.size)}, and the partitions add up to {spell_size(total)}; leave size out",
                )


def _names(machine: Accelerator) -> Iterator[Mistake]:
    """Names of other files: the dataflow, which must be for this family of arrays, and the energy table."""
    try:
        dataflow = load(library.find("dataflows", machine.dataflow))
    except InputError as error:
        yield ("dataflow",), "; ".join(error.mistakes)
    else:
        family = dataflow.data.get("array")
        if family in tuple(ArrayFamily) and family != machine.array.family:
            yield ("dataflow",), f"{machine.dataflow!r} is for {family} arrays, and this one is {machine.array.family}"
    try:
        library.find("energy tables", machine.energy_table)
    except InputError as error:
        yield ("energy_table",), "; ".join(error.mistakes)
