"""How fast sizes are counted and tensors are coded, as rates and as ratios to zlib in the same run."""

from __future__ import annotations

import time
import zlib
from functools import cache
from typing import Any

import numpy as np
import pytest

from accsim.compress.encodings import decode, encode, measure

pytestmark = pytest.mark.benchmark


@cache
def pruned(words: int) -> Any:
    """8-bit weights of which a tenth is left, with the frequencies of a normal distribution."""
    generator = np.random.default_rng(0)
    values = np.clip(np.rint(generator.standard_normal(words, np.float32) * 24), -127, 127).astype(np.int8)
    values[generator.random(words, np.float32) > 0.1] = 0
    return values.reshape(1000, -1)


@pytest.mark.parametrize(
    "encoding",
    [
        "dense", "dense+huffman", "relative:best", "relative:best+huffman", "csr", "csr+huffman", "csc", "csc_count",
        "bitmap", "bitmap+huffman", "zero_value", "run_length", "block:1x8", "nm:8:8", "codebook", "best",
        "best+huffman",
    ],
)  # fmt: skip
def test_sizes_of_100_million_weights(benchmark: Any, encoding: str) -> None:
    weights = pruned(10**8)
    measure(weights[:8], encoding, 8, signed=True)
    benchmark.pedantic(measure, (weights, encoding, 8, True), rounds=3)
    benchmark.extra_info["weights_per_second"] = weights.size / benchmark.stats.stats.min


@pytest.mark.parametrize(
    "encoding", ["dense", "dense+huffman", "relative:4", "relative:4+huffman", "bitmap", "run_length", "csr"]
)
def test_decoding_beside_zlib(benchmark: Any, encoding: str) -> None:
    weights = pruned(10**7)
    started = time.perf_counter()
    encoded = encode(weights, encoding, 8, signed=True)
    taken = time.perf_counter() - started
    packed = zlib.compress(weights.tobytes(), 1)
    started = time.perf_counter()
    zlib.decompress(packed)
    by_zlib = time.perf_counter() - started
    decode(encoded)
    benchmark.pedantic(decode, (encoded,), rounds=3)
    benchmark.extra_info["encoded_weights_per_second"] = weights.size / taken
    benchmark.extra_info["decoded_weights_per_second"] = weights.size / benchmark.stats.stats.min
    benchmark.extra_info["rate_over_zlib"] = by_zlib / benchmark.stats.stats.min
