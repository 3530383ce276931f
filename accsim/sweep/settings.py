"""A design point: what one ``accsim run`` is given."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

Pairs = tuple[tuple[str, str], ...]
"""Assignments: a key and the text of its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one ``accsim run`` is given; files by name or path, values as text.

    Attributes:
        search_table: the energy table that mappings are searched with; that of the run if ``None``.
        sets: changes to the accelerator, as ``--set`` takes them.
        energy: changes to the energy table, as ``--set-energy`` takes them.
        bind: free sizes of the network.
        layers: names or patterns of the layers that are run; all if empty.
        search: search for mappings even where the accelerator has published ones.
    """

    workload: str
    hardware: str = "eyeriss"
    dataflow: str | None = None
    energy_table: str | None = None
    search_table: str | None = None
    compress: str | None = None
    batch: int = 1
    objective: str = "energy"
    effort: str = "full"
    search: bool = False
    sets: Pairs = ()
    energy: Pairs = ()
    bind: Pairs = ()
    layers: tuple[str, ...] = ()

    @property
    def overrides(self) -> tuple[str, ...]:
        """``sets`` as assignments."""
        return tuple(f"{key}={value}" for key, value in self.sets)

    @property
    def energy_overrides(self) -> tuple[str, ...]:
        """``energy`` as assignments."""
        return tuple(f"{key}={value}" for key, value in self.energy)

    @property
    def bindings(self) -> dict[str, int]:
        """``bind`` as numbers."""
        return {name: int(size) for name, size in self.bind}

    def values(self) -> dict[str, str | int | bool]:
        """Every setting that is not left at its default, by the name that conditions and tables use."""
        out: dict[str, str | int | bool] = {}
        for name, prefix in PREFIXES.items():
            out |= {prefix + key: value for key, value in getattr(self, name)}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in PREFIXES or (value == one.default and one.name != "hardware"):
                continue
            out[one.name] = ",".join(value) if isinstance(value, tuple) else value
        order = {name: i for i, name in enumerate(("workload", "hardware", "dataflow"))}
        return dict(sorted(out.items(), key=lambda item: order.get(item[0], len(order))))

    def to_dict(self) -> dict[str, Any]:
        """As plain data; defaults are left out."""
        out: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value != one.default:
                out[one.name] = [list(pair) if isinstance(pair, tuple) else pair for pair in value] if isinstance(
                    value, tuple
                ) else value  # fmt: skip
        return out

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Settings:
        """Back from plain data."""
        plain: dict[str, Any] = {
            name: tuple(tuple(item) if isinstance(item, list) else item for item in value)
            if isinstance(value, list)
            else value
            for name, value in data.items()
        }
        return cls(**plain)

    def command(self) -> str:
        """The command that estimates the point alone."""
        words = ["accsim", "run", self.workload, "--hardware", self.hardware]
        for option, value in (
            ("--dataflow", self.dataflow),
            ("--energy-table", self.energy_table),
            ("--search-table", self.search_table),
            ("--compress", self.compress),
            ("--batch", None if self.batch == 1 else str(self.batch)),
            ("--objective", None if self.objective == "energy" else self.objective),
            ("--effort", None if self.effort == "full" else self.effort),
            ("--layers", ",".join(self.layers) or None),
        ):
            words += [] if value is None else [option, value]
        words += ["--search"] if self.search else []
        for option, pairs in (("--set", self.sets), ("--set-energy", self.energy), ("--bind", self.bind)):
            for key, value in pairs:
                words += [option, f"{key}={value}"]
        return shlex.join(words)


PREFIXES = {"sets": "", "energy": "energy.", "bind": "bind."}
"""Groups of settings, and what stands before their keys in conditions and tables."""
