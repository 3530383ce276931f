"""What loop orders and held depths come down to, whatever the layer.

Only loops of more than one trip count. What a level that holds an operand moves depends on two sets of loops: those
outside the held tile that index the operand *cut* the tile, and those that do not, but have one inside them that does,
*repeat* it (``Nest.loads``). Many orders and depths come down to the same sets, and of those that cut the same tiles
the ones that repeat more are left out. With a stationary operand that the folds of a tile do not change, the loops
inside the last one that indexes it *reuse* it.

Groups index every operand. Their loop is outermost: moved there it cuts every tile that it did not cut, repeats none,
and leaves more loops inside the last one that indexes the stationary operand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

from accsim.mapping.dataflow import RELEVANT
from accsim.workload.layer import Operand

DIMS = "NGMCPQ"
"""The dimensions that are cut into tiles; their places are the bits of the masks."""


def mask(dims: str | frozenset[str] | tuple[str, ...]) -> int:
    """The bits of dimensions."""
    return sum(1 << i for i, dim in enumerate(DIMS) if dim in dims)


@dataclass(frozen=True, slots=True)
class Hold:
    """A loop order with a depth for each slot.

    Attributes:
        order: loops of more than one trip, outermost first.
        depths: for each slot, the loops outside the tile it holds.
        cut, repeat: for each slot, as masks.
        reuse: loops inside the last one that indexes the stationary operand, as a mask.
    """

    order: tuple[str, ...]
    depths: tuple[int, ...]
    cut: tuple[int, ...]
    repeat: tuple[int, ...]
    reuse: int


@lru_cache(maxsize=512)
def holds(active: int, slots: tuple[tuple[Operand, bool], ...], stationary: Operand | None) -> tuple[Hold, ...]:
    """Every hold worth telling apart, for the loops of ``active``.

    Args:
        active: mask of the dimensions of more than one trip.
        slots: the operand of each slot, those of one operand from the outside in; and whether it holds the tile of the
            innermost loop, whatever the order.
        stationary: the operand that stays in the PEs from tile to tile, if one may: then holds are told apart by their
            ``reuse``, else it is 0.
    """
    dims = tuple(dim for i, dim in enumerate(DIMS) if active >> i & 1)
    found: dict[tuple[tuple[int, ...], int], list[Hold]] = {}
    seen: set[object] = set()
    groups = tuple(dim for dim in dims if dim == "G")
    for inner in permutations(dim for dim in dims if dim != "G"):
        order = groups + inner
        reuse = 0 if stationary is None else _reuse(order, stationary)
        options = {operand: _options(order, operand) for operand in dict.fromkeys(o for o, _ in slots)}
        signature = (reuse, *((o, *((cut, repeat) for _, cut, repeat in seq)) for o, seq in options.items()))
        if signature in seen:
            continue
        seen.add(signature)
        for chosen in _choices(slots, options):
            depths, cut, repeat = (tuple(part) for part in zip(*chosen, strict=True)) if chosen else ((), (), ())
            _keep(found.setdefault((cut, reuse), []), Hold(order, depths, cut, repeat, reuse))
    return tuple(hold for same in found.values() for hold in same)


@lru_cache(maxsize=4096)
def hold_of(
    order: tuple[str, ...], depths: tuple[int, ...], slots: tuple[tuple[Operand, bool], ...], stationary: Operand
) -> Hold:
    """One loop order with a depth for each slot, those that hold the tile of the innermost loop left out."""
    every = (*depths, *(len(order) for _, last in slots if last))
    cut, repeat = [], []
    for depth, (operand, _) in zip(every, slots, strict=True):
        options = _options(order, operand)
        _, cuts, repeats = next(one for one in options if depth <= one[0])
        cut.append(cuts)
        repeat.append(repeats)
    return Hold(order, depths, tuple(cut), tuple(repeat), _reuse(order, stationary))


def _reuse(order: tuple[str, ...], operand: Operand) -> int:
    """The loops inside the last one that indexes ``operand``."""
    last = max((i for i, dim in enumerate(order) if dim in RELEVANT[operand]), default=-1)
    return mask(order[last + 1 :])


def _options(order: tuple[str, ...], operand: Operand) -> list[tuple[int, int, int]]:
    """Depths at which ``operand`` is held in different tiles, from the whole inwards: (depth, cut, repeat)."""
    relevant = RELEVANT[operand]
    changes = [0, *(i + 1 for i, dim in enumerate(order) if dim in relevant)]
    ends = [*(at - 1 for at in changes[1:]), len(order)]
    out = []
    for change, depth in zip(changes, ends, strict=True):
        outside = order[:change]
        cut = mask(tuple(dim for dim in outside if dim in relevant))
        out.append((depth, cut, mask(outside) & ~cut))
    return out


def _choices(
    slots: tuple[tuple[Operand, bool], ...], options: dict[Operand, list[tuple[int, int, int]]]
) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """An option for every slot; an inner level holds no larger a tile than the one outside it."""
    each = [[len(options[operand]) - 1] if last else range(len(options[operand])) for operand, last in slots]
    for chosen in product(*each):
        outside: dict[Operand, int] = {}
        for (operand, _), option in zip(slots, chosen, strict=True):
            if option < outside.get(operand, 0):
                break
            outside[operand] = option
        else:
            yield tuple(options[operand][option] for (operand, _), option in zip(slots, chosen, strict=True))


def _keep(same: list[Hold], new: Hold) -> None:
    """Keep ``new`` among holds that cut the same tiles, unless one of them repeats no more; drop those that do."""
    if any(_no_more(one, new) for one in same):
        return
    same[:] = [one for one in same if not _no_more(new, one)]
    same.append(new)


def _no_more(one: Hold, other: Hold) -> bool:
    """Whether no slot of ``one`` repeats more than that of ``other``."""
    return all(a & ~b == 0 for a, b in zip(one.repeat, other.repeat, strict=True))
