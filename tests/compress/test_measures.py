"""Errors, densities and entropies of layers."""

from __future__ import annotations

from math import inf, log2

import numpy as np
import pytest

from accsim.compress.codes import Float
from accsim.compress.measures import entropy_bits, measure, measure_layer, relative_l2, sqnr_db
from accsim.compress.model import LayerParameters
from accsim.compress.passes.codebook import KMeans
from accsim.compress.passes.product import ProductQuantisation
from accsim.compress.passes.ternary import TernaryOptimum
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.synthetic import synthetic
from accsim.workload.reader import load_network
from tests.compress.tensors import CONV


def test_errors_by_hand() -> None:
    reference = np.array([3.0, 4.0])
    assert relative_l2(reference, np.array([3.0, 3.5])) == 0.1
    assert sqnr_db(reference, np.array([3.0, 3.5])) == pytest.approx(20)
    assert (relative_l2(reference, reference), sqnr_db(reference, reference)) == (0, inf)
    assert (relative_l2(np.zeros(2), reference), sqnr_db(np.zeros(2), reference)) == (inf, -inf)
    assert relative_l2(np.zeros(2), np.zeros(2)) == 0


def test_entropy_by_hand() -> None:
    assert entropy_bits(np.array([1, 1, 2, 3])) == 1.5
    assert entropy_bits(np.array([7, 7])) == 0
    assert entropy_bits(np.zeros(0, np.int64)) == 0


def test_a_row_per_layer() -> None:
    model = TernaryOptimum(layers=("conv1",)).apply(synthetic(load_network("lenet_caffe")))
    rows = measure(model)
    assert [row.layer for row in rows] == ["conv1", "conv2", "ip1", "ip2"]
    first, second = rows[0], rows[1]
    assert (first.code, first.weights, first.bits, first.table_bits) == ("ternary", 500, 2, 32)
    zeros = first.zero_fraction
    assert first.entropy_bits == pytest.approx(
        1 - zeros - zeros * log2(zeros) - (1 - zeros) * log2(1 - zeros), abs=0.01
    )
    assert (second.code, second.relative_l2, second.sqnr_db) == ("float", 0, inf)


def test_pruned_weights_are_not_in_the_entropy() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 2, 2)
    kept = np.array([True, True, False, False]).reshape(1, 1, 2, 2)
    parameters = KMeans(bits=2).project(CONV, LayerParameters(Float(weights), kept=kept, trained=weights))
    row = measure_layer("one", parameters)
    assert (row.entropy_bits, row.zero_fraction, row.bits) == (1.0, 0.5, 1)
    assert row.relative_l2 == pytest.approx((25 / 30) ** 0.5)


def test_layers_without_trained_weights_of_their_shape_have_no_error() -> None:
    weights = np.ones((1, 4, 2, 2))
    row = measure_layer(
        "one", Symmetric().project(CONV, LayerParameters(Float(weights), trained=np.ones((1, 2, 2, 2))))
    )
    assert (row.relative_l2, row.sqnr_db) == (None, None)
    codes = measure_layer("one", ProductQuantisation().project(CONV, LayerParameters(Float(weights))))
    assert (codes.code, codes.relative_l2, codes.entropy_bits) == ("product_codebook", None, 0)
