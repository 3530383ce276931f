"""One pass of a row-stationary array, by the sizes that it works on."""

from __future__ import annotations

from dataclasses import dataclass


def ceil_div(a: int, b: int) -> int:
    """A / b rounded up."""
    return -(-a // b)


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: the sizes it works on.

    Attributes:
        n, filters, channels, rows, cols: ifmaps, filters, channels, output rows and columns of the pass.
        first_r, first_s: first filter row and column of this run.
        taps_r, taps_s: filter rows and columns of this run.
        per_pe_filters, per_pe_channels: filters and channels interleaved in one PE.
        sets_t, sets_r: PE sets that work on different filters and channels.
    """

    n: int
    filters: int
    channels: int
    rows: int
    cols: int
    first_r: int
    first_s: int
    taps_r: int
    taps_s: int
    per_pe_filters: int
    per_pe_channels: int
    sets_t: int
    sets_r: int

    @property
    def macs(self) -> int:
        """MACs of the pass."""
        return self.psums * self.channels * self.taps_r * self.taps_s

    @property
    def psums(self) -> int:
        """Partial sums read and written by the pass."""
        return self.n * self.filters * self.rows * self.cols

    @property
    def weights(self) -> int:
        """Filter words of the pass."""
        return self.filters * self.channels * self.taps_r * self.taps_s

    @property
    def pes(self) -> int:
        """PEs that work in the pass."""
        return self.taps_r * self.rows * self.sets_r * self.sets_t

    @property
    def sets_by_filter(self) -> tuple[int, ...]:
        """Of each filter of a PE, the sets on different filters that have it: the last ones may lack some."""
        last = self.filters - (self.sets_t - 1) * self.per_pe_filters
        return tuple(self.sets_t - (f >= last) for f in range(self.per_pe_filters))

    @property
    def chain(self) -> int:
        """PEs a psum passes on its way up."""
        return self.taps_r * self.sets_r
