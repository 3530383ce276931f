"""Some of the filters or of the input channels of a layer's parameters, whatever their code."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

import numpy as np
import numpy.typing as npt

from accsim.compress.codes import (
    Binary,
    Code,
    Codebook,
    Float,
    Ints,
    KernelCodebook,
    Outliers,
    Planes,
    PowerOfTwo,
    ProductCodebook,
    Ternary,
    Transformed,
    Uniform,
)
from accsim.compress.grain import Scale
from accsim.compress.model import LayerParameters, NormParameters
from accsim.errors import AccsimError

FILTERS, CHANNELS = 0, 1
_AXES = {FILTERS: "filters", CHANNELS: "input channels"}


def take_parameters(parameters: LayerParameters, axis: int, index: Ints) -> LayerParameters:
    """The parameters of some filters (axis 0) or input channels (axis 1), in the order of ``index``.

    Raises:
        AccsimError: the code shares something between the weights that are taken and others.
    """
    bias = parameters.bias
    return replace(
        parameters,
        weight=take_code(parameters.weight, axis, index),
        bias=bias if bias is None or axis != FILTERS else bias[index],
        kept=None if parameters.kept is None else parameters.kept.take(index, axis),
        trained=None if parameters.trained is None else parameters.trained.take(index, axis),
    )


def take_norm(norm: NormParameters, index: Ints) -> NormParameters:
    """The parameters of some channels of a batch normalisation."""
    return replace(
        norm, gamma=norm.gamma[index], beta=norm.beta[index], mean=norm.mean[index], variance=norm.variance[index]
    )


@singledispatch
def take_code(code: Code, axis: int, index: Ints) -> Code:
    """The code of some filters (axis 0) or input channels (axis 1).

    Raises:
        AccsimError: it is of a kind that cannot be parted, or shares a scale between some of them.
    """
    raise AccsimError(f"weights of code {code.name!r} cannot be parted along their {_AXES[axis]}")


def _take(values: npt.NDArray[np.int64], axis: int, index: Ints) -> npt.NDArray[np.int64]:
    return values.take(index, axis)


def _scale(scale: Scale, axis: int, index: Ints) -> Scale:
    block = list(scale.block)
    blocks = scale.values.shape[axis]
    if blocks == 1:
        block[axis] = max(1, int(index.size))
        values = scale.values
    elif block[axis] == 1:
        values = scale.values.take(index, axis)
    else:
        raise AccsimError(
            f"{block[axis]} neighbouring {_AXES[axis]} share a scale ({scale.grain}), so single ones cannot be "
            "removed; remove them first and quantise then"
        )
    return replace(scale, values=values, block=(block[0], block[1], block[2], block[3]))


@take_code.register
def _(code: Float, axis: int, index: Ints) -> Code:
    return replace(code, weights=code.weights.take(index, axis))


@take_code.register
def _(code: Uniform, axis: int, index: Ints) -> Code:
    point = code.zero_point
    if point.size > 1 and point.shape[axis] > 1:
        point = point.take(index, axis)  # scale and zero point have the same blocks; those of more than one are refused
    return replace(code, codes=_take(code.codes, axis, index), scale=_scale(code.scale, axis, index), zero_point=point)


@take_code.register
def _(code: Binary, axis: int, index: Ints) -> Code:
    return replace(code, positive=code.positive.take(index, axis), scale=_scale(code.scale, axis, index))


@take_code.register
def _(code: Ternary, axis: int, index: Ints) -> Code:
    positive = _scale(code.positive, axis, index)
    negative = positive if code.symmetric else _scale(code.negative, axis, index)
    return replace(code, codes=_take(code.codes, axis, index), positive=positive, negative=negative)


@take_code.register
def _(code: PowerOfTwo, axis: int, index: Ints) -> Code:
    scale = None if code.scale is None else _scale(code.scale, axis, index)
    signs, exponents = _take(code.signs, axis, index), _take(code.exponents, axis, index)
    return replace(code, signs=signs, exponents=exponents, scale=scale)


@take_code.register
def _(code: Codebook, axis: int, index: Ints) -> Code:
    if code.hashed:
        raise AccsimError(
            f"a hash of a weight's place gives its entry, so {_AXES[axis]} cannot be removed; remove them first and "
            "hash then"
        )
    signs = None if code.signs is None else _take(code.signs, axis, index)
    return replace(code, index=_take(code.index, axis, index), signs=signs)


@take_code.register
def _(code: ProductCodebook, axis: int, index: Ints) -> Code:
    if axis != FILTERS:
        raise AccsimError(
            "sub-vectors run along the input channels, so single ones cannot be removed; remove them first and "
            "quantise then"
        )
    return replace(code, index=_take(code.index, axis, index))


@take_code.register
def _(code: KernelCodebook, axis: int, index: Ints) -> Code:
    factors = None if code.factors is None else code.factors.take(index, axis)
    return replace(code, index=_take(code.index, axis, index), factors=factors)


@take_code.register
def _(code: Planes, axis: int, index: Ints) -> Code:
    bases = tuple(_scale(base, axis, index) for base in code.bases)
    return replace(code, positive=code.positive.take(index, axis + 1), bases=bases)


@take_code.register
def _(code: Outliers, axis: int, index: Ints) -> Code:
    where = np.full(code.shape, -1, np.int64)
    where.reshape(-1)[code.places] = np.arange(code.places.size)
    left = where.take(index, axis).reshape(-1)
    places = np.flatnonzero(left >= 0)
    return replace(code, bulk=take_code(code.bulk, axis, index), places=places, kept=code.kept[left[places]])


@take_code.register
def _(code: Transformed, axis: int, index: Ints) -> Code:
    kept = None if code.kept is None else code.kept.take(index, axis)
    return replace(code, coefficients=take_code(code.coefficients, axis, index), kept=kept)
