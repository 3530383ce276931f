"""SCALE-Sim's configurations as accelerators.

What SCALE-Sim does not say is assumed, and named in the accelerator's ``assumed``.

Source: SCALE-Sim 3.0.0, ``scalesim/scale_config.py`` and its shipped configurations.
"""

from __future__ import annotations

from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path

from accsim.errors import InputError, suggest
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import read_accelerator
from accsim.library import read_text
from accsim.source import Source, printable
from accsim.workload.layer import INT64_MAX

SECTION = "architecture_presets"
_DATAFLOWS = {"os": "output_stationary", "ws": "weight_stationary", "is": "input_stationary"}
_SIZES = ("ArrayHeight", "ArrayWidth", "IfmapSramSzkB", "FilterSramSzkB", "OfmapSramSzkB")

_TEXT = """\
name: {name}
description: A {rows} x {cols} systolic array, from a SCALE-Sim configuration
source: SCALE-Sim configuration {file}
technology: {{node: 45 nm}}
clock: 1000 MHz
dataflow: {dataflow}
energy_table: horowitz_45nm
array: {{family: systolic, rows: {rows}, cols: {cols}}}
pe: {{weight_bits: 8, activation_bits: 8, accumulator_bits: 32}}
levels:
  - {{name: dram, kind: dram, width: {width} b, clock: 1000 MHz}}
  - name: buffer
    kind: sram
    width: 64 b
    partitions:
      - {{operands: [ifmap], size: {ifmap} KiB, buffers: 2}}
      - {{operands: [weight], size: {weight} KiB, buffers: 2}}
      - {{operands: [psum, ofmap], size: {ofmap} KiB, buffers: 2}}
  - {{name: weight_register, kind: rf, operands: weight, words: 1, width: 8 b}}
  - {{name: ifmap_register, kind: rf, operands: ifmap, words: 1, width: 8 b}}
  - {{name: psum_register, kind: rf, operands: psum, words: 1, width: 32 b}}
  - {{name: vector, kind: vector, lanes: {cols}, fused: [relu, relu6]}}
assumed:
  - "pe: a word is one byte, and a sum 32 bits; SCALE-Sim counts words"
  - "technology, clock, energy_table: SCALE-Sim has none"
  - "levels.dram: one channel of {bandwidth} words per cycle for all operands; SCALE-Sim gives each operand its own"
  - "levels.buffer: half of each part holds the tile at work, half the next, as in SCALE-Sim; its width is assumed"
  - "levels.vector: one lane per column; SCALE-Sim has no vector unit"
"""


def load_config(path: str | Path, overrides: tuple[str, ...] = ()) -> Accelerator:
    """Read a SCALE-Sim configuration.

    Array, SRAM sizes (1 kB is 1024 words of a byte), data flow and the first value of ``Bandwidth`` are taken over.

    Args:
        overrides: changes such as ``array.rows=24``.

    Raises:
        InputError: every key that is missing or wrong, or no such accelerator can exist.
    """
    where = printable(str(path))
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path))
    except ConfigError as error:
        said = printable(str(error).splitlines()[0])
        raise InputError([f"{where}: not a SCALE-Sim configuration: {said}"]) from None
    if not parser.has_section(SECTION):
        raise InputError([f"{where}: not a SCALE-Sim configuration: there is no section [{SECTION}]"])
    mistakes: list[str] = []

    def whole(key: str) -> int:
        text = parser.get(SECTION, key, fallback="").split(",")[0].strip()
        if not (text.isascii() and text.isdigit() and 0 < int(text[:30]) <= INT64_MAX):
            mistakes.append(f"{where}: {key}: must be a whole number of at least 1, got {printable(text)!r}")
            return 1
        return int(text)

    rows, cols, ifmap, weight, ofmap = (whole(key) for key in _SIZES)
    bandwidth = whole("Bandwidth")
    flow = parser.get(SECTION, "Dataflow", fallback="").strip().lower()
    if flow not in _DATAFLOWS:
        mistakes.append(f"{where}: Dataflow: must be os, ws or is, got {printable(flow)!r}{suggest(flow, _DATAFLOWS)}")
    if mistakes:
        raise InputError(mistakes)
    name = "".join(c if c.isalnum() or c in "_-" else "_" for c in Path(path).stem) or "scalesim"
    text = _TEXT.format(
        name=f'"{name}"', file=f"{name}.cfg", rows=rows, cols=cols, ifmap=ifmap, weight=weight, ofmap=ofmap,
        bandwidth=bandwidth, width=8 * bandwidth, dataflow=_DATAFLOWS[flow],
    )  # fmt: skip
    return read_accelerator(Source(name, where, text), overrides)
