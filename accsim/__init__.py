"""accsim: cycle-level simulation and codesign of DNN accelerators.

``accsim.estimate("alexnet", "eyeriss")`` runs the whole pipeline; ``accsim.verify("alexnet", "eyeriss")`` steps every
layer with real operands, compares the outputs with the golden kernels' and the counters with the counted engine's. The
pipeline's steps have names of their own:

>>> import accsim
>>> network = accsim.load_network("alexnet", batch=4)
>>> machine = accsim.load_accelerator("eyeriss")
>>> result = accsim.estimate(network, machine)
>>> result.layers_table()  # doctest: +SKIP

Names are imported when they are first used, so ``import accsim`` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AccsimError": "accsim.errors",
    "InputError": "accsim.errors",
    "MappingError": "accsim.errors",
    "Layer": "accsim.workload.layer",
    "LayerKind": "accsim.workload.layer",
    "Geometry": "accsim.workload.layer",
    "Operand": "accsim.workload.layer",
    "Network": "accsim.workload.network",
    "load_network": "accsim.workload.reader",
    "Accelerator": "accsim.hardware.accelerator",
    "load_accelerator": "accsim.hardware.reader",
    "load_dataflow": "accsim.mapping.dataflow_reader",
    "load_mappings": "accsim.mapping.files",
    "load_table": "accsim.energy.reader",
    "price": "accsim.energy.price",
    "area": "accsim.energy.area",
    "Activity": "accsim.simulate.activity",
    "simulate_network": "accsim.pipeline",
    "estimate": "accsim.pipeline",
    "analyse_reuse": "accsim.reuse",
    "ReuseMachine": "accsim.mapping.reuse.machine",
    "Result": "accsim.result",
    "verify": "accsim.verification.verify",
    "Verification": "accsim.verification.outcome",
    "render_html": "accsim.report.html",
    "validate": "accsim.fidelity.validate",
    "nonzero_energy": "accsim.energy_from_nonzeros",
    "read_energy_tool": "accsim.importers.energy_tool",
    "NonZeros": "accsim.energy.nonzero",
    "Words": "accsim.energy.nonzero",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604

if TYPE_CHECKING:
    from accsim.energy.area import area as area
    from accsim.energy.nonzero import NonZeros as NonZeros
    from accsim.energy.nonzero import Words as Words
    from accsim.energy.price import price as price
    from accsim.energy.reader import load_table as load_table
    from accsim.energy_from_nonzeros import nonzero_energy as nonzero_energy
    from accsim.errors import AccsimError as AccsimError
    from accsim.errors import InputError as InputError
    from accsim.errors import MappingError as MappingError
    from accsim.fidelity.validate import validate as validate
    from accsim.hardware.accelerator import Accelerator as Accelerator
    from accsim.hardware.reader import load_accelerator as load_accelerator
    from accsim.importers.energy_tool import read_energy_tool as read_energy_tool
    from accsim.mapping.dataflow_reader import load_dataflow as load_dataflow
    from accsim.mapping.files import load_mappings as load_mappings
    from accsim.mapping.reuse.machine import ReuseMachine as ReuseMachine
    from accsim.pipeline import estimate as estimate
    from accsim.pipeline import simulate_network as simulate_network
    from accsim.report.html import render_html as render_html
    from accsim.result import Result as Result
    from accsim.reuse import analyse_reuse as analyse_reuse
    from accsim.simulate.activity import Activity as Activity
    from accsim.verification.outcome import Verification as Verification
    from accsim.verification.verify import verify as verify
    from accsim.workload.layer import Geometry as Geometry
    from accsim.workload.layer import Layer as Layer
    from accsim.workload.layer import LayerKind as LayerKind
    from accsim.workload.layer import Operand as Operand
    from accsim.workload.network import Network as Network
    from accsim.workload.reader import load_network as load_network


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'accsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
