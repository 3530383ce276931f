"""Small networks with every kind of joint, and whole numbers for their parameters."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from textwrap import dedent, indent

import numpy as np
from hypothesis import strategies as st

from accsim.compress.codes import Float
from accsim.compress.model import LayerParameters, Model, NormParameters
from accsim.compress.synthetic import synthetic
from accsim.workload.network import Network
from accsim.workload.reader import load_network

BLOCKS = {
    "plain": "- {n}: {{conv: 5, kernel: 3, pad: 1, then: [batch_norm, relu]}}",
    "pooled": "- {n}: {{conv: 4, kernel: [3, 1], pad: [1, 0], then: [relu, {{max_pool: 3, stride: 1, pad: 1}}]}}",
    "residual": """
        - {n}_0: {{conv: 6, kernel: 1, then: [batch_norm, relu]}}
        - {n}_a: {{conv: 4, kernel: 3, pad: 1, then: [batch_norm, relu]}}
        - {n}_b: {{conv: 6, kernel: 3, pad: 1}}
        - {n}: {{add: [{n}_b, {n}_0], then: relu}}
    """,
    "padded": """
        - {n}_0: {{conv: 4, kernel: 1}}
        - {n}_p: {{pad_channels: 7}}
        - {n}_b: {{conv: 7, kernel: 3, pad: 1, from: {n}_0}}
        - {n}: {{add: [{n}_b, {n}_p], then: relu}}
    """,
    "fire": """
        - {n}_s: {{conv: 3, kernel: 1, then: relu}}
        - {n}_1: {{conv: 4, kernel: 1, then: relu}}
        - {n}_3: {{conv: 5, kernel: 3, pad: 1, from: {n}_s, then: relu}}
        - {n}: {{concat: [{n}_1, {n}_3]}}
    """,
    "depthwise": """
        - {n}_e: {{conv: 6, kernel: 1, then: [batch_norm, relu]}}
        - {n}_d: {{depthwise: 3, pad: 1, multiplier: 2, then: [batch_norm, relu]}}
        - {n}: {{conv: 4, kernel: 1}}
    """,
    "gated": """
        - {n}_0: {{conv: 5, kernel: 1, then: relu}}
        - {n}_g: {{global_average_pool: null}}
        - {n}_f: {{fc: 3, then: relu}}
        - {n}_h: {{fc: 5, then: relu}}
        - {n}: {{multiply: [{n}_0, {n}_h]}}
    """,
    "shuffled": """
        - {n}_0: {{conv: 8, kernel: 1}}
        - {n}_a: {{conv: 8, kernel: 1, groups: 2, then: relu}}
        - {n}_s: {{shuffle: 2}}
        - {n}_d: {{depthwise: 3, pad: 1}}
        - {n}: {{conv: 8, kernel: 1, groups: 2}}
    """,
    "split": """
        - {n}_0: {{conv: 6, kernel: 1}}
        - {n}_l: {{slice: [0, 2]}}
        - {n}_r: {{slice: [2, 6], from: {n}_0}}
        - {n}_c: {{conv: 3, kernel: 3, pad: 1, then: relu}}
        - {n}: {{concat: [{n}_c, {n}_l]}}
    """,
    "grouped": """
        - {n}_0: {{conv: 6, kernel: 1, then: relu}}
        - {n}: {{conv: 4, kernel: 3, pad: 1, groups: 2}}
    """,
}


def network_of(lines: str, shape: str = "[3, 5, 5]") -> Network:
    """The network of some lines."""
    text = f"source: made up\ninput: {shape}\nlayers:\n" + indent(dedent(lines).strip("\n"), "  ") + "\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.yaml"
        path.write_text(text)
        return load_network(str(path))


def whole(network: Network, seed: int) -> Model:
    """The network with small whole numbers, no zeros among weights, for parameters."""
    model = synthetic(network, seed)
    draw = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return draw.choice([-2.0, -1.0, 1.0, 2.0], shape)

    parameters = {
        name: LayerParameters(Float(some(*p.weight.shape)), None if p.bias is None else some(p.bias.size))
        for name, p in model.parameters.items()
    }
    norms = {
        name: NormParameters(some(n.gamma.size), some(n.gamma.size), np.zeros(n.gamma.size), np.ones(n.gamma.size))
        for name, n in model.norms.items()
    }
    return replace(model, parameters=parameters, norms=norms)


def ones(network: Network) -> Model:
    """The network with weights of 1 in its convolutions, and no values elsewhere."""
    convolutions = [layer for layer in network.mac_layers if layer.kind == "conv"]
    shapes = [(g.M, g.channels_per_group, g.R, g.S) for g in (layer.geometry for layer in convolutions)]
    weights = [Float(np.ones(shape)) for shape in shapes]
    return Model(network, {one.name: LayerParameters(w) for one, w in zip(convolutions, weights, strict=True)})


@st.composite
def graphs(draw: st.DrawFn) -> Model:
    """A few blocks in a row behind a first convolution, then a classifier."""
    kinds = draw(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=3))
    lines = ["- first: {conv: 4, kernel: 3, pad: 1, then: [batch_norm, relu]}"]
    lines += [dedent(BLOCKS[kind]).strip("\n").format(n=f"b{i}") for i, kind in enumerate(kinds)]
    ends = draw(
        st.sampled_from([["- flat: flatten", "- fc1: {fc: 6, then: relu}"], ["- end: global_average_pool"], []])
    )
    lines += [*ends, "- classes: {fc: 3}"]
    return whole(network_of("\n".join(lines), "[2, 4, 4]"), draw(st.integers(0, 1000)))
