"""The sparse machine that an accelerator's file describes, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from accsim.hardware.accelerator import Accelerator
from accsim.hardware.sparse import SparseKind
from accsim.simulate.sparse import cnvlutin, eie, eyeriss_v2, scnn, sparten
from accsim.simulate.sparse.count import Expected, SparseCount, Stepped
from accsim.workload.layer import Geometry, Layer, LayerKind

Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class SparseMachine:
    """A machine with its parameters bound.

    Attributes:
        cannot: why it cannot run a layer of some loop bounds; ``None`` if it can.
        count, step: a layer from its zeros, and with real words.
        expect: a layer from the densities of its ifmap and weights.
    """

    kind: SparseKind
    cannot: Callable[[Geometry], str | None]
    count: Callable[[Geometry, Values, Values], SparseCount]
    step: Callable[[Geometry, Values, Values], Stepped]
    expect: Callable[[Geometry, float, float], Expected]


def machine_of(accelerator: Accelerator) -> SparseMachine:
    """The machine of an accelerator whose array is sparse."""
    array, sparse = accelerator.array, accelerator.array.sparse
    if sparse is None:
        raise TypeError(f"the array of {accelerator.name} is not sparse")
    module: Any
    parameters: Any
    match sparse.kind:
        case SparseKind.CARTESIAN_PRODUCT:
            module, parameters = (
                scnn,
                scnn.Scnn(
                    array.rows,
                    array.cols,
                    sparse.inputs,
                    array.lanes // sparse.inputs,
                    sparse.accumulators,
                    sparse.banks,
                ),
            )
        case SparseKind.CSC_CLUSTERS:
            module, parameters = (
                eyeriss_v2,
                eyeriss_v2.EyerissV2(
                    sparse.clusters,
                    array.rows // sparse.clusters,
                    array.cols,
                    array.lanes,
                    sparse.iact_words,
                    sparse.weight_words,
                    sparse.psum_words,
                    sparse.count_bits,
                ),
            )
        case SparseKind.WORK_QUEUES:
            module, parameters = eie, eie.Eie(array.rows, sparse.queue_depth, sparse.count_bits)
        case SparseKind.SKIPPING_LANES:
            module, parameters = cnvlutin, cnvlutin.Cnvlutin(array.lanes, array.rows, sparse.brick)
        case SparseKind.BITMASK_CHUNKS:
            module, parameters = sparten, sparten.Sparten(array.rows, array.cols, sparse.chunk, sparse.balanced)
    return SparseMachine(
        sparse.kind,
        lambda g: module.cannot(g, parameters),
        lambda g, ifmap, weight: module.count(g, ifmap, weight, parameters),
        lambda g, ifmap, weight: module.step(g, ifmap, weight, parameters),
        lambda g, ifmap, weight: _expected(module, parameters, g, ifmap, weight),
    )


@lru_cache(maxsize=4096)
def _expected(module: Any, parameters: Any, g: Geometry, ifmap: float, weight: float) -> Expected:
    """What a machine expects of a tile; a search meets the same tiles under many mappings."""
    found: Expected = module.expect(g, ifmap, weight, parameters)
    return found


def why_not(layer: Layer, accelerator: Accelerator) -> str | None:
    """Why a sparse machine cannot run a layer at all; ``None`` if it can."""
    if layer.geometry is None:
        return None
    if layer.kind is LayerKind.MATMUL:
        return "a product of two activations: the machine holds one operand of trained weights"
    return machine_of(accelerator).cannot(layer.geometry)
