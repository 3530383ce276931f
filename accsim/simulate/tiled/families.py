"""The families of arrays that run tiles: each has one entry here, and its code is loaded when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator, ArrayFamily
from accsim.hardware.datapath import DatapathKind

if TYPE_CHECKING:
    from accsim.simulate.activity import Activity
    from accsim.simulate.mac_task import MacTask
    from accsim.simulate.stepped.machine import Machine, Operands
    from accsim.simulate.storage import OffChipBits, Place
    from accsim.simulate.tiled.run import TileArray
    from accsim.workload.layer import Operand


@dataclass(frozen=True, slots=True)
class Family:
    """Where the code of a family is.

    Attributes:
        counted: ``module:name`` of ``(task, place) -> TileArray``.
        misfit: ``module:name`` of ``(task, accelerator) -> str | None``: why the array cannot run a layer at all.
        stepped: ``module:name`` of ``(place, operands) -> Machine``; ``None`` while there is none.
        stores: module with ``off_chip``, ``CODED``, ``held_as`` and ``reported``: how tensors are stored; ``None`` as
            they are.
    """

    counted: str
    misfit: str
    stepped: str | None = None
    stores: str | None = None


FAMILIES: dict[ArrayFamily, Family] = {
    ArrayFamily.INNER_PRODUCT: Family(
        counted="accsim.simulate.inner_product.array:InnerProductArray",
        misfit="accsim.simulate.inner_product.operands:misfit",
        stepped="accsim.simulate.inner_product.machine:SteppedInnerProduct",
    ),
    ArrayFamily.SPARSE: Family(
        counted="accsim.simulate.sparse.array:SparseArray",
        misfit="accsim.simulate.sparse.array:misfit",
        stepped="accsim.simulate.sparse.stepped:SteppedSparse",
        stores="accsim.simulate.sparse.stored",
    ),
}


def _load(where: str) -> Callable[..., object]:
    module, _, name = where.partition(":")
    return cast("Callable[..., object]", getattr(import_module(module), name))


def array_of(task: MacTask, place: Place) -> TileArray:
    """The counted array of a layer's machine."""
    return cast("TileArray", _load(FAMILIES[place.accelerator.array.family].counted)(task, place))


def misfit(task: MacTask, accelerator: Accelerator) -> str | None:
    """Why a machine cannot run a layer, whatever the mapping; ``None`` if it can."""
    family = FAMILIES.get(accelerator.array.family)
    if family is None and accelerator.pe.datapath.kind is not DatapathKind.BIT_PARALLEL:
        family = FAMILIES[ArrayFamily.INNER_PRODUCT]  # what a datapath takes does not depend on the array around it
    return None if family is None else cast("str | None", _load(family.misfit)(task, accelerator))


def off_chip_of(task: MacTask, place: Place) -> tuple[OffChipBits, frozenset[Operand]]:
    """Bits of transfers off chip, and the tensors that are coded there with a size that is known."""
    stores = FAMILIES[place.accelerator.array.family].stores
    if stores is None:
        return task.off_chip(place), task.counted_codes
    module = import_module(stores)
    return module.off_chip(task, place.accelerator), module.CODED


def held_as(task: MacTask, accelerator: Accelerator) -> Accelerator:
    """The machine with words as wide as they are stored, as far as the room in its buffers goes."""
    family = FAMILIES.get(accelerator.array.family)
    if family is None or family.stores is None:
        return accelerator
    return cast("Accelerator", import_module(family.stores).held_as(task, accelerator))


def reported(task: MacTask, accelerator: Accelerator, activity: Activity) -> Activity:
    """The activity with its tensors as the family stores them."""
    stores = FAMILIES[accelerator.array.family].stores
    if stores is None:
        return activity
    module = import_module(stores)
    return replace(activity, tensors=tuple(module.reported(task, accelerator, one) for one in activity.tensors))


def machine_of(place: Place, operands: Operands) -> Machine:
    """The stepped machine of a layer's machine.

    Raises:
        AccsimError: the family has none.
    """
    family = place.accelerator.array.family
    where = FAMILIES[family].stepped
    if where is None:
        raise AccsimError(f"{family} arrays run in the counted engine only; use '--engine counted'")
    return cast("Machine", _load(where)(place, operands))
