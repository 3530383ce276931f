"""Transformers against closed forms. d is the width, T the tokens; the weights of a layer take 12 d^2 T MACs."""

from __future__ import annotations

import pytest

from accsim.errors import InputError
from accsim.workload.layer import LayerKind
from accsim.workload.reader import load_network

D, HEADS, LAYERS = 768, 12, 12


def linear(tokens: int) -> int:
    """Query, key, value and output (4 d^2) and the two of the MLP (8 d^2)."""
    return LAYERS * (4 * D * D + 8 * D * D) * tokens


def attention(queries: int, keys: int) -> int:
    """Scores and attended values: each queries x keys x d over all heads."""
    return LAYERS * 2 * queries * keys * D


def test_vit_b_16() -> None:
    network = load_network("vit_b_16")
    patches, tokens = 14 * 14, 14 * 14 + 1
    assert network.macs == patches * 3 * 16 * 16 * D + linear(tokens) + attention(tokens, tokens) + D * 1000
    # torchvision 0.29.2, models/vision_transformer.py: num_params 86567656, _ops 17.564
    assert sum(layer.weight_words + layer.bias_words for layer in network.layers) == 86_567_656
    assert round(network.macs / 1e9, 3) == 17.564


@pytest.mark.parametrize("tokens", [1, 128, 384])
def test_bert_base(tokens: int) -> None:
    network = load_network("bert_base", bindings={"sequence": tokens})
    assert network.macs == linear(tokens) + attention(tokens, tokens) + D * D
    assert network.bindings == (("sequence", tokens),)
    # Devlin et al. 2019: 110M parameters; the uncased vocabulary of 30522 with the pooler makes 109,482,240
    assert sum(layer.weight_words + layer.bias_words for layer in network.layers) == 109_482_240


@pytest.mark.parametrize("tokens", [1, 256, 1024])
def test_gpt2_prefill(tokens: int) -> None:
    network = load_network("gpt2", bindings={"sequence": tokens})
    assert network.macs == linear(tokens) + attention(tokens, tokens) + tokens * D * 50257
    # openai/gpt-2, 124M: 124,439,808 parameters, lm_head being wte
    tied = network.layer("lm_head").weight_words
    assert sum(layer.weight_words + layer.bias_words for layer in network.layers) - tied == 124_439_808


@pytest.mark.parametrize("cached", [1, 256, 1024])
def test_gpt2_decode_is_the_last_row_of_the_prefill(cached: int) -> None:
    network = load_network("gpt2_decode", bindings={"sequence": cached})
    assert network.macs == linear(1) + attention(1, cached) + D * 50257
    assert network.weight_words == load_network("gpt2").weight_words


def test_defaults() -> None:
    assert load_network("gpt2").bindings == (("sequence", 1024),)
    assert load_network("gpt2_decode").bindings == (("sequence", 1024),)
    assert load_network("bert_base").bindings == (("sequence", 384),)


def test_products_of_activations_are_grouped_by_batch_and_head() -> None:
    network = load_network("gpt2", batch=3, bindings={"sequence": 16})
    scores, context = network.layer("h.0.attn.scores"), network.layer("h.0.attn.context")
    assert (scores.kind, context.kind) == (LayerKind.MATMUL, LayerKind.MATMUL)
    assert scores.geometry is not None
    assert context.geometry is not None
    g = scores.geometry
    assert (g.N, g.G, g.P, g.filters_per_group, g.channels_per_group) == (1, 3 * HEADS, 16, 16, D // HEADS)
    assert g.weight_words == 3 * 16 * D  # the keys
    assert g.ifmap_words == 3 * 16 * D  # the queries
    g = context.geometry
    assert (g.N, g.G, g.P, g.filters_per_group, g.channels_per_group) == (1, 3 * HEADS, 16, D // HEADS, 16)
    assert g.weight_words == 3 * 16 * D  # the values
    assert (scores.weight_words, context.weight_words) == (0, 0)
    assert scores.output_shape == (HEADS, 16, 16)
    assert context.output_shape == (16, D)


def test_token_wise_layers_have_tokens_as_output_rows() -> None:
    layer = load_network("gpt2", batch=2, bindings={"sequence": 16}).layer("h.0.c_fc")
    assert layer.geometry is not None
    assert (layer.kind, layer.geometry.N, layer.geometry.P, layer.geometry.Q) == (LayerKind.FC, 2, 16, 1)
    assert (layer.weight_words, layer.bias_words) == (4 * D * D, 4 * D)


def test_kinds() -> None:
    kinds = {layer.kind.value for layer in load_network("gpt2").layers}
    assert kinds == {
        "embedding", "add", "layer_norm", "fc", "reshape", "matmul", "softmax", "activation",
    }  # fmt: skip
    assert {layer.operation for layer in load_network("gpt2").layers if layer.kind is LayerKind.ACTIVATION} == {"gelu"}


def test_more_positions_than_the_model_has() -> None:
    with pytest.raises(InputError) as caught:
        load_network("gpt2", bindings={"sequence": 2048})
    assert str(caught.value).endswith(": wpe: 2048 rows are asked of a table of 1024; at most 1024 are legal")


def test_an_unknown_size() -> None:
    with pytest.raises(InputError) as caught:
        load_network("gpt2", bindings={"sequnce": 8})
    assert str(caught.value) == "network 'gpt2' has no size 'sequnce'; did you mean 'sequence'?"
