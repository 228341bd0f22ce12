"""BERT (Devlin et al., NAACL 2019), from any Hugging Face BERT checkpoint.

A transformer with normalisation after each sub-layer; a string's embedding is the mean over its
tokens (as sentence-transformers pools), the output at its first token, or BERT's own pooler of it.
Padding tokens are hidden and not counted, so padding changes nothing.
"""

from pathlib import Path

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from gapjax.text.checkpoint import (
    Config,
    Weights,
    batch_tokenizer,
    open_checkpoint,
)
from gapjax.text.encoder import LoadedText, TextOptions, Tree
from gapjax.text.huggingface import checkpoint_files
from gapjax.text.transformer import Perceptron, Sizes, attention, embed, norm

_BLOCK = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "in": "intermediate.dense",
    "out": "output.dense",
    "norm1": "attention.output.LayerNorm",
    "norm2": "output.LayerNorm",
}
# What transformers assumes where config.json does not say.
_DEFAULTS = {
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
}


class Block(nn.Module):
    """Self-attention and a perceptron, the sum with its input normalised each time."""

    sizes: Sizes

    @nn.compact
    def __call__(
        self, x: Float[Array, "n l d"], mask: Bool[Array, "n 1 1 l"]
    ) -> Float[Array, "n l d"]:
        """Return the tokens' next representations; `mask` says which tokens are real."""
        x = norm(self.sizes, "norm1")(x + attention(self.sizes)(x, mask=mask))
        return norm(self.sizes, "norm2")(x + Perceptron(self.sizes, name="perceptron")(x))


class TextEncoder(nn.Module):
    """BERT.

    Attributes:
        sizes: of the transformer.
        types: number of token types, of which only the first is used.
        pad: the padding token.
        pooling: `mean`, `cls` or `pooler`.
    """

    sizes: Sizes
    types: int
    pad: int
    pooling: str

    @nn.compact
    def __call__(self, tokens: Int[Array, "*n l"]) -> Float[Array, "*n e"]:
        """Return the strings' embeddings in float32, not normalised."""
        ids = tokens.reshape(-1, tokens.shape[-1])
        real = ids != self.pad
        types = nn.Embed(self.types, self.sizes.width, dtype=self.sizes.dtype, name="types")
        x = embed(self.sizes, ids) + types(jnp.zeros((1, 1), jnp.int32))
        x = norm(self.sizes, "norm")(x)
        for i in range(self.sizes.layers):
            x = Block(self.sizes, name=f"block_{i}")(x, real[:, None, None, :])
        return self._pool(x.astype(jnp.float32), real).reshape(*tokens.shape[:-1], x.shape[-1])

    def _pool(self, x: Float[Array, "n l d"], real: Bool[Array, "n l"]) -> Float[Array, "n d"]:
        """Return one embedding a string."""
        if self.pooling == "mean":
            count = jnp.maximum(real.sum(axis=-1), 1)
            return jnp.einsum("nld,nl->nd", x, real.astype(x.dtype)) / count[:, None]
        if self.pooling == "cls":
            return x[:, 0]
        return nn.tanh(nn.Dense(self.sizes.width, name="pooler")(x[:, 0]))


def files(options: TextOptions) -> list[Path]:
    """Return the files of the checkpoint."""
    return checkpoint_files(options.checkpoint)


def load(options: TextOptions) -> LoadedText:
    """Return a BERT checkpoint; the pooling is `mean`, `cls` or `pooler`.

    Raises:
        UserError: the checkpoint or an option cannot be used.
    """
    pooling = options.choose_pooling("mean", "cls", "pooler")
    opened = open_checkpoint(options.checkpoint, ("bert",), _own_name)
    config = Config(opened.config.file, _DEFAULTS | opened.config.values)
    config.choice("position_embedding_type", ("absolute",))
    types, pad = config.whole("type_vocab_size"), config.whole("pad_token_id", least=0)
    module = TextEncoder(config.sizes(options.dtype), types, pad, pooling)
    tokenize = batch_tokenizer(opened, module.sizes, pad=pad, too_long=options.too_long)
    params = _params(opened.weights, module)
    return LoadedText(module, params, tokenize, module.sizes.width)


def _own_name(stored: str) -> str | None:
    """Return the name as BertModel has it; files that came from TensorFlow say gamma and beta."""
    name = stored.removeprefix("bert.")
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
    name = name.replace("LayerNorm.beta", "LayerNorm.bias")
    return name if name.startswith(("embeddings.", "encoder.", "pooler.")) else None


def _params(weights: Weights, module: TextEncoder) -> Tree:
    """Return the stored weights as the encoder's parameters."""
    sizes = module.sizes
    tree = {
        "tokens": weights.embed("embeddings.word_embeddings", sizes.vocabulary, sizes.width),
        "places": weights.embed("embeddings.position_embeddings", sizes.context, sizes.width),
        "types": weights.embed("embeddings.token_type_embeddings", module.types, sizes.width),
        "norm": weights.norm("embeddings.LayerNorm", sizes.width),
    }
    for i in range(sizes.layers):
        names = {part: f"encoder.layer.{i}.{name}" for part, name in _BLOCK.items()}
        tree[f"block_{i}"] = weights.block(names, sizes)
    if module.pooling == "pooler":
        tree["pooler"] = weights.dense("pooler.dense", (sizes.width,), (sizes.width,))
    return tree
