"""What choices cost on the machine that will run them: each layer, compressed, through the pipeline of ``accsim run``.

A layer's activity depends on its own weights and on where its feature maps live, and not on how other layers' weights
are stored; so each layer is mapped, counted and priced by itself, with what the recipe's passes would make of it: the
bits, the density, the zeros where the machine skips by them, the encoding where it decodes. The sum over layers is then
what ``accsim run`` gives for the recipe, to rounding. One thing is shared: how much of the buffer is left for tiles.
Where a choice's tiles fit only beside fewer feature maps, all choices are costed with these fewer (``crowded``).

Choices that the machine cannot tell apart are estimated once:

- systolic and row-stationary arrays move and multiply words of their own width, zeros of weights included: nothing of a
  choice reaches them, unless the machine decodes weights from DRAM;
- inner-product arrays follow bits; zeros only by ``n`` of ``m``, ternary weights and terms of weights;
- sparse arrays follow every zero.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import Float
from accsim.compress.compressed import with_codes
from accsim.compress.model import ActivationCode, LayerParameters, Mask, Model
from accsim.compress.passes.activations import Activations, non_negative
from accsim.compress.passes.uniform import Symmetric
from accsim.compress.storage import Stored, store
from accsim.energy.price import price
from accsim.energy.reader import load_table
from accsim.errors import MappingError, in_layer
from accsim.hardware.accelerator import Accelerator, ArrayFamily
from accsim.hardware.datapath import DatapathKind
from accsim.mapper import Mapper, Search
from accsim.mapping.dataflow_reader import load_dataflow, require_family
from accsim.mapping.search.objective import Objective
from accsim.mapping.search.patience import Patience
from accsim.memo import Memo
from accsim.simulate.inner_product.operands import keeps
from accsim.simulate.network import simulate_other, tasks
from accsim.simulate.residency import WORKING_SHARES, Plan, plan
from accsim.simulate.values import Tensors
from accsim.sweep.policy.choices import Choice, LayerChoices, Sorted
from accsim.workload.layer import Layer
from accsim.workload.network import Network
from accsim.workload.operands import as_filters

Floats = npt.NDArray[np.float64]

_ZEROS = {DatapathKind.TERNARY, DatapathKind.BOTH_TERMS}
"""Datapaths whose time or energy follows the density of weights."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Energy in the table's unit, and milliseconds."""

    energy: float
    latency_ms: float


class Crowded(Exception):
    """A layer's tiles do not fit beside the feature maps that the plan keeps on chip."""

    def __init__(self, error: MappingError) -> None:
        super().__init__(str(error))
        self.error = error


class Pricer:
    """Costs of layers on a machine.

    Args:
        model: the network, with the parameters that are compressed and the codes of its feature maps.
        objective: what mappings are searched for.
        share: of the buffer that keeps feature maps, left for tiles.

    Raises:
        MappingError: a layer does not run on the machine, or (Crowded) not under this share.
    """

    def __init__(self, model: Model, machine: Accelerator, objective: Objective, share: Fraction) -> None:
        self.model, self.accelerator = model, machine
        layers = tuple(with_codes(layer, model, None, "") for layer in model.network.layers)
        self.network = replace(model.network, layers=layers)
        self._flow = load_dataflow(machine.dataflow)
        require_family(self._flow, machine)
        self._table = load_table(machine.energy_table)
        self._search, self._memo = Search(objective), Memo()
        self._plan: Plan = plan(self.network, machine, share)
        self._mapper = self._new_mapper()
        self._places = {layer.name: i for i, layer in enumerate(layers)}

    @property
    def unit(self) -> str:
        """Of energies."""
        return self._table.unit.value

    def _new_mapper(self) -> Mapper:
        return Mapper(
            self.network, self.accelerator, self._flow, self._table, {}, self._search, Patience(None), self._memo
        )

    def uncompressed(self) -> dict[str, Cost]:
        """Of every layer as the network has it: weights as wide as the machine's, none of them known to be zero."""
        work, out = tasks(self.network, self.accelerator, self._plan, {}), dict[str, Cost]()
        for layer in self.network.layers:
            task = work.get(layer.name)
            if task is not None:
                out[layer.name] = self._cost(layer, self.network, {}, self._mapper)
                continue
            activity = simulate_other(layer, self.network, self.accelerator, self._plan)
            estimate = price(activity, self.accelerator, self._table)
            out[layer.name] = Cost(estimate.energy, estimate.latency_ms)
        return out

    def of_choices(self, layer: Layer, parameters: LayerParameters, found: LayerChoices, held: Sorted) -> list[Cost]:
        """The cost of every choice of a layer."""
        seen: dict[object, Cost] = {}
        out = []
        for choice, nonzeros in zip(found.choices, found.nonzeros.tolist(), strict=True):
            encoding, zeros = "", None
            machine = self.accelerator
            by_zeros = machine.array.family is ArrayFamily.SPARSE
            if machine.pe.datapath.n and self._may_skip(layer, nonzeros):
                mask = as_filters(layer, held.nonzero(choice))
                encoding = "n_m" if keeps(mask, machine.pe.datapath.n, machine.pe.datapath.m) else ""
            key = self._signature(choice, nonzeros, encoding)
            if key in seen:
                out.append(seen[key])
                continue
            if by_zeros:
                zeros = held.nonzero(choice)
            if machine.dram.weight_decoder is not None:
                stored = store(choice.applied(layer, parameters))
            else:
                density = nonzeros / found.weights if found.weights else 1.0
                stored = Stored("uniform", choice.bits, found.weights, density, encoding, 0, 0)
            seen[key] = self._compressed(layer, parameters, choice, stored, zeros, found.reads)
            out.append(seen[key])
        return out

    def _may_skip(self, layer: Layer, nonzeros: int) -> bool:
        """Whether so few weights are left that groups of m may hold no more than n."""
        g, path = layer.geometry, self.accelerator.pe.datapath
        return g is not None and nonzeros <= g.M * g.R * g.S * -(-g.channels_per_group // path.m) * path.n

    def _signature(self, choice: Choice, nonzeros: int, encoding: str) -> object:
        """What of a choice reaches the machine."""
        machine, read = self.accelerator, choice.activation_bits
        if machine.dram.weight_decoder is not None:
            return choice
        if machine.array.family is ArrayFamily.SPARSE:
            return choice.bits, nonzeros, choice.pattern, read
        if machine.array.family is not ArrayFamily.INNER_PRODUCT:
            return None
        return choice.bits, read, encoding, nonzeros if machine.pe.datapath.kind in _ZEROS else None

    def _compressed(
        self,
        layer: Layer,
        parameters: LayerParameters,
        choice: Choice,
        stored: Stored,
        zeros: Mask | None,
        reads: str | None,
    ) -> Cost:
        """The cost of a layer whose weights are stored so."""
        sample = replace(parameters, weight=Float(np.zeros((1, 1, 1, 1))), kept=None)
        codes = replace(
            parameters, weight=Symmetric.model_validate({"bits": choice.bits}).project(layer, sample).weight
        )
        activations = dict(self.model.activations)
        if reads is not None and choice.activation_bits is not None:
            activations[reads] = activation_code(self.network, reads, choice.activation_bits)
        model = replace(self.model, parameters={**self.model.parameters, layer.name: codes}, activations=activations)
        after = with_codes(layer, model, stored, "policy")
        layers = list(self.network.layers)
        layers[self._places[layer.name]] = after
        network = replace(self.network, layers=tuple(layers))
        if zeros is None:
            return self._cost(after, network, {}, self._mapper)
        given = {layer.name: {"weight": zeros}}
        return self._cost(after, network, given, self._new_mapper())  # arrays are known by their ids, and these go

    def _cost(self, layer: Layer, network: Network, tensors: Tensors, mapper: Mapper) -> Cost:
        task = tasks(network, self.accelerator, self._plan, tensors, only={layer.name})[layer.name]
        with in_layer(layer.name):
            try:
                mapped = mapper.map(task)
            except MappingError as error:
                if self._plan.level is None:
                    raise
                raise Crowded(error) from error
            activity = mapper.simulate(task, mapped)
        estimate = price(activity, self.accelerator, self._table)
        return Cost(estimate.energy, estimate.latency_ms)


def activation_code(network: Network, name: str, bits: int) -> ActivationCode:
    """The code that the pass ``activations`` gives a feature map."""
    return Activations.model_validate({"bits": bits}).code(name in non_negative(network))


@dataclass(frozen=True, slots=True)
class Priced:
    """Costs on a machine.

    Attributes:
        each: of every choice of each layer.
        fixed: of all other layers.
        before: of each layer with weights before compression.
        unit: of energies.
        crowded: whether fewer feature maps stay on chip than some policies would let.
    """

    each: list[list[Cost]]
    fixed: Cost
    before: list[Cost]
    unit: str
    crowded: bool


def priced(
    model: Model,
    machine: Accelerator,
    objective: Objective,
    choices: Callable[[Layer, LayerParameters], tuple[LayerChoices, Sorted]],
    watch: Callable[[int, int, str], None] | None = None,
) -> Priced:
    """The costs of every choice of every layer with weights.

    Args:
        choices: those of a layer, and its sorted weights, which are held no longer than the layer is worked on.

    Raises:
        AccsimError: a layer does not run on the machine.
    """
    layers = list(model.layers())
    for share in WORKING_SHARES:
        try:
            pricer = Pricer(model, machine, objective, share)
            whole, each = pricer.uncompressed(), list[list[Cost]]()
            for i, (layer, parameters) in enumerate(layers):
                if watch is not None:
                    watch(i, len(layers), f"{layer.name} on {machine.name}")
                each.append(pricer.of_choices(layer, parameters, *choices(layer, parameters)))
        except Crowded as crowded:
            last = crowded.error
            continue
        names = {layer.name for layer, _ in layers}
        fixed = [cost for name, cost in whole.items() if name not in names]
        before = [whole[layer.name] for layer, _ in layers]
        return Priced(each, _sum(fixed), before, pricer.unit, share != WORKING_SHARES[0])
    raise last


def _sum(costs: Collection[Cost]) -> Cost:
    return Cost(sum(one.energy for one in costs), sum(one.latency_ms for one in costs))
