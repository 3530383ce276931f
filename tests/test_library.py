"""Names, paths, $ACCSIM_PATH and aliases."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accsim import library
from accsim.errors import InputError

ROOT = Path(library.__file__).resolve().parents[1]


def message(kind: str, name: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        library.find(kind, name)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with no search path."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.delenv("ACCSIM_PATH", raising=False)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small library in place of the shipped one, laid out as in a wheel."""
    package = tmp_path / "site" / "accsim"
    networks = package / "data" / "workloads" / "networks"
    networks.mkdir(parents=True)
    (networks / "alexnet.yaml").write_text("name: alexnet\n")
    (networks / "vgg16.yaml").write_text("name: vgg16\n")
    (networks.parent / "aliases.yaml").write_text("vgg: vgg16\nvgg_d: vgg16\n")
    tables = package / "energy" / "tables"
    tables.mkdir(parents=True)
    (tables / "horowitz_45nm.yaml").write_text("name: horowitz_45nm\n")
    monkeypatch.setattr(library, "_PACKAGE", package)
    return package


def test_a_name_finds_the_shipped_file(shipped: Path) -> None:
    assert library.find("networks", "alexnet") == library.Source(
        "alexnet", "workloads/networks/alexnet.yaml", "name: alexnet\n"
    )
    assert library.find("energy tables", "horowitz_45nm").place == "accsim/energy/tables/horowitz_45nm.yaml"
    assert library.names("networks") == ("alexnet", "vgg16")
    assert library.names("recipes") == ()


def test_an_alias_finds_the_network_it_stands_for(shipped: Path) -> None:
    assert library.find("networks", "vgg").name == "vgg16"


def test_an_alias_is_for_networks_only(shipped: Path) -> None:
    assert message("recipes", "vgg") == "no recipe named 'vgg'; 'accsim list' shows the names there are"


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("networks", "alexnt", "no network named 'alexnt'; did you mean 'alexnet'?"),
        ("networks", "vgg_", "no network named 'vgg_'; did you mean 'vgg_d' or 'vgg' or 'vgg16'?"),
        ("networks", "zzz", "no network named 'zzz'; 'accsim list' shows the names there are"),
        ("networks", "", "no network named ''; 'accsim list' shows the names there are"),
        ("networks", "a\nb", "no network named 'a?b'; 'accsim list' shows the names there are"),
        ("energy tables", "horowitz", "no energy table named 'horowitz'; did you mean 'horowitz_45nm'?"),
        ("networks", "foo/bar.yaml", "file not found: foo/bar.yaml"),
        ("networks", "mine.yml", "file not found: mine.yml"),
        (
            "networks",
            "alexnet.yaml",
            "file not found: alexnet.yaml; did you mean 'alexnet', the network of that name?",
        ),
    ],
)
def test_a_miss_says_what_is_missing(shipped: Path, kind: str, name: str, said: str) -> None:
    assert message(kind, name) == said


def test_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="unknown kind 'nets': expected one of networks, recipes, dataflows"):
        library.names("nets")


def test_a_path_is_read_as_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: mine\r\nx: 1\r")
    for given_as in (str(path), path):
        assert library.find("networks", given_as) == library.Source("mine", str(path), "name: mine\nx: 1\n")


def test_a_file_without_a_suffix_in_the_working_folder_is_a_path(shipped: Path) -> None:
    Path("alexnet").write_text("mine")
    assert library.find("networks", "alexnet") == library.Source("alexnet", "alexnet", "mine")


def test_a_folder_called_like_a_network_does_not_hide_it(shipped: Path) -> None:
    Path("alexnet").mkdir()
    assert library.find("networks", "alexnet").text == "name: alexnet\n"


def test_the_search_path_comes_before_what_is_shipped(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (first / "networks").mkdir(parents=True)
    (second / "energy_tables").mkdir(parents=True)
    (first / "networks" / "alexnet.yaml").write_text("in a folder of its kind")
    (first / "mine.yaml").write_text("beside it")
    (second / "energy_tables" / "ours.yaml").write_text("a table")
    (second / "mine.yaml").write_text("too late")
    monkeypatch.setenv("ACCSIM_PATH", os.pathsep.join(["", str(tmp_path / "nowhere"), str(first), str(second)]))

    found = library.find("networks", "alexnet")
    assert found == library.Source("alexnet", str(first / "networks" / "alexnet.yaml"), "in a folder of its kind")
    assert library.find("networks", "mine").text == "beside it"
    assert library.find("energy tables", "ours").text == "a table"
    assert library.names("energy tables") == ("horowitz_45nm", "ours")
    assert library.names("networks") == ("alexnet", "vgg16")
    assert message("networks", "mino") == "no network named 'mino'; did you mean 'mine'?"


def test_files_that_cannot_be_read_give_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, latin = tmp_path / "folder.yaml", tmp_path / "latin.yaml"
    folder.mkdir()
    latin.write_bytes(b"name: a\nby: \xe9ric\n")
    assert message("networks", folder) == f"{folder}: is a folder, not a file"
    assert message("networks", latin) == f"{latin}:2:5: not UTF-8 text: byte 0xe9"
    assert message("networks", "a\0b.yaml") == "a?b.yaml: cannot be read: not a valid path"
    assert message("networks", "x" * 300 + "/").endswith("...: cannot be read: file name too long")
    monkeypatch.setattr(library, "_LARGEST_FILE", 3)
    assert message("networks", latin) == f"{latin}: larger than 64 MiB"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("name: x\n")
    path.chmod(0)
    assert message("networks", path) == f"{path}: cannot be read: permission denied"


def test_the_checkout_lists_its_own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    dataflows = sorted(path.stem for path in (ROOT / "dataflows").glob("*.yaml"))
    assert library.names("dataflows") == tuple(dataflows)
    assert {"input_stationary", "output_stationary", "row_stationary", "weight_stationary"} <= set(dataflows)


def test_every_alias_names_a_shipped_network() -> None:
    assert set(library._aliases("networks").values()) <= set(library.names("networks"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(library.KINDS), st.text())
def test_any_text_is_found_or_refused_in_one_line(kind: str, name: str) -> None:
    try:
        library.find(kind, name)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
