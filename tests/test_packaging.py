"""The wheel: one top-level name, and everything that ships loads from it in a fresh environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from accsim.fidelity import validate
from accsim.study.study import studies

ROOT = Path(__file__).resolve().parents[1]

SHIPPED = {
    "networks": "workloads/networks",
    "recipes": "workloads/compressed",
    "dataflows": "dataflows",
    "accelerators": "accsim/hardware/presets",
    "energy tables": "accsim/energy/tables",
}

LOAD_EVERYTHING = """
import json
import accsim
from accsim import library
from accsim.compress.recipe_reader import load_recipe
from accsim.energy.reader import load_table
from accsim.hardware.reader import load_accelerator
from accsim.fidelity import validate
from accsim.mapping.dataflow_reader import load_any_dataflow
from accsim.study import page
from accsim.study.study import studies
from accsim.workload.reader import load_network

readers = {"networks": load_network, "dataflows": load_any_dataflow, "accelerators": load_accelerator,
           "energy tables": load_table, "recipes": load_recipe}
loaded = {kind: [reader(name).name for name in library.names(kind)] for kind, reader in readers.items()}
loaded["cases"] = [case for case in validate.cases() if validate.publication(case).figures]
loaded["studies"] = [name for name, recipe in studies().items() if (page.TEMPLATES / f"{recipe.study}.md.j2").is_file()]
print(json.dumps({"file": accsim.__file__, "version": accsim.__version__, "loaded": loaded}))
"""


def run(command: list[str | Path], where: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("ACCSIM_PATH", "PYTHONPATH")}
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT], out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with the wheel installed.

    The dependencies are reached through a .pth file that names this environment's site-packages. Python does not
    process the .pth files inside such a folder, so an editable install of accsim there stays out of reach.
    """
    environment = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", environment], environment)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel], environment)
    (site,) = (Path(p) for p in json.loads(run([python, "-c", SITE_PACKAGES], environment)))
    ours = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    (site / "dependencies.pth").write_text("\n".join(ours) + "\n")
    return python


SITE_PACKAGES = "import json, sysconfig; print(json.dumps([sysconfig.get_path('purelib')]))"


def files_in_checkout(kind: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / SHIPPED[kind]).glob("*.yaml"))


def test_the_only_top_level_name_is_accsim(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    version = wheel.name.split("-")[1]
    assert {name.split("/")[0] for name in names} == {"accsim", f"accsim-{version}.dist-info"}
    assert not [name for name in names if "tests" in name.split("/") or "__pycache__" in name]


def test_the_wheel_holds_the_data_the_license_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        information = wheel.name.split("-py3")[0] + ".dist-info"
        commands = archive.read(f"{information}/entry_points.txt").decode()
        metadata = archive.read(f"{information}/METADATA").decode()
    for kind, folder in SHIPPED.items():
        inside = folder if folder.startswith("accsim/") else f"accsim/data/{folder}"
        assert {f"{inside}/{name}.yaml" for name in files_in_checkout(kind)} <= names
    assert f"{information}/licenses/LICENSE" in names
    assert "accsim/py.typed" in names
    assert commands == "[console_scripts]\naccsim = accsim.cli:main\n"
    assert "License-Expression: Apache-2.0\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata


def test_of_a_study_ships_what_it_is_made_from(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        studies = {Path(name).name for name in archive.namelist() if name.startswith("accsim/data/reports/")}
    assert studies <= {"recipe.yaml", "figures.yaml", "weights.npz"}
    assert {"recipe.yaml", "figures.yaml", "weights.npz"} <= studies


def test_everything_shipped_loads_from_another_folder(fresh_python: Path, tmp_path: Path) -> None:
    said = json.loads(run([fresh_python, "-I", "-c", LOAD_EVERYTHING], tmp_path))
    assert Path(said["file"]).resolve().is_relative_to(fresh_python.parents[1].resolve())
    for kind in SHIPPED:
        assert said["loaded"][kind] == files_in_checkout(kind), kind
        assert kind == "recipes" or said["loaded"][kind]
    assert said["loaded"]["cases"] == list(validate.cases())
    assert said["loaded"]["studies"] == list(studies())


def test_cases_run_and_studies_are_listed_without_a_checkout(fresh_python: Path, tmp_path: Path) -> None:
    assert run([fresh_python, "-I", "-m", "accsim", "validate", "row-stationary-trace", "--quiet"], tmp_path) == ""
    listed = run([fresh_python, "-I", "-m", "accsim", "report"], tmp_path)
    assert [line.split()[0] for line in listed.splitlines()[2:]] == list(studies())
