"""What the simulator that Bit Fusion was published with gives for a layer: its tiling search, restated.

Sharma et al., ISCA 2018 (arXiv 1712.01507); hsharma35/bitfusion. Its rules, for comparison with that publication only:

* compute = N ceil(M / columns) P Q R S ceil(C / (rows f)) for each tile, f = products of a fused unit; a first layer
  has its windows written out, and ceil(R S C / (rows f));
* each of batch, output side, C and M is cut in powers of two (M in those of the columns; a first layer's C is not);
  loops over tiles come in any of 120 orders, and a tile grows with the loops around it, from the innermost on, while it
  fits half its buffer;
* weights are padded to whole rows of fused units, sums have 32 bits and are read and written once a visit;
* total = compute + max(0, ceil(bits between first and last transfer / bandwidth) - compute) + the first and the last
  transfer. The tiles and the order with the least total are taken, of equals those that move the fewest bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import ceil, log2, prod

from accsim.workload.layer import Geometry

PSUM_BITS = 32
LOOPS = ("N", "Q", "P", "C", "M")
_INDEXED = {"weight": "CM", "ifmap": "NQPC", "ofmap": "NQPM"}


@dataclass(frozen=True, slots=True)
class BitFusionMachine:
    """The published configuration: 512 fused units at 45 nm (``sim/conf`` of the repository).

    Attributes:
        rows, columns: fused units that add to one sum, and sums.
        fused_bits, brick_bits: widest and narrowest operand of a unit.
        weight_bits, ifmap_bits, ofmap_bits: of the buffers; half of each holds tiles.
        bits_per_cycle: of the memory channel.
    """

    rows: int = 16
    columns: int = 32
    fused_bits: int = 8
    brick_bits: int = 2
    weight_bits: int = 65536 * 8
    ifmap_bits: int = 32768 * 8
    ofmap_bits: int = 16384 * 8
    bits_per_cycle: int = 192

    def products(self, activation_bits: int, weight_bits: int) -> int:
        """Products of a fused unit in a cycle."""
        return prod(self.fused_bits // max(self.brick_bits, bits) for bits in (activation_bits, weight_bits))


@dataclass(frozen=True, slots=True)
class BitFusionCycles:
    """What that simulator gives.

    Attributes:
        compute: cycles of the array.
        waits: cycles that it waits for memory.
        read_bits, write_bits: off chip.
    """

    compute: int
    waits: int
    read_bits: int
    write_bits: int

    @property
    def total(self) -> int:
        """All cycles."""
        return self.compute + self.waits


def bit_fusion_cycles(
    geometry: Geometry,
    activation_bits: int,
    weight_bits: int,
    first: bool = False,
    machine: BitFusionMachine | None = None,
) -> BitFusionCycles | None:
    """Cycles of a square layer without groups; ``None`` if no tile fits.

    Args:
        activation_bits, weight_bits: powers of two from ``brick_bits`` to ``fused_bits``.
        first: whether its windows are written out.
    """
    device, best = machine or BitFusionMachine(), None
    for tile in _tiles(geometry, device, first):
        one = _Tile(geometry, device, tile, activation_bits, weight_bits, first)
        if not one.fits:
            continue
        for order in permutations(LOOPS):
            found = one.cycles(order)
            key = found.total, found.read_bits + found.write_bits
            if best is None or key < best[0]:
                best = key, found
    return None if best is None else best[1]


def _halves(whole: int) -> list[int]:
    return sorted({min(1 << i, whole) for i in range(ceil(log2(whole)) + 1)}) if whole > 1 else [1]


def _tiles(g: Geometry, device: BitFusionMachine, first: bool) -> Iterator[dict[str, int]]:
    channels = [g.C] if first else _halves(g.C)
    columns = [min(n * device.columns, g.M) for n in _halves(-(-g.M // device.columns))]
    for side, n, c, m in product(_halves(g.P), _halves(g.N), channels, columns):
        yield {"N": n, "Q": side, "P": side, "C": c, "M": m}


class _Tile:
    """One choice of tile sizes."""

    def __init__(
        self, g: Geometry, device: BitFusionMachine, tile: dict[str, int], a_bits: int, w_bits: int, first: bool
    ) -> None:
        n, q, p, c, m = (tile[dim] for dim in LOOPS)
        self.device, whole = device, {"N": g.N, "Q": g.Q, "P": g.P, "C": g.C, "M": g.M}
        self.trips = {dim: -(-whole[dim] // tile[dim]) for dim in LOOPS}
        lanes, taps = device.rows * device.products(a_bits, w_bits), g.R * g.S
        pixels = p * q * taps * c if first else ((p - 1) * g.stride_h + g.R) * ((q - 1) * g.stride_w + g.S) * c
        padded = -(-m // device.columns) * device.columns
        self.bits = {
            "weight": -(-taps * c // lanes) * lanes * m * w_bits,
            "ifmap": pixels * n * a_bits,
            "ofmap": p * q * padded * n * PSUM_BITS,
        }
        self.room = {
            "weight": device.weight_bits // 2,
            "ifmap": device.ifmap_bits // 2,
            "ofmap": device.ofmap_bits // 2,
        }
        steps = -(-taps * c // lanes) if first else taps * -(-c // lanes)
        self.compute = n * -(-m // device.columns) * p * q * steps * prod(self.trips.values())

    @property
    def fits(self) -> bool:
        """Whether half of each buffer holds the tile."""
        return all(self.bits[operand] <= self.room[operand] for operand in self.bits)

    def cycles(self, order: tuple[str, ...]) -> BitFusionCycles:
        """With the loops in an order, outermost first."""
        moved = {operand: self._moved(operand, order) for operand in self.bits}
        first = sum(kept for _, kept in moved.values())
        last = moved["ofmap"][1]
        read, written = sum(bits for bits, _ in moved.values()), moved["ofmap"][0]
        wide = self.device.bits_per_cycle
        between = -(-(read + written - first - last) // wide)
        waits = max(0, between - self.compute) + -(-first // wide) + -(-last // wide)
        return BitFusionCycles(self.compute, waits, read, written)

    def _moved(self, operand: str, order: tuple[str, ...]) -> tuple[int, int]:
        """Bits moved in all, and of the tile that the buffer holds."""
        bits = kept = self.bits[operand]
        grows = True
        for dim in reversed(order):
            if not grows:
                bits *= self.trips[dim]
            elif dim in _INDEXED[operand]:
                bits *= self.trips[dim]
                grows = bits <= self.room[operand]
                kept = bits if grows else kept
        return bits, kept
