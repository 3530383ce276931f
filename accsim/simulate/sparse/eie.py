"""EIE: a compressed matrix times sparse vectors, rows spread over PEs (Han et al., ISCA 2016).

::

                                +--> [queue of 8] --> PE 0: pointers of column j --> (zeros, code) one a cycle
    leading non-zero detection  |                         v
    a[j] != 0, one a cycle -----+--> [queue of 8] --> PE 1          row += zeros; sum[row] += a[j] x w
                                +--> ...

Row i is in PE i mod PEs. Each activation that is not zero goes to all queues in one cycle, unless one of them is
full. A PE takes the activation at the head of its queue, and spends a cycle on each pair it stores of that column,
fillers included; a column of which it stores nothing takes one cycle, the read of its pointers. Queues let PEs drift
apart by as many columns as they are deep.

Idle slots: ``fillers``; ``empty_columns``; ``empty_queue`` while a PE waits for an activation; ``barrier`` after its
last one until the slowest PE is done; ``unmapped`` for PEs without a row. The ramps of a PE's pipeline are not counted.
The paper describes the machine so (sections IV and V); it does not say what a column without entries costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.simulate.sparse.count import Counters, Expected, SparseCount, Stepped, named
from accsim.simulate.sparse.maxima import column_pairs
from accsim.simulate.sparse.window import check_shapes
from accsim.workload.layer import Geometry

IDLE = ("fillers", "empty_columns", "empty_queue", "barrier", "unmapped")


@dataclass(frozen=True, slots=True)
class Eie:
    """The machine; defaults of the published one (ISCA 2016, sections IV to VI).

    Attributes:
        pes: PEs, of one multiplier each.
        queue_depth: activations a PE's queue holds.
        count_bits: of the zeros before a pair.
    """

    pes: int = 64
    queue_depth: int = 8
    count_bits: int = 4

    @property
    def multipliers(self) -> int:
        """Multipliers of all PEs."""
        return self.pes


def cannot(g: Geometry, machine: Eie) -> str | None:
    """Why the machine cannot run a layer; ``None`` if it can."""
    if g.R * g.S != 1 or g.Q * g.W != 1 or g.P != g.H or g.G != 1:
        return "a convolution: the machine multiplies a matrix by vectors"
    return None


def count(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Eie) -> SparseCount:
    """Count a layer from the zeros of its operands.

    Args:
        g: the layer; one that the machine can run. Each batch entry and token is a vector of its own.
        ifmap, weight: [N, C, H, 1] and [M, C, 1, 1]; only zeros matter.

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import eie_kernels  # noqa: PLC0415

    check_shapes(g, ifmap, weight)
    vectors = _vectors(np.not_equal(ifmap, 0)).view(np.uint8)
    stored = np.ascontiguousarray(np.not_equal(weight, 0)).reshape(g.M, g.C).view(np.uint8)
    pairs = eie_kernels.entries(stored, machine.pes, machine.count_bits)
    used = min(machine.pes, g.M)
    return _result(g, eie_kernels.count(vectors, pairs, used, machine.pes, machine.queue_depth), machine)


def step(g: Geometry, ifmap: NDArray[Any], weight: NDArray[Any], machine: Eie) -> Stepped:
    """Run a layer cycle by cycle with real words.

    Args:
        g: the layer; one that the machine can run.
        ifmap, weight: integers [N, C, H, 1] and [M, C, 1, 1].

    Raises:
        ValueError: shapes that are not the geometry's.
    """
    from accsim.simulate.sparse import eie_kernels  # noqa: PLC0415

    check_shapes(g, ifmap, weight)
    matrix = np.ascontiguousarray(weight, np.int64).reshape(g.M, g.C)
    sums, out = eie_kernels.step(
        _vectors(ifmap).astype(np.int64), matrix, min(machine.pes, g.M), machine.pes, machine.queue_depth,
        machine.count_bits,
    )  # fmt: skip
    return Stepped(np.ascontiguousarray(sums.reshape(g.N, g.P, g.M, 1).swapaxes(1, 2)), _result(g, out, machine))


def _vectors(ifmap: NDArray[Any]) -> NDArray[Any]:
    """[N, C, H, 1] as [N x H, C]."""
    n, c, h, _ = ifmap.shape
    return np.ascontiguousarray(ifmap.reshape(n, c, h).swapaxes(1, 2)).reshape(n * h, c)


def _result(g: Geometry, out: Counters, machine: Eie) -> SparseCount:
    cycles, multiplies, fillers, empty_columns, empty_queue, barrier, unmapped, broadcasts = out
    pairs = multiplies + fillers
    return SparseCount(
        cycles=int(cycles),
        dense_cycles=_dense(g, machine),
        multiplies=int(multiplies),
        slots=int(cycles) * machine.multipliers,
        idle=named(IDLE, (fillers, empty_columns, empty_queue, barrier, unmapped)),
        accesses=named(
            ("broadcasts", "pointer_reads", "weight_reads", "accumulator_updates"),
            (broadcasts, broadcasts * min(machine.pes, g.M), pairs, pairs),
        ),
    )


def _dense(g: Geometry, machine: Eie) -> int:
    """Cycles if no word were zero: every vector takes the same."""
    from accsim.simulate.sparse import eie_kernels  # noqa: PLC0415

    used = min(machine.pes, g.M)
    rows = np.array([-(-(g.M - pe) // machine.pes) for pe in range(used)], np.int64)
    stored = np.ascontiguousarray(np.broadcast_to(rows[:, None, None], (used, g.C, 2)))
    one = eie_kernels.count(np.ones((1, g.C), np.uint8), stored, used, machine.pes, machine.queue_depth)
    return g.N * g.P * int(one[eie_kernels.CYCLES])


def expect(g: Geometry, ifmap: float, weight: float, machine: Eie) -> Expected:
    """What is expected of a layer at densities of its ifmap and weights.

    Pairs of a column in a PE have the distribution that independent weights give, fillers among them. Queues and the
    wait for the slowest PE follow from columns whose pairs are drawn from it: at most ``COLUMNS`` of a vector, further
    ones taking what those after the first half do.
    """
    rows = [-(-(g.M - pe) // machine.pes) for pe in range(min(machine.pes, g.M))]
    sent, each = g.N * g.P * g.C * ifmap, {n: column_pairs(n, weight, machine.count_bits) for n in set(rows)}
    pairs = sent * sum(float(each[n] @ np.arange(len(each[n]))) for n in rows)
    columns = round(g.C * ifmap)
    cycles = g.N * g.P * _vector(tuple(rows), columns, weight, machine) if columns else 0.0
    if ifmap >= 1 and weight >= 1:
        cycles = _dense(g, machine)
    return Expected(
        cycles=cycles,
        multiplies=g.macs * ifmap * weight,
        accesses=(
            ("broadcasts", sent),
            ("pointer_reads", sent * min(machine.pes, g.M)),
            ("weight_reads", pairs),
            ("accumulator_updates", pairs),
        ),
    )


COLUMNS = 1024


@lru_cache(maxsize=1024)
def _vector(rows: tuple[int, ...], columns: int, density: float, machine: Eie) -> float:
    """Mean cycles of a vector of ``columns`` words that are not zero."""
    from accsim.simulate.sparse import eie_kernels  # noqa: PLC0415

    rng, used = np.random.default_rng(0), len(rows)
    drawn = min(columns, COLUMNS)
    vectors = max(1, COLUMNS // drawn)
    stored = np.zeros((used, drawn * vectors, 2), np.int64)
    for pe, n in enumerate(rows):
        shares = column_pairs(n, density, machine.count_bits)
        stored[pe, :, 0] = np.searchsorted(np.cumsum(shares)[:-1], rng.random(drawn * vectors), side="right")

    def cycles(first: int, length: int) -> int:
        part = np.ascontiguousarray(stored[:, first : first + length])
        one = eie_kernels.count(np.ones((1, length), np.uint8), part, used, machine.pes, machine.queue_depth)
        return int(one[eie_kernels.CYCLES])

    if columns <= drawn:
        return sum(cycles(i * drawn, drawn) for i in range(vectors)) / vectors
    half = drawn // 2
    return cycles(0, drawn) + (columns - drawn) * (cycles(0, drawn) - cycles(0, half)) / (drawn - half)
