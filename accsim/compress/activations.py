"""What quantisers do to the values of feature maps, and how signs replace norms and dot products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accsim.compress.grain import Reals
from accsim.compress.model import Mask, NormParameters
from accsim.workload.layer import Geometry


def dorefa(values: Reals, bits: int) -> Reals:
    """DoReFa activations: round((2^k - 1) clip(a, 0, 1)) / (2^k - 1), rounded half to even.

    Source: Zhou et al., 2016 (arXiv 1606.06160).
    """
    largest = (1 << bits) - 1
    out: Reals = np.rint(largest * np.clip(values, 0.0, 1.0)) / largest
    return out


def sparse_uniform(values: Reals, bits: int, step: float, threshold: float) -> Reals:
    """Values up to the threshold become 0, the others the nearest of 0, step, ... (2^bits - 1) step.

    Two-Step Quantization's code for activations (Wang et al., CVPR 2018), as this project remembers it.
    """
    codes = np.clip(np.rint(values / step), 0, (1 << bits) - 1)
    return np.where(values <= threshold, 0.0, codes * step)


def xnor_input_scale(values: Reals, geometry: Geometry) -> Reals:
    """XNOR-Networks' factor K of each output place: mean magnitude over channels, averaged over the window.

    A = mean over channels of |I|, K = A convolved with a box of 1 / (R S); padding counts as 0.

    Args:
        values: input [N, C, H, W], before its signs are taken.
        geometry: of the convolution that reads it.

    Returns:
        [N, P, Q].

    Source: Rastegari et al., ECCV 2016 (arXiv 1603.05279), as this project remembers it.
    """
    g = geometry
    mean = np.abs(values).mean(axis=1)
    padded = np.pad(mean, ((0, 0), (g.pad_top, g.pad_bottom), (g.pad_left, g.pad_right)))
    out = np.zeros((len(mean), g.P, g.Q))
    for r in range(g.R):
        for s in range(g.S):
            rows = slice(r * g.dilation_h, r * g.dilation_h + (g.P - 1) * g.stride_h + 1, g.stride_h)
            cols = slice(s * g.dilation_w, s * g.dilation_w + (g.Q - 1) * g.stride_w + 1, g.stride_w)
            out += padded[:, rows, cols]
    return out / (g.R * g.S)


@dataclass(frozen=True, slots=True, eq=False)
class SignThreshold:
    """A batch normalisation followed by a sign, as a comparison: y = +1 where x >= limit (above) or x <= limit (not).

    Attributes:
        limit: float64 [channels]; infinite where gamma is 0 and the result does not depend on x.
        above: bool [channels], the direction: whether gamma is positive.
    """

    limit: Reals
    above: Mask

    def signs(self, values: Reals) -> npt.NDArray[np.int64]:
        """+1 and -1 for values [N, channels, ...]."""
        shape = (1, -1, *(1 for _ in values.shape[2:]))
        limit, above = self.limit.reshape(shape), self.above.reshape(shape)
        return np.where(np.where(above, values >= limit, values <= limit), 1, -1)

    def integers(self, scale: Reals) -> SignThreshold:
        """The same comparison for integer sums a, of which the norm's input is a * scale, scale > 0 [channels].

        Sums are compared with an integer: a >= ceil(limit / scale), or a <= floor(limit / scale).
        """
        limit = self.limit / scale
        return SignThreshold(np.where(self.above, np.ceil(limit), np.floor(limit)), self.above)


def sign_threshold(norm: NormParameters) -> SignThreshold:
    """Fold a batch normalisation and the sign behind it into one comparison per channel.

    gamma (x - mean) / s + beta >= 0, s = sqrt(variance + epsilon), holds where x >= mean - beta s / gamma for gamma > 0
    and where x <= that for gamma < 0, with sign(0) = +1. A channel with gamma = 0 has the sign of beta everywhere.

    Source: the inequality itself; FINN (Umuroglu et al., FPGA 2017) builds hardware with it.
    """
    deviation = np.sqrt(norm.variance + norm.epsilon)
    flat = norm.gamma == 0
    limit = norm.mean - norm.beta * deviation / np.where(flat, 1.0, norm.gamma)
    limit = np.where(flat, np.where(norm.beta >= 0, -np.inf, np.inf), limit)
    return SignThreshold(limit, np.where(flat, True, norm.gamma > 0))
