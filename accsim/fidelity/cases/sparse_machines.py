"""Machines whose time follows zeros, on the inputs that are public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accsim.fidelity.compare import Obtained
from accsim.hardware.reader import load_accelerator
from accsim.pipeline import estimate
from accsim.simulate.sparse import eie, scnn
from accsim.workload.layer import Geometry

EIE = {
    "Alex-6": (9216, 4096, 9, 35.1), "Alex-7": (4096, 4096, 9, 35.3), "Alex-8": (4096, 1000, 25, 37.5),
    "VGG-6": (25088, 4096, 4, 18.3), "VGG-7": (4096, 4096, 4, 37.5), "VGG-8": (4096, 1000, 23, 41.1),
    "NT-We": (4096, 600, 10, 100), "NT-Wd": (600, 8791, 11, 100), "NT-LSTM": (1201, 2400, 10, 100),
}  # fmt: skip
"""Inputs, outputs, per cent of weights and of activations that are not zero: Table III, which could not be checked."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the machines gave, by figure."""

    scnn: dict[str, dict[str, int]]
    eie_us: dict[str, float]
    mobilenet_per_second: float
    scnn_speed_up: float


def run() -> Found:
    """Run all of them."""
    return Found(
        scnn={
            f"{name}_on_{side}x{side}": _scnn(tensors, side)
            for name, tensors in (("1x1", _tensors(128, 1, 0.4, 9)), ("3x3", _tensors(64, 3, 1.0, 7)))
            for side in (4, 8)
        },
        eie_us={name: _eie(*sizes) for name, sizes in EIE.items()},
        mobilenet_per_second=1e3 / estimate("mobilenet_v1_0.5_128", "eyeriss_v2").processing_ms,
        scnn_speed_up=_speed_up(),
    )


def obtained(found: Found) -> Obtained:
    """The published figures' values."""
    return {
        "scnn": found.scnn,
        "eie_time": found.eie_us,
        "eyeriss_v2_mobilenet": found.mobilenet_per_second,
        "scnn_speed_up": found.scnn_speed_up,
    }


def _tensors(channels: int, kernel: int, density: float, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The measured layers; the order of the draws matters."""
    rng = np.random.default_rng(seed)
    ifmap = rng.integers(1, 256, size=(1, channels, 16, 16))
    ifmap = ifmap * (rng.random(ifmap.shape) < density)
    weight = rng.integers(1, 128, size=(channels, channels, kernel, kernel))
    weight = weight * rng.choice([-1, 1], size=weight.shape)
    return ifmap, weight * (rng.random(weight.shape) < density)


def _scnn(tensors: tuple[NDArray[Any], NDArray[Any]], side: int) -> dict[str, int]:
    ifmap, weight = tensors
    filters, channels, kernel, _ = weight.shape
    pad = kernel // 2
    g = Geometry(
        N=1, G=1, M=filters, C=channels, P=16, Q=16, R=kernel, S=kernel, H=16, W=16,
        pad_top=pad, pad_bottom=pad, pad_left=pad, pad_right=pad,
    )  # fmt: skip
    found = scnn.count(g, ifmap, weight, scnn.Scnn(side, side))
    return {
        "cycles": found.cycles,
        "dense_cycles": found.dense_cycles,
        "multiplies": found.multiplies,
        **dict(found.idle),
        "ifmap_reads": found.access("ifmap_reads"),
        "weight_reads": found.access("weight_reads"),
    }


def _eie(inputs: int, outputs: int, weights: float, activations: float) -> float:
    """Microseconds of one vector, with independent zeros."""
    rng = np.random.default_rng(0)
    ifmap = rng.random((1, inputs, 1, 1)) < activations / 100
    weight = rng.random((outputs, inputs, 1, 1), dtype=np.float32) < weights / 100
    g = Geometry(N=1, G=1, M=outputs, C=inputs, P=1, Q=1, R=1, S=1, H=1, W=1)
    return eie.count(g, ifmap, weight, eie.Eie()).cycles / load_accelerator("eie").clock_mhz


def _speed_up() -> float:
    """Of AlexNet's convolutions on SCNN over their dense selves, without waits for DRAM."""
    dense = estimate("alexnet", "scnn", layers=["conv?"], tensors=_full())
    pruned = estimate("alexnet", "scnn", layers=["conv?"], compress="alexnet-deep-compression")
    return dense.processing_ms / pruned.processing_ms


def _full() -> dict[str, dict[str, NDArray[Any]]]:
    """AlexNet's convolutions without a zero."""
    from accsim.workload.operands import shape_of  # noqa: PLC0415
    from accsim.workload.reader import load_network  # noqa: PLC0415

    layers = [layer for layer in load_network("alexnet").mac_layers if layer.name.startswith("conv")]
    return {
        layer.name: {name: np.ones(shape_of(layer, name), np.int8) for name in ("ifmap", "weight")} for layer in layers
    }
