"""Arguments that several passes have."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from accsim.compress.grain import block_of
from accsim.errors import AccsimError

GRAIN = "weights that share a scale: layer, filter, channel, kernel, pixel, channels:N"


def _known(grain: str) -> str:
    try:
        block_of(grain, (1, 1, 1, 1))
    except AccsimError as error:
        raise ValueError(str(error)) from None
    return grain


Grain = Annotated[str, AfterValidator(_known)]
"""The name of a grain, checked when a recipe is read."""
