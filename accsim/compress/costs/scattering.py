"""A fixed wavelet transform in the place of a network's first layers."""

from __future__ import annotations

from accsim.compress.costs.cost import Cost, positive
from accsim.errors import AccsimError


def first_order(channels: int, height: int, width: int, scales: int, angles: int, batch: int = 1) -> Cost:
    """The first-order scattering transform: wavelets at J scales and L angles, their moduli, and an average over 2^J.

    Each channel becomes 1 + J L maps, 2^J times smaller along both axes: a network that reads them has
    ``channels`` (1 + J L) input channels. Nothing is trained or stored but the transform. Work is that of the direct
    form: wavelet j is complex and 2^(j+1) + 1 wide along each axis, applied at every (2^j)-th pixel (two MACs per tap,
    for its two parts), and the average, real and 2^(J+1) + 1 wide, at every output. A transform by way of Fourier does
    less; which one a machine has is its own affair.

    Args:
        channels, height, width: of the input; sizes must be multiples of 2^J.
        scales, angles: J and L.
        batch: images.

    Raises:
        AccsimError: a size below 1, or one that 2^J does not divide.
    """
    positive(channels=channels, height=height, width=width, scales=scales, angles=angles, batch=batch)
    step = 1 << scales
    if height % step or width % step:
        raise AccsimError(f"height and width must be multiples of 2^{scales} = {step}, got {height} and {width}")
    macs = moduli = 0
    small = (height // step) * (width // step)
    for j in range(scales):
        places = (height >> j) * (width >> j)
        macs += angles * places * 2 * ((2 << j) + 1) ** 2
        moduli += angles * places
    macs += (1 + scales * angles) * small * (2 * step + 1) ** 2
    return Cost(
        "first-order scattering",
        "no parameters; 1 + J L maps of H W / 4^J per channel; direct wavelets of 2^(j+1) + 1 taps along each axis",
        "Oyallon et al., ECCV 2018 (arXiv 1809.10200)",
        0,
        0,
        batch * channels * macs,
        operations=(
            ("modulus", batch * channels * moduli),
            ("output", batch * channels * (1 + scales * angles) * small),
        ),
    )
