"""Which tensors stay on chip between layers.

Tensors that are one piece of storage form a group: a concat and its inputs, a reshape, a folded batch norm, or a fused
operation. A group may live in a buffer that keeps activations from the layer that makes it to the last
layer that reads it, if everything that lives there at the same time leaves the stated share of the buffer for tiles.
Groups are placed in the order in which they are made; the network's input comes from DRAM and its outputs go there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from accsim.hardware.accelerator import Accelerator, Sram
from accsim.simulate.vector import Role
from accsim.workload.layer import LayerKind, Operand
from accsim.workload.network import Network

WORKING_SHARES = (Fraction(1, 8), Fraction(1, 2), Fraction(1))
"""Shares of a buffer kept free for tiles; the next one is tried when a layer's tiles do not fit beside the tensors."""

NETWORK_INPUT = "input"

CACHE = "cache"
"""The view that puts a new row behind the rows of earlier steps, which come from DRAM."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every tensor lives and how each layer without MACs is run.

    Attributes:
        home: level name per layer output (absent: DRAM).
        taken_bits: bits of the keeping buffer taken while a layer runs.
        roles: role of every layer without MACs.
        level: the buffer that keeps activations, if there is one.
    """

    home: dict[str, str]
    taken_bits: dict[str, int]
    roles: dict[str, Role]
    level: str | None


def roles(network: Network, accelerator: Accelerator) -> dict[str, Role]:
    """How each layer without MACs is run on this machine."""
    readers: dict[str, int] = {}
    for layer in network.layers:
        for name in layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    by_name = {layer.name: layer for layer in network.layers}
    fused = set(accelerator.vector.fused) if accelerator.vector else set()
    out: dict[str, Role] = {}
    for layer in network.layers:
        if layer.kind.has_macs:
            continue
        out[layer.name] = Role.OWN
        if layer.kind in (LayerKind.RESHAPE, LayerKind.CONCAT):
            out[layer.name] = Role.VIEW
            continue
        source = by_name.get(layer.inputs[0]) if len(layer.inputs) == 1 else None
        if source is None or readers[source.name] > 1:
            continue
        if layer.kind is LayerKind.BATCH_NORM and source.kind in (LayerKind.CONV, LayerKind.FC):
            out[layer.name] = Role.FOLDED
        elif layer.kind is LayerKind.ACTIVATION and layer.operation in fused:
            before = out.get(source.name, Role.FUSED)
            if before is not Role.VIEW:
                out[layer.name] = Role.PASSED if before in (Role.OWN, Role.PASSED) else Role.FUSED
    return out


def groups(network: Network, how: dict[str, Role]) -> dict[str, str]:
    """Storage group of every tensor: the name of its representative."""
    parent: dict[str, str] = {NETWORK_INPUT: NETWORK_INPUT}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for layer in network.layers:
        parent[layer.name] = layer.name
        if how.get(layer.name, Role.OWN) is Role.OWN:
            continue
        for source in layer.inputs:
            if source in parent:
                parent[find(source)] = find(layer.name)
    return {name: find(name) for name in parent}


def plan(network: Network, accelerator: Accelerator, share: Fraction = WORKING_SHARES[0]) -> Plan:
    """Decide which tensors stay on chip.

    Args:
        share: share of the keeping buffer that is left for tiles.
    """
    how = roles(network, accelerator)
    keeper = next((b for b in accelerator.buffers if b.keeps_activations), None)
    if keeper is None or share >= 1:
        return Plan({}, {}, how, None)
    group_of = groups(network, how)
    size = _sizes(network, accelerator, group_of, how)
    first, last = _lifetimes(network, group_of)
    room = _room(keeper, share)
    taken = [0] * len(network.layers)
    home: dict[str, str] = {}
    kept: set[str] = set()
    older = {group_of[layer.name] for layer in network.layers if layer.operation == CACHE}
    for name in sorted(first, key=lambda n: first[n]):
        span = range(first[name], last[name] + 1)
        if last[name] >= len(network.layers) or name == group_of[NETWORK_INPUT] or name in older:
            continue
        if all(taken[i] + size[name] <= room for i in span):
            kept.add(name)
            for i in span:
                taken[i] += size[name]
    for layer in network.layers:
        if group_of[layer.name] in kept:
            home[layer.name] = keeper.name
    return Plan(home, {layer.name: taken[i] for i, layer in enumerate(network.layers)}, how, keeper.name)


def _room(keeper: Sram, share: Fraction) -> int:
    part = keeper.partition(Operand.IFMAP)
    return int(part.size_bits * (1 - share))


def _sizes(
    network: Network, accelerator: Accelerator, group_of: dict[str, str], how: dict[str, Role]
) -> dict[str, int]:
    """Bits of every group: all that its layers make, as it is stored; at least its largest view.

    A tensor may be part of two concats, so a group may be larger than any one of its tensors.
    """
    by_name = {layer.name: layer for layer in network.layers}
    stored = stored_as(network, how)
    made: dict[str, int] = {}
    viewed: dict[str, int] = {}
    for layer in network.layers:
        role, group = how.get(layer.name, Role.OWN), group_of[layer.name]
        words = by_name[stored[layer.name]].ofmap_words
        if role is Role.OWN:
            made[group] = made.get(group, 0) + words
        elif role is Role.VIEW:
            viewed[group] = max(viewed.get(group, 0), words)
    bits = accelerator.pe.activation_bits
    return {name: max(made.get(name, 0), viewed.get(name, 0)) * bits for name in group_of.values()}


def _lifetimes(network: Network, group_of: dict[str, str]) -> tuple[dict[str, int], dict[str, int]]:
    """First and last layer index of every group; the last index of a network output is past the end."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    read: set[str] = set()
    for i, layer in enumerate(network.layers):
        for name in (layer.name, *layer.inputs):
            if name in group_of:
                first.setdefault(group_of[name], i)
                last[group_of[name]] = i
        read.update(layer.inputs)
    for layer in network.layers:
        if layer.name not in read:
            last[group_of[layer.name]] = len(network.layers)
    return first, last


def home_of(plan_: Plan, source: str) -> str | None:
    """Level a tensor lives in; ``None`` for DRAM."""
    return plan_.home.get(source)


def stored_as(network: Network, how: dict[str, Role]) -> dict[str, str]:
    """For every layer, the layer whose output is what is stored: operations on the way out rewrite it in passing."""
    readers = {source: other for other in network.layers for source in other.inputs}
    out: dict[str, str] = {}
    for layer in reversed(network.layers):
        following = readers.get(layer.name)
        rewritten = following is not None and how.get(following.name, Role.OWN).rewrites
        out[layer.name] = out[following.name] if following is not None and rewritten else layer.name
    return out
