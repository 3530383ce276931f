"""What is known of a layer's operands on an inner-product tile, and whether its PEs can hold them."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator
from accsim.hardware.datapath import DatapathKind
from accsim.simulate.mac_task import MacTask
from accsim.workload.layer import Operand
from accsim.workload.operands import as_filters, as_map, names_of

Ints = npt.NDArray[np.int64]

CODES = {
    DatapathKind.BINARY_WEIGHT: ("binary",),
    DatapathKind.XNOR: ("binary",),
    DatapathKind.TERNARY: ("ternary", "binary"),
    DatapathKind.SHIFT: ("power_of_two", "ternary", "binary"),
    DatapathKind.CODEBOOK: ("codebook", "uniform", "float"),
}
"""Codes of weights that a datapath can work with; any, where it is not named."""


def known_ifmap(task: MacTask) -> Ints | None:
    """The ifmap [N, C, H, W] that the task carries, if it is of integers."""
    found = _integers(task.tensors.get(names_of(task.layer)[0]))
    return None if found is None else as_map(task.layer, found)


def known_weight(task: MacTask) -> npt.NDArray[np.integer] | None:
    """The second operand [M, C / G, R, S] that the task carries, in its own type, if it is of integers."""
    given = task.tensors.get(names_of(task.layer)[1])
    if given is not None and given.dtype.kind == "i":
        return as_filters(task.layer, cast("npt.NDArray[np.integer]", given))
    found = _integers(given)
    return None if found is None else as_filters(task.layer, found)


def _integers(array: npt.NDArray[np.generic] | None) -> Ints | None:
    """The array as integers; ``None`` if it holds truth values, which say nothing but where zeros are, or fractions."""
    if array is None or array.dtype.kind == "b":
        return None
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    numbers = np.asarray(array, np.float64)
    return numbers.astype(np.int64) if bool((numbers == np.rint(numbers)).all()) else None


def skipped(task: MacTask, n: int, m: int) -> bool:
    """Whether no ``m`` weights of a filter's tap that follow each other along the channels hold more than ``n``.

    From the weights where they are given, else from how they are stored.
    """
    _, second, _ = names_of(task.layer)
    weight = task.tensors.get(second)
    if weight is None or task.weight_name is not Operand.WEIGHT:
        return (task.layer.weight_statistics.encoding or "").startswith("n_m")
    return keeps(as_filters(task.layer, np.not_equal(weight, 0)), n, m)


def keeps(kept: npt.NDArray[np.bool_], n: int, m: int) -> bool:
    """Whether no ``m`` channels in a row keep more than ``n`` weights: [M, C / G, R, S], true where one is not zero."""
    kept = np.pad(kept, ((0, 0), (0, -kept.shape[1] % m), (0, 0), (0, 0)))
    groups = kept.reshape(kept.shape[0], -1, m, *kept.shape[2:])
    return int(groups.sum(axis=2).max(initial=0)) <= n


def require_powers(weight: Ints, machine: str) -> None:
    """Refuse weights that PEs which shift cannot take.

    Raises:
        AccsimError: one is neither 0 nor a power of two.
    """
    magnitudes = np.abs(weight)
    wrong = (magnitudes & (magnitudes - 1)) != 0
    if wrong.any():
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise AccsimError(
            f"the shift PEs of {machine} take weights that are 0 or a power of two, and weight{list(at)} is "
            f"{weight[at]}; quantise the weights to powers of two"
        )


def misfit(task: MacTask, accelerator: Accelerator) -> str | None:
    """Why the PEs cannot hold a layer's operands; ``None`` if they can."""
    pe = accelerator.pe
    for operand, bits, most in (
        (task.weight_name, task.weight_bits(accelerator), pe.weight_bits),
        (Operand.IFMAP, task.activation_bits(accelerator), pe.activation_bits),
    ):
        if bits > most:
            return (
                f"its {operand} words have {bits} bits, and the {pe.datapath.kind} PEs of {accelerator.name} take "
                f"at most {most}"
            )
    code, allowed = task.layer.weight_statistics.code, CODES.get(pe.datapath.kind)
    if code is not None and allowed is not None and code not in allowed:
        taken = " or ".join(allowed).replace("_", " ")
        return f"its weights are {code.replace('_', ' ')} codes, and the PEs of {accelerator.name} take {taken} ones"
    words = 1 << (task.layer.weight_statistics.bits or 0)
    if pe.datapath.kind is DatapathKind.CODEBOOK and code == "codebook" and words > pe.datapath.codebook_words:
        return (
            f"its codebook has up to {words} words, and the PEs of {accelerator.name} hold {pe.datapath.codebook_words}"
        )
    if pe.datapath.kind is DatapathKind.XNOR and task.weight_name is not Operand.WEIGHT:
        return f"it multiplies two activations, and the {pe.datapath.kind} PEs of {accelerator.name} multiply signs"
    return None
