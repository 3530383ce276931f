"""A small comparison of three machines, of which two cannot run every layer."""

from __future__ import annotations

from functools import cache
from typing import Any

from accsim.comparison import compare


@cache
def small_comparison() -> tuple[dict[str, Any], dict[str, Any]]:
    """What a page is made of; not to be changed."""
    found = compare("lenet_caffe", ["edge_8x8", "scnn", "eie"], compress="lenet-deep-compression")
    return found.to_dict() | {"command": "accsim run lenet_caffe --compare"}, found.runs()


def renamed(text: dict[str, Any], old: str, new: str) -> Any:
    """A copy in which a name is another one, wherever it stands."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {walk(key): walk(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [walk(inner) for inner in value]
        return new if value == old else value

    return walk(text)
