"""Places for tiles in the buffers of the Eyeriss chip, by the published mappings' allocation of its banks."""

from __future__ import annotations

import pytest

import accsim
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.off_chip import clock_ratio
from accsim.simulate.channel import fetched
from accsim.simulate.storage import Place
from accsim.workload.layer import Operand
from tests.strategies import change


@pytest.fixture(scope="module")
def places() -> dict[str, Place]:
    network, chip = accsim.load_network("alexnet", batch=4), accsim.load_accelerator("eyeriss")
    used = accsim.estimate(network, chip).mappings_used
    return {
        layer.name: Place(chip, mapping, mapping.nest(layer.geometry, fetch_padding=True))
        for layer, mapping in zip(network.layers, used, strict=True)
        if mapping is not None and layer.geometry is not None
    }


@pytest.mark.parametrize(
    ("layer", "ifmaps", "slots"),
    [
        ("conv1", 1, 1),  # 4 banks for an ifmap of 15.5 KiB and 19 for sums of 72.2 KiB leave 2 of 25: half an ifmap
        ("conv2", 1, 2),  # 1 for 3.8 KiB and 23 for 91.1 KiB leave 1, which is room for another
        ("conv3", 4, 4),  # 3 for four ifmaps of 2.6 KiB and 22 for 84.5 KiB are all there are
        ("conv4", 4, 4),
        ("conv5", 4, 4),
    ],
)
def test_banks_of_the_published_allocation(places: dict[str, Place], layer: str, ifmaps: int, slots: int) -> None:
    """JSSC 2017, Table III."""
    one = next(one for one in fetched(places[layer]) if one.operand is Operand.IFMAP)
    assert (one.by_ifmap, one.parts(ifmaps), one.slots) == (True, ifmaps, slots)


def test_without_a_circular_buffer_a_tile_is_one_part(places: dict[str, Place]) -> None:
    chip: Accelerator = places["conv4"].accelerator
    buffer = chip.buffers[0]
    parts = tuple(type(part)(part.operands, part.size_bits, part.buffers) for part in buffer.partitions)
    plain = change(chip, glb={"partitions": parts})
    place = Place(plain, places["conv4"].mapping, places["conv4"].nest)
    one = next(one for one in fetched(place) if one.operand is Operand.IFMAP)
    assert (one.by_ifmap, one.parts(4), one.slots) == (False, 1, 1)


@pytest.mark.parametrize(
    ("core", "channel", "ratio"),
    [
        (200 * 64 / 168, 1600, (1, 21)),
        (100 / 3, 60, (5, 9)),
        (200, 60, (10, 3)),
        (76.19, 1600, (7619, 160_000)),
        (250, 250, (1, 1)),
    ],
)
def test_clocks_that_are_quotients_meet_again(core: float, channel: float, ratio: tuple[int, int]) -> None:
    assert clock_ratio(core, channel) == ratio
