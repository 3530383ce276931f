"""Small transformers as exporters write them, with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.importers.graphs import Builder

WIDTH, HEADS, TOKENS = 8, 2, 5
DEPTH = WIDTH // HEADS
draw = np.random.default_rng(11)


def whole(b: Builder, *sizes: int) -> str:
    """A constant of whole numbers."""
    return b.constant(sizes, np.int64)


def weights(b: Builder, *shape: int) -> str:
    """Trained values."""
    return b.constant(draw.standard_normal(shape) / np.sqrt(shape[0]))


def linear(b: Builder, at: str, inputs: int, outputs: int) -> str:
    """MatMul and Add."""
    return b.node("Add", b.node("MatMul", at, weights(b, inputs, outputs)), weights(b, outputs))


def layer_norm(b: Builder, at: str, *, written_out: bool = False) -> str:
    """LayerNormalization, or its nodes before operator set 17."""
    gamma, beta = b.constant(draw.random(WIDTH) + 0.5), weights(b, WIDTH)
    if not written_out:
        return b.node("LayerNormalization", at, gamma, beta, axis=-1, epsilon=1e-6)
    centred = b.node("Sub", at, b.node("ReduceMean", at, axes=[-1]))
    variance = b.node("ReduceMean", b.node("Pow", centred, b.constant(2.0)), axes=[-1])
    scaled = b.node("Div", centred, b.node("Sqrt", b.node("Add", variance, b.constant(1e-5))))
    return b.node("Add", b.node("Mul", scaled, gamma), beta)


def gelu(b: Builder, at: str, form: str) -> str:
    """Gelu as PyTorch's and Hugging Face's exporters write it."""
    if form == "erf":
        inner = b.node("Add", b.node("Erf", b.node("Div", at, b.constant(np.sqrt(2)))), b.constant(1.0))
        return b.node("Mul", b.node("Mul", at, inner), b.constant(0.5))
    cube = b.node("Mul", b.node("Pow", at, b.constant(3.0)), b.constant(0.044715))
    inner = b.node("Tanh", b.node("Mul", b.node("Add", at, cube), b.constant(np.sqrt(2 / np.pi))))
    return b.node("Mul", b.node("Mul", at, b.constant(0.5)), b.node("Add", inner, b.constant(1.0)))


def heads(b: Builder, at: str, order: list[int]) -> str:
    """[batch, tokens, width] as heads."""
    split = b.node("Reshape", at, whole(b, 0, 0, HEADS, DEPTH))
    return b.node("Transpose", split, perm=order)


def joined(b: Builder, at: str) -> str:
    """Heads as [batch, tokens, width] again."""
    return b.node("Reshape", b.node("Transpose", at, perm=[0, 2, 1, 3]), whole(b, 0, 0, WIDTH))


def block(b: Builder, at: str, context: str, form: str, *, written_out: bool = False) -> str:
    """Projection, residual, norm, and the two layers behind."""
    at = layer_norm(b, b.node("Add", linear(b, context, WIDTH, WIDTH), at), written_out=written_out)
    inner = gelu(b, linear(b, at, WIDTH, 2 * WIDTH), form)
    return layer_norm(b, b.node("Add", linear(b, inner, 2 * WIDTH, WIDTH), at), written_out=written_out)


def bert() -> tuple[Builder, str]:
    """Token numbers, position rows, separate projections, the first token's pooler."""
    b = Builder(("n", TOKENS), numbers=True)
    at = b.node("Gather", weights(b, 11, WIDTH), "x")
    at = b.node("Add", at, b.constant(draw.standard_normal((1, TOKENS, WIDTH))))
    at = layer_norm(b, at)
    for _ in range(2):
        query, key, value = (linear(b, at, WIDTH, WIDTH) for _ in range(3))
        scores = b.node("MatMul", heads(b, query, [0, 2, 1, 3]), heads(b, key, [0, 2, 3, 1]))
        shares = b.node("Softmax", b.node("Div", scores, b.constant(np.sqrt(DEPTH))), axis=-1)
        at = block(b, at, joined(b, b.node("MatMul", shares, heads(b, value, [0, 2, 1, 3]))), "erf")
    first = b.node("Gather", at, b.constant(0, np.int64), axis=1)
    return b, b.node("Tanh", b.node("Gemm", first, weights(b, WIDTH, WIDTH), weights(b, WIDTH)))


def gpt(mask: str) -> tuple[Builder, str]:
    """Fused projections that are split, scale on queries and keys, a causal mask, written-out norms."""
    b = Builder(("n", TOKENS), numbers=True)
    at = b.node("Gather", weights(b, 11, WIDTH), "x")
    at = b.node("Add", at, b.constant(draw.standard_normal((TOKENS, WIDTH))))
    seen = np.tril(np.ones((1, 1, TOKENS, TOKENS), bool))
    normed = layer_norm(b, at, written_out=True)
    query, key, value = b.node("Split", linear(b, normed, WIDTH, 3 * WIDTH), whole(b, 8, 8, 8), outputs=3, axis=2)
    root = b.constant(DEPTH**-0.25)
    query = b.node("Mul", heads(b, query, [0, 2, 1, 3]), root)
    key = b.node("Transpose", heads(b, key, [0, 2, 1, 3]), perm=[0, 1, 3, 2])
    scores = b.node("MatMul", query, b.node("Mul", key, root))
    if mask == "where":
        scores = b.node("Where", b.constant(seen, np.bool_), scores, b.constant(-3.4e38))
    else:
        scores = b.node("Add", scores, b.constant(np.where(seen, 0, -1e9)))
    context = b.node("MatMul", b.node("Softmax", scores, axis=3), heads(b, value, [0, 2, 1, 3]))
    at = block(b, at, joined(b, context), "tanh", written_out=True)
    return b, b.node("MatMul", at, weights(b, WIDTH, 11))


def vit(unbound: str) -> tuple[Builder, str]:
    """Patches, a class token, one projection seen as [3, batch, heads, tokens, d]."""
    b = Builder(("n", 3, 4, 4))
    at = b.node("Conv", "x", b.constant(draw.standard_normal((WIDTH, 3, 2, 2))), strides=[2, 2])
    at = b.node("Transpose", b.node("Reshape", at, whole(b, 0, WIDTH, -1)), perm=[0, 2, 1])
    entries = b.node("Gather", b.node("Shape", "x"), b.constant(0, np.int64))
    shape = b.node("Concat", b.node("Unsqueeze", entries, whole(b, 0)), whole(b, -1, -1), axis=0)
    shape = b.node("Where", b.node("Equal", shape, whole(b, -1)), whole(b, 1), shape)
    token = b.node("Expand", b.constant(draw.standard_normal((1, 1, WIDTH))), shape)
    at = b.node("Concat", token, at, axis=1)
    at = b.node("Add", at, b.constant(draw.standard_normal((1, TOKENS, WIDTH))))
    fused = linear(b, layer_norm(b, at), WIDTH, 3 * WIDTH)
    fused = b.node("Reshape", fused, whole(b, -1, TOKENS, 3, HEADS, DEPTH))
    fused = b.node("Transpose", fused, perm=[2, 0, 3, 1, 4])
    parts: Any
    if unbound == "gather":
        parts = [b.node("Gather", fused, b.constant(i, np.int64), axis=0) for i in range(3)]
    else:
        parts = [b.node("Squeeze", one, whole(b, 0)) for one in b.node("Split", fused, outputs=3, axis=0)]
    query, key, value = parts
    key = b.node("Transpose", key, perm=[0, 1, 3, 2])
    scores = b.node("Mul", b.node("MatMul", query, key), b.constant(DEPTH**-0.5))
    at = block(b, at, joined(b, b.node("MatMul", b.node("Softmax", scores), value)), "erf")
    first = b.node("Gather", at, b.constant(0, np.int64), axis=1)
    return b, b.node("Gemm", first, weights(b, 10, WIDTH), weights(b, 10), transB=1)


def tokens_first() -> tuple[Builder, str]:
    """As torch.nn.MultiheadAttention: tokens before the batch, and batch and heads in one axis."""
    b = Builder((2, TOKENS, WIDTH))
    at = b.node("Transpose", "x", perm=[1, 0, 2])
    parts = []
    for _ in range(3):
        flat = b.node("Reshape", linear(b, at, WIDTH, WIDTH), whole(b, TOKENS, 2 * HEADS, DEPTH))
        parts.append(b.node("Transpose", flat, perm=[1, 0, 2]))
    query, key, value = parts
    scores = b.node("MatMul", b.node("Div", query, b.constant(2.0)), b.node("Transpose", key, perm=[0, 2, 1]))
    context = b.node("Transpose", b.node("MatMul", b.node("Softmax", scores), value), perm=[1, 0, 2])
    context = b.node("Reshape", context, whole(b, TOKENS * 2, WIDTH))
    context = b.node("Gemm", context, weights(b, WIDTH, WIDTH), weights(b, WIDTH), transB=1)
    context = b.node("Reshape", context, whole(b, TOKENS, 2, WIDTH))
    return b, b.node("Transpose", layer_norm(b, b.node("Add", context, at)), perm=[1, 0, 2])
