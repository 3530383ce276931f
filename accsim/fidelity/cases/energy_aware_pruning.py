"""Energy of original and pruned networks from the numbers of their non-zeros; the method is ``accsim.energy.nonzero``.

What is not public per layer follows from published totals where they decide it, and is a range where they do not
(``accsim.fidelity.totals``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from accsim.energy.nonzero import NonZeros, TensorEnergy, Words, ZeroIfmap
from accsim.energy_from_nonzeros import dense_result, sparse
from accsim.errors import AccsimError, InputError, suggest
from accsim.fidelity.compare import Obtained
from accsim.fidelity.totals import Share, energy_range, sum_of, two_fractions
from accsim.result import Result
from accsim.workload.layer import LayerKind
from accsim.workload.network import Network
from accsim.workload.reader import load_network
from accsim.yamlfile import Model

ORIGINAL = "original"


NEEDED = {"alexnet": ("deep_compression", "energy_aware"), "googlenet": ("energy_aware",)}
"""The models and pruned versions whose published energies are compared."""

Fraction = Annotated[float, Field(ge=0, le=1)]


class Pruned(Model):
    """A pruned network: the non-zero fraction of each layer's weights, or the totals."""

    weights: dict[str, Fraction] = {}
    nonzero_weights: float | None = Field(default=None, gt=0)
    nonskipped_macs: float | None = Field(default=None, gt=0)


class Original(Model):
    """A network with all its weights: its ifmaps' non-zero fractions as far as they are public, and the total."""

    network: str
    nonskipped_macs: float = Field(gt=0)
    ifmaps: dict[str, Fraction] = {}
    pruned: dict[str, Pruned] = {}


class Settings(Model):
    """What is run."""

    hardware: str
    energy_table: str
    batch: int = Field(gt=0)
    other_batches: list[Annotated[int, Field(gt=0)]] = []
    other_hardware: list[str] = []
    models: dict[str, Original]


@dataclass(frozen=True, slots=True)
class Version:
    """A network with its non-zeros.

    Attributes:
        layers: energy per layer for one inference.
        least, most: energy of all networks with the published totals, where the spread over the layers is not public.
    """

    nonzeros: Mapping[str, NonZeros]
    layers: tuple[TensorEnergy, ...]
    nonzero_weights: float
    least: float | None = None
    most: float | None = None

    @property
    def energy(self) -> float:
        """Energy of one inference."""
        return sum(layer.total for layer in self.layers)

    @property
    def nonskipped_macs(self) -> float:
        """MACs of one inference whose operands are both not zero."""
        return sum(layer.nonskipped_macs for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Found:
    """What the study found.

    Attributes:
        versions: by model, then by version, the original first.
        skipping: the same energies if a zero of the ifmap spares the psum as well.
        batches, machines: energy of the first model's versions by batch, and by machine.
        ifmaps_unknown: the first model's original if the ifmaps that are not public are all zeros, and if none is.
    """

    settings: Settings
    versions: Mapping[str, Mapping[str, Version]]
    skipping: Mapping[str, Mapping[str, float]]
    batches: Mapping[int, Mapping[str, float]]
    machines: Mapping[str, Mapping[str, float]]
    ifmaps_unknown: tuple[float, float]


def run(settings: Settings) -> Found:
    """Map the dense networks and apply every version's non-zeros.

    Raises:
        AccsimError: a model or a layer that is not there, totals that no non-zero fractions have, or what
            ``accsim.estimate`` raises.
    """
    _check(settings)
    dense: dict[str, Result] = {}
    versions: dict[str, dict[str, Version]] = {}
    for name, model in settings.models.items():
        original = _original(model)
        dense[name] = _dense(settings, model, settings.batch)
        versions[name] = _versions(model, original, dense[name])
    skipping = {
        name: {version: _total(dense[name], v.nonzeros, ZeroIfmap.SKIP) for version, v in found.items()}
        for name, found in versions.items()
    }
    first, model = next(iter(settings.models.items()))
    here = {version: v.energy for version, v in versions[first].items()}
    batches, machines = {settings.batch: here}, {settings.hardware: here}
    for batch in settings.other_batches:
        other = _dense(settings, model, batch)
        batches[batch] = {version: _total(other, v.nonzeros) for version, v in versions[first].items()}
    for machine in settings.other_hardware:
        other = _dense(settings.model_copy(update={"hardware": machine}), model, settings.batch)
        machines[machine] = {version: _total(other, v.nonzeros) for version, v in versions[first].items()}
    ends = sorted(_total(dense[first], _original(model, unknown)) for unknown in (0.0, 1.0))
    return Found(settings, versions, skipping, dict(sorted(batches.items())), machines, (ends[0], ends[1]))


def obtained(found: Found) -> Obtained:
    """Energies, their ratios, and the checks of the densities."""
    alexnet, googlenet = found.versions["alexnet"], found.versions["googlenet"]
    deep, aware = alexnet["deep_compression"], alexnet["energy_aware"]
    return {
        "energy": {"alexnet": {"original": alexnet[ORIGINAL].energy}},
        "energy_elsewhere": {
            "alexnet": {"deep_compression": deep.energy},
            "googlenet": {"original": googlenet[ORIGINAL].energy},
        },
        "energy_from_totals": {"alexnet": {"energy_aware": _range(aware)}},
        "energy_from_totals_googlenet": _range(googlenet["energy_aware"]),
        "energy_equally_pruned": {
            "alexnet": {"energy_aware": aware.energy},
            "googlenet": {"energy_aware": googlenet["energy_aware"].energy},
        },
        "energy_ratio": {"alexnet": alexnet[ORIGINAL].energy / aware.energy},
        "energy_ratio_googlenet": googlenet[ORIGINAL].energy / googlenet["energy_aware"].energy,
        "analytical_tool": {"alexnet": alexnet[ORIGINAL].energy, "googlenet": googlenet[ORIGINAL].energy},
        "nonzero_weights": {"alexnet": {"deep_compression": deep.nonzero_weights}},
        "nonskipped_macs": {"alexnet": {"deep_compression": deep.nonskipped_macs}},
    }


def _check(settings: Settings) -> None:
    """Refuse settings without what is compared, and names that no layer has."""
    wrong = []
    for name, versions in NEEDED.items():
        given = settings.models[name].pruned if name in settings.models else {}
        missing = [version for version in versions if version not in given]
        if missing:
            wrong.append(
                f"the study compares {name} pruned by {' and '.join(versions)}; {' and '.join(missing)} is missing"
            )
    for name, model in settings.models.items():
        known = [layer.name for layer in load_network(model.network).mac_layers]
        for held in (model.ifmaps, *(pruned.weights for pruned in model.pruned.values())):
            wrong += [f"{name}: no layer {x!r} with MACs{suggest(x, known)}" for x in held if x not in known]
    if wrong:
        raise InputError(dict.fromkeys(wrong))


def _range(version: Version) -> tuple[float, float]:
    """The least and the most energy; of a version whose every layer is given the one there is."""
    if version.least is None or version.most is None:
        return version.energy, version.energy
    return version.least, version.most


def _dense(settings: Settings, model: Original, batch: int) -> Result:
    network = load_network(model.network, batch=batch)
    return dense_result(network, settings.hardware, energy_table=settings.energy_table)


def _total(dense: Result, nonzeros: Mapping[str, NonZeros], zero_ifmap: ZeroIfmap = ZeroIfmap.GATE) -> float:
    return sum(layer.total for layer in sparse(dense, nonzeros, zero_ifmap))


def _versions(model: Original, original: Mapping[str, NonZeros], dense: Result) -> dict[str, Version]:
    found = {ORIGINAL: _version(dense, original)}
    for name, pruned in model.pruned.items():
        if pruned.weights:
            found[name] = _version(dense, _with_weights(original, pruned.weights))
        else:
            found[name] = _from_totals(dense, original, pruned)
    return found


def _version(dense: Result, nonzeros: Mapping[str, NonZeros]) -> Version:
    weights = sum(layer.weight_words * nonzeros[layer.name].weight.density for layer in dense.network.layers)
    return Version(nonzeros, sparse(dense, nonzeros), weights)


def _original(model: Original, unknown: float | None = None) -> dict[str, NonZeros]:
    """The non-zeros with all weights in place.

    An image has no zeros. Layers without a published fraction have ``unknown``, or one that gives the published total
    on average; the published fractions, but that of the image, are multiplied so that the total is met.
    """
    network = load_network(model.network)
    macs = {layer.name: layer.macs for layer in network.mac_layers}
    first = next(iter(macs))
    known = {name: fraction for name, fraction in model.ifmaps.items() if name != first}
    rest = [name for name in macs if name != first and name not in known]
    left = model.nonskipped_macs - macs[first] * model.ifmaps.get(first, 1.0)
    if unknown is None:
        unknown = left / sum(macs[name] for name in macs if name != first)
    factor = (left - unknown * sum(macs[name] for name in rest)) / (
        sum(macs[name] * fraction for name, fraction in known.items()) or 1.0
    )
    density = {first: model.ifmaps.get(first, 1.0)}
    density |= {name: factor * fraction for name, fraction in known.items()} | dict.fromkeys(rest, unknown)
    beyond = [name for name, fraction in density.items() if not 0 <= fraction <= 1]
    if beyond:
        raise AccsimError(
            f"{model.nonskipped_macs:g} MACs that are not skipped need non-zero fractions outside 0 to 1 in the ifmaps "
            f"of {', '.join(beyond)}"
        )
    after = _readers(network)
    return {
        name: NonZeros(ifmap=Words(density[name]), ofmap=Words(density[after[name]] if name in after else 1.0))
        for name in macs
    }


def _readers(network: Network) -> dict[str, str]:
    """The first layer with MACs that reads each layer's output, through pooling, norms and activations."""
    producers: dict[str, set[str]] = {}
    readers: dict[str, str] = {}
    for layer in network.layers:
        read = set().union(*(producers.get(name, set()) for name in layer.inputs))
        if layer.kind.has_macs:
            for producer in read:
                readers.setdefault(producer, layer.name)
            read = {layer.name}
        producers[layer.name] = read
    return readers


def _with_weights(original: Mapping[str, NonZeros], weights: Mapping[str, float]) -> dict[str, NonZeros]:
    return {name: replace(known, weight=Words(weights.get(name, 1.0))) for name, known in original.items()}


def _from_totals(dense: Result, original: Mapping[str, NonZeros], pruned: Pruned) -> Version:
    """A network of which the totals are known: one fraction for all convolutions and one for the rest."""
    if pruned.nonzero_weights is None or pruned.nonskipped_macs is None:
        raise AccsimError("a pruned network needs the non-zero fractions of its weights, or both totals")
    layers = dense.network.layers
    shares = _shares(dense, original)
    convolutions = {layer.name for layer in layers if layer.kind is LayerKind.CONV}
    groups = [
        sum_of([share for name, share in shares.items() if (name in convolutions) is whether])
        for whether in (True, False)
    ]
    conv, rest = two_fractions(groups[0], groups[1], pruned.nonzero_weights, pruned.nonskipped_macs)
    weights = {layer.name: conv if layer.name in convolutions else rest for layer in layers}
    even = _version(dense, _with_weights(original, weights))
    least, most = energy_range(list(shares.values()), pruned.nonzero_weights, pruned.nonskipped_macs)
    return replace(even, least=least, most=most)


def _shares(dense: Result, original: Mapping[str, NonZeros]) -> dict[str, Share]:
    """Each layer's part in the totals."""
    layers = dense.network.layers
    none, every = (sparse(dense, _with_weights(original, dict.fromkeys(original, x))) for x in (0.0, 1.0))
    return {
        layer.name: Share(layer.weight_words, full.nonskipped_macs, empty.total, full.total - empty.total)
        for layer, empty, full in zip(layers, none, every, strict=True)
    }
