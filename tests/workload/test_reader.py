from __future__ import annotations

import time
from collections.abc import Callable
from textwrap import dedent

import pytest

from accsim.errors import InputError
from accsim.workload import reader
from accsim.workload.layer import LayerKind
from accsim.workload.network import Network

Loader = Callable[..., Network]


def names(network: Network) -> list[str]:
    return [layer.name for layer in network.layers]


def example(marker: str) -> str:
    """The indented example that contains ``marker`` in the reader's docstring."""
    blocks = (reader.__doc__ or "").split("::\n\n")[1:]
    found = next(block for block in blocks if marker in block)
    lines = found.split("\n")
    end = next((index for index, line in enumerate(lines) if line and not line.startswith("    ")), len(lines))
    return dedent("\n".join(lines[:end]))


def test_the_documented_small_network(network: Loader) -> None:
    loaded = network(example("ip2"))
    assert names(loaded) == [
        "conv1", "conv1.relu", "conv1.max_pool", "conv2", "conv2.relu", "conv2.max_pool", "ip1", "ip1.relu",
        "ip2", "ip2.softmax",
    ]  # fmt: skip
    assert (loaded.macs, loaded.weight_words) == (2_293_000, 430_500)  # LeNet, Sze et al. 2017, Table II
    assert (loaded.name, loaded.description) == ("net", "a digit classifier")


def test_the_documented_blocks(network: Loader) -> None:
    loaded = network("input: [3, 32, 32]\n" + example("residual:"))
    assert sum(layer.kind is LayerKind.CONV for layer in loaded.layers) == 19
    assert loaded.layer("stage.0.sum").inputs == ("stage.0.conv2.batch_norm", "stem.relu")
    assert loaded.layer("stage.8.sum").inputs == ("stage.8.conv2.batch_norm", "stage.7.sum.relu")
    assert network("input: [3, 32, 32]\n" + example("residual:"), bindings={"width": 8}).layers[0].output_shape[0] == 8


def test_every_operation_is_documented() -> None:
    from accsim.workload.operations import OPERATIONS

    assert [name for name in OPERATIONS if name not in (reader.__doc__ or "")] == []


def test_windows_may_be_rectangular(network: Loader) -> None:
    loaded = network(
        """
        input: [2, 9, 12]
        layers:
          - a: {conv: 4, kernel: [1, 3], stride: [1, 2], dilation: [1, 2], pad: [0, 1]}
          - b: {conv: 4, kernel: 3, pad: [0, 1, 2, 3], from: input}
          - c: {conv: 4, kernel: [3, 2], stride: 2, pad: same, from: input}
          - d: {average_pool: [9, 1], from: input}
        """
    )
    assert [layer.output_shape for layer in loaded.layers] == [(4, 9, 5), (4, 8, 15), (4, 5, 6), (2, 1, 12)]
    g = loaded.layer("c").geometry
    assert g is not None
    assert (g.pad_top, g.pad_bottom, g.pad_left, g.pad_right) == (1, 1, 0, 0)
    assert (loaded.layer("d").operation, loaded.layer("d").window) == ("average", (9, 1))


def test_a_bias_is_there_unless_a_norm_follows(network: Loader) -> None:
    loaded = network(
        """
        input: [2, 8, 8]
        layers:
          - a: {conv: 4, kernel: 1}
          - b: {conv: 4, kernel: 1, then: [batch_norm, relu]}
          - c: {conv: 4, kernel: 1, then: [relu, batch_norm]}
          - d: {conv: 4, kernel: 1, bias: false}
          - e: {conv: 4, kernel: 1, bias: true, then: batch_norm}
        """
    )
    assert [loaded.layer(name).bias_words for name in "abcde"] == [4, 0, 4, 0, 4]


def test_reading_a_line_reads_its_end(network: Loader) -> None:
    loaded = network(
        """
        input: [4, 8, 8]
        layers:
          - a: {conv: 4, kernel: 1, then: [batch_norm, relu]}
          - b: {conv: 4, kernel: 1, from: input}
          - sum: {add: [a, b, a.batch_norm]}
        """
    )
    assert loaded.layer("sum").inputs == ("a.relu", "b", "a.batch_norm")


def test_names_in_blocks_and_repetitions(network: Loader) -> None:
    loaded = network(
        """
        input: [4, 8, 8]
        blocks:
          inner:
            layers:
              - $: {conv: 4, kernel: 1}
              - x: relu
          outer:
            parameters: [filters: 4]
            layers:
              - $_a: {conv: filters, kernel: 1}
              - p$: relu
              - $: {inner: }
              - sum: {add: [$, $_a]}
        layers:
          - one: outer
          - two: {outer: 4}
          - r: {relu: , repeat: 2}
          - "k#.end": {relu: , repeat: 2, start: 5}
          - last: {add: [r, r.0]}
        """
    )
    assert names(loaded) == [
        "one_a", "pone", "one", "one.x", "one.sum", "two_a", "ptwo", "two", "two.x", "two.sum",
        "r.0", "r.1", "k5.end", "k6.end", "last",
    ]  # fmt: skip
    assert loaded.layer("one.sum").inputs == ("one.x", "one_a")
    assert loaded.layer("last").inputs == ("r.1", "r.0")


def test_a_block_may_read_another_line(network: Loader) -> None:
    loaded = network(
        """
        input: [4, 8, 8]
        blocks: {two: {layers: [{a: relu}, {b: {add: [a, input]}}]}}
        layers:
          - x: {conv: 4, kernel: 1}
          - y: relu
          - z: {two: , from: x, repeat: 2}
        """
    )
    assert loaded.layer("z.0.b").inputs == ("z.0.a", "x")
    assert loaded.layer("z.1.b").inputs == ("z.1.a", "z.0.b")


@pytest.mark.parametrize(("entry", "shape"), [("[7]", (7, 1, 1)), ("[7, 5]", (7, 5)), ("[n, 2 * n, 3]", (4, 8, 3))])
def test_inputs(network: Loader, entry: str, shape: tuple[int, ...]) -> None:
    assert network(f"sizes: {{n: 4}}\ninput: {entry}\nlayers: [a: relu]\n").input_shape == shape


def test_selected_layers_keep_their_sizes(network: Loader) -> None:
    text = example("ip2")
    whole, part = network(text), network(text, layers=["ip1", "conv?"])
    assert names(part) == ["conv1", "conv2", "ip1"]
    assert part.layers == tuple(whole.layer(name) for name in names(part))
    assert part.layer("ip1").input_shapes == ((50, 4, 4),)
    assert names(network(text, layers=["conv1*"])) == ["conv1", "conv1.relu", "conv1.max_pool"]


def test_densities(network: Loader) -> None:
    loaded = network(
        """
        input: [4, 8, 8]
        layers:
          - a: {conv: 4, kernel: 1}
          - b: {conv: 4, kernel: 1}
        densities:
          - {source: measured, ifmap: {a: 0.5, b: 1}, ofmap: {a: 0.25}}
          - {source: pruned, weight: {b: 0}}
        """
    )
    a, b = loaded.layers
    assert (a.ifmap_statistics.density, a.ifmap_statistics.source) == (0.5, "measured")
    assert (a.weight_statistics.density, a.weight_statistics.source) == (None, None)
    assert (a.ofmap_statistics.density, b.ifmap_statistics.density) == (0.25, 1)
    assert (b.weight_statistics.density, b.weight_statistics.source) == (0, "pruned")


def test_huge_layers_are_only_numbers(network: Loader) -> None:
    begin = time.process_time()
    loaded = network(
        """
        input: [1, 1000000, 1000000]
        layers:
          - a: {conv: 1024, kernel: 3, pad: 1}
          - b: {max_pool: 2}
        """
    )
    assert loaded.macs == 10**12 * 9 * 1024
    assert time.process_time() - begin < 1


def test_loading_twice_gives_the_same_value() -> None:
    assert reader.load_network("alexnet") == reader.load_network("alexnet")
    assert hash(reader.load_network("alexnet")) == hash(reader.load_network("alexnet"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"batch": 1.5}, "batch must be a whole number of at least 1, got 1.5"),
        ({"bindings": {"n": 1}}, "network 'lenet_caffe' has no size 'n'; it has no sizes to bind"),
        ({"layers": ["conv3"]}, "network 'lenet_caffe' has no layer 'conv3'; did you mean 'conv2' or 'conv1'?"),
        (
            {"layers": ["zzz*", "conv1"]},
            "network 'lenet_caffe' has no layer 'zzz*'; it has conv1, pool1, conv2, pool2, ip1, ip1.relu, ...",
        ),
        ({"layers": []}, "layers must be a list of names or patterns such as 'conv*', got []"),
        ({"layers": "conv1"}, "layers must be a list of names or patterns such as 'conv*', got 'conv1'"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        reader.load_network("lenet_caffe", **options)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_size_that_is_not_positive() -> None:
    with pytest.raises(InputError, match=r"^size 'sequence' must be a whole number of at least 1, got 0$"):
        reader.load_network("gpt2", bindings={"sequence": 0})
