"""Tensors and cycles of bit-level machines measured from isakedo/DNNsim: task Cycles, dataflow WindowFirstOutS.

One tile of 16 lanes x 16 columns x 16 rows; tensors from NumPy's ``default_rng``. The layer: 3 x 3, padding 1,
stride 1, 64 channels and filters, 14 x 14; the tool was given the activations' bits + 1.

The tool keeps the number of PEs and not their peak rate, so its cycles test cycle rules and say nothing of a speed-up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

CASES = {"dense8": (8, 8, 1), "dense4a8w": (4, 8, 2), "dense4a4w": (4, 4, 4)}
"""Activation bits, weight bits, seed."""

COMPUTE_CYCLES = {
    "dense8": {
        "DaDianNao": 1872, "Stripes": 16848, "ShapeShifter": 14640, "BitPragmatic": 14640, "Loom": 117120,
        "Laconic": 86071,
    },
    "dense4a8w": {
        "DaDianNao": 1872, "Stripes": 9360, "ShapeShifter": 7344, "BitPragmatic": 7344, "Loom": 58752,
        "Laconic": 48280,
    },
    "dense4a4w": {
        "DaDianNao": 1872, "Stripes": 9360, "ShapeShifter": 7344, "BitPragmatic": 7344, "Loom": 29376,
        "Laconic": 21906,
    },
}  # fmt: skip

SCHEDULED_PES, IDLE_PES = 451584, 27648
"""Row and column pairs with and without a window to work on, over the steps of the layer on DaDianNao."""


def tensors(name: str) -> tuple[Ints, Ints]:
    """Activations (1, 64, 14, 14), unsigned, and weights (64, 64, 3, 3), of either sign; the order of draws matters."""
    a_bits, w_bits, seed = CASES[name]
    rng = np.random.default_rng(seed)
    a = rng.integers(1, 2**a_bits, size=(1, 64, 14, 14))
    a = a * (rng.random(a.shape) < 1.0)
    shape = (64, 64, 3, 3)
    w = rng.integers(1, 2 ** (w_bits - 1), size=shape) * rng.choice([-1, 1], size=shape)
    return a, w * (rng.random(shape) < 1.0)
