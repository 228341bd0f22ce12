"""The text tower of CLIP (Radford et al., ICML 2021), from any Hugging Face CLIP checkpoint.

A causal transformer with normalisation before each sub-layer; a string's embedding is the output
at its end-of-text token, projected where the checkpoint has a projection, and not normalised. What
follows the end of the text is hidden by causality, so padding changes nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from data_pipelines.errors import UserError
from gapjax.text.checkpoint import (
    Checkpoint,
    Config,
    Weights,
    batch_tokenizer,
    open_checkpoint,
)
from gapjax.text.encoder import LoadedText, TextOptions, Tree
from gapjax.text.huggingface import checkpoint_files
from gapjax.text.transformer import Perceptron, Sizes, attention, embed, norm

# In old configurations this is no token's number: it says that a text ends at its largest token.
_LARGEST = 2
_PAD = 0
_VISION = ("vision_model.", "visual_projection.", "logit_scale")
_BLOCK = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "attended": "self_attn.out_proj",
    "in": "mlp.fc1",
    "out": "mlp.fc2",
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
}
# What transformers assumes where config.json does not say.
_DEFAULTS = {
    "vocab_size": 49408,
    "max_position_embeddings": 77,
    "hidden_size": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "intermediate_size": 2048,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": 49407,
}


class Block(nn.Module):
    """Self-attention and a perceptron, each fed with its normalised input."""

    sizes: Sizes

    @nn.compact
    def __call__(
        self, x: Float[Array, "n l d"], mask: Bool[Array, "1 1 l l2"]
    ) -> Float[Array, "n l d"]:
        """Return the tokens' next representations; `mask` says which token sees which."""
        x = x + attention(self.sizes)(norm(self.sizes, "norm1")(x), mask=mask)
        return x + Perceptron(self.sizes, name="perceptron")(norm(self.sizes, "norm2")(x))


class TextEncoder(nn.Module):
    """CLIP's text tower.

    Attributes:
        sizes: of the transformer.
        end: the end-of-text token; 2 stands for the largest token of the string.
        projection: size of the projected embedding, None for no projection.
    """

    sizes: Sizes
    end: int
    projection: int | None

    @nn.compact
    def __call__(self, tokens: Int[Array, "*n l"]) -> Float[Array, "*n e"]:
        """Return the strings' embeddings in float32, not normalised."""
        ids = tokens.reshape(-1, tokens.shape[-1])
        places = jnp.arange(ids.shape[-1])
        mask = (places[:, None] >= places[None, :])[None, None]
        x = embed(self.sizes, ids)
        for i in range(self.sizes.layers):
            x = Block(self.sizes, name=f"block_{i}")(x, mask)
        x = norm(self.sizes, "norm")(x[jnp.arange(len(ids)), self._end(ids)])
        if self.projection is not None:
            dtype = self.sizes.dtype
            x = nn.Dense(self.projection, use_bias=False, dtype=dtype, name="projection")(x)
        return x.astype(jnp.float32).reshape(*tokens.shape[:-1], x.shape[-1])

    def _end(self, ids: Int[Array, "n l"]) -> Int[Array, " n"]:
        """Return where each text ends."""
        return jnp.argmax(ids if self.end == _LARGEST else ids == self.end, axis=-1)


def files(options: TextOptions) -> list[Path]:
    """Return the files of the checkpoint."""
    return checkpoint_files(options.checkpoint)


def load(options: TextOptions) -> LoadedText:
    """Return the text tower of a CLIP checkpoint; the pooling is `end`, the output at that token.

    Raises:
        UserError: the checkpoint or an option cannot be used.
    """
    options.choose_pooling("end")
    opened = open_checkpoint(options.checkpoint, ("clip", "clip_text_model"), _own_name)
    config = Config(opened.config.file, _DEFAULTS | _text_values(opened.config.values))
    head = opened.weights.tensors.get("text_projection.weight")
    projection = None if head is None else len(head)
    end = config.whole("eos_token_id", least=0)
    module = TextEncoder(config.sizes(options.dtype), end, projection)
    tokenize = batch_tokenizer(opened, module.sizes, pad=_PAD, too_long=options.too_long)
    _check_end(opened, module.end)
    params = _params(opened.weights, module)
    return LoadedText(module, params, tokenize, projection or module.sizes.width)


def _own_name(stored: str) -> str | None:
    """Return the name without the prefix that some files have, None for the vision tower."""
    return None if stored.startswith(_VISION) else stored.removeprefix("text_model.")


def _text_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the text tower's part of a configuration, of which old files have two versions."""
    if values["model_type"] == "clip_text_model":
        return dict(values)
    return {**(values.get("text_config") or {}), **(values.get("text_config_dict") or {})}


def _check_end(opened: Checkpoint, end: int) -> None:
    """Refuse a tokenizer that does not close a text with the token that the pooling looks for."""
    ids = opened.tokenizer.encode("a").ids
    if len(ids) < len("<a>") or ids[-1] != (max(ids) if end == _LARGEST else end):
        raise UserError(f"{opened.folder}: its tokenizer does not close a text as CLIP's does")


def _params(weights: Weights, module: TextEncoder) -> Tree:
    """Return the stored weights as the encoder's parameters."""
    sizes = module.sizes
    tree = {
        "tokens": weights.embed("embeddings.token_embedding", sizes.vocabulary, sizes.width),
        "places": weights.embed("embeddings.position_embedding", sizes.context, sizes.width),
        "norm": weights.norm("final_layer_norm", sizes.width),
    }
    for i in range(sizes.layers):
        names = {part: f"encoder.layers.{i}.{name}" for part, name in _BLOCK.items()}
        tree[f"block_{i}"] = weights.block(names, sizes)
    if module.projection is not None:
        tree["projection"] = weights.linear("text_projection", (sizes.width,), (module.projection,))
    return tree
