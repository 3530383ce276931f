"""PE registers of a window of one layer as a value change dump, for GTKWave (IEEE 1364-2005, section 18).

Scopes::

    accsim
      clock, cycle            one rising edge per cycle of the array clock, and its number
      stalled                 whether the array waits for a port or network, and nothing in it moves (its clock stands
                              still while it waits for DRAM)
      edge                    words that cross the array's edge on that clock edge, per operand and direction; buses
      row_0 .. row_<R-1>
        col_0 .. col_<C-1>    one PE: each register and its valid bit

Right after edge c, at c periods, every signal has the value that the machine saw there: a register that holds no word
of the layer is ``x`` and its valid bit 0. The machine keeps exact numbers; here they are cut to the register's width,
in two's complement.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from accsim import __version__
from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow
from accsim.simulate.activity import Activity
from accsim.simulate.stepped.machine import Mask, Probe, Registers, Words
from accsim.trace.buses import Buses
from accsim.trace.clock import scale
from accsim.trace.recorder import Wanted
from accsim.trace.sink import TraceFile
from accsim.trace.widths import register_bits
from accsim.trace.window import Window, only_layer
from accsim.workload.layer import LayerKind, Operand
from accsim.workload.network import Network

if TYPE_CHECKING:
    from vcd.writer import Variable, VCDWriter

    from accsim.simulate.stepped.layer import SteppedLayer

ROOT = "accsim"
EDGE = "edge"
UNKNOWN = "x"
WORD_BITS = 64


def require_pyvcd() -> None:
    """Find out before a run whether a dump can be written.

    Raises:
        AccsimError: pyvcd is not installed.
    """
    try:
        import vcd  # noqa: F401, PLC0415
    except ModuleNotFoundError:
        raise AccsimError("--vcd needs the package pyvcd: python -m pip install pyvcd") from None


class VcdTrace(TraceFile):
    """Writes the dump."""

    def __init__(self, path: str, window: Window) -> None:
        require_pyvcd()
        super().__init__(path)
        self._window = window

    def begin(self, network: Network, accelerator: Accelerator, dataflow: Dataflow) -> None:
        """Find the layer.

        Raises:
            InputError: not exactly one layer with MACs is run, or the window is too long for the machine.
        """
        layer = only_layer(network)
        self._window.check_size(accelerator)
        self._accelerator, self._dataflow = accelerator, dataflow
        self._buses = Buses(accelerator, dataflow)
        self._weight = Operand.IFMAP2 if layer.kind is LayerKind.MATMUL else Operand.WEIGHT

    @property
    def wanted(self) -> Wanted:
        """Every register in the window, and the words at the edge."""
        return Wanted(edges=True, registers=tuple(range(self._window.start, self._window.end)))

    def layer(self, activity: Activity, stepped: SteppedLayer | None) -> None:
        """Write the registers of the layer with MACs.

        Raises:
            AccsimError: the window is outside its run.
        """
        if stepped is None or stepped.probe is None:
            return
        self._window.check_run(stepped.observed.phase.total, activity.layer)
        self._dump(activity.layer, stepped.probe)

    def _dump(self, layer: str, probe: Probe) -> None:
        from vcd import VCDWriter  # noqa: PLC0415

        accelerator, window = self._accelerator, self._window
        timescale, period = scale(accelerator.clock_mhz)

        def at(cycle: int, halves: int = 0) -> int:
            return int((cycle + Fraction(halves, 2)) * period)

        waits = {
            edge for _, first, end in probe.stalls for edge in range(max(first, window.start), min(end, window.end))
        }
        comment = f"cycles {window} of layer {layer} on {accelerator.name}"
        with VCDWriter(
            self.sink,  # type: ignore[arg-type]  # of a file it only wants write
            timescale=timescale,
            date="",
            comment=comment,
            version=f"accsim {__version__}",
            init_timestamp=at(window.start),
        ) as writer:
            clock = writer.register_var((ROOT,), "clock", "wire", 1, init=0)
            cycle = writer.register_var((ROOT,), "cycle", "integer", 64)
            stalled = writer.register_var((ROOT,), "stalled", "wire", 1)
            words = {
                key: writer.register_var((ROOT, EDGE), f"{key[0]}_{key[1]}_words", "integer", 32)
                for key in probe.edge_words
            }
            signals: dict[str, Signals] = {}
            for name, values, _ in self._seen(probe, probe.registers[0], waits):
                bits = register_bits(name, accelerator, self._dataflow, self._weight)
                signals[name] = Signals(writer, name, bits, values.shape)
            for dump in probe.registers:
                now = at(dump.cycle)
                writer.change(clock, now, 1)
                writer.change(cycle, now, dump.cycle)
                writer.change(stalled, now, int(dump.cycle in waits))
                for key, variable in words.items():
                    writer.change(variable, now, int(probe.edge_words[key][dump.cycle]))
                for name, values, valid in self._seen(probe, dump, waits):
                    signals[name].change(writer, now, values, valid)
                writer.change(clock, at(dump.cycle, halves=1), 0)
            writer.close(at(window.end))

    def _seen(self, probe: Probe, dump: Registers, waits: Container[int]) -> Iterator[tuple[str, Words, Mask]]:
        """What is shown right after one edge: the buses and the registers."""
        yield from self._buses.at(dump, probe.edge_words, dump.cycle in waits)
        for name, values in dump.values.items():
            yield name, values, dump.valid[name]


class Signals:
    """All registers of one name: a value and a valid bit each.

    Args:
        shape: [rows, cols] of PEs, [rows, cols, words] of scratchpads, or [lanes] of a bus at the edge.
    """

    def __init__(self, writer: VCDWriter, name: str, bits: int, shape: tuple[int, ...]) -> None:
        self._bits = bits
        self._values: list[Variable[Any]] = []
        self._valid: list[Variable[Any]] = []
        for index in np.ndindex(*shape):
            scope, title = _place(name, index)
            self._values.append(writer.register_var(scope, title, "reg", bits))
            self._valid.append(writer.register_var(scope, f"{title}_valid", "reg", 1))
        self._shown: tuple[Words, Mask] | None = None

    def change(self, writer: VCDWriter, time: int, values: Words, valid: Mask) -> None:
        """Write those that changed."""
        held, known = self._cut(values.ravel()), valid.ravel()
        if self._shown is None:
            changed = np.ones(known.shape, dtype=np.bool_)
        else:
            before, was_known = self._shown
            changed = (known != was_known) | (known & (held != before))
        for i in np.flatnonzero(changed).tolist():
            writer.change(self._valid[i], time, int(known[i]))
            writer.change(self._values[i], time, int(held[i]) if known[i] else UNKNOWN)
        self._shown = held, known

    def _cut(self, values: Words) -> Words:
        return values & ((1 << self._bits) - 1) if self._bits < WORD_BITS else values


def _place(name: str, index: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Scope and name of one register."""
    match index:
        case (lane,):
            return (ROOT, EDGE), f"{name}_{lane}"
        case (row, col):
            return (ROOT, f"row_{row}", f"col_{col}"), name
        case (row, col, word):
            return (ROOT, f"row_{row}", f"col_{col}"), f"{name}_{word}"
    raise ValueError(f"registers {name!r} of {len(index)} dimensions")
