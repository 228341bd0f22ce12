"""BERT (Devlin et al., NAACL 2019), from any Hugging Face BERT checkpoint.

A transformer with normalization after each sub-layer; a string's embedding is the mean over its
tokens (as sentence-transformers pools), the output at its first token, or BERT's pooler of that.
Padding tokens are masked, so padding changes nothing.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from gapjax.registry import chosen
from gapjax.text.bidirectional import POOLINGS, Block, pool
from gapjax.text.encoder import LoadedText, TextOptions
from gapjax.text.huggingface import (
    checkpoint_files,
    locate,
    read_config,
    read_tokenizer,
    silent_tokens,
)
from gapjax.text.transformer import Prompt, Sizes, embed, make_room, norm
from gapjax.text.weights import TorchNames, read_tensors, to_params

_NAMES = TorchNames(
    layers="encoder.layer",
    modules={
        "tokens": "embeddings.word_embeddings",
        "places": "embeddings.position_embeddings",
        "types": "embeddings.token_type_embeddings",
        "norm": "embeddings.LayerNorm",
        "attention/query": "attention.self.query",
        "attention/key": "attention.self.key",
        "attention/value": "attention.self.value",
        "attention/out": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "perceptron/in": "intermediate.dense",
        "perceptron/out": "output.dense",
        "norm2": "output.LayerNorm",
        "pooler": "pooler.dense",
    },
)


class TextEncoder(nn.Module):
    """BERT.

    Attributes:
        sizes: of the transformer.
        types: number of token types, of which only the first is used.
        pad: the padding token.
        pooling: one of `POOLINGS`.
    """

    sizes: Sizes
    types: int
    pad: int
    pooling: str

    @nn.compact
    def __call__(
        self, tokens: Int[Array, "*n l"], prompt: Prompt | None = None
    ) -> Float[Array, "*n e"]:
        """Return the strings' embeddings in float32, not normalized; a prompt precedes words."""
        ids = make_room(tokens.reshape(-1, tokens.shape[-1]), prompt)
        real = ids != self.pad
        types = nn.Embed(self.types, self.sizes.width, dtype=self.sizes.dtype, name="types")
        x = embed(self.sizes, ids, prompt) + types(jnp.zeros((1, 1), jnp.int32))
        x = norm(self.sizes, "norm")(x)
        for i in range(self.sizes.layers):
            x = Block(self.sizes, name=f"block_{i}")(x, real)
        pooled = pool(x.astype(jnp.float32), real, self.pooling)
        return pooled.reshape(*tokens.shape[:-1], x.shape[-1])


files = checkpoint_files


def load(options: TextOptions) -> LoadedText:
    """Return a BERT checkpoint; the pooling is `mean`, `cls` or `pooler`.

    Raises:
        UserError: the checkpoint or an option cannot be used.
    """
    pooling = options.choose_pooling(*POOLINGS)
    folder = locate(options.checkpoint)
    config = read_config(folder, ("bert",))
    positions = getattr(config, "position_embedding_type", "absolute")
    chosen(f"{folder}: position_embedding_type", positions, ("absolute",))
    sizes, pad = Sizes.of(folder, config, options.dtype), config.pad_token_id or 0
    module = TextEncoder(sizes, config.type_vocab_size, pad, pooling)
    params = to_params(folder, read_tensors(folder, _bert_name), module, _NAMES)
    tokenize = read_tokenizer(folder, config, pad, options.too_long)
    silent, longest = silent_tokens(folder), sizes.context
    return LoadedText(module, params, tokenize, sizes.width, silent, sizes.width, longest)


def _bert_name(stored: str) -> str | None:
    """Return the name as BertModel has it; files that came from TensorFlow say gamma and beta."""
    name = stored.removeprefix("bert.")
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
    name = name.replace("LayerNorm.beta", "LayerNorm.bias")
    return name if name.startswith(("embeddings.", "encoder.", "pooler.")) else None
