"""Fixtures of the energy tests: the shipped tables and one machine."""

from __future__ import annotations

import pytest

from accsim.energy.reader import load_table
from accsim.energy.table import EnergyTable
from accsim.hardware.accelerator import Accelerator
from tests.energy.machines import make_machine


@pytest.fixture(scope="session")
def machine() -> Accelerator:
    return make_machine()


@pytest.fixture(scope="session")
def normalized() -> EnergyTable:
    return load_table("eyeriss_normalized")


@pytest.fixture(scope="session")
def horowitz() -> EnergyTable:
    return load_table("horowitz_45nm")


@pytest.fixture(scope="session")
def aladdin() -> EnergyTable:
    return load_table("aladdin_40nm")


@pytest.fixture(scope="session")
def eyeriss_65nm() -> EnergyTable:
    return load_table("eyeriss_65nm")
