"""Figures of sparse machines that others measured or published."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from accsim.simulate.sparse import eie, eyeriss_v2, scnn
from accsim.workload.layer import Geometry
from tests.simulate.sparse.cases import operands

DATA = Path(__file__).parents[2] / "data"


def measured(name: str) -> tuple[Geometry, np.ndarray, np.ndarray]:
    """Layers that isakedo/DNNsim (task Cycles, architecture SCNN) was measured on; the order of the draws matters."""
    channels, filters, kernel, pad, density, seed = {
        "3x3 dense": (64, 64, 3, 1, 1.0, 7),
        "1x1 at 0.4": (128, 128, 1, 0, 0.4, 9),
    }[name]
    rng = np.random.default_rng(seed)
    a = rng.integers(1, 256, size=(1, channels, 16, 16))
    a = a * (rng.random(a.shape) < density)
    w = rng.integers(1, 128, size=(filters, channels, kernel, kernel))
    w = w * rng.choice([-1, 1], size=w.shape)
    w = w * (rng.random(w.shape) < density)
    g = Geometry(
        N=1, G=1, M=filters, C=channels, P=16, Q=16, R=kernel, S=kernel, H=16, W=16, pad_top=pad, pad_bottom=pad,
        pad_left=pad, pad_right=pad,
    )  # fmt: skip
    return g, a, w


@pytest.mark.parametrize(
    ("layer", "side", "cycles", "dense", "multiplies", "bricks", "conflicts", "halo", "pe", "ifmap", "weight"),
    [
        ("1x1 at 0.4", 4, 8712, 16384, 674244, 198540, 583888, 0, 773600, 32072, 111424),
        ("1x1 at 0.4", 8, 2063, 4096, 674244, 827260, 337344, 0, 273664, 28540, 431104),
        ("3x3 dense", 4, 64832, 64832, 8667136, 1507328, 0, 81920, 6340608, 17664, 589824),
        ("3x3 dense", 8, 27840, 27840, 8667136, 3719168, 0, 196608, 15925248, 21504, 2359296),
    ],
)
def test_scnn_equals_the_measured_simulator(
    layer: str, side: int, cycles: int, dense: int, multiplies: int, bricks: int, conflicts: int, halo: int, pe: int,
    ifmap: int, weight: int,
) -> None:  # fmt: skip
    """4 x 4 and 8 x 8 PEs, I = F = 4, 1,024 accumulators in 32 banks: cycles, idle categories and buffer reads."""
    machine = scnn.Scnn(side, side)
    for found in (scnn.count(*measured(layer), machine), scnn.step(*measured(layer), machine).count):
        assert (found.cycles, found.dense_cycles, found.multiplies) == (cycles, dense, multiplies)
        assert dict(found.idle) == {"fragmentation": bricks, "bank_conflicts": conflicts, "halo": halo, "barrier": pe}
        assert (found.access("ifmap_reads"), found.access("weight_reads")) == (ifmap, weight)


@pytest.mark.parametrize(
    ("layer", "channels", "filters", "side", "cycles"),
    [
        ("L07", 64, 64, 32, 1_702_140),
        ("L13", 128, 256, 8, 1_144_158),
        ("L21", 256, 256, 8, 1_677_684),
        ("L27", 512, 512, 4, 775_316),
    ],
)
def test_one_mac_pe_of_eyeriss_v2(layer: str, channels: int, filters: int, side: int, cycles: int) -> None:
    """The authors' simulation of the PE on a sparse MobileNet, in the artefact of Wu et al., MICRO 2022 (Fig. 12).

    The file holds the non-zero words of each channel; masks with as many give the cycles of the PE, wherever they lie.
    """
    with (DATA / "eyeriss_v2_pe_nnz.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["layer"] == layer]
    iacts = np.array([int(row["nnz_iact"]) for row in rows])
    weights = np.array([int(row["nnz_weight"]) for row in rows])
    assert len(rows) == channels
    assert eyeriss_v2.one_mac_cycles(iacts, weights) == cycles
    ifmap = np.zeros((1, channels, side * side), np.int64)
    weight = np.zeros((filters, channels, 1, 1), np.int64)
    rng = np.random.default_rng(0)
    for c in range(channels):
        ifmap[0, c, rng.permutation(side * side)[: iacts[c]]] = 1
        weight[rng.permutation(filters)[: weights[c]], c] = 1
    g = Geometry(N=1, G=1, M=filters, C=channels, P=side, Q=side, R=1, S=1, H=side, W=side)
    one = eyeriss_v2.EyerissV2(1, 1, 1, 1, psum_words=filters, weight_words=16 * filters, count_bits=16)
    assert eyeriss_v2.count(g, ifmap.reshape(1, channels, side, side), weight, one).cycles == cycles


EIE = {  # layer: inputs, outputs, published actual time in us (64 PEs, 800 MHz)
    "Alex-6": (9216, 4096, 30.3), "Alex-7": (4096, 4096, 12.2), "Alex-8": (4096, 1000, 9.9),
    "VGG-6": (25088, 4096, 34.4), "VGG-7": (4096, 4096, 8.7), "VGG-8": (4096, 1000, 7.5),
    "NT-We": (4096, 600, 8.0), "NT-Wd": (600, 8791, 13.9), "NT-LSTM": (1201, 2400, 7.5),
}  # fmt: skip
"""Han et al., ISCA 2016, Table IV ("actual time"), as extracted by FODLAM (cucapra/fodlam, raw/eie-raw.csv)."""
DENSITIES = {
    "Alex-6": (9, 35.1), "Alex-7": (9, 35.3), "Alex-8": (25, 37.5), "VGG-6": (4, 18.3), "VGG-7": (4, 37.5),
    "VGG-8": (23, 41.1), "NT-We": (10, 100), "NT-Wd": (11, 100), "NT-LSTM": (10, 100),
}  # fmt: skip
"""Per cent of weights and activations, from memory of the paper's Table III: unverified, so no tight bound is set."""


@pytest.mark.slow
def test_eie_times_beside_the_published_ones() -> None:
    """With zeros drawn independently at unverified densities: a comparison, within a third and a tenth on average."""
    errors = defaultdict(float)
    for layer, (inputs, outputs, published) in EIE.items():
        weight, activation = DENSITIES[layer]
        g = Geometry(N=1, G=1, M=outputs, C=inputs, P=1, Q=1, R=1, S=1, H=1, W=1)
        found = eie.count(*operands(g, activation / 100, weight / 100, 1), eie.Eie())
        errors[layer] = found.cycles / 800 / published - 1
    assert max(abs(e) for e in errors.values()) < 1 / 3
    assert abs(np.mean(list(errors.values()))) < 0.1
