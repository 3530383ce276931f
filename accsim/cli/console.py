"""Words and tables on the standard output: with rich on a terminal, as plain aligned text anywhere else."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from accsim.errors import AccsimError

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPED_WIDTH = 160
"""Columns aimed at when the output is not a terminal and ``$COLUMNS`` says nothing."""

LONGEST_RULE = 40
"""Dashes under a column of long texts."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as text.

    Attributes:
        title, unit: the two lines of its head.
        total: the cell of the last row, where the table has one.
        left: text is aligned left; numbers stay right.
    """

    title: str
    cells: tuple[str, ...]
    unit: str = ""
    total: str = ""
    left: bool = False

    @property
    def width(self) -> int:
        """Characters of the widest cell."""
        return max(map(len, (self.title, self.unit, self.total, *self.cells)))


@dataclass(frozen=True, slots=True)
class Table:
    """Columns side by side."""

    columns: tuple[Column, ...]

    @property
    def width(self) -> int:
        """Characters of one line."""
        return sum(column.width for column in self.columns) + 2 * (len(self.columns) - 1)

    @property
    def totalled(self) -> bool:
        """Whether there is a row of totals."""
        return any(column.total for column in self.columns)

    @property
    def wraps(self) -> bool:
        """Whether the last column is text, which a terminal may fold into several lines."""
        return self.columns[-1].left and len(self.columns) > 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; ``style`` (such as ``bold``, ``dim``, ``yellow``, ``bold red``) shows on a terminal only."""

    text: str
    style: str = ""


Block = str | Line | Table


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], left: Iterable[str] = ()) -> Table:
    """A table from rows; columns named in ``left`` hold text."""
    cells = [[str(cell) for cell in row] for row in rows]
    text = set(left)
    return Table(
        tuple(Column(title, tuple(row[i] for row in cells), left=title in text) for i, title in enumerate(titles))
    )


def on_terminal() -> bool:
    """Whether the standard output is a terminal that shows colours and wants them (https://no-color.org)."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "unknown")


def width() -> int:
    """Columns that a line may take."""
    return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns


def show(blocks: Iterable[Block]) -> None:
    """Write blocks to the standard output.

    Raises:
        AccsimError: the output cannot be written.
    """
    clean = [_clean(block) for block in blocks]
    if on_terminal():
        _show_rich(clean)
    else:
        emit("".join(line.rstrip() + "\n" for block in clean for line in _plain(block)))


def emit(text: str) -> None:
    """Write text to the standard output; characters its encoding lacks become ``?``.

    Raises:
        AccsimError: the output cannot be written (a full disk).
        BrokenPipeError: its reader has gone.
    """
    if sys.stdout is None:
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise AccsimError(f"cannot write the output: {reason}") from None


def say(text: str) -> None:
    """Write text to stderr, if there is one."""
    if sys.stderr is not None:
        sys.stderr.write(text)


def _clean(block: Block) -> Block:
    """No control characters: names come from files, and a terminal obeys what it is sent."""
    match block:
        case Table(columns):
            return Table(
                tuple(
                    Column(_printable(c.title), tuple(map(_printable, c.cells)), c.unit, c.total, c.left)
                    for c in columns
                )
            )
        case Line(text, style):
            return Line(_printable(text), style)
        case _:
            return _printable(block)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _plain(block: Block) -> Iterable[str]:
    match block:
        case Table() as found:
            return _plain_table(found)
        case Line(text):
            return [text]
        case _:
            return [block]


def _plain_table(found: Table) -> list[str]:
    rows = [[c.title for c in found.columns], [c.unit for c in found.columns]]
    if not any(rows[1]):
        rows.pop()
    rule = ["-" * min(c.width, LONGEST_RULE) for c in found.columns]
    rows.append(rule)
    rows += [[c.cells[i] for c in found.columns] for i in range(len(found.columns[0].cells))]
    if found.totalled:
        rows += [rule, [c.total for c in found.columns]]
    return ["  ".join(_aligned(cell, c) for cell, c in zip(row, found.columns, strict=True)) for row in rows]


def _aligned(cell: str, column: Column) -> str:
    return cell.ljust(column.width) if column.left else cell.rjust(column.width)


def _show_rich(blocks: Iterable[Block]) -> None:
    from rich.console import Console

    for block in blocks:
        # A table wider than the terminal is wrapped by the terminal rather than cut.
        wide = max(width(), block.width + 4) if isinstance(block, Table) and not block.wraps else width()
        Console(width=wide, highlight=False, markup=False, emoji=False).print(_renderable(block))


def _renderable(block: Block) -> RenderableType:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    if not isinstance(block, Table):
        return Text(block.text, style=block.style) if isinstance(block, Line) else Text(block)
    drawn = RichTable(box=box.SIMPLE, show_footer=block.totalled, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    units = any(c.unit for c in block.columns)
    for c in block.columns:
        head = Text(f"{c.title}\n{c.unit}" if units else c.title, style="bold")
        fixed = not (block.wraps and c is block.columns[-1])
        side: Literal["left", "right"] = "left" if c.left else "right"
        drawn.add_column(head, footer=Text(c.total, style="bold"), justify=side, no_wrap=fixed)
    for i in range(len(block.columns[0].cells)):
        drawn.add_row(*(Text(c.cells[i]) for c in block.columns))
    return drawn
