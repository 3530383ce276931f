"""Archives of parameters: trained ones to read, compressed ones to write.

A written archive has for each layer with weights, by name:

=================  ====================================================================================================
LAYER.weight       values, float32 [M, C / G, R, S], pruned ones 0
LAYER.code         what is stored: integers of the narrowest type, of the code's own shape
LAYER.kept         bool, where weights were pruned: which are kept
LAYER.scale        where the code has one scale: float64, one per block; LAYER.zero_point likewise
LAYER.bias         float64 [M], where there is one
recipe             JSON: the recipe's name, the passes with their arguments, each layer's code and encoding, and where
                   the weights come from
=================  ====================================================================================================
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.compress.compressed import Compressed, require_values
from accsim.compress.model import LayerParameters
from accsim.errors import InputError
from accsim.source import printable

Array = npt.NDArray[np.generic]
ABOUT = "recipe"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_weights(path: str | Path) -> dict[str, Array]:
    """The arrays ``LAYER.weight`` of an archive, by layer; biases and what else is in it are left alone.

    Raises:
        InputError: it is missing, is no archive of plain arrays, or has no weights.
    """
    where = printable(str(path))
    if not Path(path).is_file():
        raise InputError([f"file not found: {where}"])
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            named = [name for name in archive.files if name.endswith(".weight")]
            weights = {name.removesuffix(".weight"): archive[name] for name in named}
    except (OSError, ValueError, EOFError, AttributeError, MemoryError, zipfile.BadZipFile):
        raise InputError([f"{where}: not a NumPy .npz archive of plain arrays"]) from None
    if not weights:
        raise InputError([f"{where}: holds no weights; expected arrays LAYER.weight"])
    return weights


def archive_bytes(compressed: Compressed) -> bytes:
    """The archive as it is written: the same bytes for the same weights, whenever it is made.

    Raises:
        AccsimError: there are no weights, but only published figures.
    """
    model = require_values(compressed)
    arrays: dict[str, Array] = {}
    for layer, parameters in model.layers():
        arrays |= {f"{layer.name}.{what}": array for what, array in _arrays(parameters).items()}
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
            name: {"code": s.code, "bits": s.bits, "encoding": s.encoding, "stored_bits": s.stored_bits}
            for name, s in compressed.stored.items()
        },
    }


def _arrays(parameters: LayerParameters) -> dict[str, Array]:
    out: dict[str, Array] = {"weight": parameters.values().astype(np.float32)}
    code = parameters.weight
    symbols = code.symbols()
    if symbols.size and code.name != "float":
        out["code"] = symbols.astype(_narrowest(symbols))
    if parameters.kept is not None:
        out["kept"] = parameters.kept
    scale = getattr(code, "scale", None)
    if scale is not None:
        out["scale"] = scale.values
    point = getattr(code, "zero_point", None)
    if point is not None and np.any(point):
        out["zero_point"] = point
    table = getattr(code, "table", getattr(code, "codewords", None))
    if table is not None:
        out["table"] = table
    if parameters.bias is not None:
        out["bias"] = parameters.bias
    return out


def _narrowest(symbols: npt.NDArray[np.int64]) -> np.dtype[Any]:
    low, high = int(symbols.min()), int(symbols.max())
    kinds = ("int8", "int16", "int32", "int64") if low < 0 else ("uint8", "uint16", "uint32", "int64")
    return next(np.dtype(kind) for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
