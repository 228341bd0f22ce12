"""MPNet (Song et al., NeurIPS 2020), from any Hugging Face MPNet checkpoint.

The architecture of sentence-transformers' all-mpnet-base-v2: BERT without token types, whose
attention has a bias for the distance of two tokens, which all layers share. A string's embedding is
the mean over its tokens (as sentence-transformers pools), the output at its first token, or the
pooler of that. Padding tokens are masked, so padding changes nothing.
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

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

# The distance from which on all have the last bucket; no config has it.
FARTHEST = 128

_NAMES = TorchNames(
    layers="encoder.layer",
    modules={
        "tokens": "embeddings.word_embeddings",
        "places": "embeddings.position_embeddings",
        "norm": "embeddings.LayerNorm",
        "distances": "encoder.relative_attention_bias",
        "attention/query": "attention.attn.q",
        "attention/key": "attention.attn.k",
        "attention/value": "attention.attn.v",
        "attention/out": "attention.attn.o",
        "norm1": "attention.LayerNorm",
        "perceptron/in": "intermediate.dense",
        "perceptron/out": "output.dense",
        "norm2": "output.LayerNorm",
        "pooler": "pooler.dense",
    },
)


def distance_buckets(length: int, buckets: int) -> Int[np.ndarray, "l l"]:
    """Return the bucket of the distance from each token (row) to each other one (column).

    One half of the buckets is for tokens before, the other for those after. Of a half, one half has
    a bucket for every distance, the rest have distances up to `FARTHEST` on a logarithmic scale, as
    in T5 (Raffel et al., JMLR 2020, section 2.1).

    >>> distance_buckets(5, 8)[0].tolist(), distance_buckets(3, 8)[2].tolist()
    ([0, 5, 6, 6, 6], [2, 1, 0])
    """
    half = buckets // 2
    exact = half // 2
    offset = np.arange(length)[None, :] - np.arange(length)[:, None]
    distance = np.abs(offset)
    octaves = np.log(np.maximum(distance, exact) / exact) / np.log(FARTHEST / exact)
    # A rounding error must not bring a power of two below its bucket.
    far = exact + np.floor(octaves * (half - exact) + 1e-6).astype(np.int64)
    bucket = np.where(distance < exact, distance, np.minimum(far, half - 1))
    return np.where(offset > 0, half, 0) + bucket


class TextEncoder(nn.Module):
    """MPNet.

    Attributes:
        sizes: of the transformer.
        buckets: of distances.
        pad: the padding token; positions are counted from the number after it.
        pooling: one of `POOLINGS`.
    """

    sizes: Sizes
    buckets: int
    pad: int
    pooling: str

    @nn.compact
    def __call__(
        self, tokens: Int[Array, "*n l"], prompt: Prompt | None = None
    ) -> Float[Array, "*n e"]:
        """Return the strings' embeddings in float32, not normalized; a prompt precedes words."""
        ids = make_room(tokens.reshape(-1, tokens.shape[-1]), prompt)
        real = ids != self.pad
        x = norm(self.sizes, "norm")(embed(self.sizes, ids, prompt, self.pad + 1))
        table = nn.Embed(self.buckets, self.sizes.heads, dtype=self.sizes.dtype, name="distances")
        bias = jnp.moveaxis(table(distance_buckets(ids.shape[-1], self.buckets)), -1, 0)
        for i in range(self.sizes.layers):
            x = Block(self.sizes, name=f"block_{i}")(x, real, bias)
        pooled = pool(x.astype(jnp.float32), real, self.pooling)
        return pooled.reshape(*tokens.shape[:-1], x.shape[-1])


files = checkpoint_files


def load(options: TextOptions) -> LoadedText:
    """Return an MPNet checkpoint; the pooling is `mean`, `cls` or `pooler`.

    Raises:
        UserError: the checkpoint or an option cannot be used.
    """
    pooling = options.choose_pooling(*POOLINGS)
    folder = locate(options.checkpoint)
    config = read_config(folder, ("mpnet",))
    sizes, pad = Sizes.of(folder, config, options.dtype), config.pad_token_id
    module = TextEncoder(sizes, config.relative_attention_num_buckets, pad, pooling)
    tensors = read_tensors(folder, lambda stored: stored.removeprefix("mpnet."))
    params = to_params(folder, tensors, module, _NAMES)
    tokenize = read_tokenizer(folder, config, pad, options.too_long, first=pad + 1)
    silent, longest = silent_tokens(folder), sizes.context - pad - 1
    return LoadedText(module, params, tokenize, sizes.width, silent, sizes.width, longest)
