"""CLIP's text tower against a slow NumPy version; padding and file formats change nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.errors import UserError
from support.small_text_models import (
    CLIP_CONFIG,
    CLIP_TOKENIZER,
    END,
    STRINGS,
    Tensors,
    assert_parameters_fit,
    assert_same_with_padding,
    attend,
    clip_tensors,
    encode,
    layer_norm,
    linear,
    load,
    save,
    save_clip,
    word_tokenizer,
)

pytestmark = pytest.mark.slow

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "relu": lambda x: np.maximum(x, 0),
}


def oracle(config: dict[str, Any], tensors: Tensors, tokens: np.ndarray) -> np.ndarray:
    """Return one string's embedding; its tokens have no padding and so end with its end."""
    x = tensors["embeddings.token_embedding.weight"][tokens]
    x = x + tensors["embeddings.position_embedding.weight"][: len(tokens)]
    epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layers.{i}"
        y = layer_norm(x, tensors, f"{at}.layer_norm1", epsilon)
        q, k, v = (linear(y, tensors, f"{at}.self_attn.{name}_proj") for name in "qkv")
        mixed = attend(q, k, v, heads, causal=True)
        x = x + linear(mixed, tensors, f"{at}.self_attn.out_proj")
        y = layer_norm(x, tensors, f"{at}.layer_norm2", epsilon)
        y = ACTIVATIONS[config["hidden_act"]](linear(y, tensors, f"{at}.mlp.fc1"))
        x = x + linear(y, tensors, f"{at}.mlp.fc2")
    x = layer_norm(x, tensors, "final_layer_norm", epsilon)[-1]
    projection = tensors.get("text_projection.weight")
    return x if projection is None else projection @ x


@pytest.mark.parametrize(
    ("projection", "end", "activation"),
    [(None, END, "quick_gelu"), (7, END, "relu"), (7, 2, "quick_gelu")],
)
def test_equals_the_slow_version(
    tmp_path: Path, projection: int | None, end: int, activation: str
) -> None:
    options = {"eos_token_id": end, "hidden_act": activation}
    loaded = load("clip", save_clip(tmp_path, projection=projection, **options))
    config = CLIP_CONFIG | options
    tensors = clip_tensors(config, projection)
    embeddings = encode(loaded, loaded.tokenize(STRINGS).reshape(2, 3, -1))
    expected = [oracle(config, tensors, loaded.tokenize([text])[0]) for text in STRINGS]
    assert embeddings.shape == (2, 3, loaded.features) == (2, 3, projection or 12)
    np.testing.assert_allclose(embeddings.reshape(6, -1), expected, atol=1e-5)


def test_padding_changes_neither_embeddings_nor_gradients(tmp_path: Path) -> None:
    folder = save_clip(tmp_path, projection=7, num_hidden_layers=1)
    # The real CLIP's tokenizers pad with the end-of-text token.
    assert_same_with_padding(load("clip", folder), pad=END)


def test_every_file_format_gives_the_same_encoder(tmp_path: Path) -> None:
    plain = clip_tensors(CLIP_CONFIG, 7)
    renamed = {n if "projection" in n else f"text_model.{n}": t for n, t in plain.items()}
    both_towers = renamed | {
        "vision_model.post_layernorm.bias": np.ones(3, np.float32),
        "visual_projection.weight": np.ones((2, 3), np.float32),
        "logit_scale": np.ones((), np.float32),
        "text_model.embeddings.position_ids": np.arange(9),
    }
    both_configs = {
        "model_type": "clip",
        "text_config": CLIP_CONFIG | {"hidden_size": 24},
        "text_config_dict": CLIP_CONFIG,
    }
    formats = (CLIP_CONFIG, plain), (CLIP_CONFIG, renamed), (both_configs, both_towers)
    first, *others = (
        load("clip", save(tmp_path / str(i), config, tensors, CLIP_TOKENIZER))
        for i, (config, tensors) in enumerate(formats)
    )
    for other in others:
        assert other.module == first.module
        jax.tree.map(np.testing.assert_array_equal, other.params, first.params)


def test_bfloat16_computes_with_float32_parameters(tmp_path: Path) -> None:
    loaded = load("clip", save_clip(tmp_path, projection=7), dtype="bfloat16")
    assert_parameters_fit(loaded)
    tokens = loaded.tokenize(STRINGS[:1])[0]
    embeddings = encode(loaded, tokens)
    assert embeddings.dtype == jnp.float32
    expected = oracle(CLIP_CONFIG, clip_tensors(CLIP_CONFIG, 7), tokens)
    assert 1e-4 < np.abs(embeddings - expected).max() < 0.2


def test_refuses_what_does_not_fit(tmp_path: Path) -> None:
    folder = save_clip(tmp_path)
    with pytest.raises(UserError, match=r"text.pooling='mean' is not known \(there are: end\)"):
        load("clip", folder, pooling="mean")
    tokenizer = word_tokenizer("!", "<start>", "<end>")
    tokenizer.post_processor = None
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="tokenizer does not add CLIP's end-of-text token"):
        load("clip", folder)
