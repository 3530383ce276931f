"""What the designs have in common: how to build and run them, and what they are seen to do."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accsim.simulate.stepped.machine import Operands
from accsim.simulate.storage import Place
from accsim.workload.layer import Geometry, Operand

DESIGNS = Path(__file__).parent / "designs"
FIELD_BITS = 16
"""Width of a number in a command, a route or an address."""

Words = npt.NDArray[np.int64]
Output = tuple[int, int, int, int]
"""Ifmap, filter, row and column of an output."""


@dataclass(frozen=True, slots=True)
class Design:
    """A design and its testbench; the modules they are built of are found by name.

    Attributes:
        top: the design under the testbench.
        testbench: reads operands and writes what left.
        packages: files to read first.
    """

    top: str
    testbench: str
    packages: tuple[str, ...] = ()

    def _sources(self, module: str) -> list[str]:
        return [str(DESIGNS / f"{name}.sv") for name in (*self.packages, module)]

    def run(self, folder: Path, sizes: Mapping[str, int], files: Mapping[str, Sequence[str]]) -> None:
        """Simulate in ``folder`` with Icarus: every shape is a build of its own, which takes a fraction of a second.

        Args:
            folder: for everything that is built, read and written.
            sizes: parameters of the testbench; those named after files are added.
            files: what the testbench reads, by stem: one hex number per line.
        """
        for stem, numbers in files.items():
            (folder / f"{stem}.hex").write_text("".join(f"{number}\n" for number in numbers), encoding="ascii")
        sizes = {**{stem.upper(): len(numbers) for stem, numbers in files.items()}, **sizes}
        given = [f"-P{self.testbench}.{name}={value}" for name, value in sizes.items()]
        found = ["-I", str(DESIGNS), "-y", str(DESIGNS), "-Y", ".sv", *self._sources(self.testbench)]
        _run(["iverilog", "-g2012", "-Wall", "-o", "design.vvp", "-s", self.testbench, *given, *found], folder)
        _run(["vvp", "-n", "design.vvp"], folder)

    def lint(self, sizes: Mapping[str, str | int]) -> None:
        """Lint with Verilator: all warnings, none of which may be given."""
        given = [f"-G{name}={value}" for name, value in sizes.items()]
        found = ["-y", str(DESIGNS), *self._sources(self.top)]
        _run(["verilator", "--lint-only", "-Wall", "--top-module", self.top, *given, *found], DESIGNS)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert (done.returncode, said.strip()) == (0, ""), f"{' '.join(command)}\n{said}"


@dataclass(frozen=True, slots=True)
class Register:
    """A register of all PEs after an edge, in the shape of ``stepped.machine.Registers``.

    Attributes:
        words: what it holds.
        valid: where the design says that it holds a word; ``None`` if it has no valid bits.
        exact: whether the engine must say the same; else it may know of more words than the valid bits given here.
    """

    words: Words
    valid: npt.NDArray[np.bool_] | None
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What a design did.

    Attributes:
        compute, fill, drain: edges with a MAC (or a step of the program), with loads only, others.
        stalls: edges on which a network was behind, by its name.
        sums: int64 [N, M, P, Q], numbers of the accumulator's width.
        leaving: sums that left the array, by edge.
        entering: words on the ifmap network, by edge, if there is one.
        written: the valid bits and words of registers, by edge and the design's name.
    """

    compute: int
    fill: int
    drain: int
    stalls: dict[str, int]
    sums: Words
    leaving: Words
    entering: Words | None
    written: dict[int, dict[str, tuple[str, list[str]]]]


def lanes(values: Iterable[int], bits: int) -> str:
    """Words side by side as one hex number, the first one in the lowest bits."""
    packed = 0
    for number, value in enumerate(values):
        packed |= (value & ((1 << bits) - 1)) << (number * bits)
    return f"{packed:x}"


def unpack(packed: str, count: int, bits: int) -> list[int]:
    """The words that a design wrote side by side, as signed numbers; digits that were never set (x) count as 0."""
    number = int(packed.lower().replace("x", "0").replace("z", "0"), 16)
    return [signed(number >> (k * bits), bits) for k in range(count)]


def flags(packed: str, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Likewise an array of single bits."""
    return np.array(unpack(packed, shape[0] * shape[1], 1), np.bool_).reshape(shape)


def signed(word: int, bits: int) -> int:
    """The lowest bits of a word as a two's-complement number."""
    word &= (1 << bits) - 1
    return word - (1 << bits) if bits > 1 and word >> (bits - 1) else word


def narrow(sums: Words, bits: int) -> Words:
    """Sums as they are in an accumulator that wraps."""
    return np.array([signed(int(one), bits) for one in sums.ravel()], np.int64).reshape(sums.shape)


def written(folder: Path, name: str) -> list[list[str]]:
    """What the testbench wrote to a file: the words of every line."""
    return [line.split() for line in (folder / name).read_text(encoding="ascii").splitlines()]


def phases(folder: Path) -> dict[str, int]:
    """The edges that the testbench counted."""
    (line,) = written(folder, "phases.txt")
    return {name: int(count) for name, count in zip(line[::2], line[1::2], strict=True)}


def registers(folder: Path) -> dict[int, dict[str, tuple[str, list[str]]]]:
    """The dumped registers: valid bits and words, by edge and name."""
    dumps: dict[int, dict[str, tuple[str, list[str]]]] = {}
    for edge, name, valid, *words in written(folder, "registers.txt"):
        dumps.setdefault(int(edge), {})[name] = valid, words
    return dumps


def operands(place: Place) -> Operands:
    """Random operands of the machine's widths."""
    draw, g, pe = np.random.default_rng(7), place.nest.geometry, place.accelerator.pe

    def tensor(bits: int, *shape: int) -> npt.NDArray[np.int32]:
        return draw.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape).astype(np.int32)

    return Operands(
        tensor(pe.activation_bits, g.N, g.C, g.H, g.W), tensor(pe.weight_bits, g.M, g.channels_per_group, g.R, g.S)
    )


def read(values: Operands, g: Geometry, operand: Operand, at: Mapping[str, int]) -> int:
    """The word of an input that loop indices select (M and C within group G); padding is zero."""
    if operand is Operand.WEIGHT:
        return int(values.weight[at["G"] * g.filters_per_group + at["M"], at["C"], at["R"], at["S"]])
    y = at["P"] * g.stride_h + at["R"] * g.dilation_h - g.pad_top
    x = at["Q"] * g.stride_w + at["S"] * g.dilation_w - g.pad_left
    inside = 0 <= y < g.H and 0 <= x < g.W
    return int(values.ifmap[at["N"], at["G"] * g.channels_per_group + at["C"], y, x]) if inside else 0
