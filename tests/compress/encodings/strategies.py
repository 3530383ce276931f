"""Tensors of codes and encodings of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from accsim.compress.encodings import Encoding, parse_encoding


@dataclass(frozen=True)
class Tensor:
    array: NDArray[Any]
    bits: int
    signed: bool


@st.composite
def tensors(draw: st.DrawFn, least_dims: int = 0) -> Tensor:
    """Up to a few hundred codes of 1 to 32 bits, any density, zeros alone or in long runs."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=least_dims, max_size=4)))
    if len(shape) == 1 and draw(st.booleans()):
        shape = (draw(st.integers(1, 400)),)
    bits, signed = draw(st.one_of(st.integers(1, 8), st.integers(1, 32))), draw(st.booleans())
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    distinct = draw(st.sampled_from([1, 2, 3, 1000]))
    levels = generator.integers(least, most, distinct, endpoint=True)
    levels[0] = draw(st.sampled_from([least, most]))
    values = generator.choice(levels, shape)
    density = draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9, 1.0]))
    run = draw(st.sampled_from([1, 7]))
    mask = np.repeat(generator.random(values.size // run + 1) < density, run)[: values.size].reshape(shape)
    names = ("int64", "int32", "uint32", "uint64", "int16", "int8", "uint8", "bool")
    kinds = [np.dtype(n) for n in names if n != "bool" or (bits == 1 and not signed)]
    fitting = [t for t in kinds if t.kind == "b" or (np.iinfo(t).min <= least and most <= np.iinfo(t).max)]
    return Tensor(np.where(mask, values, 0).astype(draw(st.sampled_from(fitting))), bits, signed)


PLAIN = (
    "dense", "relative", "relative:1", "relative:2", "relative:16", "relative:best", "csr", "csc", "csc_count",
    "csc_count:1", "bitmap", "zero_value", "zero_value:32", "run_length:1,32,1,64", "run_length:5,32,3,128",
    "block:1", "block:3", "block:8", "block:2x3", "block:1x1000", "block:2x1x2", "nm:4:4", "nm:3:3,axis=0", "nm:64:64",
    "codebook", "best",
)  # fmt: skip


@st.composite
def encodings(draw: st.DrawFn, tensor: Tensor) -> Encoding:
    """An encoding, Huffman coded or not, that can hold the tensor."""
    dims = max(1, tensor.array.ndim)
    fitting = [name for name in PLAIN if not name.startswith("block") or name.count("x") < dims]
    return parse_encoding(draw(st.sampled_from(fitting)) + draw(st.sampled_from(["", "+huffman"])))
