"""What a run is given: names and files become a network, a machine, a dataflow, a table, mappings and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accsim.energy.table import EnergyTable
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.simulate.values import Array, Tensors, load_tensors, read_tensors, tensor_mistakes
from accsim.workload.network import Network

if TYPE_CHECKING:
    from accsim.compress.compressed import Compressed
    from accsim.compress.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run works on.

    Attributes:
        mappings: mappings that were given, by layer.
        tensors: values that were given, by layer and tensor; of a compressed network also those of its weights.
        compressed: the compressed network, where a recipe was given; ``network`` is then its layers.
    """

    network: Network
    accelerator: Accelerator
    dataflow: Dataflow
    table: EnergyTable
    mappings: Mapping[str, LayerMapping]
    tensors: Tensors
    compressed: Compressed | None = None


def load_inputs(
    workload: str | Path | Network,
    hardware: str | Path | Accelerator,
    *,
    dataflow: str | Dataflow | None = None,
    energy_table: str | EnergyTable | None = None,
    batch: int = 1,
    bindings: Mapping[str, int] | None = None,
    layers: Sequence[str] | None = None,
    mapping: str | Path | Mapping[str, LayerMapping] | None = None,
    overrides: Sequence[str] = (),
    energy_overrides: Sequence[str] = (),
    tensors: str | Path | Tensors | None = None,
    compress: str | Path | Recipe | None = None,
    integer_weights: bool = False,
    inputs: str | Path | Array | None = None,
) -> Inputs:
    """Read what is given by name or path, and check that the parts suit each other.

    The arguments are those of ``accsim.estimate``; ``integer_weights`` asks for the integers that compressed weights
    are multiplied as, where counting needs no more than their zeros.

    Raises:
        InputError: something is missing, wrong, or for another array or network.
    """
    from accsim.energy.reader import load_table  # noqa: PLC0415
    from accsim.importers.opening import open_accelerator, open_network  # noqa: PLC0415
    from accsim.mapping.dataflow_reader import load_dataflow, require_family  # noqa: PLC0415
    from accsim.mapping.files import load_mappings  # noqa: PLC0415

    kept = layers if compress is None else None
    network = (
        workload
        if isinstance(workload, Network)
        else open_network(str(workload), batch=batch, bindings=dict(bindings or {}), layers=kept)
    )
    machine = hardware if isinstance(hardware, Accelerator) else open_accelerator(str(hardware), tuple(overrides))
    flow = load_dataflow(dataflow or machine.dataflow) if isinstance(dataflow, str | None) else dataflow
    require_family(flow, machine)
    if not isinstance(energy_table, EnergyTable):
        energy_table = load_table(energy_table or machine.energy_table, energy_overrides)
    table = energy_table
    compressed = None
    if compress is not None:
        compressed, tensors = _compress(network, compress, tensors, integer_weights, layers)
        network = compressed.network
    values = load_tensors(tensors, network) if isinstance(tensors, str | Path) else tensors or {}
    if inputs is not None:
        if compress is not None:
            raise InputError(
                ["inputs are run through the model as it is, not compressed; give either inputs or a recipe"]
            )
        if values:
            raise InputError(["inputs give every tensor its values; give either inputs or tensors"])
        values = _computed(workload, network, inputs, dict(bindings or {}))
    wrong = tensor_mistakes(values, network)
    if wrong:
        raise InputError(wrong)
    given = load_mappings(mapping, network, machine, flow) if isinstance(mapping, str | Path) else mapping or {}
    return Inputs(network, machine, flow, table, given, values, compressed)


def _compress(
    network: Network,
    recipe: str | Path | Recipe,
    tensors: str | Path | Tensors | None,
    integer_weights: bool,
    layers: Sequence[str] | None,
) -> tuple[Compressed, Tensors]:
    """The compressed network, cut to some layers, and the values of its tensors.

    Weights among ``tensors`` are trained ones, which the recipe compresses; its other tensors are of the compressed
    network.
    """
    from accsim.compress.compressed import compress  # noqa: PLC0415
    from accsim.compress.parameters import with_parameters  # noqa: PLC0415
    from accsim.compress.recipe_reader import load_recipe  # noqa: PLC0415
    from accsim.workload.reader import select_layers  # noqa: PLC0415

    found = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    found.require_for(network)
    where = str(tensors) if isinstance(tensors, str | Path) else "the given weights"
    given = read_tensors(tensors) if isinstance(tensors, str | Path) else tensors or {}
    weights = {name: {"weight": arrays["weight"]} for name, arrays in given.items() if "weight" in arrays}
    if weights and found.layers:
        raise InputError([f"recipe {found.name} holds published figures and no passes: {where} cannot be compressed"])
    compressed = compress(with_parameters(network, weights, where), found)
    values: dict[str, dict[str, Array]] = {
        name: rest for name, arrays in given.items() if (rest := {k: v for k, v in arrays.items() if k != "weight"})
    }
    if layers is not None:
        kept = select_layers(network.name, compressed.network.layers, layers)
        compressed = replace(compressed, network=replace(compressed.network, layers=kept))
    names = {layer.name for layer in compressed.network.layers}
    # a density says as much as the zeros do, unless those of the ifmap are known too
    wanted = names if integer_weights else names & values.keys()
    for name, own in (compressed.integer_weights() if integer_weights else compressed.nonzero_masks(wanted)).items():
        if name in wanted:
            values[name] = {**values.get(name, {}), **own}
    return compressed, values


def _computed(
    workload: str | Path | Network, network: Network, inputs: str | Path | Array, bindings: Mapping[str, int]
) -> Tensors:
    """What the model's layers compute from inputs, by layer and tensor, of the layers of ``network``."""
    from accsim.compress.executor import load_array, run  # noqa: PLC0415
    from accsim.compress.feature_tensors import tensors_of  # noqa: PLC0415
    from accsim.importers.opening import has_parameters, open_model  # noqa: PLC0415

    if isinstance(workload, Network) or not has_parameters(workload):
        said = "inputs need a model with trained parameters (an ONNX file, or an archive with its network beside it)"
        raise InputError([f"{said}; those of {network.name} would be made up"])
    model = open_model(workload, batch=network.batch, bindings=bindings)
    given = load_array(str(inputs), model.network) if isinstance(inputs, str | Path) else inputs
    kept = {layer.name for layer in network.layers}
    return {name: held for name, held in tensors_of(model, run(model, given)).items() if name in kept}
