"""The list of published methods claims nothing that is not there."""

from __future__ import annotations

import re
from importlib import import_module

from accsim import library
from accsim.compress.methods import Status, methods
from accsim.compress.passes.registry import PASSES


def test_every_row_of_the_list_is_there() -> None:
    found = methods()
    assert len(found) == 129
    assert len({method.name for method in found}) == 129
    assert all(method.reference and method.does and method.visible for method in found)


def test_passes_and_networks_that_are_claimed_exist() -> None:
    networks = set(library.names("networks"))
    for method in methods():
        assert set(method.passes) <= PASSES.keys(), method.name
        assert set(method.networks) <= networks, method.name
        for cost in method.cost_models:
            module, _, function = cost.partition(".")
            assert callable(getattr(import_module(f"accsim.compress.costs.{module}"), function))


def test_what_is_covered_says_by_what_and_the_rest_says_why() -> None:
    for method in methods():
        if method.status is Status.COVERED:
            assert method.passes or method.networks or method.why, method.name
        else:
            assert method.why, method.name
        if method.status is Status.NOT_APPLICABLE:
            assert not method.passes, method.name


def test_functions_that_reasons_name_exist() -> None:
    found = {name for method in methods() for name in re.findall(r"\b(\w+\.[a-z_]+)\b", method.why)}
    functions = {name for name in found if name.split(".")[0] in ("importance", "reconstruction", "restore")}
    assert len(functions) >= 6
    for name in functions:
        module, _, function = name.partition(".")
        assert callable(getattr(import_module(f"accsim.compress.{module}"), function)), name


def test_every_pass_is_of_some_method_or_general() -> None:
    # what serves several methods and is none of them
    general = {"affine", "blocks", "n_of_m", "ternary_optimum"}
    claimed = {name for method in methods() for name in method.passes}
    assert PASSES.keys() - claimed <= general


def test_transformations_are_known_codes() -> None:
    codes = {code for method in methods() for code in method.transformations}
    assert all(re.fullmatch("T1?[0-9]", code) for code in codes)
    assert codes == {f"T{i}" for i in range(1, 20)}
