"""Archives of parameters: trained ones to read, compressed ones to write.

A written archive has for each layer with weights, by name:

=================  ====================================================================================================
LAYER.weight       values, float32 [M, C / G, R, S], pruned ones 0
LAYER.code         what is stored: integers of the narrowest type, of the code's own shape
LAYER.kept         bool, where weights were pruned: which are kept
LAYER.scale ...    what the codes mean: scales (float64, one per block of the grain), zero points, tables, codewords,
                   bases, outliers with their places; each under the name of the code's attribute
LAYER.bias         float64 [M], where there is one
NORM.gamma ...     gamma, beta, mean and variance of batch normalisations that the passes left, float64 [channels]
recipe             JSON: the recipe's name, the passes with their arguments, each layer's code with its settings and its
                   encoding, and where the weights come from
=================  ====================================================================================================
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.compressed import Compressed, require_values
from accsim.compress.grain import Scale
from accsim.compress.model import LayerParameters
from accsim.compress.parameters import BIAS, NORM, WEIGHT
from accsim.errors import InputError
from accsim.source import printable

Array = npt.NDArray[np.generic]
ABOUT = "recipe"
PARAMETERS = (WEIGHT, BIAS, *NORM)
_WHOLE = ("places", "kept")
"""Arrays of a code that are written whatever their size; others as large as the codes say what the codes say."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_parameters(path: str | Path, most_words: int) -> dict[str, dict[str, Array]]:
    """Weights, biases and norms of an archive, by layer and name; what else is in it is left alone.

    Args:
        most_words: what the largest array may hold; a larger one is refused before memory is taken for it.

    Raises:
        InputError: it is missing, is no archive of plain arrays, has no weights, or an array that is too large or
            claims to be larger than it is.
    """
    where = printable(str(path))
    if not Path(path).is_file():
        raise InputError([f"file not found: {where}"])
    found: dict[str, dict[str, Array]] = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            for key in archive.files:
                layer, _, name = key.rpartition(".")
                if name in PARAMETERS:
                    _require_size(archive.zip, key, most_words, where)
                    found.setdefault(layer, {})[name] = archive[key]
    except InputError:
        raise
    except (OSError, ValueError, EOFError, AttributeError, MemoryError, zipfile.BadZipFile):
        raise InputError([f"{where}: not a NumPy .npz archive of plain arrays"]) from None
    if not any(WEIGHT in arrays for arrays in found.values()):
        raise InputError([f"{where}: holds no weights; expected arrays LAYER.weight"])
    return found


def _require_size(archive: zipfile.ZipFile, key: str, most_words: int, where: str) -> None:
    """Refuse an array by its header, before memory is taken for it."""
    member = archive.getinfo(f"{key}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        held = member.file_size - file.tell()
    words = prod(shape)
    if words > most_words:
        raise InputError([f"{where}: {printable(key)}: has shape {shape}, more words than any layer has parameters"])
    if words * dtype.itemsize > held:
        raise InputError([f"{where}: {printable(key)}: claims {words * dtype.itemsize} bytes and holds {held}"])


def archive_bytes(compressed: Compressed) -> bytes:
    """The archive as it is written: the same bytes for the same weights, whenever it is made.

    Raises:
        AccsimError: there are no weights, but only published figures.
    """
    model = require_values(compressed)
    arrays: dict[str, Array] = {}
    for layer, parameters in model.layers():
        arrays |= {f"{layer.name}.{what}": array for what, array in _arrays(parameters).items()}
    for name, norm in model.norms.items():
        arrays |= {f"{name}.{what}": getattr(norm, what) for what in NORM}
    about = json.dumps(describe(compressed), sort_keys=True)
    arrays[ABOUT] = np.frombuffer(about.encode(), np.uint8)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.lib.format.write_array(held, np.ascontiguousarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, held.getvalue())
    return out.getvalue()


def describe(compressed: Compressed) -> dict[str, Any]:
    """What was done, as plain data."""
    applied = () if compressed.model is None else compressed.model.applied
    return {
        "recipe": compressed.recipe.name,
        "network": compressed.network.name,
        "weights": compressed.origin,
        "real": compressed.real,
        "passes": [{one.name: dict(one.arguments)} for one in applied],
        "layers": {
            name: {
                "code": s.code,
                "bits": s.bits,
                "encoding": s.encoding,
                "stored_bits": s.stored_bits,
                "settings": {} if compressed.model is None else _settings(compressed.model.parameters[name].weight),
            }
            for name, s in compressed.stored.items()
        },
    }


def _arrays(parameters: LayerParameters) -> dict[str, Array]:
    out: dict[str, Array] = {"weight": parameters.values().astype(np.float32)}
    code = parameters.weight
    symbols = code.symbols()
    if symbols.size and code.name != "float":
        out["code"] = symbols.astype(_narrowest(symbols))
        out |= {name: array for name, array in _parts(code) if array.size < symbols.size or name in _WHOLE}
    if parameters.kept is not None:
        out["kept"] = parameters.kept
    if parameters.bias is not None:
        out["bias"] = parameters.bias
    return out


def _parts(value: object, name: str = "") -> Iterator[tuple[str, Array]]:
    """The arrays that a code is made of, by the names of its attributes."""
    match value:
        case np.ndarray():
            yield name, value
        case Scale(values=values):
            yield name, values
        case tuple():
            for i, one in enumerate(value):
                yield from _parts(one, f"{name}.{i}")
        case _ if is_dataclass(value):
            for part in fields(value):
                yield from _parts(getattr(value, part.name), f"{name}.{part.name}".lstrip("."))


def _settings(code: object) -> dict[str, Any]:
    """What is no array of a code: widths, exponents, whether codes are signed."""
    known = {f.name: getattr(code, f.name) for f in fields(code)} if is_dataclass(code) else {}
    return {name: value for name, value in known.items() if isinstance(value, int | float | str)}


def _narrowest(symbols: npt.NDArray[np.int64]) -> np.dtype[Any]:
    low, high = int(symbols.min()), int(symbols.max())
    kinds = ("int8", "int16", "int32", "int64") if low < 0 else ("uint8", "uint16", "uint32", "int64")
    return next(np.dtype(kind) for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
