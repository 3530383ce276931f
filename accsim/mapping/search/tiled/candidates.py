"""Tiles worth a look: the largest that fit the buffers, and the orders of the loops over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from accsim.mapping.dataflow import TiledDataflow
from accsim.mapping.mapping import NEST_OPERANDS, TiledMapping, shared_levels
from accsim.mapping.nest import Loop
from accsim.mapping.task import Task, violations

Tile = Mapping[str, int]
MOST_SIZES = 7
"""Sizes of a dimension: the whole, and halves of it, as many times."""

ORDERS = ("GNMPQC", "GNPQMC", "GMNPQC", "GMCNPQ", "GNPQCM")
"""Orders of the loops that are tried: sums, then weights, then pixels stay as long as they can."""


def bounds(task: Task) -> dict[str, int]:
    """Length of each dimension, M and C of a group."""
    g = task.geometry
    return {"N": g.N, "G": g.G, "M": g.filters_per_group, "C": g.channels_per_group, "P": g.P, "Q": g.Q}


def sizes(task: Task, flow: TiledDataflow) -> dict[str, tuple[int, ...]]:
    """Sizes of each dimension, the largest first: halves rounded up to what the array takes at once."""
    array, out = task.accelerator.array, dict[str, tuple[int, ...]]()
    unrolled = dict.fromkeys(flow.rows, array.rows) | dict.fromkeys(flow.lanes, array.lanes)
    for dim, whole in bounds(task).items():
        found, size, step = [whole], whole, unrolled.get(dim, 1)
        while dim in flow.cut and size > 1 and len(found) < MOST_SIZES:
            half = -(-size // 2)
            rounded = -(-half // step) * step
            size = rounded if rounded < size else half
            found.append(size)
        if dim in flow.cut and found[-1] > 1:
            found.append(1)
        out[dim] = tuple(found)
    return out


def mapping(
    task: Task, flow: TiledDataflow, tile: Tile, order: str, hold: Mapping[tuple[str, str], int]
) -> TiledMapping:
    """Loops over tiles in an order, without those of one trip; ``hold`` is by level and operand, else innermost."""
    whole = bounds(task)
    loops = tuple(Loop(dim, tile[dim]) for dim in order if tile[dim] < whole[dim])
    held = tuple(
        (level, operand, min(len(loops), hold.get((level, operand.value), len(loops))))
        for operand in NEST_OPERANDS
        for level in shared_levels(task.accelerator, operand)
    )
    return TiledMapping(flow, loops, held)


def largest(task: Task, flow: TiledDataflow) -> Iterator[dict[str, int]]:
    """Tiles that fit, of which none fits in another that does, in a fixed order."""
    options = sizes(task, flow)
    dims = list(options)
    fitting: list[tuple[int, ...]] = []
    # A tile with larger ones ahead of it in every dimension comes later in this order.
    for choice in sorted(product(*(range(len(options[dim])) for dim in dims)), key=lambda one: (sum(one), one)):
        if any(all(a <= b for a, b in zip(one, choice, strict=True)) for one in fitting):
            continue
        tile = {dim: options[dim][i] for dim, i in zip(dims, choice, strict=True)}
        if not violations(task, mapping(task, flow, tile, ORDERS[0], {})):
            fitting.append(choice)
            yield tile
