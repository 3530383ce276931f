"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accsim import __version__

SCHEMA = 1

Figure = int | float | str | None
"""A cycle figure, a counter, or a word such as an encoding; ``None`` where an engine has no such figure."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure on which the stepped engine and its reference differ.

    Attributes:
        figure: its name, such as ``cycles.fill`` or ``glb ifmap read (peer gin_ifmap), accesses``.
        reference: what the stepped engine was compared with, ``counted`` or ``golden``.
        expected: the reference's figure.
        stepped: the stepped engine's figure.
    """

    figure: str
    reference: str
    expected: Figure
    stepped: Figure

    def __str__(self) -> str:
        return f"{self.figure}: {self.reference} {_spelled(self.expected)}, stepped {_spelled(self.stepped)}"


@dataclass(frozen=True, slots=True)
class WrongWord:
    """One word that differs from the golden kernel's.

    Attributes:
        at: batch entry n, output channel m, row p and column q.
        golden, stepped: both values.
    """

    at: tuple[int, int, int, int]
    golden: int
    stepped: int

    def __str__(self) -> str:
        n, m, p, q = self.at
        return f"n={n} m={m} p={p} q={q}: golden {self.golden}, stepped {self.stepped}"


@dataclass(frozen=True, slots=True)
class WrongWords:
    """Words of a tensor that differ from the golden kernel's.

    Attributes:
        tensor: ``outputs``, or ``exact sums`` for what the accumulators hold before they are narrowed.
        count: how many differ.
        of: how many there are.
        first: the first of them, in the order of the tensor [N, M, P, Q].
    """

    tensor: str
    count: int
    of: int
    first: tuple[WrongWord, ...]

    def __str__(self) -> str:
        return f"{self.count:,} of {self.of:,} {self.tensor} differ"


@dataclass(frozen=True, slots=True)
class LayerVerification:
    """One layer, stepped and compared.

    Attributes:
        layer, kind: its name and what it computes.
        macs: MACs of the whole batch, padding included.
        cycles: cycles of the layer as the stepped engine found them, DRAM included.
        outputs: outputs that were compared.
        overflows: outputs whose exact sum did not fit the accumulator.
        register_updates: PE registers that took a new word.
        figures: cycle figures and counters that were compared.
        seconds: CPU time of the stepped engine alone, compiling left out.
        compiling_seconds: CPU time of compiling the engine's kernels, or of loading compiled ones; the first layer of
            a process pays it.
        differences: figures that differ.
        wrong: tensors with words that differ.
    """

    layer: str
    kind: str
    macs: int
    cycles: int
    outputs: int
    overflows: int
    register_updates: int
    figures: int
    seconds: float
    compiling_seconds: float
    differences: tuple[Difference, ...] = ()
    wrong: tuple[WrongWords, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every output and every figure is equal."""
        return not self.differences and not self.wrong

    def to_dict(self) -> dict[str, Any]:
        """The layer as JSON; rates are per second of ``seconds``, and so of one core."""
        return {
            "name": self.layer,
            "kind": self.kind,
            "agrees": self.agrees,
            "macs": self.macs,
            "cycles": self.cycles,
            "outputs": self.outputs,
            "overflows": self.overflows,
            "figures": self.figures,
            "register_updates": self.register_updates,
            "seconds": self.seconds,
            "compiling_seconds": self.compiling_seconds,
            "pe_updates_per_second": rate(self.macs, self.seconds),
            "register_updates_per_second": rate(self.register_updates, self.seconds),
            "differences": [
                {"figure": d.figure, d.reference: d.expected, "stepped": d.stepped} for d in self.differences
            ],
            "wrong": [
                {
                    "tensor": w.tensor,
                    "count": w.count,
                    "first": [
                        {"at": dict(zip("nmpq", word.at, strict=True)), "golden": word.golden, "stepped": word.stepped}
                        for word in w.first
                    ],
                }
                for w in self.wrong
            ],
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """A network's layers with MACs on a machine, stepped and compared.

    Attributes:
        network, hardware, dataflow: names.
        batch: batch entries N.
        weight_bits, activation_bits, accumulator_bits: the machine's, with what ``--bits`` and ``--set`` changed.
        seed: of the random operands.
        given: layers whose operands were given.
        jobs: layers stepped at the same time.
        layers: one per layer with MACs, in execution order.
        without_macs: layers that have no MACs, and so nothing to step.
        seconds: time on the wall of everything, from the search for mappings to the last comparison.
    """

    network: str
    hardware: str
    dataflow: str
    batch: int
    weight_bits: int
    activation_bits: int
    accumulator_bits: int
    seed: int
    given: tuple[str, ...]
    jobs: int
    layers: tuple[LayerVerification, ...]
    without_macs: int
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether every layer agrees."""
        return all(layer.agrees for layer in self.layers)

    @property
    def differing(self) -> tuple[LayerVerification, ...]:
        """The layers that do not agree."""
        return tuple(layer for layer in self.layers if not layer.agrees)

    @property
    def macs(self) -> int:
        """MACs of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def stepped_seconds(self) -> float:
        """CPU time of the stepped engine, added up over layers."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def compiling_seconds(self) -> float:
        """CPU time of compiling, added up over processes."""
        return sum(layer.compiling_seconds for layer in self.layers)

    def verdict(self) -> str:
        """One sentence."""
        if not self.agrees:
            names = ", ".join(layer.layer for layer in self.differing)
            return f"{len(self.differing)} of {len(self.layers)} layers differ: {names}"
        outputs, overflows, figures = (
            sum(getattr(layer, what) for layer in self.layers) for what in ("outputs", "overflows", "figures")
        )
        who = f"all {len(self.layers)} layers agree" if len(self.layers) > 1 else f"{self.layers[0].layer} agrees"
        behind = f", also before {overflows:,} of them overflow," if overflows else ""
        return (
            f"{who}: {outputs:,} outputs{behind} equal the golden kernels' bit for bit, and {figures:,} cycle figures "
            "and counters the counted engine's"
        )

    def to_dict(self, command: str | None = None) -> dict[str, Any]:
        """The verification as JSON.

        Args:
            command: the command that made it, if any.
        """
        macs, seconds = self.macs, self.stepped_seconds
        updates = sum(layer.register_updates for layer in self.layers)
        return {
            "schema": SCHEMA,
            "accsim": __version__,
            "workload": self.network,
            "hardware": self.hardware,
            "dataflow": self.dataflow,
            "batch": self.batch,
            "pe": {
                "weight_bits": self.weight_bits,
                "activation_bits": self.activation_bits,
                "accumulator_bits": self.accumulator_bits,
            },
            "seed": self.seed,
            "given": list(self.given),
            "jobs": self.jobs,
            "agrees": self.agrees,
            "verdict": self.verdict(),
            "layers": [layer.to_dict() for layer in self.layers],
            "layers_without_macs": self.without_macs,
            "totals": {
                "macs": macs,
                "cycles": sum(layer.cycles for layer in self.layers),
                "outputs": sum(layer.outputs for layer in self.layers),
                "overflows": sum(layer.overflows for layer in self.layers),
                "figures": sum(layer.figures for layer in self.layers),
                "register_updates": updates,
                "stepped_seconds": seconds,
                "compiling_seconds": self.compiling_seconds,
                "seconds": self.seconds,
                "pe_updates_per_second": rate(macs, seconds),
                "register_updates_per_second": rate(updates, seconds),
            },
            **({} if command is None else {"command": command}),
        }


def rate(count: int, seconds: float) -> float | None:
    """``count`` per second; ``None`` where no time passed."""
    return count / seconds if seconds > 0 else None


def _spelled(figure: Figure) -> str:
    return "none" if figure is None else f"{figure:,}" if isinstance(figure, int) else str(figure)
