"""What the stepped engine computes with: tensors that were given, or made-up ones of the machine's widths.

Made-up words are independent and uniform over the operand's signed width. Where the network states a density, a word is
zero with the remaining probability, and else uniform over the other values. The generator is NumPy's PCG64, seeded for
each tensor by the run's seed and by the layer's and the tensor's names, so a layer's operands depend neither on the
other layers of a run nor on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError, InputError
from accsim.hardware.accelerator import Accelerator, Overflow, Pe, Rounding
from accsim.hardware.datapath import DatapathKind
from accsim.kernels.accumulator import NEAREST, NEAREST_EVEN, SATURATE, TRUNCATE, WRAP, Accumulator
from accsim.simulate.mac_task import Densities, MacTask
from accsim.simulate.stepped.machine import Operands
from accsim.simulate.values import Array, Tensors, measure
from accsim.workload.layer import Layer, Operand
from accsim.workload.operands import as_filters, as_map, names_of, shape_of

Integers = npt.NDArray[np.int32]
WIDEST = 32
"""Bits of the widest operand that the machines take."""
BLOCK = 2**20
"""Words that are drawn at a time, so that a large tensor needs little more memory than itself."""

_ROUNDING = {Rounding.TRUNCATE: TRUNCATE, Rounding.NEAREST: NEAREST, Rounding.NEAREST_EVEN: NEAREST_EVEN}
_OVERFLOW = {Overflow.WRAP: WRAP, Overflow.SATURATE: SATURATE}


def accumulator_of(pe: Pe) -> Accumulator:
    """The PE's accumulator, as the golden kernels take it."""
    return Accumulator(pe.accumulator_bits, pe.product_shift, _ROUNDING[pe.rounding], _OVERFLOW[pe.overflow])


def operate(
    task: MacTask, accelerator: Accelerator, given: Mapping[str, Array], seed: int
) -> tuple[MacTask, Operands, tuple[str, ...]]:
    """A layer's operands, and the layer with what their values decide.

    Args:
        task: the layer; a density it states is kept by what is made up.
        given: its tensors as far as there are any, by name and in the shapes of ``shape_of``.
        seed: of the run.

    Returns:
        The task with the values of the operands (and of the output, if that is coded off chip), the operands, and notes
        on what was made up.

    Raises:
        AccsimError: a given value is no integer of the operand's width, or an operand is wider than 32 bits.
    """
    accelerator = task.follows(accelerator)
    tensors = _inputs(task.layer, accelerator, given, seed, task.densities)
    if Operand.OFMAP in task.coded:
        tensors["ofmap"] = _ofmap(task.layer, accelerator, given, seed, task.densities)
    values = measure(task.layer, tensors, accelerator.dram)
    made_up = [_made_up(name, task.densities) for name in tensors if name not in given]
    notes = (f"values made up with seed {seed}: {', '.join(made_up)}",) if made_up else ()
    return replace(task, values=values, tensors=tensors, drawn=()), _operands(task.layer, tensors), notes


def operands_for(
    layer: Layer,
    accelerator: Accelerator,
    given: Mapping[str, Array] | None = None,
    seed: int = 0,
    densities: Densities | None = None,
) -> Operands:
    """A layer's operands: those given, the others made up.

    Raises:
        AccsimError: a given value is no integer of the operand's width, or an operand is wider than 32 bits.
    """
    return _operands(layer, _inputs(layer, accelerator, given or {}, seed, densities or Densities()))


def require_integers(layers: Iterable[Layer], accelerator: Accelerator, tensors: Tensors) -> None:
    """Refuse given operands that the machine cannot hold, before anything is stepped.

    Raises:
        InputError: every tensor with a value that is no integer of its operand's width.
    """
    mistakes: list[str] = []
    for layer in layers:
        given = tensors.get(layer.name, {})
        for name in names_of(layer)[:2]:
            if name in given:
                try:
                    _integers(
                        layer, name, given[name].reshape(shape_of(layer, name)), _bits(layer, accelerator, name),
                        either=accelerator.follows_widths,
                    )  # fmt: skip
                except AccsimError as error:
                    mistakes.append(str(error))
    if mistakes:
        raise InputError(mistakes)


def _bits(layer: Layer, accelerator: Accelerator, name: str) -> int:
    """Width of an operand: that of the layer's codes on a machine that follows them, else the machine's."""
    known = layer.ifmap_statistics.bits if name == "ifmap" else layer.weight_statistics.bits
    narrow = known if accelerator.follows_widths else None
    return narrow or accelerator.bits(Operand(name))


def _inputs(
    layer: Layer, accelerator: Accelerator, given: Mapping[str, Array], seed: int, densities: Densities
) -> dict[str, Array]:
    """Both operands of a layer, int32, by name and in the shapes of ``shape_of``.

    Raises:
        AccsimError: a given value is no integer of the operand's width, or an operand is wider than 32 bits.
    """
    out: dict[str, Array] = {}
    for name in names_of(layer)[:2]:
        shape, bits = shape_of(layer, name), accelerator.bits(Operand(name))
        if bits > WIDEST:
            raise AccsimError(
                f"layer {layer.name!r}: the {name} has words of {bits} bits, and the stepped engine takes operands of "
                f"at most {WIDEST}"
            )
        tiled = accelerator.follows_widths
        if name in given:
            out[name] = _integers(layer, name, given[name].reshape(shape), bits, either=tiled)
            continue
        source, density = _generator(seed, layer.name, name), _density(name, densities)
        levels = _levels(accelerator.pe.datapath.kind, name, bits) if tiled else None
        out[name] = _drawn(shape, bits, density, source) if levels is None else _chosen(shape, levels, density, source)
    return out


def _levels(kind: DatapathKind, name: str, bits: int) -> tuple[int, ...] | None:
    """What words can be, where it is not any integer of their bits: signs, ternary weights, powers of two."""
    if bits == 1:
        return -1, 1
    if kind is DatapathKind.TERNARY and name == "weight":
        return -1, 0, 1
    if kind is DatapathKind.SHIFT and name == "weight":
        powers = [1 << place for place in range(bits - 1)]
        return (*(-power for power in powers), *powers)
    return None


def _chosen(
    shape: tuple[int, ...], levels: tuple[int, ...], density: float | None, source: np.random.Generator
) -> Integers:
    """Words of these levels, alike; with a density those that are not 0, and the rest zeros."""
    some = [level for level in levels if level or density is None]
    out = source.choice(np.array(some, np.int32), shape)
    if density is not None and 0 in levels:
        out[source.random(shape) >= density] = 0
    return out


def _ofmap(
    layer: Layer, accelerator: Accelerator, given: Mapping[str, Array], seed: int, densities: Densities
) -> Array:
    """The output as it is stored, after any activation; only its zeros mean anything here."""
    shape = shape_of(layer, "ofmap")
    if "ofmap" in given:
        return given["ofmap"].reshape(shape)
    return _drawn(
        shape, min(accelerator.pe.output_bits, WIDEST), densities.ofmap, _generator(seed, layer.name, "ofmap")
    )


def _operands(layer: Layer, tensors: Mapping[str, Array]) -> Operands:
    first, second, _ = names_of(layer)
    return Operands(
        np.ascontiguousarray(as_map(layer, tensors[first]), np.int32),
        np.ascontiguousarray(as_filters(layer, tensors[second]), np.int32),
    )


def _density(name: str, densities: Densities) -> float | None:
    return {"ifmap": densities.ifmap, "ofmap": densities.ofmap}.get(name, densities.weight)


def _generator(seed: int, layer: str, tensor: str) -> np.random.Generator:
    """A stream of its own for each tensor; names are hashed, because they are of any length."""
    return np.random.Generator(np.random.PCG64([seed, crc32(layer.encode()), crc32(tensor.encode())]))


def _drawn(shape: tuple[int, ...], bits: int, density: float | None, source: np.random.Generator) -> Integers:
    """Uniform words of ``bits`` signed bits; with a density the rest are zeros."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    out = np.empty(shape, np.int32)
    flat = out.reshape(-1)
    for first in range(0, flat.size, BLOCK):
        part = flat[first : first + BLOCK]
        if density is None:
            part[:] = source.integers(low, high, part.size, np.int32, endpoint=True)
        else:
            part[:] = source.integers(low, high, part.size, np.int32)
            part += part >= 0
            part[source.random(part.size) >= density] = 0
    return out


def _integers(layer: Layer, name: str, array: Array, bits: int, *, either: bool = False) -> Integers:
    """``array`` as integers; ``either`` takes unsigned words of so many bits, too, and +1 for a sign.

    Raises:
        AccsimError: a value is no integer, or does not fit.
    """
    low, high = -(1 << (bits - 1)), (1 << bits if either else 1 << (bits - 1)) - 1
    numbers: npt.NDArray[Any] = array.astype(np.int8) if array.dtype.kind == "b" else array
    wrong = np.zeros(numbers.shape, np.bool_) if numbers.dtype.kind in "iu" else numbers != np.rint(numbers)
    if wrong.any():
        raise AccsimError(
            f"layer {layer.name!r}: {_place(name, numbers, wrong)}, which is no integer: the stepped engine computes "
            "with the integers the machine would hold, so quantise the tensor first"
        )
    wrong = (numbers < low) | (numbers > high)
    if wrong.any():
        signed = "" if either else "signed "
        raise AccsimError(
            f"layer {layer.name!r}: {_place(name, numbers, wrong)}, which does not fit the machine's {bits} "
            f"{signed}bits ({low} to {high}); {int(np.count_nonzero(wrong))} of {wrong.size} values do not"
        )
    return numbers.astype(np.int32)


def _place(name: str, array: Array, wrong: npt.NDArray[np.bool_]) -> str:
    """``ifmap[0, 3, 5, 7] is 255``: the first wrong value."""
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    return f"{name}{list(at)} is {array[at]}"


def _made_up(name: str, densities: Densities) -> str:
    density = _density(name, densities)
    return name if density is None else f"{name} (zero with probability {1 - density:.4g})"
