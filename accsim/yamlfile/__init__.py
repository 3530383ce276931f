"""YAML files that say where a mistake is: parsed with positions, bound to a pydantic model, all mistakes at once."""

from accsim.yamlfile.binding import Model, bind
from accsim.yamlfile.document import Document, Path, load
from accsim.yamlfile.overrides import override
from accsim.yamlfile.units import FrequencyMhz, SizeBits, quantity

__all__ = ["Document", "FrequencyMhz", "Model", "Path", "SizeBits", "bind", "load", "override", "quantity"]
