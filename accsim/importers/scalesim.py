"""SCALE-Sim's topologies: CSV files of convolutions or of matrix products.

A topology lists layers and not what joins them, so each layer reads a tensor of its own that no layer gives.

Source: SCALE-Sim 3.0.0, ``scalesim/topology_utils.py`` and its shipped topologies.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from accsim.errors import AccsimError, InputError
from accsim.library import read_text
from accsim.source import printable
from accsim.workload.layer import INT64_MAX, Layer, TensorStatistics
from accsim.workload.network import Network
from accsim.workload.rebuild import build

CONV_COLUMNS = ("IFMAP height", "IFMAP width", "filter height", "filter width", "channels", "filters", "stride")
GEMM_COLUMNS = ("M", "N", "K")
_RATIO = re.compile(r"([0-9]+)\s*:\s*([0-9]+)")
_MOST_LAYERS = 100_000


def load_topology(path: str | Path, *, batch: int = 1) -> Network:
    """Read a topology.

    The first line is the header; M, N and K in it mean matrix products (rows of the input, columns of the weights,
    what is summed over), else the layers are convolutions. Lines may end in a comma or not; blank lines and lines that
    begin with ``#`` are passed over, and so are blank columns. A column N:M behind the others is a density of weights.

    A convolution's IFMAP sizes include its padding, so that it has none here. Where the stride does not divide, its
    output is rounded down; SCALE-Sim rounds up and counts windows that reach past the IFMAP. A name with ``DP`` means
    one channel per filter, as SCALE-Sim has it: that layer is depthwise.

    Raises:
        InputError: every line with a mistake, by file and line.
    """
    text, where = read_text(path), printable(str(path))
    rows = [
        (number, [cell.strip() for cell in row])
        for number, row in enumerate(csv.reader(text.splitlines()), 1)
        if any(cell.strip() for cell in row) and not row[0].strip().startswith("#")
    ]
    if len(rows) < 2:
        raise InputError([f"{where}: not a SCALE-Sim topology: a header and at least one layer are expected"])
    if len(rows) > _MOST_LAYERS:
        raise InputError([f"{where}: more than {_MOST_LAYERS} layers"])
    header = {cell.upper() for cell in rows[0][1]}
    columns = GEMM_COLUMNS if set(GEMM_COLUMNS) <= header else CONV_COLUMNS
    layers: dict[str, Layer] = {}
    mistakes: list[str] = []
    for number, row in rows[1:]:
        try:
            layer = _layer(row, columns, batch, layers)
            layers[layer.name] = layer
        except AccsimError as error:
            mistakes.append(f"{where}:{number}: {error}")
    if mistakes:
        raise InputError(mistakes)
    first = next(iter(layers.values()))
    kind = "matrix products" if columns is GEMM_COLUMNS else "convolutions, padding included in their IFMAPs"
    return Network(
        name=Path(path).stem,
        layers=tuple(layers.values()),
        input_shape=first.input_shapes[0],
        batch=batch,
        description=f"{len(layers)} {kind}; what joins them is not known",
        source=f"SCALE-Sim topology {Path(path).name}",
    )


def _layer(row: Sequence[str], columns: Sequence[str], batch: int, known: dict[str, Layer]) -> Layer:
    cells = [cell for cell in row if cell]
    if not row[0]:
        raise AccsimError("the layer has no name")
    ratio = _RATIO.fullmatch(cells[-1]) if len(cells) > 1 else None
    sizes = cells[1:-1] if ratio else cells[1:]
    if len(sizes) != len(columns):
        raise AccsimError(f"expected a name and {len(columns)} numbers ({', '.join(columns)}), got {len(sizes)}")
    numbers = [_number(text, what) for text, what in zip(sizes, columns, strict=True)]
    name = re.sub(r"[^A-Za-z0-9_.+/-]", "_", row[0]).lstrip("/.+-") or "layer"
    if name in known:
        raise AccsimError(f"the name {name!r} is used twice")
    reads = (f"{name}.ifmap",)
    if columns is GEMM_COLUMNS:
        rows, outputs, width = numbers
        layer = build(name, "fc", reads, ((rows, width),), batch, {"outputs": outputs, "bias": False})
    else:
        height, across, r, s, channels, filters, stride = numbers
        options = {"kernel": (r, s), "stride": (stride, stride), "bias": False}
        shapes = ((channels, height, across),)
        if "DP" in row[0]:
            layer = build(name, "depthwise", reads, shapes, batch, {**options, "multiplier": filters})
        else:
            layer = build(name, "conv", reads, shapes, batch, {**options, "filters": filters})
    if ratio is None:
        return layer
    kept, of = int(ratio[1]), int(ratio[2])
    if not 0 < kept <= of:
        raise AccsimError(f"sparsity {cells[-1]!r}: must be N:M with N from 1 to M")
    return replace(layer, weight_statistics=TensorStatistics(kept / of, f"the topology's {kept}:{of}"))


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:30]) <= INT64_MAX):
        raise AccsimError(f"{what}: must be a whole number of at least 1, got {printable(text)!r}")
    return int(text)
