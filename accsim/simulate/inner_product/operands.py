"""What is known of a layer's operands on an inner-product tile, and whether its PEs can hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accsim.hardware.accelerator import Accelerator
from accsim.hardware.datapath import DatapathKind
from accsim.simulate.mac_task import MacTask
from accsim.workload.layer import Operand
from accsim.workload.operands import as_filters, as_map, names_of

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Values of a layer's operands, as integers; ``None`` where they are not known.

    Attributes:
        ifmap: [N, C, H, W].
        weight: [M, C / G, R, S].
    """

    ifmap: Ints | None
    weight: Ints | None

    @property
    def signed(self) -> bool:
        """Whether an activation is negative."""
        return self.ifmap is not None and bool(self.ifmap.size) and int(self.ifmap.min()) < 0


def known(task: MacTask) -> Known:
    """The values that the task carries, where they are integers."""
    first, second, _ = names_of(task.layer)
    ifmap, weight = (_integers(task.tensors.get(name)) for name in (first, second))
    return Known(
        None if ifmap is None else as_map(task.layer, ifmap),
        None if weight is None else as_filters(task.layer, weight),
    )


def _integers(array: npt.NDArray[np.generic] | None) -> Ints | None:
    """The array as integers; ``None`` if it holds truth values, which say nothing but where zeros are, or fractions."""
    if array is None or array.dtype.kind == "b":
        return None
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    numbers = np.asarray(array, np.float64)
    return numbers.astype(np.int64) if bool((numbers == np.rint(numbers)).all()) else None


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
    if pe.datapath.kind is DatapathKind.XNOR and task.weight_name is not Operand.WEIGHT:
        return f"it multiplies two activations, and the {pe.datapath.kind} PEs of {accelerator.name} multiply signs"
    return None
