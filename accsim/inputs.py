"""What a run is given: names and files become a network, a machine, a dataflow, a table, mappings and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from accsim.energy.table import EnergyTable
from accsim.errors import InputError
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow
from accsim.mapping.mapping import Mapping as LayerMapping
from accsim.simulate.values import Array, Tensors, load_tensors, tensor_mistakes
from accsim.workload.network import Network


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run works on.

    Attributes:
        mappings: mappings that were given, by layer.
        tensors: values that were given, by layer and tensor.
    """

    network: Network
    accelerator: Accelerator
    dataflow: Dataflow
    table: EnergyTable
    mappings: Mapping[str, LayerMapping]
    tensors: Tensors


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
    tensors: str | Path | Tensors | None = None,
    inputs: str | Path | Array | None = None,
) -> Inputs:
    """Read what is given by name or path, and check that the parts suit each other.

    The arguments are those of ``accsim.estimate``.

    Raises:
        InputError: something is missing, wrong, or for another array or network.
    """
    from accsim.energy.reader import load_table  # noqa: PLC0415
    from accsim.importers.opening import open_accelerator, open_network  # noqa: PLC0415
    from accsim.mapping.dataflow_reader import load_dataflow, require_family  # noqa: PLC0415
    from accsim.mapping.files import load_mappings  # noqa: PLC0415

    network = (
        workload
        if isinstance(workload, Network)
        else open_network(str(workload), batch=batch, bindings=dict(bindings or {}), layers=layers)
    )
    machine = hardware if isinstance(hardware, Accelerator) else open_accelerator(str(hardware), tuple(overrides))
    flow = load_dataflow(dataflow or machine.dataflow) if isinstance(dataflow, str | None) else dataflow
    require_family(flow, machine)
    table = energy_table if isinstance(energy_table, EnergyTable) else load_table(energy_table or machine.energy_table)
    values = load_tensors(tensors, network) if isinstance(tensors, str | Path) else tensors or {}
    if inputs is not None:
        if values:
            raise InputError(["inputs give every tensor its values; give either inputs or tensors"])
        values = _computed(workload, network, inputs, dict(bindings or {}))
    wrong = tensor_mistakes(values, network)
    if wrong:
        raise InputError(wrong)
    given = load_mappings(mapping, network, machine, flow) if isinstance(mapping, str | Path) else mapping or {}
    return Inputs(network, machine, flow, table, given, values)


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
