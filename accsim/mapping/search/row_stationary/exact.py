"""What the compiled timeline takes, made from a layer, its machine and how its operands use the channel."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator, FilterLoad, InitialPsum, Sram
from accsim.mapping.row_stationary import even_runs, spad_words
from accsim.mapping.search.row_stationary.channel import Channel, Move
from accsim.mapping.search.row_stationary.strips import runs
from accsim.mapping.task import Task
from accsim.workload.layer import Geometry, Operand

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Exact(NamedTuple):
    """What the timeline takes; see ``timeline.makespan``."""

    facts: Ints
    moves: Ints
    widths: Floats
    dram: Ints
    ring: Ints
    rows_at: Ints
    rows: Ints
    cols_at: Ints
    cols: Ints


def exact(task: Task, channel: Channel) -> Exact:
    """The inputs of the timeline of a layer."""
    g, acc = task.geometry, task.accelerator
    padding = acc.dram.fetch_padding
    rows = runs(g, "P", g.P, padding)
    cols = runs(g, "Q", g.Q, padding)
    moves = [channel.weight, channel.ifmap, channel.psum, channel.ofmap]
    core, dram = acc.dram.ratio(acc.clock_mhz)
    return Exact(
        _facts(g, acc),
        np.array([_move(one) for one in moves], dtype=np.int64),
        np.array([one.expected[0] if one.expected else 0.0 for one in moves], dtype=np.float64),
        np.array([acc.dram.latency_cycles, acc.dram.burst_bits, acc.dram.width_bits, core, dram], dtype=np.int64),
        _ring(task),
        *rows,
        *cols,
    )


def _move(one: Move) -> tuple[int, ...]:
    if one.code is not None:
        words, code_words, unit = one.code
        return one.uses, 1, one.bits, code_words, words, unit, one.slots
    if one.expected is not None:
        return one.uses, 2, one.bits, 0, 0, one.expected[1], one.slots
    return one.uses, 0, one.bits, 0, 0, 0, one.slots


def _facts(g: Geometry, acc: Accelerator) -> Ints:
    def width(operand: Operand, direction: str) -> int:
        link = acc.link(operand, direction)
        return 0 if link is None or link.width_bits is None else link.width_bits

    pe, spads, common = acc.pe, spad_words(acc), gcd(g.stride_h, g.dilation_h)
    spad = spads.get(Operand.WEIGHT)
    held = () if spad is None else spad.operands
    return np.array(
        [
            g.stride_w, g.dilation_w, g.stride_h // common, g.dilation_h // common, g.R, g.S,
            len(even_runs(g.R, acc.array.rows)),
            pe.psum_add_cycles, pe.window_shift_cycles, pe.pipeline_stages - 1,
            list(FilterLoad).index(pe.filter_load), 0 if spad is None else spad.size_words,
            Operand.IFMAP in held, Operand.PSUM in held, acc.array.initial_psum is InitialPsum.READ,
            acc.bits(Operand.IFMAP), acc.bits(Operand.WEIGHT), acc.bits(Operand.PSUM),
            width(Operand.IFMAP, "in"), width(Operand.WEIGHT, "in"), width(Operand.PSUM, "out"),
            width(Operand.PSUM, "in"),
        ],
        dtype=np.int64,
    )  # fmt: skip


def _ring(task: Task) -> Ints:
    """The ring of ifmaps, if they have one; see ``timeline.makespan``."""
    acc = task.accelerator
    level = next((lv for lv in acc.chain(Operand.IFMAP) if isinstance(lv, Sram)), None)
    if level is None:
        return np.zeros(8, dtype=np.int64)
    part = level.partition(Operand.IFMAP)

    def bits(operand: Operand, width: int) -> int:
        return width * part.copies(operand) if operand in part.operands else 0

    held = any(Operand.PSUM in lv.operands for lv in acc.buffers)
    ofmap = 0 if Operand.PSUM in level.operands else bits(Operand.OFMAP, acc.pe.output_bits)
    return np.array(
        [
            part.size_bits, level.bank_bits or 1, acc.pe.activation_bits, bits(Operand.WEIGHT, task.weight_bits),
            bits(Operand.PSUM, acc.pe.accumulator_bits) + (ofmap if held else 0), 0 if held else ofmap,
            part.copies(Operand.IFMAP), level.keeps_activations,
        ],
        dtype=np.int64,
    )  # fmt: skip
