"""What a reuse dataflow's file must say to be possible, each rule a generator of mistakes."""

from __future__ import annotations

from collections.abc import Iterator

from accsim.mapping.reuse.dataflow import DIMENSIONS, REDUCED
from accsim.mapping.reuse.schema import ReuseFile
from accsim.yamlfile import Path

Mistake = tuple[Path, str]

_LISTS = ("tiles", "passes", "unroll", "rows", "cols", "pe", "buffer", "direct", "forward", "apart")


def mistakes(file: ReuseFile) -> Iterator[Mistake]:
    """Every mistake: where, and a sentence."""
    yield from _once(file)
    yield from _placed(file)
    yield from _array(file)
    yield from _sums(file)


def _once(file: ReuseFile) -> Iterator[Mistake]:
    for key in _LISTS:
        listed = getattr(file, key)
        for index, item in enumerate(listed):
            if item in listed[:index]:
                yield (key, index), f"{item} is listed twice"


def _placed(file: ReuseFile) -> Iterator[Mistake]:
    places = {*file.tiles, *file.passes, *file.unroll, *file.rows, *file.cols, *file.pe}
    missing = [dim for dim in DIMENSIONS if dim not in places]
    if missing:
        names = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        yield (
            ("tiles",),
            f"nothing says where {names} {'run' if len(missing) > 1 else 'runs'}: every dimension is in tiles, passes, "
            "unroll (or rows and cols) or pe",
        )


def _array(file: ReuseFile) -> Iterator[Mistake]:
    if file.unroll and (file.rows or file.cols):
        yield ("unroll",), "give unroll, for PEs in any arrangement, or rows and cols"
    if file.cols and not file.rows:
        yield ("cols",), "rows must be given too; for PEs in any arrangement use unroll"
    for index, dim in enumerate(file.cols):
        if dim in file.rows and dim != "M":
            yield ("cols", index), f"{dim} is on the rows too; only M may be on both"
    on_array = {*file.unroll, *file.rows, *file.cols}
    for key in ("forward", "apart"):
        for index, dim in enumerate(getattr(file, key)):
            if dim not in on_array:
                yield (key, index), f"{dim} is not unrolled"


def _sums(file: ReuseFile) -> Iterator[Mistake]:
    if "psum" in file.buffer:
        return
    cut = [(key, index, dim) for key in ("tiles", "passes") for index, dim in enumerate(getattr(file, key))]
    for key, index, dim in cut:
        if dim in REDUCED:
            yield (key, index), f"sums over {dim} are left unfinished, and the buffer does not hold psums"
    for index, dim in enumerate(file.apart):
        yield ("apart", index), f"sums over {dim} are added in the buffer, and it does not hold psums"
