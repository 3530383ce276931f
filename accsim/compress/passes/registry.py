"""Every pass by its name in a recipe."""

from __future__ import annotations

from accsim.compress.passes.base import ModelPass
from accsim.compress.passes.uniform import Symmetric

PASSES: dict[str, type[ModelPass]] = {one.name: one for one in (Symmetric,)}
