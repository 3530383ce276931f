"""Files of the energy-estimation tool."""

from __future__ import annotations

from pathlib import Path

import pytest

import accsim
from accsim.energy.nonzero import NonZeros, Words
from accsim.errors import InputError
from accsim.importers.energy_tool import FIELDS, read_energy_tool

CONV1 = "1, 227,227,3,4,0,16, 11,11,3,96,0,16, 55,55,96,4,580800,16, 4,4, 0,0,0,0"
CONV2 = "2, 27,27,96,4,140000,16, 5,5,48,256,153600,8, 27,27,256,4,0,16, 1,1, 2,2,2,2"


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "layers.txt"
    path.write_text(text)
    return read_energy_tool(path)


def test_layers_are_those_of_the_network(tmp_path: Path) -> None:
    found = read(tmp_path, f"# AlexNet\n{CONV1}\n\n{CONV2},\n")
    alexnet = accsim.load_network("alexnet", batch=4)
    assert len(FIELDS) == 25
    assert found.network.batch == 4
    assert [layer.name for layer in found.network.layers] == ["layer1", "layer2"]
    assert [layer.geometry for layer in found.network.layers] == [
        alexnet.layer("conv1").geometry,
        alexnet.layer("conv2").geometry,
    ]


def test_zeros_become_shares_of_the_words_that_are_fetched(tmp_path: Path) -> None:
    found = read(tmp_path, f"{CONV1}\n{CONV2}\n")
    assert found.nonzeros["layer1"] == NonZeros(Words(1.0), Words(1.0), Words(1 - 580800 / (4 * 96 * 55 * 55)))
    pixels = 4 * 96 * 27 * 27
    assert found.nonzeros["layer2"] == NonZeros(
        Words((pixels - 140000) / (4 * 96 * 31 * 31)), Words(0.5, 8), Words(1.0)
    )


def test_the_energy_is_that_of_the_network(tmp_path: Path) -> None:
    """The chip's published mappings go by the network's name, so both are searched on the other machine."""
    found = read(tmp_path, CONV2)
    (ours,) = accsim.nonzero_energy(found.network, nonzeros=found.nonzeros)
    network = accsim.load_network("alexnet", batch=4, layers=["conv2"])
    (theirs,) = accsim.nonzero_energy(network, nonzeros={"conv2": found.nonzeros["layer2"]})
    assert ours.total == theirs.total > 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,2,3", ["expected 25 numbers between commas, got 3"]),
        (
            CONV1.replace("227,227,3", "0,x,3"),
            [
                "ifmap height: must be a whole number of at least 1, got '0'",
                "ifmap width: must be a whole number of at least 1, got 'x'",
            ],
        ),
        (CONV1.replace("96,0,16", "96,0,64"), ["filter bits: must be at most 32, got 64"]),
        (CONV2.replace("5,5,48", "5,5,36"), ["96 ifmap channels are not a multiple of 36 filter channels"]),
        (
            CONV2.replace("5,5,48,256", "5,5,48,255"),
            ["255 filters cannot be divided among 2 groups", "ofmap channels: must be 255, as the others say, got 256"],
        ),
        (CONV1.replace("55,55,96,4,580800", "55,55,96,1,0"), ["ofmap maps: must be 4, as the others say, got 1"]),
        (CONV1.replace("4,4, 0", "4,2, 0"), ["ofmap width: must be 109, as the others say, got 55"]),
        (CONV1.replace("11,11", "228,11"), ["filter height: 228 is more than the ifmap's height with its padding"]),
        (
            CONV1.replace("3,4,0,16", "3,4,618349,16"),
            ["ifmap zeros: must be at most its 618348 words, got 618349"],
        ),
    ],
)
def test_mistakes_have_a_line(tmp_path: Path, line: str, said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"# a comment\n{line}\n")
    assert list(caught.value.mistakes) == [f"{tmp_path / 'layers.txt'}:2: {sentence}" for sentence in said]


def test_mistakes_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "layers.txt"
    for text, said in (
        ("# nothing\n", f"{path}: holds no layer"),
        (f"{CONV1}\n{CONV1}\n", f"{path}:2: there is a layer 1 already"),
        (
            f"{CONV1}\n{CONV2.replace('96,4', '96,1').replace('256,4', '256,1').replace('140000', '0')}\n",
            f"{path}: all layers must have the same number of maps, got 1 and 4",
        ),
    ):
        with pytest.raises(InputError) as caught:
            read(tmp_path, text)
        assert caught.value.mistakes == (said,)
    with pytest.raises(InputError, match="file not found"):
        read_energy_tool(tmp_path / "missing.txt")
