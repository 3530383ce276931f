"""Which tensors stay on chip, decided by walking the layers and looking at what is stored where.

A layer that makes its output stores that many words of its own. A view (reshape, concat) stores nothing: it is the
words of what it reads. An operation that rewrites outputs on their way is its source's words again. Tensors that share
words, directly or through others, stay or go together.
"""

from __future__ import annotations

from math import prod

from accsim.workload.layer import LayerKind
from accsim.workload.network import Network

TRAINED = (LayerKind.CONV, LayerKind.FC)
MACS = (*TRAINED, LayerKind.MATMUL)
VIEWS = (LayerKind.RESHAPE, LayerKind.CONCAT)


def roles(network: Network, fused: tuple[str, ...]) -> dict[str, str]:
    out: dict[str, str] = {}
    for layer in network.layers:
        if layer.kind in MACS:
            continue
        if layer.kind in VIEWS:
            out[layer.name] = "view"
            continue
        out[layer.name] = "own"
        sources = [other for other in network.layers if other.name in layer.inputs]
        if len(layer.inputs) != 1 or not sources:
            continue
        source = sources[0]
        if sum(other.inputs.count(source.name) for other in network.layers) != 1:
            continue
        if layer.kind is LayerKind.BATCH_NORM and source.kind in TRAINED:
            out[layer.name] = "folded"
        elif layer.kind is LayerKind.ACTIVATION and layer.operation in fused:
            if source.kind in MACS or out[source.name] in ("folded", "fused"):
                out[layer.name] = "fused"
            elif out[source.name] in ("own", "passed"):
                out[layer.name] = "passed"
    return out


def storage(network: Network, how: dict[str, str]) -> dict[str, frozenset[str]]:
    """The layers whose own words each tensor is made of; ``input`` for words of the network's input."""
    words = {"input": frozenset({"input"})}
    for layer in network.layers:
        if how.get(layer.name, "own") == "own":
            words[layer.name] = frozenset({layer.name})
        else:
            words[layer.name] = frozenset().union(*(words[source] for source in layer.inputs))
    return words


def made_bits(network: Network, words: dict[str, frozenset[str]], bits: int) -> dict[str, int]:
    """Bits of what each layer makes, after the operations that rewrite it on its way out."""
    out: dict[str, int] = {}
    for layer in network.layers:
        if layer.kind not in VIEWS and len(words[layer.name]) == 1:
            (maker,) = words[layer.name]
            out[maker] = layer.batch * prod(layer.output_shape) * bits
    return out


def kept(network: Network, fused: tuple[str, ...], room: int, bits: int) -> tuple[set[str], list[int]]:
    """Tensors that stay on chip, and the bits they take while each layer runs."""
    words = storage(network, roles(network, fused))
    names = [layer.name for layer in network.layers]
    makers = made_bits(network, words, bits)
    together: list[set[str]] = []
    for name in ("input", *names):
        mine = {name}
        for other in [group for group in together if any(words[name] & words[member] for member in group)]:
            together.remove(other)
            mine |= other
        together.append(mine)

    def alive(group: set[str]) -> list[int]:
        """Layers that make or read some of the group, and those in between."""
        touched = [
            i
            for i, layer in enumerate(network.layers)
            if layer.name in group or any(source in group for source in layer.inputs)
        ]
        return list(range(touched[0], touched[-1] + 1)) if touched else []

    taken = [0] * len(names)
    stay: set[str] = set()
    read = {source for layer in network.layers for source in layer.inputs}
    for group in sorted((g for g in together if g != {"input"}), key=lambda g: alive(g)[0]):
        if "input" in group or any(name not in read for name in group):
            continue
        stored = frozenset().union(*(words[name] for name in group))
        views = [x.batch * prod(x.output_shape) * bits for x in network.layers if x.name in group and x.kind in VIEWS]
        size = max([sum(makers[maker] for maker in stored), *views])  # a view that repeats words has them twice
        if all(taken[i] + size <= room for i in alive(group)):
            stay |= group
            for i in alive(group):
                taken[i] += size
    return stay, taken


def live_bits(network: Network, words: dict[str, frozenset[str]], home: set[str], index: int, bits: int) -> int:
    """Bits on chip that layer ``index`` or a later one still needs, its own output included."""
    made = [layer.name for layer in network.layers[: index + 1]]
    needed = {source for layer in network.layers[index:] for source in layer.inputs} | {network.layers[index].name}
    stored: frozenset[str] = frozenset().union(*(words[name] for name in made if name in home and name in needed))
    made = made_bits(network, words, bits)
    return sum(made[maker] for maker in stored)
