"""What SCALE-Sim 3.0.0 reports for a layer on a systolic array, in closed form, for comparison with accsim's timing.

SCALE-Sim (Samajdar et al., ISPASS 2020; version 3, Raj et al., ISPASS 2025) sees a layer as a matrix product of M rows
by N columns over a reduction of K: for a convolution M output pixels, N filters and K taps. Two of the three are spread
over the array and the third is streamed:

======== ====== ========= ====== ==============================
dataflow rows   columns   stream cycles per fold L
======== ====== ========= ====== ==============================
OS       M      N         K      stream + rows + cols - 2
WS       K      N         M      stream + 2 rows + cols - 2
IS       K      M         N      stream + 2 rows + cols - 2
======== ====== ========= ====== ==============================

A layer takes ceil(rows used / rows) * ceil(columns used / cols) folds of L cycles each, one after the other. This
module reproduces the reported figures for the CALC interface mode, dense layers and the default layout, where nothing
stalls. The figures were checked against runs of the release; they are not a description of hardware. They differ from
accsim's own engines, which count clock edges of a causal machine, in these ways:

1. OS outputs leave too early. The bottom row of a fold is written in cycle K - 1, but the PE in that row receives its
   last operands in cycle K + rows - 2. Draining downwards after the last operand costs rows - 1 more cycles per fold
   (K + 2 rows + cols - 3), so OS is flattered against WS and IS.
2. The reported total is the index of the last cycle, one less than the number of cycles (``demand_rows``).
3. An OS run reports rows + cols output writes too many in each fold; accsim writes each output once.
4. WS and IS write the partial sums of every fold of K and never read one back, neither from SRAM nor from DRAM; accsim
   charges the (ceil(K / rows) - 1) * M * N reads.
5. Output sizes are rounded up, ceil((H - R + s) / s): taps outside the ifmap are counted as MACs and SRAM reads.
   accsim takes the output size of the layer, which the frameworks round down.
6. Compute utilisation of WS and IS counts the skew of the columns twice (L + cols - 1 cycles per fold), so that it
   is not MACs over PE-cycles. Overall utilisation divides by the total of item 2 and can exceed 100 %.
7. Only half of each input SRAM holds words in use, and it is emptied completely whenever it is full, so DRAM reads
   jump by a multiple at that size. accsim tiles a layer to the buffer and keeps what is reused.
8. Each operand has a DRAM channel of its own, prefetches at 10 words a cycle whatever the configured bandwidth, and
   never waits after that. accsim shares one channel and stalls.
9. A word is one byte; there is no batch, group, dilation, or second stride. :func:`from_geometry` says how those are
   written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accsim.errors import AccsimError
from accsim.workload.layer import Geometry

PREFETCH_WORDS_PER_CYCLE = 10
"""The fixed rate at which CALC mode fills an SRAM before cycle 0."""


class DataflowClass(StrEnum):
    """The operand that stays in the PEs (Sze et al., Proc. IEEE 2017, section V-B)."""

    WS = "WS"
    OS = "OS"
    IS = "IS"


@dataclass(frozen=True, slots=True)
class Gemm:
    """A layer as SCALE-Sim sees it: [M x K] ifmap rows times [K x N] filters.

    Attributes:
        M, N, K: rows of the ifmap matrix, filters, reduction length.
        ifmap_words: distinct ifmap words that are read; ``None`` for M * K.
        overlapping: whether windows overlap, so that a word stands in several rows of the ifmap matrix.
        copies: identical problems the layer consists of (batch entries and groups). Reports are for one.
    """

    M: int
    N: int
    K: int
    ifmap_words: int | None = None
    overlapping: bool = False
    copies: int = 1

    def __post_init__(self) -> None:
        for name in ("M", "N", "K", "copies"):
            _positive(name, getattr(self, name))

    @property
    def distinct_ifmap(self) -> int:
        """Distinct ifmap words that are read."""
        return self.M * self.K if self.ifmap_words is None else self.ifmap_words


@dataclass(frozen=True, slots=True)
class Array:
    """The array and its three SRAMs, in KiB of one-byte words; half of an SRAM is active, half is being prefetched."""

    rows: int
    cols: int
    ifmap_sram_kib: int = 64
    filter_sram_kib: int = 64
    ofmap_sram_kib: int = 64

    def __post_init__(self) -> None:
        for name in ("rows", "cols", "ifmap_sram_kib", "filter_sram_kib", "ofmap_sram_kib"):
            _positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class ScaleSimReport:
    """The figures SCALE-Sim 3.0.0 reports for one :class:`Gemm`, CALC mode; counts are in words.

    Attributes:
        folds: times the array is filled with a new part of the problem.
        demand_rows: rows of the demand matrices, the number of cycles.
        total_cycles: "Total Cycles", ``demand_rows`` - 1.
        total_cycles_with_prefetch: "Total Cycles (incl. prefetch)", from the first DRAM read to the last DRAM write;
            ``None`` where there is no closed form: the outputs do not fit in half of their SRAM.
        mapping_efficiency_pct: "Mapping Efficiency %", PEs with work over PEs, averaged over folds.
        overall_utilization_pct: "Overall Util %", MACs over PEs * ``total_cycles``; ``None`` when that is 0.
        compute_utilization_pct: "Compute Util %", with the skew of item 6.
        sram_ifmap_reads, sram_filter_reads: words the array reads.
        sram_ofmap_writes: words the array writes, with the OS surplus of item 3.
        dram_ifmap_reads: distinct words of each epoch between two emptyings; ``None`` where there is no closed form:
            overlapping windows over an ifmap that does not fit in half of its SRAM.
        dram_filter_reads: as for the ifmap, always known.
        dram_ofmap_writes: outputs and partial sums; ``None`` when they exceed half of the SRAM (a few words more).
        copies: of the :class:`Gemm`; no figure is multiplied by it.
    """

    folds: int
    demand_rows: int
    total_cycles: int
    total_cycles_with_prefetch: int | None
    mapping_efficiency_pct: float
    overall_utilization_pct: float | None
    compute_utilization_pct: float
    sram_ifmap_reads: int
    sram_filter_reads: int
    sram_ofmap_writes: int
    dram_ifmap_reads: int | None
    dram_filter_reads: int
    dram_ofmap_writes: int | None
    copies: int = 1


def convolution(
    *, ifmap_h: int, ifmap_w: int, filter_h: int, filter_w: int, channels: int, filters: int, stride: int = 1
) -> Gemm:
    """Build the problem from the columns of a convolution topology; ifmap sizes include padding.

    Raises:
        AccsimError: a size is not positive, or the filter is larger than the ifmap.
    """
    sizes = {"channels": channels, "filters": filters, "stride": stride, "filter_h": filter_h, "filter_w": filter_w}
    for name, value in sizes.items():
        _positive(name, value)
    if filter_h > ifmap_h or filter_w > ifmap_w:
        raise AccsimError(f"filter {filter_h}x{filter_w} is larger than the padded ifmap {ifmap_h}x{ifmap_w}")
    out_h, rows = _windows(ifmap_h, filter_h, stride)
    out_w, columns = _windows(ifmap_w, filter_w, stride)
    return Gemm(
        M=out_h * out_w,
        N=filters,
        K=filter_h * filter_w * channels,
        ifmap_words=rows * columns * channels,
        overlapping=(out_h > 1 and filter_h > stride) or (out_w > 1 and filter_w > stride),
    )


def from_geometry(geometry: Geometry) -> Gemm:
    """Write a layer in SCALE-Sim's terms.

    A layer whose window is one pixel, without padding or stride, is a matrix product in which batch entries are more
    rows. Any other becomes a convolution on the padded ifmap, once for each batch entry. Each group is a problem of
    its own. ``copies`` says how many there are.

    Raises:
        AccsimError: the layer has dilation, or strides that differ, which a topology file cannot express.
    """
    g = geometry
    if (g.dilation_h, g.dilation_w) != (1, 1):
        raise AccsimError(f"SCALE-Sim has no dilation; the layer has {g.dilation_h}x{g.dilation_w}")
    if g.stride_h != g.stride_w:
        raise AccsimError(f"SCALE-Sim has one stride for both axes; the layer has {g.stride_h}x{g.stride_w}")
    padded_h = g.H + g.pad_top + g.pad_bottom
    padded_w = g.W + g.pad_left + g.pad_right
    if (g.R, g.S, g.stride_h, padded_h, padded_w) == (1, 1, 1, g.H, g.W):
        return Gemm(M=g.N * g.P * g.Q, N=g.filters_per_group, K=g.channels_per_group, copies=g.G)
    one = convolution(
        ifmap_h=padded_h,
        ifmap_w=padded_w,
        filter_h=g.R,
        filter_w=g.S,
        channels=g.channels_per_group,
        filters=g.filters_per_group,
        stride=g.stride_h,
    )
    return Gemm(one.M, one.N, one.K, one.ifmap_words, one.overlapping, copies=g.N * g.G)


def report(problem: Gemm, array: Array, dataflow: DataflowClass) -> ScaleSimReport:
    """Return what SCALE-Sim 3.0.0 reports for ``problem`` on ``array``, in CALC mode and without sparsity.

    Exact in Python integers at any size; percentages are the nearest floats.
    """
    M, N, K = problem.M, problem.N, problem.K
    rows, cols = array.rows, array.cols
    spread_rows, spread_cols, stream = {
        DataflowClass.OS: (M, N, K),
        DataflowClass.WS: (K, N, M),
        DataflowClass.IS: (K, M, N),
    }[dataflow]
    row_folds, col_folds = _ceil(spread_rows, rows), _ceil(spread_cols, cols)
    folds = row_folds * col_folds
    load = 0 if dataflow is DataflowClass.OS else rows
    per_fold = load + stream + rows + cols - 2
    demand_rows = folds * per_fold
    total = demand_rows - 1
    counted_per_fold = per_fold + (0 if dataflow is DataflowClass.OS else cols - 1)
    pe_slots = folds * rows * cols

    # Passes over an operand: the folds of the other spread dimension that it does not index.
    ifmap_passes = 1 if dataflow is DataflowClass.IS else col_folds
    filter_passes = {DataflowClass.OS: row_folds, DataflowClass.WS: 1, DataflowClass.IS: col_folds}[dataflow]
    outputs = M * N * (1 if dataflow is DataflowClass.OS else row_folds)
    surplus = folds * (rows + cols) if dataflow is DataflowClass.OS else 0

    ifmap_block, ifmap_half = _prefetch(array.ifmap_sram_kib)
    filter_block, filter_half = _prefetch(array.filter_sram_kib)
    ifmap_words, filter_words = problem.distinct_ifmap, N * K
    ofmap_fits = 2 * outputs <= array.ofmap_sram_kib * 1024
    # The row of the first request: the stream follows the stationary operand, whose last row is loaded first.
    stream_lead, stationary_lead = (0, 0) if dataflow is DataflowClass.OS else (rows, max(0, rows - K))
    ifmap_lead = stationary_lead if dataflow is DataflowClass.IS else stream_lead
    filter_lead = stationary_lead if dataflow is DataflowClass.WS else stream_lead
    warm_up = max(
        _warm_up(ifmap_words, ifmap_block, ifmap_half, ifmap_lead),
        _warm_up(filter_words, filter_block, filter_half, filter_lead),
    )
    # OS turns to the next columns' filters only after all row folds; otherwise a pass goes over the whole filter.
    filter_chunk = cols * K if dataflow is DataflowClass.OS else filter_words
    return ScaleSimReport(
        folds=folds,
        demand_rows=demand_rows,
        total_cycles=total,
        total_cycles_with_prefetch=total + _ceil(outputs, cols) - 1 + warm_up if ofmap_fits else None,
        mapping_efficiency_pct=100 * spread_rows * spread_cols / pe_slots,
        overall_utilization_pct=100 * M * N * K / (rows * cols * total) if total else None,
        compute_utilization_pct=100 * M * N * K / (pe_slots * counted_per_fold),
        sram_ifmap_reads=ifmap_passes * M * K,
        sram_filter_reads=filter_passes * filter_words,
        sram_ofmap_writes=outputs + surplus,
        dram_ifmap_reads=_dram_ifmap_reads(problem, ifmap_passes, ifmap_half),
        dram_filter_reads=flushed_reads(filter_words, filter_chunk, filter_passes, filter_half),
        dram_ofmap_writes=outputs if ofmap_fits else None,
        copies=problem.copies,
    )


def flushed_reads(words: int, chunk: int, passes: int, capacity: int) -> int:
    """Words fetched when ``words`` words are read chunk by chunk, each chunk ``passes`` times in the same order.

    A buffer keeps what it fetched and is emptied when it holds ``capacity`` words, so it never holds that many at a
    read. A chunk that fits with room to spare is fetched once; emptying on the way costs the part fetched before.
    """
    if passes == 1 or words < capacity:
        return words
    full, last = divmod(words, chunk)
    if chunk >= capacity:  # every read of a full chunk misses
        fetched = passes * chunk * full
        held = fetched % capacity
    else:
        # The first `kept` chunks fit; the next empties the buffer part way, fetches that part again and stays whole.
        kept = (capacity - 1) // chunk
        emptied = (full - 1) // kept if full else 0
        fetched = chunk * full + emptied * (capacity - kept * chunk)
        held = chunk * (1 + (full - 1) % kept) if full else 0
    if not last:
        return fetched
    if last >= capacity:
        return fetched + passes * last
    room = capacity - held
    return fetched + last + (room if last >= room else 0)


def _dram_ifmap_reads(problem: Gemm, passes: int, capacity: int) -> int | None:
    words = problem.distinct_ifmap
    if words < capacity:
        return words
    return None if problem.overlapping else flushed_reads(words, words, passes, capacity)


def _prefetch(sram_kib: int) -> tuple[int, int]:
    """Return the prefetch block, a hundredth of the SRAM, and the active half of 50 blocks, in words."""
    block = sram_kib * 1024 // 100
    return block, 50 * block


def _warm_up(words: int, block: int, half: int, lead: int) -> int:
    """Cycles before cycle 0 in which an operand is fetched.

    An operand that fits is there, in whole blocks, before cycle 0; half an SRAM of a larger one is there only before
    its first request, in cycle ``lead``.
    """
    if words < half:
        return _ceil(_ceil(words, block) * block, PREFETCH_WORDS_PER_CYCLE)
    return _ceil(half, PREFETCH_WORDS_PER_CYCLE) - lead


def _windows(size: int, window: int, stride: int) -> tuple[int, int]:
    """Return the number of windows along one axis, rounded up, and the distinct pixels they touch."""
    count = _ceil(size - window + stride, stride)
    last = min(window, max(0, size - (count - 1) * stride))
    return count, (count - 1) * min(window, stride) + last


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise AccsimError(f"{name} must be at least 1, got {value}")
