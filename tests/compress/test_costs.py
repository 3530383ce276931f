"""Cost models: the table of published shapes, and counts against the arrays and loops that they stand for."""

from __future__ import annotations

from math import log2, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accsim.compress.codes import Float
from accsim.compress.costs import chains, matrices, retrieval, scattering, training
from accsim.compress.graph import Link, with_chains
from accsim.compress.model import LayerParameters
from accsim.compress.synthetic import synthetic
from accsim.errors import AccsimError
from accsim.workload.layer import Layer
from accsim.workload.reader import load_network
from tests.compress.graphs import network_of
from tests.naive.graph_values import values


def conv(m: int, c: int, r: int, s: int, stride: int = 1) -> Layer:
    lines = f"- a: {{conv: {m}, kernel: [{r}, {s}], pad: [{r // 2}, {s // 2}], stride: {stride}}}"
    return network_of(lines, f"[{c}, 9, 8]").layer("a")


@given(*(st.integers(1, 6) for _ in range(2)), st.sampled_from([1, 3, 5]), st.sampled_from([1, 3]), st.integers(1, 2))
@settings(max_examples=30, deadline=None)
def test_the_table_of_chains(c: int, m: int, r: int, s: int, stride: int) -> None:
    layer = conv(m, c, r, s, stride)
    rows = {
        chains.asymmetric_3d(layer, 3, 2): 3 * r * c + 3 * s * 2 + 2 * m,
        chains.flattened(layer): m * (c + r + s),
        chains.filter_groups(layer, 1): c * m * r * s + m * m,
        chains.fixed_point_factorized(layer, 4): 4 * (c * r * s + m) + 4,
    }
    for cost, parameters in rows.items():
        assert cost.parameters == parameters
        assert cost.status == "cost model only"
        assert cost.layers[-1].output_shape == layer.output_shape
        assert [one.bias_words for one in cost.layers] == [0] * (len(cost.layers) - 1) + [m]
        if stride == 1:
            area = layer.geometry.P * layer.geometry.Q
            assert cost.macs == sum(one.weight_words for one in cost.layers) * area
    ternary = chains.fixed_point_factorized(layer, 4)
    assert ternary.parameter_bits == 2 * 4 * (c * r * s + m) + 4 * 32


def test_groups_divide_the_kernels() -> None:
    layer = conv(6, 4, 3, 3)
    assert chains.filter_groups(layer, 2).parameters == 4 * 6 * 9 // 2 + 36


@given(st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_a_tensor_rings_chain_is_its_ring(rank: int, seed: int) -> None:
    network = network_of("- a: {conv: 4, kernel: 3, pad: 1, stride: 2}", "[6, 5, 5]")
    cost = chains.tensor_ring_conv(network.layer("a"), rank, (2, 3), (4,))
    draw = np.random.default_rng(seed)
    first, second, last = (draw.standard_normal((rank, n, rank)) for n in (2, 3, 4))
    kernel = draw.standard_normal((rank, 3, 3, rank))
    assert cost.parameters == first.size + second.size + last.size + kernel.size
    inward = np.einsum("aib,bjc->aijc", first, second).reshape(rank, 6, rank)
    assert dict(cost.operations)["merge"] == rank * 2 * rank * 3 * rank
    whole = np.einsum("acb,brse,ema->mcrs", inward, kernel, last)
    weights = (
        inward.transpose(0, 2, 1).reshape(rank**2, 6, 1, 1),
        np.tile(kernel.transpose(3, 0, 1, 2), (rank, 1, 1, 1)),
        last.transpose(1, 2, 0).reshape(4, rank**2, 1, 1),
    )
    model = synthetic(network).with_parameters({"a": LayerParameters(Float(whole), np.zeros(4))})
    links = [
        Link("conv", dict(one.made_by[1]), LayerParameters(Float(w)))
        for one, w in zip(cost.layers, weights, strict=True)
    ]
    given = draw.standard_normal((6, 5, 5))
    chained = values(with_chains(model, {"a": links}), given)
    np.testing.assert_allclose(chained["a.c"], values(model, given)["a"], atol=1e-9)


def fc(m: int, c: int) -> Layer:
    return network_of(f"- a: {{fc: {m}}}", f"[{c}, 1, 1]").layer("a")


def test_a_block_terms_counts_are_those_of_its_loops() -> None:
    rank, inputs, outputs, blocks = 2, (3, 4, 2), (2, 1, 5), 3
    cost = matrices.block_term(fc(prod(outputs), prod(inputs)), blocks, rank, inputs, outputs)
    macs = parameters = 0
    for _ in range(blocks):
        done: list[int] = []
        left = list(inputs)
        for i, j in zip(inputs, outputs, strict=True):
            # contract one axis of [done..., left...] with a factor [i, j, rank]
            macs += prod(done) * prod(left) * j * rank
            done += [j, rank]
            left = left[1:]
            parameters += i * j * rank
        macs += prod(outputs) * rank ** len(inputs)
        parameters += rank ** len(inputs)
    assert (cost.macs, cost.parameters) == (macs, parameters)


def test_a_tensor_ring_of_a_matrix() -> None:
    cost = matrices.tensor_ring_fc(fc(12, 20), 3, (4, 5), (3, 4))
    assert cost.parameters == 9 * (4 + 5 + 3 + 4)
    assert cost.macs == 9 * 32
    assert dict(cost.operations)["merge"] == 27 * 20 + 27 * 12


@pytest.mark.parametrize(("m", "c", "size", "blocks"), [(9, 5, 8, 2), (8, 8, 8, 1), (3, 1, 1, 3)])
def test_fastfood(m: int, c: int, size: int, blocks: int) -> None:
    cost = matrices.fastfood(fc(m, c))
    assert cost.parameters == 3 * size * blocks
    assert dict(cost.operations)["add"] == blocks * 2 * size * log2(size)


def test_the_walsh_hadamard_transform_twice_is_its_size() -> None:
    def transform(x: np.ndarray) -> tuple[np.ndarray, int]:
        """The fast transform, and its additions."""
        if len(x) == 1:
            return x, 0
        (a, first), (b, second) = transform(x[: len(x) // 2]), transform(x[len(x) // 2 :])
        return np.concatenate([a + b, a - b]), first + second + len(x)

    for size in (1, 2, 8, 32):
        x = np.random.default_rng(size).standard_normal(size)
        once, adds = transform(x)
        np.testing.assert_allclose(transform(once)[0], size * x)
        cost = matrices.fastfood(fc(size, size))
        assert dict(cost.operations)["add"] == 2 * adds


def test_freshnets() -> None:
    layer = conv(4, 3, 3, 3)
    cost = matrices.freshnets(layer, (10, 8, 5, 2, 1))
    assert cost.parameters == 26
    assert cost.macs == layer.macs + 12 * 54
    assert dict(cost.operations)["hash"] == layer.weight_words


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_strassen_against_its_recursion(m: int, c: int, levels: int) -> None:
    def count(a: int, b: int, d: int, level: int) -> tuple[int, int]:
        if not level:
            return a * b * d, 0
        a, b, d = a // 2, b // 2, d // 2
        macs, adds = count(a, b, d, level - 1)
        return 7 * macs, 7 * adds + 5 * a * b + 5 * b * d + 8 * a * d

    unit = 2**levels
    rows, depth, columns = (-(-n // unit) * unit for n in (m, c, 1))
    cost = matrices.strassen(fc(m, c), levels)
    assert (cost.macs, dict(cost.operations)["add"]) == count(rows, depth, columns, levels)


def test_a_stride_takes_a_pools_place() -> None:
    network = load_network("lenet_caffe")
    pool = next(layer for layer in network.layers if layer.kind == "pool")
    merged = chains.stride_merged_pool(network.layer("conv1"), pool)
    assert merged.layers[0].output_shape == pool.output_shape
    assert merged.macs * 4 == network.layer("conv1").macs
    with pytest.raises(AccsimError) as error:
        chains.stride_merged_pool(network.layer("conv1"), network.layer("ip1"))
    assert str(error.value) == "layer 'ip1': it is no pooling with a stride"


def test_a_training_step_is_three_forward_passes_but_for_the_first_layer() -> None:
    network = load_network("lenet_caffe", batch=2)
    step = training.training_step(network, activation_bits=8, gradient_bits=16)
    assert step.macs == 3 * network.macs - network.layer("conv1").macs
    assert step.gradient_bits == 16 * (network.weight_words + sum(layer.bias_words for layer in network.layers))
    assert step.stash_bits == 8 * (2 * 784 + sum(layer.ofmap_words for layer in network.layers))


@given(st.integers(1, 10**6), st.integers(1, 32), st.integers(1, 64))
@settings(max_examples=50, deadline=None)
def test_exchanges(parameters: int, bits: int, workers: int) -> None:
    every = training.ring_all_reduce(parameters, bits, workers)
    assert every.bits == pytest.approx(2 * (workers - 1) / workers * parameters * bits)
    assert training.periodic(parameters, bits, workers, 1).bits == every.bits
    assert training.periodic(parameters, bits, workers, 4).bits == every.bits / 4
    assert training.decentralized(parameters, bits, 2).bits == 2 * parameters * bits
    whole = training.gradient_vectors(parameters, bits, workers, 1, 1)
    assert whole.bits == every.bits
    assert training.gradient_vectors(parameters, bits, workers, 8, 2).bits <= every.bits / 4 + 2 * 2 * bits


def test_scattering_is_the_loops_it_stands_for() -> None:
    # Oyallon et al., ECCV 2018: J = 3 and L = 8 make 3 x 25 = 75 maps of 28 x 28 of an image of 224 x 224
    cost = scattering.first_order(3, 224, 224, scales=3, angles=8)
    assert dict(cost.operations)["output"] == 75 * 28 * 28
    assert (cost.parameters, cost.parameter_bits) == (0, 0)
    small = scattering.first_order(1, 4, 8, scales=2, angles=3, batch=2)
    macs = moduli = 0
    for j in range(2):
        for _ in range(3):
            for _ in range(0, 4, 2**j):
                for _ in range(0, 8, 2**j):
                    moduli += 1
                    macs += 2 * len(range(-(2**j), 2**j + 1)) ** 2
    macs += (1 + 2 * 3) * 1 * 2 * len(range(-4, 5)) ** 2
    assert (small.macs, dict(small.operations)["modulus"]) == (2 * macs, 2 * moduli)


def test_searches() -> None:
    scan = retrieval.product_scan(items=1000, queries=3, subspaces=8, codewords=256, dimensions=128)
    assert scan.macs == 3 * 256 * 128
    assert dict(scan.operations) == {"lookup": 24000, "add": 24000}
    assert scan.parameter_bits == 256 * 128 * 32 + 1000 * 64
    more = retrieval.additive_scan(items=1000, queries=3, codebooks=8, codewords=256, dimensions=128)
    assert more.macs == 8 * scan.macs
    for bits, words in ((1, 1), (64, 1), (65, 2), (128, 2)):
        near = retrieval.hamming_scan(items=10, queries=2, bits=bits)
        assert dict(near.operations) == {"xor": 20 * words, "popcount": 20 * words, "add": 20 * (words - 1)}


GROUPED = network_of("- a: {conv: 4, kernel: 1, groups: 2}", "[4, 2, 2]").layer("a")


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: chains.flattened(fc(2, 2)), "layer 'a': flattened convolution is for convolutions, and this is fc"),
        (
            lambda: chains.flattened(GROUPED),
            "layer 'a': flattened convolution is for convolutions without groups, and this has 2",
        ),
        (
            lambda: chains.filter_groups(conv(4, 3, 1, 1), 2),
            "layer 'a.a': 3 input channels cannot be split into 2 groups of equal size",
        ),
        (lambda: chains.asymmetric_3d(conv(4, 3, 1, 1), 0, 1), "first must be at least 1, got 0"),
        (
            lambda: matrices.tensor_ring_fc(fc(4, 6), 2, (2, 2), (4,)),
            "layer 'a': C is 6, but its factors 2 x 2 make 4",
        ),
        (
            lambda: matrices.block_term(fc(4, 6), 1, 1, (2, 3), (4,)),
            "layer 'a': inputs and outputs need equally many factors, got 2 and 1",
        ),
        (
            lambda: matrices.freshnets(conv(1, 1, 3, 3), (3, 2, 1)),
            "layer 'a': a kernel of 3 x 3 has 5 frequencies, got 3 counts",
        ),
        (
            lambda: matrices.freshnets(conv(1, 1, 3, 1), (3, 4, 1)),
            "layer 'a': bucket counts must not grow with the frequency, got [3, 4, 1]",
        ),
        (
            lambda: matrices.fastfood(conv(1, 1, 1, 1)),
            "layer 'a': Fastfood is for fully connected layers, and this is conv",
        ),
        (
            lambda: scattering.first_order(3, 224, 20, 3, 8),
            "height and width must be multiples of 2^3 = 8, got 224 and 20",
        ),
        (
            lambda: training.gradient_vectors(10, 32, 2, 4, 5),
            "kept must be at most length, got 5 components of 4",
        ),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(ask, sentence: str) -> None:
    with pytest.raises(AccsimError) as error:
        ask()
    assert str(error.value) == sentence
