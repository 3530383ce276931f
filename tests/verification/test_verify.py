"""``verify``: real layers agree, and an engine that is wrong is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accsim import load_accelerator
from accsim.errors import AccsimError, InputError
from accsim.simulate.stepped.layer import SteppedLayer
from accsim.verification import layer as verification_layer
from accsim.verification.outcome import Verification
from accsim.verification.verify import verify

NETWORK = """\
input: [6, 9, 8]
layers:
  - grouped: {conv: 8, kernel: 3, stride: 2, pad: 1, groups: 2, then: relu}
  - depthwise: {depthwise: 3, pad: 1}
  - pointwise: {conv: 5, kernel: 1}
  - fc: {fc: 7}
"""

ARRAY = "array.rows=4", "array.cols=5"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NETWORK, encoding="utf-8")
    return path


def without_times(found: Verification) -> dict:
    """What does not depend on the speed of the machine that runs the test."""

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if "second" not in k and k != "jobs"}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return strip(found.to_dict())  # type: ignore[return-value]


@pytest.mark.parametrize("bits", [None, 8, 16])
@pytest.mark.parametrize("dataflow", ["weight_stationary", "output_stationary", "input_stationary"])
def test_systolic_layers_agree(network: Path, dataflow: str, bits: int | None) -> None:
    found = verify(network, "systolic_32x32", dataflow=dataflow, batch=2, bits=bits, overrides=ARRAY)
    assert found.agrees, found.to_dict()
    assert [layer.layer for layer in found.layers] == ["grouped", "depthwise", "pointwise", "fc"]
    assert [layer.outputs for layer in found.layers] == [2 * 8 * 5 * 4, 2 * 8 * 5 * 4, 2 * 5 * 5 * 4, 2 * 7]
    assert found.without_macs == 1
    assert (found.activation_bits, found.accumulator_bits) == ((16, 48) if bits == 16 else (8, 32))
    assert not any(layer.overflows for layer in found.layers)


def test_row_stationary_layers_agree_where_sums_saturate(network: Path) -> None:
    found = verify(network, "eyeriss", batch=2, seed=3)
    assert found.agrees, found.to_dict()
    assert (found.weight_bits, found.accumulator_bits) == (16, 16)


def test_small_networks_agree_as_a_whole() -> None:
    for machine in ("edge_8x8", "eyeriss", "tpu_v1"):
        found = verify("lenet_caffe", machine)
        assert found.agrees, found.to_dict()
        assert found.macs == 2_293_000


def test_products_of_two_activations_agree() -> None:
    found = verify("gpt2_decode", "edge_8x8", bindings={"sequence": 5}, layers=["h.0.attn*"])
    assert found.agrees, found.to_dict()
    assert "matmul" in {layer.kind for layer in found.layers}


def test_the_verdict_is_one_sentence(network: Path) -> None:
    found = verify(network, "edge_8x8")
    figures = sum(layer.figures for layer in found.layers)
    assert found.verdict() == (
        f"all 4 layers agree: 427 outputs equal the golden kernels' bit for bit, and {figures} cycle figures and "
        "counters the counted engine's"
    )
    one = verify(network, "edge_8x8", layers=["fc"])
    assert one.verdict().startswith("fc agrees: 7 outputs equal ")


def test_two_at_a_time_find_the_same(network: Path) -> None:
    told: list[tuple[int, int, str]] = []
    alone = verify(network, "systolic_32x32", seed=5, overrides=ARRAY)
    both = verify(network, "systolic_32x32", seed=5, overrides=ARRAY, jobs=2, progress=lambda *said: told.append(said))
    assert without_times(both) == without_times(alone)
    assert (alone.jobs, both.jobs) == (1, 2)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    cycles = sum(layer.cycles for layer in both.layers)
    assert told[-1] == (cycles, cycles, "")
    assert "grouped, depthwise" in {names for _, _, names in told}


def test_the_json_form_is_plain(network: Path) -> None:
    found = verify(network, "edge_8x8", layers=["fc"])
    plain = json.loads(json.dumps(found.to_dict("accsim verify x"), allow_nan=False))
    assert plain["command"] == "accsim verify x"
    assert (plain["agrees"], plain["totals"]["outputs"], plain["layers_without_macs"]) == (True, 7, 0)
    (layer,) = plain["layers"]
    assert layer["pe_updates_per_second"] == pytest.approx(layer["macs"] / layer["seconds"])


Tamper = Callable[[SteppedLayer], SteppedLayer]


@pytest.fixture
def tampered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Tamper], None]:
    """Changes what the stepped engine gives for every layer."""
    real = verification_layer.simulate_mac_stepped

    def install(tamper: Tamper) -> None:
        monkeypatch.setattr(
            verification_layer, "simulate_mac_stepped", lambda *args, **kwargs: tamper(real(*args, **kwargs))
        )

    return install


def one_more(tensor: np.ndarray, *at: int) -> np.ndarray:
    changed = tensor.copy()
    changed[at] += 1
    return changed


def test_a_wrong_output_is_named(network: Path, tampered: Callable[[Tamper], None]) -> None:
    tampered(lambda said: replace(said, outputs=one_more(said.outputs, 0, 3, 2, 1)))
    found = verify(network, "edge_8x8", layers=["pointwise"])
    (layer,) = found.layers
    (wrong,) = layer.wrong
    (word,) = wrong.first
    assert not found.agrees
    assert (wrong.tensor, wrong.count, wrong.of) == ("outputs", 1, 100)
    assert (word.at, word.stepped) == ((0, 3, 2, 1), word.golden + 1)
    assert layer.differences == ()
    assert found.verdict() == "1 of 1 layers differ: pointwise"
    assert found.to_dict()["layers"][0]["wrong"] == [
        {
            "tensor": "outputs",
            "count": 1,
            "first": [
                {"at": {"n": 0, "m": 3, "p": 2, "q": 1}, "golden": word.golden, "stepped": word.stepped},
            ],
        }
    ]


def test_a_wrong_sum_behind_a_saturated_output_is_found(network: Path, tampered: Callable[[Tamper], None]) -> None:
    def change(said: SteppedLayer) -> SteppedLayer:
        return replace(said, observed=replace(said.observed, sums=one_more(said.observed.sums, 0, 6, 0, 0)))

    tampered(change)
    narrow = ("pe.accumulator_bits=10", "pe.overflow=saturate")
    found = verify(network, "edge_8x8", layers=["fc"], overrides=narrow)
    (layer,) = found.layers
    assert layer.overflows > 0
    assert [(wrong.tensor, wrong.count) for wrong in layer.wrong] == [("exact sums", 1)]


def test_a_wrong_counter_and_a_wrong_cycle_are_named(network: Path, tampered: Callable[[Tamper], None]) -> None:
    def change(said: SteppedLayer) -> SteppedLayer:
        activity = said.activity
        first, *rest = activity.counts
        counts = (replace(first, accesses=first.accesses + 1), *rest)
        cycles = replace(activity.cycles, fill=activity.cycles.fill + 2)
        return replace(said, activity=replace(activity, counts=counts, cycles=cycles))

    tampered(change)
    found = verify(network, "edge_8x8", layers=["grouped", "fc"])
    assert found.verdict() == "2 of 2 layers differ: grouped, fc"
    for layer in found.layers:
        names = [difference.figure for difference in layer.differences]
        assert names[:2] == ["cycles.total", "cycles.fill"]
        assert names[2].endswith(", accesses")
        assert len(names) == 3
        for difference, more in zip(layer.differences, (2, 2, 1), strict=True):
            assert difference.stepped == difference.expected + more
        assert layer.wrong == ()


def test_a_wrong_number_of_overflows_is_named(network: Path, tampered: Callable[[Tamper], None]) -> None:
    tampered(lambda said: replace(said, overflows=said.overflows + 3))
    found = verify(network, "edge_8x8", layers=["fc"])
    assert [str(difference) for difference in found.layers[0].differences] == ["overflows: golden 0, stepped 3"]


def test_an_engine_that_gives_up_names_the_layer(network: Path, tampered: Callable[[Tamper], None]) -> None:
    def refuse(said: SteppedLayer) -> SteppedLayer:
        raise AccsimError("a word was late")

    tampered(refuse)
    with pytest.raises(AccsimError) as error:
        verify(network, "edge_8x8", layers=["fc"])
    assert str(error.value) == "layer 'fc': a word was late"


def test_given_operands_are_used(network: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", **{"fc.ifmap": np.zeros((5, 5, 4), int), "fc.weight": np.ones((7, 100, 1, 1), int)})
    found = verify(network, "edge_8x8", tensors=tmp_path / "t.npz")
    assert found.agrees, found.to_dict()
    assert found.given == ("fc",)


def test_a_network_without_macs(tmp_path: Path) -> None:
    path = tmp_path / "pools.yaml"
    path.write_text("input: [1, 4, 4]\nlayers:\n  - pool: {max_pool: 2}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        verify(path, "edge_8x8")
    assert str(error.value) == "network 'pools' has no layer with MACs, so there is nothing to step"


def test_widths_are_changed_in_files_only(network: Path) -> None:
    with pytest.raises(InputError) as error:
        verify(network, "edge_8x8", bits=12)
    assert str(error.value) == "bits must be 8 or 16, got 12"
    with pytest.raises(InputError) as error:
        verify(network, load_accelerator("edge_8x8"), bits=8)
    assert str(error.value) == "bits and overrides change an accelerator's file, and 'edge_8x8' is already built"


def test_numbers_that_mean_nothing(network: Path) -> None:
    with pytest.raises(InputError) as error:
        verify(network, "edge_8x8", seed=-1, jobs=0)
    assert str(error.value) == "jobs must be at least 1, got 0\nseed must be at least 0, got -1"


def test_overrides_come_after_bits(network: Path) -> None:
    found = verify(network, "edge_8x8", layers=["fc"], bits=8, overrides=["pe.accumulator_bits=40"])
    assert (found.weight_bits, found.accumulator_bits) == (8, 40)


FULL_SIZE = [
    *(
        ("systolic_32x32", flow, bits)
        for flow in ("weight_stationary", "output_stationary", "input_stationary")
        for bits in (8, 16)
    ),
    ("eyeriss", None, None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("machine", "dataflow", "bits"), FULL_SIZE)
@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_whole_networks_at_full_size(name: str, machine: str, dataflow: str | None, bits: int | None) -> None:
    found = verify(name, machine, dataflow=dataflow, bits=bits, jobs=2)
    assert found.agrees, found.to_dict()
    assert len(found.layers) == {"alexnet": 8, "resnet18": 21}[name]
    assert found.macs == {"alexnet": 724_406_816, "resnet18": 1_814_073_344}[name]
    assert bits is None or not any(layer.overflows for layer in found.layers)
