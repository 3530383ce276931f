"""What a trace asks of a run of the stepped engine, and what it is told."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow
from accsim.simulate.activity import Activity
from accsim.simulate.stepped.machine import Probe
from accsim.workload.network import Network

if TYPE_CHECKING:
    from accsim.simulate.stepped.layer import SteppedLayer


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a trace needs of one layer.

    Attributes:
        events: the layer's transfers, tiles, steps and stalls, in cycles.
        edges: the words that cross the array's edge on every edge of its clock, and the stalled ones.
        waits: the stalled edges.
        registers: edges after which all PE registers are wanted.
    """

    events: bool = False
    edges: bool = False
    waits: bool = False
    registers: tuple[int, ...] = ()

    def with_(self, other: Wanted) -> Wanted:
        """All that either wants."""
        registers = tuple(sorted({*self.registers, *other.registers}))
        return Wanted(self.events or other.events, self.edges or other.edges, self.waits or other.waits, registers)

    def probe(self) -> Probe | None:
        """A fresh probe for the machine, if it has anything to record."""
        probe = Probe(self.registers, self.edges, waits=self.waits)
        return probe if probe.asks else None


class Recorder(Protocol):
    """Records a run; used as a context, which ends well when the whole run did."""

    def begin(self, network: Network, accelerator: Accelerator, dataflow: Dataflow) -> None:
        """Look at what is run, before anything is simulated.

        Raises:
            InputError: the recording that was asked for does not suit it.
        """

    @property
    def wanted(self) -> Wanted:
        """What to record of every layer with MACs."""

    def layer(self, activity: Activity, stepped: SteppedLayer | None) -> None:
        """Take one layer; called once for each, in the order in which they run.

        Args:
            activity: the layer's, with its start cycle.
            stepped: what the stepped engine saw; ``None`` for a layer without MACs.

        Raises:
            AccsimError: the file cannot be written, or the recording that was asked for is not in the run.
        """


class Trace(Recorder, Protocol):
    """A recorder that writes a file."""

    def __enter__(self) -> Recorder: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None: ...


class Recorders:
    """Several traces of one run. Their files appear when the context ends without an error."""

    def __init__(self, traces: Iterable[Trace]) -> None:
        self._traces = tuple(traces)
        self._stack = ExitStack()

    def __enter__(self) -> Recorders:
        with ExitStack() as opened:
            for trace in self._traces:
                opened.enter_context(trace)
            self._stack = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, at)

    def begin(self, network: Network, accelerator: Accelerator, dataflow: Dataflow) -> None:
        """See ``Recorder``."""
        for trace in self._traces:
            trace.begin(network, accelerator, dataflow)

    @property
    def wanted(self) -> Wanted:
        """See ``Recorder``."""
        wanted = Wanted()
        for trace in self._traces:
            wanted = wanted.with_(trace.wanted)
        return wanted

    def layer(self, activity: Activity, stepped: SteppedLayer | None) -> None:
        """See ``Recorder``."""
        for trace in self._traces:
            trace.layer(activity, stepped)
