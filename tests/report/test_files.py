from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from accsim.errors import AccsimError
from accsim.report.files import write_whole


def message(path: Path | str, content: str | bytes = "new") -> str:
    with pytest.raises(AccsimError) as caught:
        write_whole(path, content)
    return str(caught.value)


def fail(number: int) -> object:
    def raised(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return raised


@pytest.mark.parametrize("content", ["", "energy in µJ\n", "a\r\nb\n", b"\x00\xff"])
def test_writes_what_it_is_given(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "out"
    write_whole(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert os.listdir(tmp_path) == ["out"]


def test_what_is_no_text_becomes_a_question_mark(tmp_path: Path) -> None:
    write_whole(tmp_path / "out", "a\udcffb")
    assert (tmp_path / "out").read_text() == "a?b"


def test_replaces_a_file_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    path.chmod(0o640)
    write_whole(str(path), "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_whole(tmp_path / "ours", "x")
    (tmp_path / "theirs").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_follows_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_whole("out.csv", "a,b\n")
    assert (tmp_path / "out.csv").read_text() == "a,b\n"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join()
    assert got == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_refuses_a_folder(tmp_path: Path) -> None:
    assert message(tmp_path) == f"cannot write {tmp_path}: it is a folder"


def test_refuses_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "no" / "out.html"
    assert message(path) == f"cannot write {path}: there is no folder {str(tmp_path / 'no')!r}"
    assert not os.listdir(tmp_path)


def test_refuses_a_file_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / "out.html"
    assert message(path) == f"cannot write {path}: there is no folder {str(tmp_path / 'file')!r}"


def test_refuses_a_name_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    assert message(path) == f"cannot write {path}: the name is too long"
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_refuses_a_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    assert message(folder / "x") == f"cannot write {folder / 'x'}: the folder {str(folder)!r} is not writable"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, "the folder {folder!r} is not writable"),
        (errno.EROFS, "the folder {folder!r} is not writable"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
@pytest.mark.parametrize("step", ["mkstemp", "fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, reason: str
) -> None:
    path = tmp_path / "out.html"
    path.write_text("old")
    monkeypatch.setattr(f"accsim.report.files.{'tempfile' if step == 'mkstemp' else 'os'}.{step}", fail(number))
    assert message(path) == f"cannot write {path}: {reason.format(folder=str(tmp_path))}"
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.html"]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "out.html"
    path.write_text("old")
    monkeypatch.setattr("accsim.report.files.os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new")
    assert os.listdir(tmp_path) == ["out.html"]
    assert path.read_text() == "old"
