"""Layers and non-zeros from the input file of the energy-estimation tool of Yang et al. (Asilomar 2017).

One line per layer, 25 numbers between commas; empty lines and lines that begin with ``#`` are passed over::

    index,
    ifmap:  height, width, channels, maps, zeros, bits,
    filter: height, width, channels, filters, zeros, bits,
    ofmap:  height, width, channels, maps, zeros, bits,
    vertical stride, horizontal stride, padding at the top, bottom, left, right

The order is that of a third party's generator for the tool, which quotes the tool's page; the page itself was not read.
``maps`` is the batch. Channels of a filter that are a part of the ifmap's make groups. Zeros are counted in the whole
tensor, all maps together and without padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accsim.energy.nonzero import NonZeros, Words
from accsim.errors import InputError
from accsim.library import read_text
from accsim.source import printable
from accsim.workload.layer import Geometry, Layer, LayerKind
from accsim.workload.network import Network

FIELDS = (
    "layer index",
    *(f"ifmap {what}" for what in ("height", "width", "channels", "maps", "zeros", "bits")),
    *(f"filter {what}" for what in ("height", "width", "channels", "filters", "zeros", "bits")),
    *(f"ofmap {what}" for what in ("height", "width", "channels", "maps", "zeros", "bits")),
    *("vertical stride", "horizontal stride"),
    *("top padding", "bottom padding", "left padding", "right padding"),
)
"""The numbers of a line, in order."""

MAY_BE_ZERO = {"layer index", *(f for f in FIELDS if f.endswith(("zeros", "padding")))}
WIDEST = 32
_COUNT = {"ifmap": "maps", "filter": "filters", "ofmap": "maps"}

Fields = dict[str, int]


@dataclass(frozen=True, slots=True)
class Described:
    """What a file describes.

    Attributes:
        network: its layers, called ``layer1`` ... by their index, each reading the network's input.
        nonzeros: by layer; the ifmap's are shares of its pixels and its padding together, as a machine that fetches
            padding has them.
    """

    network: Network
    nonzeros: dict[str, NonZeros]


def read_energy_tool(path: str | Path) -> Described:
    """Read a file.

    The result goes to ``accsim.nonzero_energy(found.network, nonzeros=found.nonzeros)``.

    Raises:
        InputError: every mistake in the file, with its line.
    """
    mistakes: list[str] = []
    lines: list[Fields] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        fields, wrong = _numbers(text)
        wrong = wrong or list(_disagreements(fields))
        if any(fields.get("layer index") == known["layer index"] for known in lines):
            wrong.append(f"there is a layer {fields['layer index']} already")
        mistakes += [f"{path}:{number}: {said}" for said in wrong]
        if not wrong:
            lines.append(fields)
    if not mistakes and not lines:
        mistakes.append(f"{path}: holds no layer")
    batches = sorted({fields["ifmap maps"] for fields in lines})
    if not mistakes and len(batches) > 1:
        mistakes.append(f"{path}: all layers must have the same number of maps, got {' and '.join(map(str, batches))}")
    if mistakes:
        raise InputError(mistakes)
    layers = tuple(_layer(fields) for fields in lines)
    nonzeros = {layer.name: _nonzeros(fields) for layer, fields in zip(layers, lines, strict=True)}
    return Described(Network(Path(path).stem, layers, layers[0].input_shapes[0], batches[0]), nonzeros)


def _numbers(text: str) -> tuple[Fields, list[str]]:
    """The numbers of a line by name, and its mistakes; with mistakes, the numbers are of no use."""
    words = [word.strip() for word in text.removesuffix(",").split(",")]
    if len(words) != len(FIELDS):
        return {}, [f"expected {len(FIELDS)} numbers between commas, got {len(words)}"]
    fields, wrong = {}, []
    for name, word in zip(FIELDS, words, strict=True):
        least = 0 if name in MAY_BE_ZERO else 1
        if not (word.isascii() and word.isdigit() and least <= int(word[:19])):
            wrong.append(f"{name}: must be a whole number of at least {least}, got {printable(word)!r}")
            continue
        fields[name] = int(word[:19])
        if name.endswith("bits") and fields[name] > WIDEST:
            wrong.append(f"{name}: must be at most {WIDEST}, got {word}")
    return fields, wrong


def _disagreements(f: Fields) -> Iterator[str]:
    """What does not fit together in one line."""
    if f["ifmap channels"] % f["filter channels"]:
        yield f"{f['ifmap channels']} ifmap channels are not a multiple of {f['filter channels']} filter channels"
    elif f["filter filters"] % (f["ifmap channels"] // f["filter channels"]):
        groups = f["ifmap channels"] // f["filter channels"]
        yield f"{f['filter filters']} filters cannot be divided among {groups} groups"
    for what, expected in (("channels", f["filter filters"]), ("maps", f["ifmap maps"])):
        if f[f"ofmap {what}"] != expected:
            yield f"ofmap {what}: must be {expected}, as the others say, got {f[f'ofmap {what}']}"
    for side, stride, before, after in (
        ("height", "vertical stride", "top padding", "bottom padding"),
        ("width", "horizontal stride", "left padding", "right padding"),
    ):
        room = f[f"ifmap {side}"] + f[before] + f[after] - f[f"filter {side}"]
        expected = room // f[stride] + 1
        if room < 0:
            yield f"filter {side}: {f[f'filter {side}']} is more than the ifmap's {side} with its padding"
        elif f[f"ofmap {side}"] != expected:
            yield f"ofmap {side}: must be {expected}, as the others say, got {f[f'ofmap {side}']}"
    for tensor in ("ifmap", "filter", "ofmap"):
        if f[f"{tensor} zeros"] > _words(f, tensor):
            yield f"{tensor} zeros: must be at most its {_words(f, tensor)} words, got {f[f'{tensor} zeros']}"


def _words(f: Fields, tensor: str) -> int:
    return f[f"{tensor} height"] * f[f"{tensor} width"] * f[f"{tensor} channels"] * f[f"{tensor} {_COUNT[tensor]}"]


def _layer(f: Fields) -> Layer:
    geometry = Geometry(
        N=f["ifmap maps"],
        G=f["ifmap channels"] // f["filter channels"],
        M=f["filter filters"],
        C=f["ifmap channels"],
        P=f["ofmap height"],
        Q=f["ofmap width"],
        R=f["filter height"],
        S=f["filter width"],
        H=f["ifmap height"],
        W=f["ifmap width"],
        stride_h=f["vertical stride"],
        stride_w=f["horizontal stride"],
        pad_top=f["top padding"],
        pad_bottom=f["bottom padding"],
        pad_left=f["left padding"],
        pad_right=f["right padding"],
    )
    return Layer(
        name=f"layer{f['layer index']}",
        kind=LayerKind.CONV,
        inputs=("input",),
        input_shapes=((geometry.C, geometry.H, geometry.W),),
        output_shape=(geometry.M, geometry.P, geometry.Q),
        batch=geometry.N,
        geometry=geometry,
        weight_words=geometry.weight_words,
    )


def _nonzeros(f: Fields) -> NonZeros:
    height = f["ifmap height"] + f["top padding"] + f["bottom padding"]
    width = f["ifmap width"] + f["left padding"] + f["right padding"]
    fetched = height * width * f["ifmap channels"] * f["ifmap maps"]
    ifmap, weight, ofmap = (_words(f, tensor) - f[f"{tensor} zeros"] for tensor in ("ifmap", "filter", "ofmap"))
    return NonZeros(
        Words(ifmap / fetched, f["ifmap bits"]),
        Words(weight / _words(f, "filter"), f["filter bits"]),
        Words(ofmap / _words(f, "ofmap"), f["ofmap bits"]),
    )
