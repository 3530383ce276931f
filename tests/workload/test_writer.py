"""Networks written as YAML and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accsim.errors import AccsimError
from accsim.library import names
from accsim.workload.reader import load_network
from accsim.workload.writer import network_yaml

EVERY_OPTION = """\
description: 'all of it: "quoted", # and more'
input: [8, 12, 12]
layers:
  - a: {conv: 8, kernel: [3, 1], pad: [1, 0, 2, 0], stride: [1, 2], dilation: 2, groups: 4, bias: false}
  - "12": {depthwise: 3, multiplier: 2, pad: same, from: input}
  - b: {average_pool: 3, stride: 2, pad: 1, ceil: true, count_pad: true}
  - c: {lrn: 3, alpha: 0.00002, beta: 0.5, bias: 2, then: {leaky_relu: null, slope: 1.0e-3}}
  - cut: {clip: null, low: -1, high: 6.5}
  - d: {upsample: [2, 3], from: "12"}
  - e: {depth_to_space: 2, order: crd, from: b}
  - f: {slice: [1, 3], from: [e]}
  - g: {concat: [f, e], then: flatten}
densities:
  - {source: "a paper: table 2", weight: {a: 0.25}, ifmap: {a: 0.5}}
"""


@pytest.mark.parametrize("name", names("networks"))
def test_every_network_of_the_library_comes_back(name: str, tmp_path: Path) -> None:
    network = load_network(name)
    (tmp_path / "n.yaml").write_text(network_yaml(network))
    assert load_network(str(tmp_path / "n.yaml")).layers == network.layers


def test_every_option_comes_back(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(EVERY_OPTION)
    network = load_network(str(tmp_path / "a.yaml"), batch=3)
    (tmp_path / "b.yaml").write_text(network_yaml(network))
    again = load_network(str(tmp_path / "b.yaml"), batch=3)
    assert again == replace(network, name="b")
    assert [layer.made_by for layer in again.layers] == [layer.made_by for layer in network.layers]


def test_a_part_of_a_network_cannot_be_read_back(tmp_path: Path) -> None:
    with pytest.raises(AccsimError, match=r"^layer 'conv2' reads 'pool1', which is not part of the network$"):
        network_yaml(load_network("alexnet", layers=["conv2"]))
