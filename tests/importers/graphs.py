"""Small ONNX graphs for the tests, and what onnxruntime makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

QONNX = "qonnx.custom_op.general"


class Builder:
    """Collects nodes and constants of one graph that reads ``x``."""

    def __init__(
        self, shape: tuple[int | str, ...], opset: int = 17, domains: tuple[str, ...] = (), *, numbers: bool = False
    ) -> None:
        self.shape, self.opset, self.domains = shape, opset, domains
        self.kind = TensorProto.INT64 if numbers else TensorProto.FLOAT
        self.nodes: list[Any] = []
        self.stored: list[Any] = []

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        """Store a constant."""
        name = f"c{len(self.stored)}"
        proto = value if hasattr(value, "data_type") else numpy_helper.from_array(np.asarray(value, kind), name)
        proto.name = name
        self.stored.append(proto)
        return name

    def node(self, operation: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """Add a node called like its operation and number; return its output or outputs."""
        name = f"{operation.lower()}{len(self.nodes)}"
        made = [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(inputs), made, name=name, domain=domain, **attributes))
        return made[0] if outputs == 1 else made

    def model(self, *outputs: str) -> Any:
        """The model."""
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", self.kind, self.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self.stored,
        )
        versions = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(d, 1) for d in self.domains)]
        return helper.make_model(graph, opset_imports=versions, ir_version=min(9 if self.opset < 21 else 10, 10))


def saved(model: Any, folder: Path, name: str = "m.onnx") -> Path:
    """Write a model."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def onnxruntime_values(model: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every output of a model in onnxruntime."""
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    runtime.set_default_logger_severity(4)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: x}), strict=True))
