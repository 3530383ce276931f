from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accsim
from accsim.errors import InputError
from accsim.hardware.accelerator import Dram
from accsim.hardware.off_chip import RunLength
from accsim.simulate.activity import Action
from accsim.simulate.coding import Coded
from accsim.simulate.values import Array, load_tensors, measure, run_length_pairs, tensor_mistakes
from accsim.workload.layer import Geometry, Operand, TensorStatistics
from tests.naive.nest import NaiveNest
from tests.naive.run_length import decode, encode
from tests.strategies import conv_layers

CODE = RunLength(run_bits=5, pairs_per_word=3, word_bits=64, operands=(Operand.IFMAP, Operand.OFMAP))
DRAM = Dram("dram", tuple(Operand), 64, run_length=CODE)
PLAIN = Dram("dram", tuple(Operand), 64)


@given(st.lists(st.sampled_from([0, 0, 0, 1, 7]), max_size=300), st.integers(1, 5))
def test_run_length_pairs_equal_an_encoder(values: list[int], run_bits: int) -> None:
    pairs = encode(values, run_bits)
    assert decode(pairs) == values
    assert run_length_pairs(np.array(values, dtype=np.int16), run_bits) == len(pairs)


def walk(geometry: Geometry, ifmap: Array, weight: Array) -> tuple[int, int]:
    """MACs with a non-zero ifmap word, and with both words non-zero, in plain loops."""
    g, by_ifmap, both = geometry, 0, 0
    for n in range(g.N):
        for m in range(g.M):
            group = m // g.filters_per_group
            for p in range(g.P):
                for q in range(g.Q):
                    for c in range(g.channels_per_group):
                        for r in range(g.R):
                            for s in range(g.S):
                                h = p * g.stride_h + r * g.dilation_h - g.pad_top
                                w = q * g.stride_w + s * g.dilation_w - g.pad_left
                                if not (0 <= h < g.H and 0 <= w < g.W):
                                    continue
                                if ifmap[n, group * g.channels_per_group + c, h, w] != 0:
                                    by_ifmap += 1
                                    both += int(weight[m, c, r, s] != 0)
    return by_ifmap, both


@settings(max_examples=40, deadline=None)
@given(conv_layers(), st.integers(0, 2**32 - 1))
def test_effectual_macs_equal_plain_loops(layer: accsim.Layer, seed: int) -> None:
    g = layer.geometry
    assert g is not None
    if g.macs > 20_000:
        return
    rng = np.random.default_rng(seed)
    ifmap = rng.integers(0, 2, (g.N, g.C, g.H, g.W))
    weight = rng.integers(0, 2, (g.M, g.channels_per_group, g.R, g.S))
    values = measure(layer, {"ifmap": ifmap, "weight": weight}, DRAM)
    assert (values.ifmap_macs, values.effectual_macs) == walk(g, ifmap, weight)


@pytest.fixture(scope="module")
def network() -> accsim.Network:
    return accsim.load_network("lenet5")


def random_ifmaps(network: accsim.Network, density: float) -> dict[str, dict[str, Array]]:
    rng = np.random.default_rng(0)
    return {
        layer.name: {"ifmap": (rng.random((1, *layer.input_shapes[0])) < density).astype(np.int16)}
        for layer in network.mac_layers
    }


def test_values_replace_densities(network: accsim.Network) -> None:
    plain = accsim.estimate(network, "eyeriss")
    same = {e.activity.layer: m for e, m in zip(plain.estimates, plain.mappings_used, strict=True) if m}
    valued = accsim.estimate(network, "eyeriss", tensors=random_ifmaps(network, 0.1), mapping=same)
    assert (plain.values, valued.values) == ("expected", "real")
    assert valued.cycles <= plain.cycles
    assert valued.energy < plain.energy
    gated = [c for e in valued.estimates for c in e.activity.priced if c.action.value == "gated_mac"]
    assert gated


def test_zero_gating_counts_the_zeros_of_real_values(network: accsim.Network) -> None:
    tensors = random_ifmaps(network, 0.3)
    result = accsim.estimate(network, "eyeriss", tensors=tensors)
    for layer, estimate in zip(network.layers, result.estimates, strict=True):
        if layer.geometry is None:
            continue
        expected = measure(layer, tensors[layer.name], DRAM).ifmap_macs
        done = sum(c.accesses for c in estimate.activity.priced if (c.level, c.action.value) == ("pe", "mac"))
        assert done == expected
        assert estimate.activity.effectual_macs == expected


def test_known_values_are_counted_and_not_expected(network: accsim.Network) -> None:
    """With the values of all that is gated or coded, counters are whole numbers; what is not given is expected."""
    result = accsim.estimate(network, "eyeriss", tensors=random_ifmaps(network, 0.3))
    assert result.values == "real"
    for estimate in result.estimates:
        assert estimate.activity.expected == ()
        assert all(isinstance(n, int) for c in estimate.activity.priced for n in (c.accesses, c.bits))
    stated = replace(
        network,
        layers=tuple(
            replace(layer, ofmap_statistics=TensorStatistics(0.5)) if layer.geometry else layer
            for layer in network.layers
        ),
    )
    half = accsim.estimate(stated, "eyeriss", tensors=random_ifmaps(network, 0.3))
    assert half.values == "expected"
    assert any(estimate.activity.expected for estimate in half.estimates)


def test_coded_transfers_take_their_share_in_whole_code_words(network: accsim.Network) -> None:
    """A tile of w words of a tensor of W words, coded in n words of 64 bits, takes ceil(w n / W) of them."""
    tensors = random_ifmaps(network, 0.3)
    result = accsim.estimate(network, "eyeriss", tensors=tensors)
    layer, activity = network.layer("C3"), next(e.activity for e in result.estimates if e.activity.layer == "C3")
    mapping = dict(zip([e.activity.layer for e in result.estimates], result.mappings_used, strict=True))["C3"]
    assert layer.geometry is not None
    assert mapping is not None
    naive = NaiveNest(layer.geometry, mapping.loops)
    coded = len(encode(tensors["C3"]["ifmap"].ravel().tolist(), 5))
    code_words = -(-coded // 3)
    tiles = [naive.words(Operand.IFMAP, r) for r in naive.loaded(Operand.IFMAP, mapping.depth("glb", Operand.IFMAP))]
    bits = sum(ceil(Fraction(words * code_words, tensors["C3"]["ifmap"].size)) * 64 for words in tiles)
    dram = {(c.operand, c.action): c for c in activity.counts if c.level == "dram"}
    assert dram[Operand.IFMAP, Action.READ].bits == bits
    assert dram[Operand.IFMAP, Action.DECODE].accesses == sum(tiles)
    stored = next(t for t in activity.tensors if t.operand is Operand.IFMAP)
    nonzero = int(np.count_nonzero(tensors["C3"]["ifmap"]))
    assert (stored.stored_bits, stored.metadata_bits) == (code_words * 64, code_words * 64 - nonzero * 16)


@given(
    words=st.integers(1, 10**6), code_words=st.integers(1, 10**6), parts=st.lists(st.integers(1, 10**5), max_size=20)
)
def test_the_shares_of_a_tensor_are_no_less_than_the_whole(words: int, code_words: int, parts: list[int]) -> None:
    """A whole tensor in one transfer is its coded size; in parts it is as much, and at most a word more for each."""
    coded = Coded(words, 0, code_words, 64)
    assert coded.transfer(words) == coded.bits
    cut, left = [], words
    for part in parts:
        cut.append(min(part, left))
        left -= cut[-1]
    cut = [part for part in (*cut, left) if part]
    moved = sum(coded.transfer(part) for part in cut)
    assert coded.bits <= moved <= coded.bits + (len(cut) - 1) * 64


def test_both_operands_of_a_product_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "description: made up\nsource: made up\ninput: [3, 4]\nlayers:\n  - q: {fc: 4, from: input}\n"
        "  - k: {fc: 4, from: input}\n  - scores: {query_key: [q, k], heads: 2}\n",
        encoding="utf-8",
    )
    layer = accsim.load_network(str(path)).layer("scores")
    rng = np.random.default_rng(1)
    q, k = rng.integers(0, 2, (1, 3, 4)), rng.integers(0, 2, (1, 3, 4))
    heads = [part.reshape(3, 2, 2).transpose(1, 0, 2) for part in (q, k)]
    values = measure(layer, {"ifmap": q, "ifmap2": k}, PLAIN)
    assert values.ifmap_macs == int(heads[0].sum()) * 3
    assert values.effectual_macs == int((heads[0] @ heads[1].transpose(0, 2, 1)).sum())
    assert tensor_mistakes({"scores": {"weight": k}}, accsim.load_network(str(path))) == [
        "scores.weight: must be one of ifmap, ifmap2, ofmap"
    ]


def test_dense_values_equal_density_one(network: accsim.Network) -> None:
    """Run-length coding makes dense data larger: 16-bit words become 64/3 bits."""
    ones = {layer.name: {"ifmap": np.ones(layer.input_shapes[0], dtype=np.int8)} for layer in network.mac_layers}
    machine = accsim.load_accelerator("eyeriss")
    values = measure(network.layer("C3"), ones["C3"], DRAM)
    assert values.ifmap_density == 1.0
    assert values.ifmap_code is not None
    assert values.ifmap_code.bits / values.ifmap_code.words == pytest.approx(64 / 3, rel=0.01)
    assert accsim.estimate(network, replace(machine), tensors=ones).values == "real"


def test_padding_that_is_fetched_is_coded_with_the_pixels(network: accsim.Network) -> None:
    """A map of ones with a frame of zeros: its zeros take no pairs, but for those that begin and end it."""
    layer = accsim.load_network("alexnet").layer("conv3")
    ones = np.ones((1, 256, 13, 13), dtype=np.int8)
    padded = np.pad(ones, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for fetched, tensor in ((True, padded), (False, ones)):
        code = measure(layer, {"ifmap": ones}, replace(DRAM, fetch_padding=fetched)).ifmap_code
        assert code is not None
        assert (code.words, code.nonzero) == (tensor.size, ones.size)
        assert code.code_words == ceil(run_length_pairs(tensor.ravel(), CODE.run_bits) / CODE.pairs_per_word)


def test_padding_lowers_the_density_of_what_is_fetched() -> None:
    """A quarter of 15 x 15 words is padding: 36.61 % of the pixels are 27.5 % of the words (Table V: 72.5 % zeros)."""
    chip = accsim.load_accelerator("eyeriss")
    result = accsim.estimate("alexnet", chip, batch=4, layers=["conv2", "conv3"])
    activity = result.estimates[-1].activity
    counts = {(c.level, c.operand, c.action): c for c in activity.priced}
    coded, plain = (counts["dram", Operand.IFMAP, action] for action in (Action.READ, Action.DECODE))
    kept = 0.275 / (1 - 0.725**32)
    assert coded.bits / plain.accesses == pytest.approx(kept * 64 / 3, rel=1e-3)


def test_an_archive_is_read(tmp_path: Path, network: accsim.Network) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, **{"C3.ifmap": np.zeros((1, 6, 14, 14), dtype=np.int8)})
    tensors = load_tensors(path, network)
    assert tensors["C3"]["ifmap"].shape == (1, 6, 14, 14)


def test_every_mistake_in_an_archive_is_named(tmp_path: Path, network: accsim.Network) -> None:
    path = tmp_path / "x.npz"
    np.savez(
        path,
        **{
            "C33.ifmap": np.zeros(3),
            "C3.ifmaps": np.zeros(3),
            "C3.ifmap": np.zeros((6, 14, 15)),
            "F6.ifmap": np.array([np.nan] * 120),
        },
    )
    with pytest.raises(InputError) as error:
        load_tensors(path, network)
    assert error.value.mistakes == (
        f"{path}: lenet5_survey_text has no layer with MACs called 'C33'; did you mean 'C3'?",
        f"{path}: C3.ifmaps: must be one of ifmap, weight, ofmap; did you mean 'ifmap' or 'ofmap'?",
        f"{path}: C3.ifmap: must have shape (1, 6, 14, 14), got (6, 14, 15)",
        f"{path}: F6.ifmap: must have shape (1, 120, 1, 1), got (120,)",
    )


def test_a_file_that_is_no_archive(tmp_path: Path, network: accsim.Network) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(InputError, match=r"x\.npz: not a NumPy \.npz archive of plain arrays$"):
        load_tensors(path, network)


def test_a_truncated_archive(tmp_path: Path, network: accsim.Network) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, **{"C3.ifmap": np.zeros((1, 6, 14, 14), dtype=np.int8)})
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"x\.npz: not a NumPy \.npz archive of plain arrays$"):
        load_tensors(path, network)


def test_an_archive_without_layers(tmp_path: Path, network: accsim.Network) -> None:
    path = tmp_path / "x.npz"
    np.savez(path)
    with pytest.raises(InputError, match=r"x\.npz: holds no arrays; expected LAYER\.ifmap, LAYER\.weight or "):
        load_tensors(path, network)
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(InputError, match=r"x\.npz: weights: expected LAYER\.ifmap, LAYER\.weight or LAYER\.ofmap$"):
        load_tensors(path, network)


def test_a_missing_file(network: accsim.Network) -> None:
    with pytest.raises(InputError, match=r"^file not found: nowhere\.npz$"):
        load_tensors("nowhere.npz", network)
