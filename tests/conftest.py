"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# New cases on every run at a desk; the same ones in CI, so that a red run there can be repeated.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
