"""The reference executor: a whole model on inputs, layer by layer, in codes wherever codes are known.

A layer with MACs whose weights are integers times a scale per filter, and whose input has codes, is computed in
integers by the golden kernels: sums of (code - zero point) times weight, exact in the accumulator, then scaled and
biased in float64. Every other layer is computed in float64. A feature map that the model gives a code is rounded to
it before the next layer reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

from accsim.compress import arithmetic as compute
from accsim.compress.codes import Binary, Code, PowerOfTwo, Ternary, Uniform
from accsim.compress.feature_codes import Ints, decode, encode, has_integers
from accsim.compress.grain import Reals, Scale
from accsim.compress.model import ActivationCode, LayerParameters, Model
from accsim.compress.synthetic import MOST_WORDS, synthetic_table
from accsim.errors import AccsimError, InputError
from accsim.kernels import Accumulator, convolve
from accsim.workload.layer import Geometry, Layer, LayerKind
from accsim.workload.network import Network
from accsim.workload.operands import as_filters, as_map

INPUT = "input"
WIDEST = 64
WIDEST_OPERAND = 2**31 - 1
"""The golden kernels take operands of 32 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A feature map in codes."""

    codes: Ints
    code: ActivationCode


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a model computed.

    Attributes:
        values: feature maps by the layer that gives them, ``"input"`` among them, float64, as the next layer reads
            them (rounded, where they have a code).
        codes: feature maps that have integer codes.
        sums: accumulators of the layers that were computed in integers, int64 [N, M, P, Q]; [blocks, N, M, P, Q] where
            blocks of input channels have scales of their own.
        overflows: outputs of each of them that did not fit the accumulator.
        given: the inputs as they were given, before any code.
        inputs: where the inputs come from.
        made_up: whether inputs or parameters are not real ones.
    """

    values: Mapping[str, Reals]
    codes: Mapping[str, Coded]
    sums: Mapping[str, Ints]
    overflows: Mapping[str, int]
    given: Reals
    inputs: str
    made_up: bool


def random_inputs(network: Network, seed: int = 0) -> Reals:
    """Inputs where there are none, from NumPy's PCG64 seeded by ``seed`` and the network's name.

    They are standard normal; token numbers are uniform below the entries of the smallest table that they are looked up
    in.
    """
    draw = np.random.Generator(np.random.PCG64([seed, crc32(network.name.encode())]))
    entries = [one.weight_words // one.output_shape[-1] for one in network.layers if _looks_up(one)]
    if entries:
        return draw.integers(0, min(entries), (network.batch, *network.input_shape)).astype(np.float64)
    return draw.standard_normal((network.batch, *network.input_shape))


def _looks_up(layer: Layer) -> bool:
    return layer.kind is LayerKind.EMBEDDING and INPUT in layer.inputs


def load_array(path: str, network: Network) -> Reals:
    """Read inputs from an ``.npy`` file: [N, *input shape], without N when the batch is 1.

    Of vectors and token numbers the axes of size 1 at the end may be missing.

    Raises:
        InputError: not such a file, or another shape.
    """
    from accsim.npz import read_array  # noqa: PLC0415
    from accsim.source import printable  # noqa: PLC0415

    array = read_array(path)
    try:
        return _checked(network, array)
    except AccsimError as error:
        raise InputError([f"{printable(path)}: {error}"]) from None


def _checked(network: Network, inputs: npt.NDArray[np.generic]) -> Reals:
    wanted = (network.batch, *network.input_shape)
    fits = inputs.shape == wanted or (network.batch == 1 and inputs.shape == wanted[1:])
    numbers = wanted[2:] in ((1, 1), (1,))  # of a vector, or one per token
    short = numbers and inputs.shape in (wanted[:2], wanted[1:2])
    if not (fits or (short and inputs.size == prod(wanted))):
        raise AccsimError(f"inputs must have shape {wanted}, got {inputs.shape}")
    if inputs.dtype.kind not in "biuf":
        raise AccsimError(f"inputs must be numbers, got {inputs.dtype}")
    values = inputs.astype(np.float64).reshape(wanted)
    if not np.isfinite(values).all():
        raise AccsimError("inputs hold values that are not finite")
    return values


def run(
    model: Model,
    inputs: npt.NDArray[np.generic] | None = None,
    *,
    seed: int = 0,
    instead: Mapping[str, Reals] | None = None,
    caches: Mapping[str, Reals] | None = None,
) -> Run:
    """Compute every layer of a model.

    Args:
        inputs: [N, *input shape]; made up by ``random_inputs`` with ``seed`` if not given.
        instead: feature maps that the layers behind them read in place of what was computed, by the layer that gives
            them; so a layer is compared with another implementation whatever those before it have done.
        caches: tokens that ``cache`` layers hold from before, [N, rows - new tokens, width], by layer; made up,
            standard normal with ``seed``, where they are not given.

    Raises:
        AccsimError: inputs of another shape, more words than can be computed, a layer that is cut off or whose
            parameters are not known.
    """
    network = model.network
    if inputs is None:
        kind = "token numbers" if any(map(_looks_up, network.layers)) else "standard normal"
        said, read = f"made up: {kind}; seed {seed}", random_inputs(network, seed)
    else:
        said, read = "given", _checked(network, inputs)
    words = sum(layer.ofmap_words for layer in network.layers)
    if words > MOST_WORDS:
        raise AccsimError(f"{network.name} has feature maps of {words} words; at most {MOST_WORDS} are computed")
    state = _State(model, instead or {}, caches or {}, seed, inputs is None or not model.real)
    state.keep(INPUT, read, None)
    for layer in network.layers:
        state.compute(layer)
    return Run(state.values, state.codes, state.sums, state.overflows, read, said, state.made_up)


@dataclass(slots=True, eq=False)
class _State:
    model: Model
    instead: Mapping[str, Reals]
    caches: Mapping[str, Reals]
    seed: int
    made_up: bool
    values: dict[str, Reals] = field(default_factory=dict)
    codes: dict[str, Coded] = field(default_factory=dict)
    sums: dict[str, Ints] = field(default_factory=dict)
    overflows: dict[str, int] = field(default_factory=dict)

    def read(self, name: str) -> Reals:
        """What the layers behind a feature map read."""
        return self.instead[name] if name in self.instead else self.values[name]

    def read_codes(self, name: str) -> Coded | None:
        """The codes that the layers behind a feature map read, if it has any."""
        coded = self.codes.get(name)
        if coded is None or name not in self.instead:
            return coded
        return Coded(encode(self.instead[name], coded.code), coded.code)

    def keep(self, name: str, values: Reals, passed: Coded | None) -> None:
        """Round a feature map to its code; ``passed`` are codes that came through unchanged."""
        code = self.model.activations.get(name)
        if code is not None and has_integers(code):
            codes = encode(values, code)
            self.codes[name] = Coded(codes, code)
            self.values[name] = decode(codes, code)
            return
        self.values[name] = values
        if passed is not None:
            self.codes[name] = passed

    def compute(self, layer: Layer) -> None:
        missing = [name for name in layer.inputs if name not in self.values]
        if missing:
            raise AccsimError(f"layer {layer.name!r} reads {missing[0]!r}, which is not part of the network")
        read = [self.read(name) for name in layer.inputs]
        match layer.kind:
            case LayerKind.CONV | LayerKind.FC:
                self.keep(layer.name, self._macs(layer, read[0]), None)
            case LayerKind.MATMUL:
                self.keep(layer.name, _product(layer, read[0], read[1]), None)
            case _:
                self.keep(layer.name, self._other(layer, read), self._passed(layer))

    def _macs(self, layer: Layer, values: Reals) -> Reals:
        g, parameters = layer.geometry, self.model.parameters.get(layer.name)
        if g is None or parameters is None:
            raise AccsimError(f"layer {layer.name!r} has no parameters")
        coded = self.read_codes(layer.inputs[0])
        parts = integer_weights(parameters)
        if coded is not None and parts is not None:
            accumulator = Accumulator(self.model.accumulator_bits.get(layer.name, WIDEST))
            sums, factor, overflows = _sums(g, as_map(layer, coded.codes - coded.code.zero_point), parts, accumulator)
            self.sums[layer.name] = sums[0] if len(sums) == 1 else sums
            self.overflows[layer.name] = overflows
            out: Reals = (sums * factor).sum(axis=0) * (coded.code.scale or 0.0)
        else:
            out = compute.convolve_real(as_map(layer, values), parameters.values(), g)
        if parameters.bias is not None:
            out = out + parameters.bias[:, None, None]
        return from_map(layer, out)

    def _other(self, layer: Layer, read: list[Reals]) -> Reals:
        match layer.kind:
            case LayerKind.POOL:
                return compute.pool(layer, read[0])
            case LayerKind.BATCH_NORM:
                return compute.normalise(read[0], _known(self.model.norms, layer))
            case LayerKind.LAYER_NORM:
                return compute.normalise_tokens(read[0], _known(self.model.layer_norms, layer))
            case LayerKind.EMBEDDING if layer.inputs:
                return compute.look_up(layer, self._table(layer), read[0])
            case LayerKind.EMBEDDING:
                rows = self._table(layer)[: layer.output_shape[0]]
                return np.broadcast_to(rows, (layer.batch, *rows.shape)).copy()
            case LayerKind.ACTIVATION if layer.operation == "prelu":
                return compute.prelu(read[0], _known(self.model.slopes, layer))
            case LayerKind.LRN:
                return compute.lrn(layer, read[0])
            case LayerKind.ACTIVATION if layer.operation in compute.ACTIVATIONS:
                return compute.ACTIVATIONS[layer.operation](read[0], dict(layer.made_by[1]))
            case LayerKind.ADD:
                return sum(read[1:], start=read[0])
            case LayerKind.MULTIPLY:
                return read[0] * read[1]
            case LayerKind.CONCAT:
                tokens = dict(layer.made_by[1]).get("axis") == "tokens"
                return np.concatenate(read, axis=2 if read[0].ndim == 3 and not tokens else 1)
            case LayerKind.SHUFFLE:
                return compute.shuffle(layer, read[0])
            case LayerKind.SOFTMAX:
                return compute.softmax(read[0], over_keys=self._scores(layer.inputs[0]))
            case LayerKind.RESHAPE if layer.made_by[0] == "cache":
                return np.concatenate([self._cached(layer, read[0]), read[0]], axis=1)
            case LayerKind.RESHAPE:
                return compute.reshape(layer, read[0])
            case _:
                what = layer.operation or layer.kind.value
                raise AccsimError(f"layer {layer.name!r}: the executor does not know the values of {what}")

    def _table(self, layer: Layer) -> Reals:
        """The rows of an embedding; made up where they are not known."""
        if layer.name in self.model.tables:
            return self.model.tables[layer.name]
        self.made_up = True
        return synthetic_table(layer, self.seed)

    def _cached(self, layer: Layer, new: Reals) -> Reals:
        """The tokens that were cached before the new ones; made up, standard normal, where they are not given."""
        shape = (len(new), layer.output_shape[0] - new.shape[1], new.shape[2])
        given = self.caches.get(layer.name)
        if given is None:
            self.made_up = self.made_up or shape[1] > 0
            draw = np.random.Generator(np.random.PCG64([self.seed, crc32(layer.name.encode())]))
            return draw.standard_normal(shape)
        if given.shape != shape:
            raise AccsimError(f"layer {layer.name!r}: cached tokens must have shape {shape}, got {given.shape}")
        return given

    def _scores(self, name: str) -> bool:
        """Whether a feature map is attention scores, [heads, queries, keys], and no image."""
        layers = {layer.name: layer for layer in self.model.network.layers}
        while name in layers and layers[name].kind in (LayerKind.ACTIVATION, LayerKind.ADD, LayerKind.MULTIPLY):
            name = layers[name].inputs[0]
        return name in layers and layers[name].operation == "query_key"

    def _passed(self, layer: Layer) -> Coded | None:
        """Codes that a layer hands on: it only moves words, or picks the largest."""
        if not layer.inputs:
            return None
        coded = [self.read_codes(name) for name in layer.inputs]
        first = coded[0]
        if first is None or any(other is None or other.code != first.code for other in coded):
            return None
        moves = layer.kind in (LayerKind.SHUFFLE, LayerKind.RESHAPE, LayerKind.CONCAT)
        moves = moves and layer.made_by[0] != "pad_channels"
        if not (moves or (layer.kind is LayerKind.POOL and layer.operation == "max")):
            return None
        maps = [c.codes.astype(np.float64) for c in coded if c is not None]  # exact: codes are far below 2^53
        return Coded(self._other(layer, maps).astype(np.int64), first.code)


Parameters = TypeVar("Parameters")


def _known(held: Mapping[str, Parameters], layer: Layer) -> Parameters:
    if layer.name not in held:
        raise AccsimError(f"layer {layer.name!r} has no parameters")
    return held[layer.name]


def from_map(layer: Layer, out: Reals) -> Reals:
    """An output [N, M, P, Q] in the shape of the layer's output."""
    if len(layer.output_shape) == 2:
        return out[..., 0].swapaxes(1, 2)
    return out.reshape(layer.batch, *layer.output_shape)


def _product(layer: Layer, first: Reals, second: Reals) -> Reals:
    """A product of two activations."""
    g = layer.geometry
    if g is None:
        raise AccsimError(f"layer {layer.name!r} has no geometry")
    out = compute.convolve_real(as_map(layer, first), as_filters(layer, second), g)
    heads = g.G // layer.batch
    by_head = out.reshape(layer.batch, heads, g.filters_per_group, g.P)
    if layer.operation == "query_key":
        return compute.scaled_scores(layer, by_head.swapaxes(2, 3), g.channels_per_group)
    return by_head.reshape(layer.batch, heads * g.filters_per_group, g.P).swapaxes(1, 2)


def integer_weights(parameters: LayerParameters) -> tuple[Ints, Scale | float] | None:
    """Weights as integers and what they are multiplied by; ``None`` where a code has none."""
    code: Code = parameters.weight
    scale: Scale | float
    match code:
        case Uniform() | Binary():
            scale = code.scale
        case Ternary() if code.symmetric:
            scale = code.positive
        case PowerOfTwo() if code.scale is None:
            scale = 2.0**code.lowest
        case _:
            return None
    if isinstance(scale, Scale) and (scale.values.shape[2] > 1 or scale.values.shape[3] > 1):
        return None
    integers = code.integers()
    if integers.size and max(-int(integers.min()), int(integers.max())) > WIDEST_OPERAND:
        return None
    return (integers if parameters.kept is None else np.where(parameters.kept, integers, 0)), scale


def _sums(
    g: Geometry, codes: Ints, parts: tuple[Ints, Scale | float], accumulator: Accumulator
) -> tuple[Ints, Reals, int]:
    """Sums in integers, one for each block of input channels that shares a scale.

    Returns:
        sums [blocks, N, M, P, Q], the scales they are multiplied by [blocks, 1, M, 1, 1], and how many overflowed.
    """
    integers, scale = parts
    if isinstance(scale, float):
        block, factor = g.channels_per_group, np.full((g.M, 1, 1, 1), scale)
    else:
        block = min(scale.block[1], g.channels_per_group) if scale.values.shape[1] > 1 else g.channels_per_group
        over = Scale(scale.values, (scale.block[0], 1, 1, 1), scale.grain)
        factor = over.over((g.M, *scale.values.shape[1:]))
    grouped = codes.reshape(g.N, g.G, g.channels_per_group, g.H, g.W)
    sums, overflows = [], 0
    for first in range(0, g.channels_per_group, block):
        some = grouped[:, :, first : first + block]
        done = convolve(
            some.reshape(g.N, -1, g.H, g.W), integers[:, first : first + block], accumulator, groups=g.G,
            stride=(g.stride_h, g.stride_w), dilation=(g.dilation_h, g.dilation_w),
            padding=(g.pad_top, g.pad_bottom, g.pad_left, g.pad_right),
        )  # fmt: skip
        sums.append(done.values[:, :, : g.P, : g.Q])
        overflows += done.overflows
    return np.stack(sums), factor.reshape(g.M, -1).T[:, None, :, None, None], overflows
