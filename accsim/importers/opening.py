"""Networks and models by name or path, whatever the kind of file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accsim.compress.model import Model
from accsim.compress.synthetic import synthetic
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.reader import load_accelerator
from accsim.source import printable
from accsim.workload.network import Network
from accsim.workload.reader import load_network, select_layers

ONNX, ARCHIVE, TOPOLOGY, CONFIGURATION = ".onnx", ".npz", ".csv", ".cfg"
IMPORTED = (ONNX, ARCHIVE, TOPOLOGY)
"""Endings of files that are not network files."""


def is_imported(name_or_path: str | Path) -> bool:
    """Whether this names a file that an importer reads."""
    return str(name_or_path).lower().endswith(IMPORTED)


def has_parameters(name_or_path: str | Path) -> bool:
    """Whether this names a file with trained parameters."""
    return str(name_or_path).lower().endswith((ONNX, ARCHIVE))


def open_network(
    name_or_path: str | Path,
    *,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
) -> Network:
    """A network by the name or path of a network file, an ONNX model, an archive or a SCALE-Sim topology.

    Raises:
        InputError: there is none, or it has mistakes.
        AccsimError: an optional package is not installed.
    """
    text = str(name_or_path)
    if not is_imported(text):
        return load_network(text, batch=batch, bindings=bindings, layers=layers)
    if text.lower().endswith(TOPOLOGY):
        from accsim.importers.scalesim import load_topology  # noqa: PLC0415

        if bindings:
            raise InputError([f"{printable(text)}: a topology has no sizes to bind"])
        network = load_topology(text, batch=batch)
    else:
        network = open_model(text, batch=batch, bindings=bindings).network
    return network if layers is None else replace(network, layers=select_layers(network.name, network.layers, layers))


def open_accelerator(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Accelerator:
    """An accelerator by the name or path of an accelerator file, or a SCALE-Sim configuration (``.cfg``).

    Raises:
        InputError: there is none, or it has mistakes.
    """
    if str(name_or_path).lower().endswith(CONFIGURATION):
        from accsim.importers.scalesim_config import load_config  # noqa: PLC0415

        return load_config(name_or_path, tuple(overrides))
    return load_accelerator(str(name_or_path), tuple(overrides))


def open_model(
    name_or_path: str | Path, *, batch: int = 1, bindings: Mapping[str, int] | None = None, seed: int = 0
) -> Model:
    """A model: an ONNX file, an archive with its network in it or beside it, or a network by name.

    The parameters of a network by name are made up, and the model says so.

    Args:
        seed: of made-up parameters.

    Raises:
        InputError: there is none, or it has mistakes.
        AccsimError: an optional package is not installed.
    """
    text = str(name_or_path)
    ending = Path(text).suffix.lower()
    if ending == ONNX:
        from accsim.importers.onnx_model import import_onnx  # noqa: PLC0415

        return import_onnx(text, batch=batch, bindings=bindings)
    if ending == ARCHIVE:
        from accsim.compress.archive import read_model  # noqa: PLC0415

        return read_model(text, batch=batch, bindings=bindings)
    return synthetic(open_network(text, batch=batch, bindings=bindings), seed)
