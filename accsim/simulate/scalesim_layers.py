"""What SCALE-Sim reports for the layers of a run, beside accsim's own figures."""

from __future__ import annotations

from accsim.errors import AccsimError
from accsim.hardware.accelerator import Accelerator
from accsim.mapping.dataflow import Dataflow, SystolicDataflow
from accsim.simulate.scalesim import Array, DataflowClass, ScaleSimReport, from_geometry, report
from accsim.workload.network import Network


def scalesim_layers(
    network: Network, accelerator: Accelerator, dataflow: Dataflow
) -> tuple[ScaleSimReport | None, ...]:
    """What SCALE-Sim 3.0.0 reports for each layer; ``None`` for layers it cannot express.

    Raises:
        AccsimError: the array is not systolic.
    """
    if not isinstance(dataflow, SystolicDataflow):
        raise AccsimError(
            f"SCALE-Sim has no {dataflow.name} dataflow to compare with: choose weight_stationary, output_stationary "
            "or input_stationary on a systolic array"
        )
    array = Array(accelerator.array.rows, accelerator.array.cols)
    kind = DataflowClass(dataflow.dataflow_class)
    out: list[ScaleSimReport | None] = []
    for layer in network.layers:
        if layer.geometry is None:
            out.append(None)
            continue
        try:
            out.append(report(from_geometry(layer.geometry), array, kind))
        except AccsimError:
            out.append(None)
    return tuple(out)
