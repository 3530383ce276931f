"""The part of a layer's run whose registers are dumped, and whether it can be."""

from __future__ import annotations

from dataclasses import dataclass

from accsim.errors import AccsimError, InputError
from accsim.hardware.accelerator import Accelerator, RegisterFile
from accsim.workload.layer import Layer
from accsim.workload.network import Network

MOST_WORDS = 1 << 24
"""Register words that may be dumped, about 150 MB: 200 edges of a 128 x 128 array with five registers per PE."""

SYSTOLIC_REGISTERS = 5
"""Registers of a systolic PE, at most: two inputs, the stationary word, its shadow, and a sum."""


@dataclass(frozen=True, slots=True)
class Window:
    """Edges ``start`` to ``end - 1`` of the array clock of one layer."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start}:{self.end}"

    def check_size(self, accelerator: Accelerator) -> None:
        """Refuse a window whose registers would not fit in memory.

        Raises:
            InputError: it has too many edges for this array.
        """
        files = (level for level in accelerator.levels if isinstance(level, RegisterFile))
        words = accelerator.array.pes * max(SYSTOLIC_REGISTERS, sum(level.size_words for level in files))
        most = MOST_WORDS // words
        if self.end - self.start > most:
            raise InputError([
                f"--window {self}: {accelerator.name} has {words} register words, and at most {MOST_WORDS} words are "
                f"dumped: {most} cycles"
            ])  # fmt: skip

    def check_run(self, cycles: int, layer: str) -> None:
        """Refuse a window that is not in the run.

        Raises:
            AccsimError: the run of ``cycles`` edges ends before the window does.
        """
        if self.end > cycles:
            raise AccsimError(
                f"window {self} is outside the {cycles} array cycles of layer {layer!r} (waits for DRAM not counted)"
            )


def only_layer(network: Network) -> Layer:
    """The layer whose registers are dumped: the only one with MACs.

    Raises:
        InputError: there is none, or a choice.
    """
    layers = [layer.name for layer in network.mac_layers]
    if len(layers) == 1:
        return network.mac_layers[0]
    if not layers:
        raise InputError([f"--vcd shows the registers of a layer with MACs, and none of {network.name!r} is run"])
    raise InputError([
        f"--vcd shows the registers of one layer with MACs, and {len(layers)} are run: choose one with --layers, "
        f"such as --layers {layers[0]}; there are {', '.join(layers)}"
    ])  # fmt: skip
