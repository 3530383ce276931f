"""The container of the released Deep Compression models; the size of the SqueezeNet one from its per-layer table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.encodings import encode, measure
from accsim.compress.encodings.deep_compression import (
    ContainerLayer,
    LayerShape,
    container_bytes,
    read_container,
    stored_entries,
    write_container,
)
from accsim.errors import AccsimError
from tests.naive import encodings as naive

SQUEEZENET_BYTES = 675_763
"""compressed_SqueezeNet.net of songhan/SqueezeNet-Deep-Compression: its size as a file."""


def squeezenet() -> list[tuple[LayerShape, int, int]]:
    """Layers, stored entries and fillers of the file; every code has 8 bits."""
    text = Path(__file__).with_name("squeezenet_container.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in text if not line.startswith("#"))
    return [
        (
            LayerShape(
                r["layer"], (int(r["out_channels"]), int(r["in_channels"]), int(r["kernel"]), int(r["kernel"])), 8
            ),
            int(r["stored_entries"]),
            int(r["fillers"]),
        )
        for r in rows
    ]


def mask_with(size: int, nonzero: int, fillers: int, generator: np.random.Generator) -> np.ndarray:
    """A mask of so many non-zero weights that needs exactly so many fillers: each is given 16 zeros of its own."""
    free = size - nonzero - 16 * fillers
    runs = np.zeros(nonzero, np.int64)
    while free > 0 and runs.min() < 15:  # what is left goes in runs under 16 zeros, or after the last weight
        chosen = generator.choice(np.flatnonzero(runs < 15), min(free, int((runs < 15).sum()) // 2 + 1), replace=False)
        runs[chosen] += 1
        free -= chosen.size
    long = generator.integers(0, nonzero, fillers)
    np.add.at(runs, long, 16)
    mask = np.zeros(size, np.bool_)
    mask[np.cumsum(runs + 1) - 1] = True
    return mask


def layer_with(layout: LayerShape, mask: np.ndarray, generator: np.random.Generator) -> ContainerLayer:
    codebook = generator.normal(size=1 << layout.bits).astype(np.float32)
    zero = int(generator.integers(codebook.size))
    codebook[zero] = 0.0
    codes = generator.integers(1, codebook.size, layout.size)
    codes = np.where(mask, (zero + codes) % codebook.size, zero).astype(np.uint8)
    return ContainerLayer(
        layout, codebook, generator.normal(size=layout.shape[0]).astype(np.float32), codes.reshape(layout.shape)
    )


def test_squeezenet_from_its_table_alone() -> None:
    """4 L + sum(4 * 256 + 4 out + entries + ceil(entries / 2)) over 26 layers is the file's size to the byte."""
    table = squeezenet()
    assert len(table) == 26
    assert sum(layout.size for layout, _, _ in table) == 1_244_448
    assert sum(entries for _, entries, _ in table) == 422_083
    assert sum(entries - fillers for _, entries, fillers in table) == 415_921
    assert container_bytes([layout for layout, _, _ in table], [n for _, n, _ in table]) == SQUEEZENET_BYTES


def test_squeezenet_written_and_read_back() -> None:
    """Synthetic masks with each layer's non-zeros and fillers: as large as the real file, and read back equal."""
    generator = np.random.default_rng(1)
    layers = []
    for layout, entries, fillers in squeezenet():
        mask = mask_with(layout.size, entries - fillers, fillers, generator)
        assert int(mask.sum()) == entries - fillers
        assert stored_entries(mask) == entries
        layers.append(layer_with(layout, mask, generator))
    blob = write_container(layers)
    assert len(blob) == SQUEEZENET_BYTES
    for layer, again in zip(layers, read_container(blob, [layer.layout for layer in layers]), strict=True):
        assert again.layout == layer.layout
        for one, other in ((layer.codes, again.codes), (layer.bias, again.bias), (layer.codebook, again.codebook)):
            assert one.dtype == other.dtype
            assert (one == other).all()
        # the entries are those of the relative index with 4-bit gaps
        stored = measure((layer.weights != 0).astype(np.uint8), "relative:4", bits=8)
        assert stored.size_bits == stored_entries(layer.weights) * (8 + 4)


def test_layout_by_hand() -> None:
    """Two filters of 20 weights: 2-bit codes and 4-bit indices low bits first, a filler for the 17 zeros between."""
    layout = LayerShape("fc", (2, 20), 2)
    codebook = np.array([0.5, 0.0, -1.0, 2.0], np.float32)
    codes = np.full(40, 1, np.uint8)
    codes[[2, 20]] = 3, 0
    bias = np.array([1.0, -2.0], np.float32)
    blob = write_container([ContainerLayer(layout, codebook, bias, codes.reshape(2, 20))])
    packed_codes = 3 | 1 << 2 | 0 << 4
    expected = np.array([3], "<u4").tobytes() + codebook.tobytes() + bias.tobytes()
    assert blob == expected + bytes([packed_codes, 2 | 15 << 4, 1])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_layers_come_back(data: st.DataObject) -> None:
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    layers = []
    for i in range(data.draw(st.integers(0, 3))):
        shape = tuple(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4)))
        layout = LayerShape(f"layer{i}", shape, data.draw(st.integers(1, 8)))
        mask = generator.random(layout.size) < data.draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
        layers.append(layer_with(layout, mask, generator))
    blob = write_container(layers)
    layouts = [layer.layout for layer in layers]
    assert len(blob) == container_bytes(layouts, [stored_entries(layer.weights) for layer in layers])
    for layer, again in zip(layers, read_container(blob, layouts), strict=True):
        assert (again.weights == layer.weights).all()
        gaps, _ = naive.relative([int(w != 0) for w in layer.weights.ravel()], 4)
        assert len(gaps) == stored_entries(layer.weights)
    if not layers:
        return
    cut = blob[: data.draw(st.integers(0, len(blob) - 1))]
    with pytest.raises(AccsimError, match=r"^byte \d+: "):
        read_container(cut, layouts)
    body = bytearray(blob)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_container(bytes(body), layouts)
    except AccsimError as error:
        assert str(error)
    else:
        assert [layer.codes.shape for layer in read] == [layout.shape for layout in layouts]


FC = LayerShape("fc", (2, 3), 1)


@pytest.mark.parametrize(
    ("blob", "layouts", "message"),
    [
        (b"\x00\x00", [FC], "byte 0: 1 counts of entries take 4 bytes, there are 2"),
        (b"\xff\xff\xff\xb2" + bytes(1020), [FC], "byte 0: layer 'fc' cannot store 3003121663 of 6 weights"),
        (b"\x01\x00\x00\x00" + bytes(8), [FC], "byte 12: these layers take 22 bytes, there are 12"),
        (b"\x01\x00\x00\x00" + bytes(30), [FC], "byte 22: these layers take 22 bytes, there are 34"),
        (
            b"\x01\x00\x00\x00" + bytes(17) + b"\x06",
            [FC],
            "bytes 4 to 21: layer 'fc': an entry stands at weight 6 of 6",
        ),
        (
            b"\x01\x00\x00\x00" + np.ones(4, "<f4").tobytes() + bytes(2),
            [FC],
            "bytes 4 to 21: layer 'fc': it leaves weights out, and no value of its codebook is 0.0",
        ),
        (b"", [LayerShape("fc", (2,), 17)], "layer 'fc': a code must have 1 to 16 bits, got 17"),
        (
            b"",
            [LayerShape("fc", (1 << 40, 4), 8)],
            "layer 'fc': a weight must have 1 to 2147483648 words, got shape (1099511627776, 4)",
        ),
    ],
)
def test_what_is_no_container(blob: bytes, layouts: list[LayerShape], message: str) -> None:
    with pytest.raises(AccsimError) as error:
        read_container(blob, layouts)
    assert str(error.value) == message


def test_layers_that_do_not_fit_their_layout() -> None:
    codebook, bias, codes = np.array([1, 2], np.float32), np.zeros(2, np.float32), np.zeros((2, 3), np.uint8)
    for layer, message in (
        (ContainerLayer(FC, codebook, bias[:1], codes), "layer 'fc': the bias must have shape (2,), got (1,)"),
        (ContainerLayer(FC, codebook, bias, codes + 2), "layer 'fc': codes must be integers from 0 to 1"),
        (
            ContainerLayer(FC, codebook * np.nan, bias, codes),
            "layer 'fc': the codebook or the bias holds values that are not finite",
        ),
    ):
        with pytest.raises(AccsimError) as error:
            write_container([layer])
        assert str(error.value) == message


def test_codes_that_are_all_stored_need_no_zero() -> None:
    layer = ContainerLayer(FC, np.array([1, 2], np.float32), np.zeros(2, np.float32), np.ones((2, 3), np.uint8))
    (again,) = read_container(write_container([layer]), [FC])
    assert (again.weights == 2.0).all()


def test_the_same_streams_as_the_relative_encoding() -> None:
    """Apart from which code a filler has: an encoding of codes has 0 for it, the container the code of value 0.0."""
    generator = np.random.default_rng(3)
    layout = LayerShape("conv", (16, 8, 3, 3), 8)
    layer = layer_with(layout, generator.random(layout.size) < 0.05, generator)
    zero = int(np.flatnonzero(layer.codebook == 0.0)[0])
    gaps, codes = encode((layer.codes.astype(np.int16) - zero) % 256, "relative:4", bits=8).streams
    blob = write_container([layer])
    assert blob.endswith(gaps.data)
    body = np.frombuffer(blob, np.uint8)[-len(gaps.data) - len(codes.data) : -len(gaps.data)]
    assert ((body.astype(np.int16) - zero) % 256 == np.frombuffer(codes.data, np.uint8)).all()
