"""MPNet against a slow NumPy version; padding changes nothing, and no position is left out."""

import math
from pathlib import Path

import numpy as np
import pytest

from data_pipelines.errors import UserError
from gapjax.text.encoders.mpnet import distance_buckets
from support.small_text_models import (
    MPNET_CONFIG,
    STRINGS,
    Tensors,
    assert_parameters_fit,
    assert_same_with_padding,
    attend,
    encode,
    layer_norm,
    linear,
    load,
    mpnet_tensors,
    save_mpnet,
)

GELU = np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))))


def bucket(offset: int, buckets: int) -> int:
    """Return the bucket of a distance, from the edges of the buckets."""
    half, distance = buckets // 2, abs(offset)
    exact = half // 2
    edges = [exact * (128 / exact) ** (i / (half - exact)) for i in range(1, half - exact)]
    far = exact + sum(distance >= edge for edge in edges)
    return (half if offset > 0 else 0) + (distance if distance < exact else far)


def oracle(tensors: Tensors, tokens: np.ndarray) -> np.ndarray:
    """Return one string's output at every token; its tokens have no padding."""
    config, length = MPNET_CONFIG, len(tokens)
    epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
    table = tensors["encoder.relative_attention_bias.weight"]
    bias = np.zeros((heads, length, length))
    for t, t2 in np.ndindex(length, length):
        bias[:, t, t2] = table[bucket(t2 - t, len(table))]
    first = config["pad_token_id"] + 1
    x = tensors["embeddings.word_embeddings.weight"][tokens]
    x = x + tensors["embeddings.position_embeddings.weight"][first : first + length]
    x = layer_norm(x, tensors, "embeddings.LayerNorm", epsilon)
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        q, k, v = (linear(x, tensors, f"{at}.attention.attn.{kind}") for kind in "qkv")
        mixed = attend(q, k, v, heads, causal=False, bias=bias)
        y = x + linear(mixed, tensors, f"{at}.attention.attn.o")
        x = layer_norm(y, tensors, f"{at}.attention.LayerNorm", epsilon)
        y = GELU(linear(x, tensors, f"{at}.intermediate.dense"))
        y = x + linear(y, tensors, f"{at}.output.dense")
        x = layer_norm(y, tensors, f"{at}.output.LayerNorm", epsilon)
    return x


@pytest.mark.slow
def test_equals_the_slow_version(tmp_path: Path) -> None:
    loaded = load("mpnet", save_mpnet(tmp_path))
    assert_parameters_fit(loaded)
    embeddings = encode(loaded, loaded.tokenize(STRINGS))
    tensors = mpnet_tensors(MPNET_CONFIG)
    expected = [oracle(tensors, loaded.tokenize([text])[0]).mean(axis=0) for text in STRINGS]
    assert embeddings.shape == (6, loaded.features) == (6, 12)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    assert_same_with_padding(loaded, pad=2)


def test_buckets_of_distances() -> None:
    found = distance_buckets(300, 32)
    for t, t2 in [(0, 0), (0, 299), (299, 0), (10, 18), (18, 10), (5, 21), (21, 5), (70, 199)]:
        assert found[t, t2] == bucket(t2 - t, 32)
    assert set(found.ravel()) == set(range(32)) - {16}


def test_the_longest_string_has_a_place_for_every_token(tmp_path: Path) -> None:
    loaded = load("mpnet", save_mpnet(tmp_path, num_hidden_layers=1))
    longest = "a " * 7
    assert np.isfinite(encode(loaded, loaded.tokenize([longest]))).all()
    with pytest.raises(UserError, match="reads at most 9 tokens, this text has 10"):
        loaded.tokenize([f"{longest} shoe"])
