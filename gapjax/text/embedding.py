"""Frozen text features: every string encoded once, and kept under a digest of all that matters."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from data_pipelines.storage.atomic import replacing_file
from gapjax.text.checkpoint import LoadedText

# Strings encoded at once; a large encoder's activations for more would crowd the memory.
BATCH = 64


def encode(
    strings: Sequence[str], text: LoadedText, folder: Path | None
) -> Float[np.ndarray, "n e"]:
    """Return the embeddings of strings, from the cache where they are there.

    Args:
        strings: what to encode.
        text: the encoder.
        folder: where embeddings are kept, in a file named by the digest of the strings and of the
            encoder with its weights; None for nowhere. Of several hosts, which may have folders of
            their own or share one, each writes, completely or not at all.
    """
    if folder is None:
        return _compute(strings, text)
    key = json.dumps([text.digest, list(strings)]).encode()
    path = folder / f"{hashlib.sha256(key).hexdigest()}.npy"
    if not path.exists():
        embeddings = _compute(strings, text)
        with replacing_file(path) as file:
            np.save(file, embeddings)
    return np.load(path, allow_pickle=False)


def _compute(strings: Sequence[str], text: LoadedText) -> Float[np.ndarray, "n e"]:
    tokens = text.tokenize(strings)
    missing = -len(tokens) % BATCH
    padded = np.pad(tokens, [(0, missing), (0, 0)], mode="edge")
    batches = padded.reshape(-1, BATCH, tokens.shape[1])
    apply = jax.jit(partial(_apply, text.module))
    features = [np.asarray(apply(text.params, batch)) for batch in batches]
    return np.concatenate(features)[: len(tokens)].astype(np.float32)


def _apply(module: nn.Module, params: Any, tokens: Int[Array, "n l"]) -> Float[Array, "n e"]:
    return module.apply({"params": params}, tokens)
