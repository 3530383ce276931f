"""Where rich is used and where not, and that output cannot do harm."""

from __future__ import annotations

import io
import re
import sys

import pytest

from accsim.cli import console
from accsim.cli.console import Line, on_terminal, show, table
from accsim.cli.progress import Bar


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Stands in for the standard output; called in the test, as pytest puts its own back after the fixtures."""
    found = Terminal()
    monkeypatch.setattr(sys, "stdout", found)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return found


def test_colours_only_on_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    a_terminal(monkeypatch)
    assert on_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not on_terminal()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not on_terminal()
    monkeypatch.setattr(sys, "stdout", None)
    assert not on_terminal()


def test_a_terminal_gets_bold_and_no_markup_from_names(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    show([Line("title [red]", "bold"), table(("name", "n"), [("[bold]x", 1)], left={"name"})])
    assert "\x1b[1mtitle [red]\x1b[0m" in terminal.getvalue()
    assert "[bold]x" in terminal.getvalue()


def test_no_color_means_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    show([Line("title", "bold"), table(("name", "n"), [("x", 1)], left={"name"})])
    assert terminal.getvalue() == "title\nname  n\n----  -\nx     1\n"


def test_a_long_last_column_wraps_and_a_wide_table_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    show([table(("name", "about"), [("x", "word " * 20)], left={"name", "about"})])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert max(map(len, plain.splitlines())) <= 40
    show([table(("a" * 30, "b" * 30), [("1", "2")])])
    assert "a" * 30 in terminal.getvalue()
    assert "b" * 30 in terminal.getvalue()


def test_control_characters_are_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    show(["a\x1b[2Jb", Line("c\rd"), table(("e\n",), [("f\x07",)])])
    assert capsys.readouterr().out == "a?[2Jb\nc?d\ne?\n--\nf?\n"


def test_without_a_standard_output_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    console.emit("x")


class Progress:
    """What a terminal on stderr sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
        self.stream = Terminal() if terminal else io.StringIO()
        monkeypatch.setattr(sys, "stderr", self.stream)
        monkeypatch.setattr("accsim.cli.progress.DELAY_S", 0.01)
        monkeypatch.setenv("TERM", "xterm-256color")

    def run(self, seconds: float) -> str:
        import time

        with Bar("estimating net") as bar:
            time.sleep(seconds)
            bar(3, 5, "conv4")
            time.sleep(seconds)
        return self.stream.getvalue()


def test_long_work_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "estimating net: conv4" in Progress(monkeypatch, terminal=True).run(0.3)


def test_short_work_and_a_pipe_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Progress(monkeypatch, terminal=False).run(0.05) == ""
    shown = Progress(monkeypatch, terminal=True)
    monkeypatch.setattr("accsim.cli.progress.DELAY_S", 60)
    assert shown.run(0.001) == ""
