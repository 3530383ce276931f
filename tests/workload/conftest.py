from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from accsim.errors import InputError
from accsim.workload.network import Network
from accsim.workload.reader import load_network

Loader = Callable[..., Network]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Load a network from its text, as the file ``net.yaml`` of the current folder."""
    monkeypatch.chdir(tmp_path)

    def load(text: str, **options: Any) -> Network:
        Path("net.yaml").write_text(dedent(text).lstrip("\n"))
        return load_network("net.yaml", **options)

    return load


@pytest.fixture
def mistakes(network: Loader) -> Mistakes:
    """The mistakes in a network's text; fails if there is none."""

    def read(text: str, **options: Any) -> list[str]:
        with pytest.raises(InputError) as caught:
            network(text, **options)
        return list(caught.value.mistakes)

    return read
