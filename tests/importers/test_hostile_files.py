"""Small files that claim to be large: a sentence, little memory, and nothing written."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from accsim.compress.archive import model_bytes
from accsim.compress.synthetic import synthetic
from accsim.npz import archive_bytes
from accsim.workload.reader import load_network
from tests.importers.graphs import Builder, saved

from onnx import TensorProto, helper  # isort: skip

HEADROOM = 256 * 2**20
"""Bytes that all of it together may ask the system for, beside what Python and its packages take: far below 3 GB."""

UNDER_A_LIMIT = """
import resource, sys
import accsim.cli.compress, accsim.cli.run, accsim.cli.import_, accsim.pipeline, accsim.inputs, accsim.parameter_values
import accsim.importers.onnx_model, accsim.importers.onnx_nodes, accsim.compress.archive, accsim.compress.executor
import onnx, onnx.numpy_helper, onnx.defs, numpy
from accsim.cli.dispatch import main
numpy.ones((64, 64)) @ numpy.ones((64, 64))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for line in sys.stdin.read().splitlines():
    sys.stdout.write(f"{main(line.split())}\\n")
    sys.stdout.flush()
sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before}\\n")
"""

NETWORK = "input: [3, 8, 8]\nlayers:\n  - conv: {conv: 4, kernel: 3}\n"
RECIPE = "passes:\n  - symmetric: {bits: 8}\n"


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, held in members.items():
            file.writestr(f"{name}.npy", held)


def with_claimed_sizes(path: Path, size: int) -> None:
    """Every member says that it unpacks to this many bytes, in both places of a zip file."""
    raw = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = raw.find(mark)
        while start >= 0:
            raw[start + at : start + at + 4] = size.to_bytes(4, "little")
            start = raw.find(mark, start + 4)
    path.write_bytes(raw)


def conv_of(weights: object) -> Builder:
    b = Builder(("n", 3, 8, 8))
    b.out = b.node("Conv", "x", b.constant(weights))  # type: ignore[attr-defined]
    return b


def cases(folder: Path) -> dict[str, str]:
    """Commands, and what they must say."""
    (folder / "net.yaml").write_text(NETWORK)
    (folder / "mine.yaml").write_text(RECIPE)
    (folder / "wide.yaml").write_text("input: [1000000000]\nlayers:\n  - fc: {fc: 1000000}\n")
    huge = header((750_000_000,))
    archive(folder / "claim.npz", {"conv.weight": huge})
    archive(folder / "lies.npz", {"conv.weight": huge + bytes(432)})
    with_claimed_sizes(folder / "lies.npz", 3_000_000_000)
    archive(folder / "bomb.npz", {"conv.weight": header((4, 3, 3, 3)) + bytes(200_000_000)})
    archive(folder / "shape.npz", {"conv.weight": header((50_000_000,)) + bytes(200_000_000)})
    (folder / "claim.npy").write_bytes(huge)
    held = {"network": np.frombuffer(b"input: [100000]\nlayers:\n  - fc: {fc: 100000}\n", np.uint8)}
    (folder / "whole.npz").write_bytes(archive_bytes({**held, "fc.bias": np.zeros(3, np.float32)}))
    proto = TensorProto(data_type=TensorProto.FLOAT, dims=[250_000_000, 3, 1, 1], raw_data=bytes(64))
    saved(conv_of(proto).model("conv0_0"), folder, "dims.onnx")
    b = Builder(("n", 30_000))
    fill = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])
    one = b.node("ConstantOfShape", b.constant([30_000, 30_000], np.int64), value=fill)
    saved(b.model(b.node("Gemm", "x", one, transB=1)), folder, "one.onnx")
    b = Builder(("n", 4))
    rows = b.node("Expand", b.constant(np.ones((4, 1))), b.constant([4, 750_000_000], np.int64))
    saved(b.model(b.node("MatMul", "x", rows)), folder, "expand.onnx")
    b = Builder(("n", 1, 4, 4))
    grown = b.node("Resize", "x", "", b.constant([1, 1, 9000, 9000]), mode="nearest", nearest_mode="floor",
                   coordinate_transformation_mode="asymmetric")  # fmt: skip
    saved(b.model(grown), folder, "grown.onnx")
    np.save(folder / "x.npy", np.ones((1, 1, 4, 4)))
    small = folder / "small.npz"
    small.write_bytes(model_bytes(synthetic(load_network(str(folder / "net.yaml"))), with_network=True))
    claims = "claims 3000000000 bytes, more than its "
    net = "--network net.yaml -o out.npz"
    return {
        f"compress claim.npz mine.yaml {net}": f"claim.npz: conv.weight: {claims}",
        f"compress lies.npz mine.yaml {net}": f"lies.npz: conv.weight: {claims}",
        f"compress bomb.npz mine.yaml {net}": "bomb.npz: conv.weight: does not hold the 432 bytes that it claims",
        f"compress shape.npz mine.yaml {net}": "conv.weight: must have shape (4, 3, 3, 3), got (50000000,)",
        "compress whole.npz mine.yaml -o out.npz": "fc.bias: must have shape (100000,), got (3,)",
        "compress wide.yaml mine.yaml -o out.npz": "wide has 1000000000000000 weights; at most 536870912 are made up",
        "compress dims.onnx mine.yaml -o out.npz": "needs 3000000000 bytes, but the file holds 64",
        "compress one.onnx mine.yaml -o out.npz": "its 900000000 weights are one value repeated; at most",
        "compress expand.onnx mine.yaml -o out.npz": "(Expand): it makes a constant of 3000000000 values; at most",
        "run grown.onnx --inputs x.npy --html out.html": "grown has feature maps of 1296000000 words; at most",
        "run small.npz --inputs claim.npy --html out.html": "claim.npy: not a NumPy .npy file of a plain array",
        "run net.yaml --tensors claim.npz --html out.html": f"claim.npz: conv.weight: {claims}",
        "run net.yaml --tensors shape.npz --html out.html": "conv.weight: has shape (50000000,): more words than the",
        "run dims.onnx --html out.html": "needs 3000000000 bytes, but the file holds 64",
        "import dims.onnx -o out.npz": "needs 3000000000 bytes, but the file holds 64",
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as on Linux")
def test_claims_of_gigabytes_take_no_memory_and_leave_nothing(tmp_path: Path) -> None:
    commands = cases(tmp_path)
    small = [p for p in tmp_path.iterdir() if p.stem not in ("bomb", "shape", "small")]
    assert all(path.stat().st_size < 1500 for path in small)
    before = sorted(path.name for path in tmp_path.iterdir())
    outcome = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, str(HEADROOM)], input="\n".join(commands), capture_output=True, text=True,
        cwd=tmp_path, check=False, timeout=120,
    )  # fmt: skip
    *codes, grown = outcome.stdout.split()
    assert codes == ["2"] * len(commands), outcome.stderr
    sentences = outcome.stderr.splitlines()
    for command, sentence in commands.items():
        assert any(sentence in line for line in sentences), (command, outcome.stderr)
    assert "not enough memory" not in outcome.stderr
    assert int(grown) * 1024 < HEADROOM / 2
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_damaged_archive_names_the_array(tmp_path: Path) -> None:
    from accsim.compress.archive import read_model
    from accsim.errors import InputError

    (tmp_path / "net.yaml").write_text(NETWORK)
    path = tmp_path / "net.npz"
    values = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32)
    path.write_bytes(archive_bytes({"conv.weight": values}))
    raw = path.read_bytes()
    packed = zlib.crc32(raw)
    for at in range(80, 300, 20):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 255]) + raw[at + 1 :])
        with pytest.raises(InputError) as error:
            read_model(path)
        assert str(error.value) == f"{path}: conv.weight: cannot be read: the archive is damaged"
    assert zlib.crc32(raw) == packed
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match=r"not a NumPy \.npz archive of plain arrays$"):
        read_model(path)
