"""BERT against a slow NumPy version; padding and file formats change nothing."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from support.small_text_models import (
    BERT_CONFIG,
    BERT_TOKENIZER,
    STRINGS,
    Tensors,
    assert_parameters_fit,
    assert_same_with_padding,
    attend,
    bert_tensors,
    encode,
    layer_norm,
    linear,
    load,
    save,
    save_bert,
)

pytestmark = pytest.mark.slow

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gelu": np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    "gelu_new": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
}
POOLED: dict[str, Callable[[np.ndarray, Tensors], np.ndarray]] = {
    "mean": lambda x, tensors: x.mean(axis=0),
    "cls": lambda x, tensors: x[0],
    "pooler": lambda x, tensors: np.tanh(linear(x[0], tensors, "pooler.dense")),
}


def oracle(config: dict[str, Any], tensors: Tensors, tokens: np.ndarray) -> np.ndarray:
    """Return one string's output at every token; its tokens have no padding."""
    x = tensors["embeddings.word_embeddings.weight"][tokens]
    x = x + tensors["embeddings.position_embeddings.weight"][: len(tokens)]
    x = x + tensors["embeddings.token_type_embeddings.weight"][[0] * len(tokens)]
    epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
    x = layer_norm(x, tensors, "embeddings.LayerNorm", epsilon)
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        kinds = ("query", "key", "value")
        q, k, v = (linear(x, tensors, f"{at}.attention.self.{kind}") for kind in kinds)
        mixed = attend(q, k, v, heads, causal=False)
        y = x + linear(mixed, tensors, f"{at}.attention.output.dense")
        x = layer_norm(y, tensors, f"{at}.attention.output.LayerNorm", epsilon)
        y = ACTIVATIONS[config["hidden_act"]](linear(x, tensors, f"{at}.intermediate.dense"))
        y = x + linear(y, tensors, f"{at}.output.dense")
        x = layer_norm(y, tensors, f"{at}.output.LayerNorm", epsilon)
    return x


@pytest.mark.parametrize(
    ("pooling", "activation"), [("mean", "gelu"), ("cls", "gelu_new"), ("pooler", "gelu")]
)
def test_equals_the_slow_version(tmp_path: Path, pooling: str, activation: str) -> None:
    loaded = load("bert", save_bert(tmp_path, hidden_act=activation), pooling=pooling)
    assert_parameters_fit(loaded)
    config = BERT_CONFIG | {"hidden_act": activation}
    tensors = bert_tensors(config)
    embeddings = encode(loaded, loaded.tokenize(STRINGS).reshape(2, 3, -1))
    outputs = [oracle(config, tensors, loaded.tokenize([text])[0]) for text in STRINGS]
    expected = [POOLED[pooling](output, tensors) for output in outputs]
    assert embeddings.shape == (2, 3, loaded.features) == (2, 3, 12)
    np.testing.assert_allclose(embeddings.reshape(6, -1), expected, atol=1e-5)


def test_padding_changes_neither_embeddings_nor_gradients(tmp_path: Path) -> None:
    assert_same_with_padding(load("bert", save_bert(tmp_path, num_hidden_layers=1)), pad=0)


def test_rows_of_padding_are_harmless(tmp_path: Path) -> None:
    loaded = load("bert", save_bert(tmp_path, num_hidden_layers=1))
    tokens = jnp.zeros((2, 4), jnp.int32)

    def total(params: Any) -> jax.Array:
        return loaded.module.apply({"params": params}, tokens).sum()

    value, gradient = jax.jit(jax.value_and_grad(total))(loaded.params)
    assert all(np.isfinite(leaf).all() for leaf in (value, *jax.tree.leaves(gradient)))


def test_every_file_format_gives_the_same_encoder(tmp_path: Path) -> None:
    plain = bert_tensors(BERT_CONFIG)
    prefixed = {f"bert.{name}": tensor for name, tensor in plain.items()}
    prefixed["cls.predictions.bias"] = np.ones(23, np.float32)
    prefixed["bert.embeddings.position_ids"] = np.arange(9)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("Norm.bias", "Norm.beta"): t
        for name, t in prefixed.items()
    }
    first, *others = (
        load("bert", save(tmp_path / str(i), BERT_CONFIG, tensors, BERT_TOKENIZER))
        for i, tensors in enumerate((plain, prefixed, old))
    )
    for other in others:
        assert other.module == first.module
        jax.tree.map(np.testing.assert_array_equal, other.params, first.params)


def test_bfloat16_computes_with_float32_parameters(tmp_path: Path) -> None:
    loaded = load("bert", save_bert(tmp_path), dtype="bfloat16")
    assert_parameters_fit(loaded)
    tokens = loaded.tokenize(STRINGS[:1])[0]
    embeddings = encode(loaded, tokens)
    assert embeddings.dtype == jnp.float32
    expected = oracle(BERT_CONFIG, bert_tensors(BERT_CONFIG), tokens).mean(axis=0)
    assert 1e-4 < np.abs(embeddings - expected).max() < 0.2


def test_refuses_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="position_embedding_type='relative_key' is not known"):
        load("bert", save_bert(tmp_path / "relative", position_embedding_type="relative_key"))
    tensors = {n: t for n, t in bert_tensors(BERT_CONFIG).items() if "pooler" not in n}
    folder = save(tmp_path / "headless", BERT_CONFIG, tensors, BERT_TOKENIZER)
    assert load("bert", folder).features == 12
    with pytest.raises(UserError, match=r"headless lack 'pooler\.dense\.bias'"):
        load("bert", folder, pooling="pooler")
    with pytest.raises(UserError, match="'men' is not known; did you mean 'mean'"):
        load("bert", folder, pooling="men")
