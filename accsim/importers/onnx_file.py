"""ONNX files and the tensors in them, read without trusting what they say of themselves.

A tensor is decoded only when as many bytes are there as its shape asks for, so memory is bounded by the size of the
files. Data outside the model's file is read only from regular files inside the model's folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError, InputError
from accsim.importers.extra import onnx_package
from accsim.source import printable

LARGEST_MODEL = 2**31
"""Bytes: no protobuf message is larger."""

MOST_AXES = 32
"""Of a tensor: NumPy's limit before its version 2."""

_BITS = {
    "FLOAT": 32, "UINT8": 8, "INT8": 8, "UINT16": 16, "INT16": 16, "INT32": 32, "INT64": 64, "BOOL": 8,
    "FLOAT16": 16, "DOUBLE": 64, "UINT32": 32, "UINT64": 64, "BFLOAT16": 16, "UINT4": 4, "INT4": 4, "UINT2": 2,
    "INT2": 2,
}  # fmt: skip
"""Bits of an element, by ONNX's name of its type: the types whose values are known here."""

_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


@dataclass(frozen=True, slots=True)
class File:
    """A model that was parsed.

    Attributes:
        model: the ``onnx.ModelProto``.
        path: of its file.
        place: the path as messages show it.
        opset: version of the standard operators.
        versions: of the other domains.
    """

    model: Any
    path: Path
    place: str
    opset: int
    versions: dict[str, int]


def read(path: str | Path) -> File:
    """Parse an ONNX file; data outside it is not read yet.

    Raises:
        InputError: the file is missing, too large, truncated, or no ONNX model.
        AccsimError: the onnx package is not installed.
    """
    onnx = onnx_package()
    decode_error = import_module("google.protobuf.message").DecodeError

    where = printable(str(path))
    try:
        if os.path.getsize(path) > LARGEST_MODEL:
            raise InputError([f"{where}: larger than 2 GiB, which no ONNX model is; keep its weights as external data"])
        with open(path, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        raise InputError([f"file not found: {where}"]) from None
    except OSError as error:
        raise InputError([f"{where}: cannot be read: {(error.strerror or 'unknown reason').lower()}"]) from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(raw)
    except decode_error:
        raise InputError([f"{where}: not an ONNX model, or not all of one"]) from None
    if not model.graph.node or not model.graph.output:
        raise InputError([f"{where}: not a whole ONNX model: its graph has no nodes or no outputs"])
    if not _all_text(model):
        raise InputError([f"{where}: not an ONNX model: it has names that are no UTF-8 text"])
    versions = {entry.domain: int(entry.version) for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if opset < 1:
        raise InputError([f"{where}: does not say which version of the standard operators it uses"])
    return File(model, Path(path), where, opset, versions)


def _all_text(message: Any) -> bool:
    """Whether every string in a protobuf is text; one that is not UTF-8 comes as bytes."""
    for descriptor, held in message.ListFields():
        entries = (held,) if isinstance(held, str | bytes) or hasattr(held, "ListFields") else held
        if descriptor.type == descriptor.TYPE_STRING and any(isinstance(entry, bytes) for entry in entries):
            return False
        if descriptor.type == descriptor.TYPE_MESSAGE and not all(_all_text(entry) for entry in entries):
            return False
    return True


def tensor(file: File, proto: Any) -> npt.NDArray[Any]:
    """Decode a ``TensorProto``.

    Raises:
        AccsimError: the data is missing, shorter or longer than the shape asks for, lies outside the model's folder,
            or is of a type whose values are not known here.
    """
    onnx = onnx_package()
    name = printable(proto.name) or "a constant"
    kinds = onnx.TensorProto.DataType
    kind = kinds.Name(proto.data_type) if proto.data_type in kinds.values() else f"type {proto.data_type}"
    if kind not in _BITS:
        raise AccsimError(f"tensor {name!r} holds {kind} values, which are not supported")
    dims = [int(size) for size in proto.dims]
    if len(dims) > MOST_AXES:
        raise AccsimError(f"tensor {name!r} has {len(dims)} axes; at most {MOST_AXES} are known")
    if any(size < 0 for size in dims):
        raise AccsimError(f"tensor {name!r} has a negative size: {dims}")
    count = prod(dims)
    wanted = -(-count * _BITS[kind] // 8)
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(file, proto, name, wanted)
        filled = onnx.TensorProto()
        filled.name, filled.data_type, filled.raw_data = proto.name, proto.data_type, raw
        filled.dims.extend(dims)
        proto = filled
    elif proto.HasField("raw_data"):
        _enough(name, dims, wanted, len(proto.raw_data), "bytes")
    else:
        held = max(len(getattr(proto, field)) for field in _FIELDS)
        expected = wanted if _BITS[kind] < 8 else count
        _enough(name, dims, expected, held, "values")
    values = np.asarray(onnx.numpy_helper.to_array(proto))
    if kind == "BFLOAT16":
        return values.astype(np.float32)
    return values.astype(np.int8) if _BITS[kind] < 8 else values


def bits_of(proto_type: int) -> tuple[int, bool] | None:
    """Bits and signedness of an integer type, by its ONNX number; ``None`` for other types."""
    kinds = onnx_package().TensorProto.DataType
    name = kinds.Name(proto_type) if proto_type in kinds.values() else ""
    if not name.startswith(("INT", "UINT")):
        return None
    return _BITS[name], name.startswith("INT")


def _enough(name: str, dims: list[int], wanted: int, held: int, unit: str) -> None:
    if held != wanted:
        raise AccsimError(f"tensor {name!r} of shape {dims} needs {wanted} {unit}, but the file holds {held}")


def _external(file: File, proto: Any, name: str, wanted: int) -> bytes:
    """The bytes of a tensor outside the model's file."""
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    shown = printable(location)
    folder = os.path.realpath(file.path.parent)
    parts = location.replace("\\", "/").split("/")
    if not location or "\0" in location or location.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise AccsimError(f"tensor {name!r}: external data {shown!r} must be a path inside the model's folder")
    target = os.path.realpath(os.path.join(folder, location))
    if os.path.commonpath((folder, target)) != folder:
        raise AccsimError(f"tensor {name!r}: external data {shown!r} leads out of the model's folder")
    if not os.path.isfile(target):
        raise AccsimError(f"tensor {name!r}: external data {shown!r}: there is no such file in the model's folder")
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or wanted)
    except ValueError:
        raise AccsimError(f"tensor {name!r}: external data {shown!r}: offset and length must be numbers") from None
    _enough(name, [int(size) for size in proto.dims], wanted, length, "bytes")
    size = os.path.getsize(target)
    if offset < 0 or offset + length > size:
        raise AccsimError(
            f"tensor {name!r}: external data {shown!r} has {size} bytes, but {length} from byte {offset} are asked for"
        )
    with open(target, "rb") as data:
        data.seek(offset)
        return data.read(length)
