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
from accsim.simulate.tiled.families import FAMILIES
from accsim.simulate.values import Array, Tensors, load_tensors, tensor_mistakes
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
        compressed: the compressed network, where a recipe was given or weights have codes; ``network`` is then its
            layers.
        made_up: whether weights that values come from are not trained ones.
    """

    network: Network
    accelerator: Accelerator
    dataflow: Dataflow
    table: EnergyTable
    mappings: Mapping[str, LayerMapping]
    tensors: Tensors
    compressed: Compressed | None = None
    made_up: bool = False


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
    from accsim.importers.opening import has_parameters, open_accelerator, open_model, open_network  # noqa: PLC0415
    from accsim.mapping.dataflow_reader import load_dataflow, require_family  # noqa: PLC0415
    from accsim.mapping.files import load_mappings  # noqa: PLC0415
    from accsim.parameter_values import parameters_of  # noqa: PLC0415
    from accsim.workload.reader import select_layers  # noqa: PLC0415

    bound = dict(bindings or {})
    model = None
    if isinstance(workload, Network):
        network = workload
    elif has_parameters(workload):
        model = open_model(workload, batch=batch, bindings=bound)
        network = model.network
    else:
        network = open_network(str(workload), batch=batch, bindings=bound, layers=layers if compress is None else None)
    machine = hardware if isinstance(hardware, Accelerator) else open_accelerator(str(hardware), tuple(overrides))
    flow = load_dataflow(dataflow or machine.dataflow) if isinstance(dataflow, str | None) else dataflow
    require_family(flow, machine)
    if not isinstance(energy_table, EnergyTable):
        energy_table = load_table(energy_table or machine.energy_table, energy_overrides)
    table = energy_table
    compressed, made_up, given_values = None, False, tensors
    if model is not None or compress is not None or inputs is not None:
        compressed, made_up, given_values = parameters_of(
            network, model, compress, tensors, inputs,
            integer_weights=integer_weights, path=workload,
            by_value=machine.array.family in FAMILIES and not integer_weights,
        )  # fmt: skip
        network = network if compressed is None else compressed.network
    values = load_tensors(given_values, network) if isinstance(given_values, str | Path) else given_values or {}
    if layers is not None and (model is not None or compress is not None):
        network = replace(network, layers=select_layers(network.name, network.layers, layers))
        compressed = None if compressed is None else replace(compressed, network=network)
        kept_names = {layer.name for layer in network.layers}
        if compress is not None or inputs is not None or compressed is not None:
            values = {name: held for name, held in values.items() if name in kept_names}
    wrong = tensor_mistakes(values, network)
    if wrong:
        raise InputError(wrong)
    given = load_mappings(mapping, network, machine, flow) if isinstance(mapping, str | Path) else mapping or {}
    return Inputs(network, machine, flow, table, given, values, compressed, made_up)
