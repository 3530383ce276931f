from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

import accsim
from accsim.report.html import render_html
from accsim.report.schema import result_schema
from tests.report.sample_result import sample_result

VALIDATOR = jsonschema.Draft202012Validator(result_schema())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(result_schema())


@pytest.mark.parametrize("layers", [0, 1, 12, 40])
@pytest.mark.parametrize("described", [True, False])
def test_accepts_results(layers: int, described: bool) -> None:
    VALIDATOR.validate(sample_result(layers, described=described))


def test_extra_keys_may_be_added_anywhere() -> None:
    result = sample_result(2)
    result["later"] = result["totals"]["later"] = result["layers"][0]["later"] = {"a": 1}
    result["layers"][0]["cycles"]["later"] = result["layers"][0]["activity"][0]["later"] = 1
    VALIDATOR.validate(result)


def required(schema: dict[str, Any], result: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The place of every key that design and schema require, in ``result``."""
    if "$ref" in schema:
        schema = result_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    places = [(*path, key) for key in schema.get("required", ())]
    if isinstance(result, dict):
        for key, part in result.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            places += required(inner, part, (*path, key)) if isinstance(inner, dict) else []
    elif isinstance(result, list) and result and "items" in schema:
        places += required(schema["items"], result[0], (*path, 0))
    return places


def test_every_key_of_the_format_is_required() -> None:
    result = sample_result(1)
    places = required(result_schema(), result)
    assert len(places) > 70
    for place in places:
        broken = copy.deepcopy(result)
        inner: Any = broken
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]
        assert [e.validator for e in VALIDATOR.iter_errors(broken)] == ["required"], place


def set_macs(result: dict[str, Any]) -> None:
    result["layers"][0]["macs"] = 1.5


def set_negative(result: dict[str, Any]) -> None:
    result["layers"][0]["cycles"]["stall"] = -1


def set_utilization(result: dict[str, Any]) -> None:
    result["layers"][0]["pe"]["utilization"] = 1.01


def set_too_large(result: dict[str, Any]) -> None:
    result["totals"]["macs"] = 2**63


def set_operand(result: dict[str, Any]) -> None:
    result["layers"][0]["activity"][0]["operand"] = "filter"


def set_kind(result: dict[str, Any]) -> None:
    result["levels"][0]["kind"] = "disk"


def set_unit(result: dict[str, Any]) -> None:
    result["energy_table"]["unit"] = "nJ"


def set_clock(result: dict[str, Any]) -> None:
    result["clock_mhz"] = 0


def set_tensor(result: dict[str, Any]) -> None:
    result["layers"][0]["tensors"]["filter"] = result["layers"][0]["tensors"]["ifmap"]


def set_energy(result: dict[str, Any]) -> None:
    result["layers"][0]["energy"]["glb"] = "much"


@pytest.mark.parametrize(
    "spoil",
    [
        set_macs,
        set_negative,
        set_utilization,
        set_too_large,
        set_operand,
        set_kind,
        set_unit,
        set_clock,
        set_tensor,
        set_energy,
    ],
)
def test_refuses(spoil: Callable[[dict[str, Any]], None]) -> None:
    result = sample_result(2)
    VALIDATOR.validate(result)
    spoil(result)
    assert not VALIDATOR.is_valid(result)


def test_every_figure_is_described() -> None:
    text = json.dumps(result_schema())

    def walk(schema: Any, place: str) -> None:
        for key, part in schema.get("properties", {}).items():
            named = result_schema()["$defs"].get(part.get("$ref", "").rpartition("/")[2], {})
            inner = part if part.get("type") == "object" or "properties" in part else {}
            known = part.get("description") or named.get("description") or inner.get("properties")
            assert known, f"{place}.{key}"
            walk(part, f"{place}.{key}")
            walk(part.get("items", {}), f"{place}.{key}[]")

    walk(result_schema(), "result")
    for name, part in result_schema()["$defs"].items():
        walk(part, name)
    assert "http" not in text.replace(result_schema()["$schema"], "")


@pytest.mark.parametrize(("network", "hardware"), [("lenet_caffe", "eyeriss"), ("lenet_caffe", "edge_8x8")])
def test_what_the_pipeline_writes_is_accepted_and_rendered(network: str, hardware: str) -> None:
    result = json.loads(json.dumps(accsim.estimate(network, hardware).to_dict(), allow_nan=False))
    VALIDATOR.validate(result)
    assert network in render_html(result)
