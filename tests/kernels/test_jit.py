"""Where compiled code is cached, and that an edit anywhere in the kernels is never missed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest

from accsim.kernels import jit

PACKAGE = Path(jit.__file__).parents[1]

OUTER = """
from accsim.kernels.inner import inner
from accsim.kernels.jit import kernel

@kernel
def outer(x: int) -> int:
    return 10 * inner(x)
"""
INNER = """
from accsim.kernels.jit import kernel

@kernel
def inner(x: int) -> int:
    return x + {}
"""


def python(code: str, where: Path, **environment: object) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "PYTHONPATH")}
    told = {k: str(v) for k, v in {**kept, "PYTHONPATH": where, **environment}.items()}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=where, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the package that has one compiled function more, which calls that of another file."""
    (tmp_path / "accsim").mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copy(PACKAGE / name, tmp_path / "accsim")
    for folder in ("kernels", "simulate"):
        shutil.copytree(PACKAGE / folder, tmp_path / "accsim" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "accsim/kernels/outer.py").write_text(OUTER)
    (tmp_path / "accsim/kernels/inner.py").write_text(INNER.format(1))
    return tmp_path


def test_an_edit_of_another_file_is_seen(copy: Path) -> None:
    cache = copy / "cache"
    code = "from accsim.kernels.outer import outer; print(outer(4))"
    assert python(code, copy, XDG_CACHE_HOME=cache) == "50"
    assert python(code, copy, XDG_CACHE_HOME=cache) == "50"
    (first,) = (cache / "accsim").iterdir()
    assert list(first.rglob("outer.outer*.nbc"))
    (copy / "accsim/kernels/inner.py").write_text(INNER.format(2))
    assert python(code, copy, XDG_CACHE_HOME=cache) == "60"
    assert len(list((cache / "accsim").iterdir())) == 2


def test_what_changes_the_key(copy: Path) -> None:
    package = copy / "accsim"
    key = jit.cache_key(package)
    (package / "errors.py").write_text("# not compiled\n")
    (package / "simulate/plain.py").write_text("# not compiled\n")
    assert jit.cache_key(package) == key
    (package / "simulate/stepped.py").write_text("from accsim.kernels.jit import kernel\n")
    with_stepped = jit.cache_key(package)
    (package / "kernels/outer.py").rename(package / "kernels/renamed.py")
    renamed = jit.cache_key(package)
    (package / "kernels/lanes.py").write_text((package / "kernels/lanes.py").read_text() + "\n")
    assert len({key, with_stepped, renamed, jit.cache_key(package)}) == 4


def test_every_compiled_function_of_accsim_is_keyed() -> None:
    imports = {path for path in PACKAGE.rglob("*.py") if "kernels.jit import" in path.read_text()}
    assert imports <= set(jit.sources())
    direct = re.compile(r"^\s*(import|from) (numba|llvmlite)\b", re.MULTILINE)
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if (found := direct.search(text)) and path != PACKAGE / "kernels/jit.py":  # the cache is named first
            assert -1 < text.find("kernels.jit") < found.start(), path


def test_the_users_cache_directory_is_used_and_not_changed(tmp_path: Path, copy: Path) -> None:
    code = (
        "import os; from accsim.kernels.outer import outer; import numba\n"
        "print(outer(4), numba.config.CACHE_DIR, os.environ['NUMBA_CACHE_DIR'])"
    )
    mine = tmp_path / "mine"
    assert python(code, copy, NUMBA_CACHE_DIR=mine) == f"50 {mine} {mine}"
    (ours,) = mine.iterdir()
    assert ours.name == f"accsim-{jit.cache_key(copy / 'accsim')}"
    assert list(ours.rglob("outer.outer*.nbc"))


def test_the_users_own_numba_functions_are_not_redirected() -> None:
    before = numba.config.CACHE_DIR
    jit.kernel(lambda x: x)
    assert before == numba.config.CACHE_DIR


def test_an_unwritable_cache_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder would be."""
    blocked, temporary = tmp_path / "blocked", tmp_path / "temporary"
    blocked.touch()
    temporary.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    found = jit.cache_directory()
    assert found is not None
    assert found.parent == temporary
    assert found.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(tempfile, "tempdir", str(blocked))
    assert jit.cache_directory() is None
    assert jit.cache_directory(str(blocked)) is None


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
def test_a_folder_others_can_write_is_not_trusted(tmp_path: Path) -> None:
    found = jit.cache_directory(str(tmp_path))
    assert found is not None
    found.chmod(0o777)
    assert jit.cache_directory(str(tmp_path)) is None


def test_without_a_cache_functions_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "_KEYED", None)

    def twice(x: int) -> int:
        return 2 * x

    assert jit.kernel(twice)(21) == 42


def test_importing_accsim_or_its_kernels_does_not_import_numba() -> None:
    code = "import sys, accsim, accsim.kernels; print('numba' in sys.modules)"
    assert python(code, PACKAGE.parent) == "False"


def test_kernels_import_nothing_else_of_accsim() -> None:
    code = (
        "import sys; from accsim.kernels import blocks\n"
        "print(*sorted(m for m in sys.modules if m.startswith('accsim.') and not m.startswith('accsim.kernels')))"
    )
    assert python(code, PACKAGE.parent) == ""
