"""Trained and published models: those of the qonnx package, and the graphs that ship with the onnx package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accsim.cli.dispatch import main
from accsim.compress.codes import Uniform
from accsim.compress.executor import run
from accsim.importers.onnx_model import import_onnx
from accsim.pipeline import estimate
from accsim.workload.layer import Geometry
from accsim.workload.operands import as_map
from tests.importers.graphs import onnx, onnxruntime_values
from tests.importers.lowering import lowered
from tests.importers.test_quantised_models import OF_A_TIE
from tests.naive.integer_convolution import convolve

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
OF_FULL_SCALE = 1e-5

KNOWN = {
    "bvlc_alexnet": (5, 3, 60_954_656),
    "squeezenet": (26, 0, 1_231_552),
    "vgg19": (16, 3, 143_652_544),
    "resnet50": (53, 1, 25_502_912),
    "inception_v1": (57, 1, 6_990_272),
    "densenet121": (121, 0, 7_894_208),
}
"""Convolutions, fully connected layers and weights without biases: AlexNet (Krizhevsky et al., NIPS 2012) and VGG-19
(Simonyan and Zisserman, ICLR 2015, table 1), ResNet-50 (He et al., CVPR 2016, table 1), SqueezeNet v1.1
(Iandola et al., 2016, and its repository), GoogLeNet (Szegedy et al., CVPR 2015, table 1), DenseNet-121 (Huang et al.,
CVPR 2017, table 1)."""

pytestmark = pytest.mark.skipif(not LIGHT.is_dir(), reason="the onnx package ships without its light models")


@pytest.mark.parametrize("path", sorted(LIGHT.glob("light_*.onnx")), ids=lambda path: path.stem)
def test_light_models_have_the_shapes_that_onnx_infers(path: Path) -> None:
    """Filled with one value, but the published shapes: each layer's output beside onnx's own inference."""
    model = onnx.load(path)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = {
        entry.name: tuple(d.dim_value for d in entry.type.tensor_type.shape.dim)
        for entry in (*inferred.graph.value_info, *inferred.graph.output)
    }
    network = import_onnx(path).network
    given = {node.name or node.output[0]: shapes.get(node.output[0]) for node in model.graph.node}
    names = {name.lstrip("/"): shape for name, shape in given.items()}
    compared = 0
    for layer in network.layers:
        wanted = names.get(layer.name)
        if wanted:
            assert (*wanted[1:], *(1 for _ in range(4 - len(wanted)))) == layer.output_shape, layer.name
            compared += 1
    assert compared == len(network.layers)


@pytest.mark.parametrize("name", KNOWN)
def test_light_models_have_the_published_layers(name: str) -> None:
    convolutions, connected, weights = KNOWN[name]
    network = import_onnx(LIGHT / f"light_{name}.onnx").network
    kinds = [layer.kind.value for layer in network.mac_layers]
    assert (kinds.count("conv"), kinds.count("fc"), network.weight_words) == (convolutions, connected, weights)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of the qonnx package."""
    folder = tmp_path_factory.mktemp("qonnx")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), "qonnx==1.0.0"]
    subprocess.run(fetch, check=True, capture_output=True)
    (wheel,) = folder.glob("qonnx-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / "qonnx" / "data" / "onnx"


FLOAT = (
    "mnist-conv/model.onnx",
    "bsd300x3-espcn/nn_resize/float_model.onnx",
    "bsd300x3-espcn/subpixel/float_model.onnx",
)
QUANTISED = ("bsd300x3-espcn/nn_resize/quant_model.onnx", "bsd300x3-espcn/subpixel/quant_model.onnx")


def inputs(model: Any) -> np.ndarray:
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    return np.random.default_rng(1).random(shape).astype(np.float32)


@pytest.mark.network
@pytest.mark.parametrize("name", FLOAT)
def test_float_outputs_beside_onnxruntime(models: Path, name: str) -> None:
    model = onnx.load(models / name)
    x = inputs(model)
    want = onnxruntime_values(model, x)[model.graph.output[0].name]
    imported = import_onnx(models / name)
    last = run(imported, x).values[imported.network.layers[-1].name]
    assert np.abs(last.reshape(want.shape) - want).max() <= OF_FULL_SCALE * np.abs(want).max()


@pytest.mark.network
@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_models_layer_by_layer(models: Path, name: str) -> None:
    """Each feature map's codes, computed from onnxruntime's codes before it; each accumulator beside the twin."""
    model = onnx.load(models / name)
    x = inputs(model)
    want = onnxruntime_values(lowered(model), x)
    imported = import_onnx(models / name)
    before = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Quant"}
    known = {node.name: node.output[0] for node in model.graph.node}
    after = {source: result for result, source in before.items()}
    theirs = {}
    for layer in imported.activations:
        tensor = next(t for n, t in known.items() if n.lstrip("/").replace(":", "_") == layer)
        theirs[layer] = (want[tensor].astype(np.float64), want[after[tensor]].astype(np.float64))
    done = run(imported, x, instead={layer: after for layer, (_, after) in theirs.items()})
    for layer, (reals, rounded) in theirs.items():
        code = imported.activations[layer]
        assert code.scale is not None
        codes = np.rint(rounded / code.scale).astype(np.int64)
        exact = reals / code.scale
        differ = done.codes[layer].codes.reshape(codes.shape) != codes
        assert (np.abs(np.abs(exact - np.floor(exact)) - 0.5)[differ] < OF_A_TIE).all(), layer
    for layer_name, sums in done.sums.items():
        layer, weight = imported.network.layer(layer_name), imported.parameters[layer_name].weight
        assert isinstance(weight, Uniform)
        g, source = layer.geometry, done.codes[layer.inputs[0]]
        assert g is not None
        fed = source.codes
        if layer.inputs[0] in theirs:
            fed = np.rint(theirs[layer.inputs[0]][1] / source.code.scale).astype(np.int64)
        assert np.array_equal(sums[:, :1, :9], _first_rows(as_map(layer, fed), weight.integers(), g))


def _first_rows(codes: np.ndarray, weight: np.ndarray, g: Geometry) -> np.ndarray:
    """The first filter's first nine rows: the twin is slow, and every filter and row goes the same way."""
    return convolve(codes, weight[:1], replace(g, M=1, P=9))


RECIPES = {
    "fixed point": "  - level: {sparsity: 0.6}\n  - symmetric: {bits: 6, grain: filter}\n",
    "ternary": "  - twn: {}\n",
    "binary": "  - bwn: {}\n",
    "powers of two": "  - inq: {bits: 5}\n",
    "codebook": "  - magnitude: {}\n  - kmeans: {bits: 4}\n",
    "kernels of low rank": "  - spatial_svd: {fraction: 0.5}\n",
    "planes": "  - residual: {}\n",
}


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        *((FLOAT[0], recipe) for recipe in RECIPES),
        (FLOAT[1], "ternary"),
        (FLOAT[2], "fixed point"),
        (QUANTISED[0], "codebook"),
        (QUANTISED[1], "kernels of low rank"),
    ],
)
def test_real_models_are_compressed_and_what_is_written_is_estimated(
    models: Path, name: str, recipe: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(f"passes:\n{RECIPES[recipe]}")
    out = tmp_path / "small.npz"
    assert main(["compress", str(models / name), str(tmp_path / "mine.yaml"), "-o", str(out), "--quiet"]) == 0
    for machine in ("systolic_32x32", "eyeriss"):
        direct = estimate(str(models / name), machine, compress=str(tmp_path / "mine.yaml")).to_dict()
        archived = estimate(str(out), machine).to_dict()
        assert direct["totals"] == archived["totals"]
        assert direct["layers"] == archived["layers"]
        assert direct["totals"]["cycles"]["total"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "resnet50"])
def test_light_models_are_compressed_and_estimated(name: str, tmp_path: Path) -> None:
    """Their weights are one value in many places, but their shapes are those of the published networks."""
    (tmp_path / "mine.yaml").write_text("passes:\n  - symmetric: {bits: 8}\n")
    path = str(LIGHT / f"light_{name}.onnx")
    out = str(tmp_path / "small.npz")
    assert main(["compress", path, str(tmp_path / "mine.yaml"), "-o", out, "--quiet"]) == 0
    totals = estimate(out, "systolic_32x32").to_dict()["totals"]
    assert totals["macs"] == import_onnx(path).network.macs


@pytest.mark.network
@pytest.mark.parametrize("name", [*FLOAT, *QUANTISED])
def test_real_models_are_written_read_back_and_estimated(models: Path, name: str, tmp_path: Path) -> None:
    out = tmp_path / "model.npz"
    assert main(["import", str(models / name), "-o", str(out), "--quiet"]) == 0
    for machine in ("systolic_32x32", "eyeriss"):
        direct, again = (estimate(str(path), machine).to_dict() for path in (models / name, out))
        assert direct["totals"] == again["totals"]
