"""Machines at equal node, equal peak and equal off-chip link: everything but what they do with their operands."""

from __future__ import annotations

from dataclasses import replace

from accsim.hardware.accelerator import Accelerator, ArrayFamily, Dram

TABLE = "horowitz_45nm"
"""The energy table of a comparison at equal node, unless another is asked for."""


def peak_macs_per_cycle(accelerator: Accelerator) -> float:
    """MACs of the machine's own widths that it can begin in a cycle."""
    if accelerator.array.family is not ArrayFamily.INNER_PRODUCT:
        return float(accelerator.array.pes)
    from accsim.simulate.inner_product.datapaths import rate_of  # noqa: PLC0415

    pe = accelerator.pe
    rate = rate_of(pe.datapath, pe.weight_bits, pe.activation_bits, False, False)
    return accelerator.array.pes * rate.products / rate.edges


def equalised(accelerator: Accelerator, reference: Accelerator) -> Accelerator:
    """The machine at the node of ``reference``, clocked for the same MACs per second, and behind the same DRAM link.

    Its array, its buffers and its operands stay as they are; the clock is what gives.
    """
    clock = reference.clock_mhz * peak_macs_per_cycle(reference) / peak_macs_per_cycle(accelerator)
    link = reference.dram
    core = link.clock_mhz or reference.clock_mhz
    latency = round(link.latency_cycles * clock / reference.clock_mhz)
    levels = tuple(
        replace(
            level,
            width_bits=link.width_bits,
            clock_mhz=core,
            latency_cycles=latency,
            burst_bits=link.burst_bits,
            standard=link.standard,
        )
        if isinstance(level, Dram)
        else level
        for level in accelerator.levels
    )
    return replace(
        accelerator, clock_mhz=clock, node_nm=reference.node_nm, voltage_v=reference.voltage_v, levels=levels
    )


def statement(reference: Accelerator, table: str) -> str:
    """What was made equal, in a sentence."""
    peak = peak_macs_per_cycle(reference) * reference.clock_mhz / 1e3
    link = reference.dram
    rate = link.width_bits * (link.clock_mhz or reference.clock_mhz) / 8e3
    node = "its own node" if reference.node_nm is None else f"{reference.node_nm:g} nm"
    return (
        f"every machine at {node}, clocked for the {peak:.4g} GMAC/s of {reference.name} at its own operand widths, "
        f"behind {reference.name}'s DRAM link of {rate:.3g} GB/s, priced by {table}; arrays, buffers and widths are "
        "each machine's own"
    )
