"""Pretrained text encoders: what those of `gapjax/text_encoders` share.

A checkpoint's configuration and weights, checked and turned into Flax's layout, and its tokenizer
turned into the function from strings to padded tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float, Int
from tokenizers import Tokenizer

from data_pipelines.errors import UserError
from gapjax.registry import chosen
from gapjax.text.encoder import Tokenize, Tree, pad_rows
from gapjax.text.huggingface import (
    Rename,
    Tensors,
    locate,
    read_config,
    read_tensors,
    read_tokenizer,
)
from gapjax.text.transformer import ACTIVATIONS, Sizes


@dataclass(frozen=True)
class Config:
    """What a model's config.json says; a value that cannot be used is refused, naming the file."""

    file: Path
    values: Mapping[str, Any]

    def whole(self, name: str, least: int = 1) -> int:
        """Return a whole number of `least` or more."""
        value = self.values.get(name)
        if not isinstance(value, int) or value < least:
            raise UserError(f"{self.file}: {name}={value!r} should be a whole number >= {least}")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """Return one of `choices`."""
        return chosen(f"{self.file}: {name}", self.values.get(name), choices)

    def sizes(self, dtype: DTypeLike) -> Sizes:
        """Return the transformer's sizes."""
        width, heads = self.whole("hidden_size"), self.whole("num_attention_heads")
        if width % heads:
            raise UserError(f"{self.file}: {heads} heads do not divide a hidden_size of {width}")
        epsilon = self.values.get("layer_norm_eps")
        if not isinstance(epsilon, float) or not epsilon > 0:
            raise UserError(f"{self.file}: layer_norm_eps={epsilon!r} should be above zero")
        return Sizes(
            vocabulary=self.whole("vocab_size"),
            context=self.whole("max_position_embeddings"),
            width=width,
            layers=self.whole("num_hidden_layers"),
            heads=heads,
            hidden=self.whole("intermediate_size"),
            activation=self.choice("hidden_act", tuple(ACTIVATIONS)),
            epsilon=epsilon,
            dtype=np.dtype(dtype),
        )


@dataclass(frozen=True)
class Weights:
    """A model's tensors, turned from PyTorch's layout into Flax's; shapes are checked."""

    folder: Path
    tensors: Tensors

    def tensor(self, name: str, *shape: int) -> Float[np.ndarray, "..."]:
        """Return a tensor as it is stored.

        Raises:
            UserError: there is none of that name, or its shape is another.
        """
        where = f"the weights in {self.folder}"
        if name not in self.tensors:
            raise UserError(f"{where} lack {name!r}, which config.json calls for")
        if (found := self.tensors[name].shape) != shape:
            raise UserError(f"{where} do not fit config.json: {name!r} is {found}, not {shape}")
        return self.tensors[name]

    def embed(self, name: str, rows: int, width: int) -> Tree:
        """Return the parameters of an `nn.Embed`."""
        return {"embedding": self.tensor(f"{name}.weight", rows, width)}

    def norm(self, name: str, width: int) -> Tree:
        """Return the parameters of an `nn.LayerNorm`."""
        scale = self.tensor(f"{name}.weight", width)
        return {"scale": scale, "bias": self.tensor(f"{name}.bias", width)}

    def linear(self, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Tree:
        """Return the kernel of a linear map, whose inputs and outputs may have several axes."""
        weight = self.tensor(f"{name}.weight", math.prod(outputs), math.prod(inputs))
        return {"kernel": np.ascontiguousarray(weight.T).reshape(*inputs, *outputs)}

    def dense(self, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Tree:
        """Return the parameters of an `nn.Dense` or `nn.DenseGeneral`."""
        bias = self.tensor(f"{name}.bias", math.prod(outputs)).reshape(outputs)
        return {**self.linear(name, inputs, outputs), "bias": bias}

    def block(self, names: Mapping[str, str], sizes: Sizes) -> Tree:
        """Return the parameters of a transformer block.

        Args:
            names: the block's sub-layers (`query`, `key`, `value`, `attended`, `in`, `out`, `norm1`
                and `norm2`) → what their tensors are called.
            sizes: the transformer's.
        """
        width, hidden = (sizes.width,), (sizes.hidden,)
        split = (sizes.heads, sizes.width // sizes.heads)
        maps = {part: self.dense(names[part], width, split) for part in ("query", "key", "value")}
        return {
            "attention": {**maps, "out": self.dense(names["attended"], split, width)},
            "perceptron": {
                "in": self.dense(names["in"], width, hidden),
                "out": self.dense(names["out"], hidden, width),
            },
            **{part: self.norm(names[part], sizes.width) for part in ("norm1", "norm2")},
        }


@dataclass(frozen=True)
class Checkpoint:
    """A folder with a model: what its configuration, weights and tokenizer files hold."""

    folder: Path
    config: Config
    weights: Weights
    tokenizer: Tokenizer


def open_checkpoint(checkpoint: str, model_types: Sequence[str], rename: Rename) -> Checkpoint:
    """Find and read a checkpoint.

    Args:
        checkpoint: see `gapjax.text.huggingface.locate`.
        model_types: the values of `model_type` in config.json that the encoder understands.
        rename: which tensors to read, and their names.

    Raises:
        UserError: something is missing or does not fit; the message names the folder or file.
    """
    folder = locate(checkpoint)
    config = Config(folder / "config.json", read_config(folder))
    if (found := config.values.get("model_type")) not in model_types:
        raise UserError(
            f"{config.file}: model_type is {found!r}, this text encoder reads "
            f"{' or '.join(model_types)}; choose another text.encoder or text.checkpoint"
        )
    weights = Weights(folder, read_tensors(folder, rename))
    return Checkpoint(folder, config, weights, read_tokenizer(folder))


def batch_tokenizer(opened: Checkpoint, sizes: Sizes, *, pad: int, too_long: str) -> Tokenize:
    """Return the function from strings to tokens, padded on the right to the longest string.

    Args:
        opened: whose tokenizer; its own settings for padding and cutting are replaced.
        sizes: how many tokens the model knows, and how many it reads.
        pad: the token to pad with.
        too_long: `refuse` a string of more tokens than the model reads, or `truncate` it.
    """
    tokenizer, limit = opened.tokenizer, sizes.context
    if (known := tokenizer.get_vocab_size(with_added_tokens=False)) > sizes.vocabulary:
        has = f"its tokenizer has {known} tokens, its weights {sizes.vocabulary}"
        raise UserError(f"{opened.folder}: {has}: they do not belong together")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if too_long == "truncate":
        tokenizer.enable_truncation(limit)

    def tokenize(strings: Sequence[str]) -> Int[np.ndarray, "n l"]:
        """Return the tokens of the strings."""
        rows = [encoding.ids for encoding in tokenizer.encode_batch(list(strings))]
        for string, ids in zip(strings, rows, strict=True):
            if len(ids) > limit:
                raise UserError(
                    f"{opened.folder} reads at most {limit} tokens, this text has {len(ids)}: "
                    f"{string!r}; shorten it or set text.too_long=truncate"
                )
        return pad_rows(rows, pad)

    return tokenize
