"""The text tower of CLIP (Radford et al., ICML 2021), from any Hugging Face CLIP checkpoint.

A causal transformer with normalization before each sub-layer; a string's embedding is the output
at its end-of-text token, projected if the checkpoint has a projection, and not normalized. The
causal mask hides what follows that token, so padding changes nothing.
"""

from pathlib import Path

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from data_pipelines.errors import UserError
from gapjax.text.encoder import LoadedText, TextOptions, Tokenize
from gapjax.text.huggingface import (
    checkpoint_files,
    locate,
    read_config,
    read_tokenizer,
    silent_tokens,
)
from gapjax.text.transformer import Perceptron, Prompt, Sizes, attention, embed, make_room, norm
from gapjax.text.weights import TorchNames, read_tensors, to_params

# As an end token in old configs, this means that a string ends at its largest token.
_LARGEST = 2
_PAD = 0
_VISION = ("vision_model.", "visual_projection.", "logit_scale")
_NAMES = TorchNames(
    layers="encoder.layers",
    modules={
        "tokens": "embeddings.token_embedding",
        "places": "embeddings.position_embedding",
        "norm1": "layer_norm1",
        "attention/query": "self_attn.q_proj",
        "attention/key": "self_attn.k_proj",
        "attention/value": "self_attn.v_proj",
        "attention/out": "self_attn.out_proj",
        "norm2": "layer_norm2",
        "perceptron/in": "mlp.fc1",
        "perceptron/out": "mlp.fc2",
        "norm": "final_layer_norm",
        "projection": "text_projection",
    },
)


class Block(nn.Module):
    """Self-attention and a perceptron, each with a normalization before it and a residual."""

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
    def __call__(
        self, tokens: Int[Array, "*n l"], prompt: Prompt | None = None
    ) -> Float[Array, "*n e"]:
        """Return the strings' embeddings in float32, not normalized; a prompt precedes words."""
        ids = make_room(tokens.reshape(-1, tokens.shape[-1]), prompt)
        positions = jnp.arange(ids.shape[-1])
        mask = (positions[:, None] >= positions[None, :])[None, None]
        x = embed(self.sizes, ids, prompt)
        for i in range(self.sizes.layers):
            x = Block(self.sizes, name=f"block_{i}")(x, mask)
        x = norm(self.sizes, "norm")(x[jnp.arange(len(ids)), self._end(ids)])
        if self.projection is not None:
            dtype = self.sizes.dtype
            x = nn.Dense(self.projection, use_bias=False, dtype=dtype, name="projection")(x)
        return x.astype(jnp.float32).reshape(*tokens.shape[:-1], x.shape[-1])

    def _end(self, ids: Int[Array, "n l"]) -> Int[Array, " n"]:
        """Return the position of each string's end."""
        return jnp.argmax(ids if self.end == _LARGEST else ids == self.end, axis=-1)


files = checkpoint_files


def load(options: TextOptions) -> LoadedText:
    """Return the text tower of a CLIP checkpoint; the pooling is `end`, the output at that token.

    The checkpoint is of transformers' CLIPTextModel, CLIPTextModelWithProjection or CLIPModel.

    Raises:
        UserError: the checkpoint or an option cannot be used.
    """
    options.choose_pooling("end")
    folder = locate(options.checkpoint)
    config = read_config(folder, ("clip", "clip_text_model"))
    config = getattr(config, "text_config", config)
    tensors = read_tensors(folder, _text_name)
    head = tensors.get("text_projection.weight")
    sizes, projection = Sizes.of(folder, config, options.dtype), None if head is None else len(head)
    module = TextEncoder(sizes, config.eos_token_id, projection)
    params = to_params(folder, tensors, module, _NAMES)
    tokenize = read_tokenizer(folder, config, _PAD, options.too_long)
    _check_end(folder, tokenize, module.end)
    features, silent = projection or sizes.width, silent_tokens(folder)
    return LoadedText(module, params, tokenize, features, silent, sizes.width, sizes.context)


def _text_name(stored: str) -> str | None:
    """Return the name without the prefix that some files have, None for the vision tower."""
    return None if stored.startswith(_VISION) else stored.removeprefix("text_model.")


def _check_end(folder: Path, tokenize: Tokenize, end: int) -> None:
    """Refuse a tokenizer that does not end a string with the token at which it is pooled."""
    (ids,) = tokenize(["a"])
    if len(ids) < 3 or ids[-1] != (max(ids) if end == _LARGEST else end):
        raise UserError(f"{folder}: its tokenizer does not add CLIP's end-of-text token")
