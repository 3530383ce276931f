"""Feature maps whose axes an ONNX graph has split, merged or put into another order, without a layer of their own.

A layer stores its output as [batch, *shape]. A reshape and a transposition only say how those words are addressed: each
axis of the graph's tensor is a row of *atoms*, and an atom is a factor of one stored axis. Heads of attention, for
instance, are [batch, tokens, width] seen as [batch, heads, tokens, width / heads]: the stored width is split into two
atoms, of which the outer one stands before the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

BATCH = 0


@dataclass(frozen=True, slots=True)
class Atom:
    """A factor of a stored axis: ``size`` places, ``step`` words of that axis apart.

    Attributes:
        source: the stored axis; 0 is the batch.
    """

    source: int
    size: int
    step: int = 1


Axis = tuple[Atom, ...]
Axes = tuple[Axis, ...]
"""Of a tensor in the graph, the batch among them; an axis of size 1 has no atoms."""


def stored_axes(shape: Sequence[int], batch: int) -> Axes:
    """The axes as a layer stores them. With one batch entry the batch has no atom, wherever it is moved to."""
    return tuple(_axis(i, size) for i, size in enumerate((batch, *shape)))


def _axis(source: int, size: int) -> Axis:
    return (Atom(source, size),) if size > 1 else ()


def size_of(axis: Axis) -> int:
    """Size of an axis."""
    return prod(atom.size for atom in axis)


def sizes_of(axes: Axes) -> tuple[int, ...]:
    """Sizes of all axes."""
    return tuple(size_of(axis) for axis in axes)


def atoms_of(axes: Axes) -> list[Atom]:
    """All atoms in order, neighbours that belong together merged."""
    out: list[Atom] = []
    for atom in (atom for axis in axes for atom in axis):
        last = out[-1] if out else None
        if last is not None and last.source == atom.source and last.step == atom.step * atom.size:
            out[-1] = Atom(atom.source, last.size * atom.size, atom.step)
        else:
            out.append(atom)
    return out


def merged(axes: Axes) -> Axes:
    """The axes, neighbouring atoms of each merged where they belong together."""
    return tuple(tuple(atoms_of((axis,))) for axis in axes)


def regrouped(axes: Axes, sizes: Sequence[int]) -> Axes | None:
    """The same words in the same order under other sizes; ``None`` if a size cuts an atom at no whole factor."""
    left, out = atoms_of(axes)[::-1], []
    for size in sizes:
        axis: list[Atom] = []
        wanted = size
        while wanted > 1:
            if not left:
                return None
            atom = left.pop()
            if wanted % atom.size == 0:
                axis.append(atom)
                wanted //= atom.size
            elif atom.size % wanted == 0:
                inner = atom.size // wanted
                axis.append(Atom(atom.source, wanted, atom.step * inner))
                left.append(Atom(atom.source, inner, atom.step))
                wanted = 1
            else:
                return None
        out.append(tuple(axis))
    return None if left else merged(tuple(out))


def reshaped_sizes(axes: Axes, shape: Sequence[int], batch: int) -> tuple[int, ...] | None:
    """The sizes that a Reshape asks for: 0 keeps one, -1 is what is left; ``None`` if they do not fit.

    Where the batch is the first axis it stays the first, whatever number of entries the file was written for.
    """
    now = sizes_of(axes)
    sizes = [now[i] if size == 0 and i < len(now) else int(size) for i, size in enumerate(shape)]
    if sizes and axes and axes[0] == _axis(BATCH, batch):
        rest = _filled(sizes[1:], prod(now[1:])) if sizes[0] != -1 or -1 not in sizes[1:] else None
        if rest is not None:
            return (batch, *rest)
    return _filled(sizes, prod(now))


def _filled(sizes: Sequence[int], words: int) -> tuple[int, ...] | None:
    if list(sizes).count(-1) == 1:
        known = prod(size for size in sizes if size != -1)
        sizes = [(words // known if known > 0 else 0) if size == -1 else size for size in sizes]
    return tuple(sizes) if prod(sizes) == words and all(size >= 1 for size in sizes) else None
