"""The JSON schema of ``accsim run --json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def result_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a result, version 1."""
    text = Path(__file__).with_name("result.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
