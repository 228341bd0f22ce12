"""From strings to embeddings, with an encoder that is frozen or about to be trained.

Frozen embeddings are cached on disk under a digest of the strings, the options, the contents of the
encoder's files and the code of this package, so that embeddings from the cache need neither weights
nor a network.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from data_pipelines.storage import npy
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from gapjax import registry
from gapjax.text.encoder import LoadedText, TextOptions, encoder_module

# Strings encoded at once: bounds the memory of a large encoder's activations.
BATCH = 64

_REMEDY = "set data.dir to a folder that can be written"
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class TextEmbedder:
    """A text encoder that is loaded when its weights are first needed.

    Attributes:
        options: the choice of encoder.
        folder: the cache of frozen embeddings, which hosts may share; None for no cache.
    """

    options: TextOptions
    folder: Path | None = None

    @functools.cached_property
    def digest(self) -> str:
        """A digest of all that an embedding depends on besides its string."""
        options = asdict(self.options)
        # Paths differ between machines, contents do not.
        del options["checkpoint"]
        files = encoder_module(self.options.encoder).files(self.options)
        if files:
            del options["seed"]
        contents = sorted((file.name, _file_digest(file)) for file in files)
        return _sha256([options, contents])

    def load(self) -> LoadedText:
        """Return the encoder with its weights, which a process reads once.

        Raises:
            UserError: the checkpoint cannot be used.
        """
        return _load(self.options, self.digest)

    def known_words(self, strings: Sequence[str]) -> list[tuple[int | str, ...]]:
        """Return what the encoder knows of each string: equal if it cannot tell strings apart.

        Whatever is only ASCII is known to a checkpoint's tokenizer, which is then not read.
        """
        if self.options.checkpoint and all(map(str.isascii, strings)):
            return [tuple(_WORD.findall(string.lower())) for string in strings]
        text = self.load()
        rows = text.tokenize(strings).tolist()
        return [tuple(token for token in row if token not in text.silent) for row in rows]

    def embed(self, strings: Sequence[str]) -> Float[np.ndarray, "n e"]:
        """Return the frozen embeddings of strings, from the cache where it has them.

        Raises:
            UserError: the checkpoint cannot be used, or a string is too long.
        """
        if self.folder is None:
            return encode(strings, self.load())
        code = registry.code_digest("gapjax.text")
        path = self.folder / f"{_sha256([self.digest, code, list(strings)])}.npy"
        embeddings = npy.load(path)
        if embeddings is None:
            embeddings = encode(strings, self.load())
            with writing(path, _REMEDY), replacing_file(path) as file:
                np.save(file, embeddings)
        return embeddings


def mean_of_each(
    strings: Sequence[Sequence[str]], embed: Callable[[Sequence[str]], Float[np.ndarray, "n e"]]
) -> Float[np.ndarray, "k e"]:
    """Return for every row of strings, which describe the same, the mean of their embeddings.

    >>> lengths = lambda strings: np.array([[len(string)] for string in strings])
    >>> mean_of_each([["a", "abc"], ["ab"]], lengths).tolist()
    [[2.0], [2.0]]
    """
    embeddings = embed([string for row in strings for string in row])
    ends = np.cumsum([len(row) for row in strings])[:-1]
    return np.stack([rows.mean(axis=0) for rows in np.split(embeddings, ends)])


def encode(strings: Sequence[str], text: LoadedText) -> Float[np.ndarray, "n e"]:
    """Return the embeddings of strings in float32, computed in batches of `BATCH`."""
    tokens = text.tokenize(strings)
    padded = np.pad(tokens, [(0, -len(tokens) % BATCH), (0, 0)], mode="edge")
    batches = padded.reshape(-1, BATCH, tokens.shape[1])
    apply = jax.jit(text.module.apply)
    rows = [np.asarray(apply({"params": text.params}, batch)) for batch in batches]
    return np.concatenate(rows)[: len(tokens)].astype(np.float32)


@functools.lru_cache(maxsize=1)
def _load(options: TextOptions, digest: str) -> LoadedText:
    del digest  # files that changed are read again
    return encoder_module(options.encoder).load(options)


def _file_digest(file: Path) -> str:
    status = file.stat()
    return _content_digest(file.resolve(), status.st_size, status.st_mtime_ns)


@functools.cache
def _content_digest(file: Path, size: int, modified: int) -> str:
    del size, modified  # a file that changed is read again
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
