"""A bundle: a trained run as a folder that classifies raw frames without the code of training.

README.md        the model card, with lines of Python that use the bundle
bundle.json      labels, input, preprocessing, origin, digests of all other files
config.json      the run's config
recognize.jax    StableHLO (jax.export): variables, frames, lengths, embeddings → scores; later
                 versions of jax read it for half a year, `--renew` writes it anew
recognize.tflite (optional) the same for one clip and the run's own classes
variables/       parameters and running statistics (Orbax)
text.npz         the embeddings of the labels, if classes are an input
"""

import datetime
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export
from jaxtyping import Array, Float, Float32, Int32

from data_pipelines.errors import UserError
from gapjax.workdir import bundle_hub
from gapjax.workdir.bundle_files import read_checked, read_config, read_variables

CARD, FUNCTION, TEXT = "README.md", "recognize.jax", "text.npz"
LITE = "recognize.tflite"

# The number of clips that are classified at once.
BATCH = 16

# Embeddings of classes by name, one row per class; empty for a bundle of fixed classes.
Embeddings = Mapping[str, Float[np.ndarray, "k ..."]]


@dataclass(frozen=True)
class Bundle:
    """An open bundle.

    Attributes:
        folder: its folder.
        metadata: the content of its bundle.json.
        variables: parameters and running statistics.
        embeddings: the embeddings of `metadata["labels"]`.
        function: (variables, frames b m t v c, length b, embeddings) → `score` (b k), and `part`
            (b k p) if `metadata["parts"]` has names.
    """

    folder: Path
    metadata: Mapping[str, Any]
    variables: Mapping[str, Any]
    embeddings: Embeddings
    function: Callable[..., Mapping[str, Float[Array, "b k ..."]]]

    def config(self) -> dict[str, Any]:
        """Return the config of the exported run, flat."""
        return read_config(self.folder)

    def recognize(
        self, clips: Sequence[Float32[np.ndarray, "_ _ v c"]], embeddings: Embeddings | None = None
    ) -> dict[str, Float32[np.ndarray, "b k ..."]]:
        """Return the outputs for raw clips of any lengths up to the bundle's.

        Args:
            clips: raw frames, persons first.
            embeddings: the embeddings of other classes than the bundle's own.

        Raises:
            UserError: a clip does not fit the bundle's input.
        """
        embeddings = dict(self.embeddings if embeddings is None else embeddings)
        batches = []
        for first in range(0, len(clips), BATCH):
            batch = clips[first : first + BATCH]
            frames, length = self._padded(batch, min(BATCH, len(clips)))
            outputs = self.function(self.variables, frames, length, embeddings)
            batches.append({name: np.asarray(rows)[: len(batch)] for name, rows in outputs.items()})
        return {name: np.concatenate([rows[name] for rows in batches]) for name in batches[0]}

    def _padded(
        self, clips: Sequence[Float32[np.ndarray, "_ _ v c"]], batch: int
    ) -> tuple[Float32[np.ndarray, "b m2 t2 v c"], Int32[np.ndarray, " b"]]:
        """Return clips as one batch, padded with zeros, and their lengths."""
        shape = tuple(self.metadata["input"]["shape"])
        frames, length = np.zeros((batch, *shape), np.float32), np.ones(batch, np.int32)
        for row, clip in enumerate(clips):
            if clip.shape[2:] != shape[2:] or clip.shape[0] > shape[0] or clip.shape[1] > shape[1]:
                raise UserError(f"a clip is {clip.shape}, {self.folder} takes at most {shape}")
            frames[row, : clip.shape[0], : clip.shape[1]] = clip
            length[row] = clip.shape[1]
        return frames, length


def open_bundle(folder: Path) -> Bundle:
    """Return a bundle after checking its files; warn of one that should be renewed.

    Args:
        folder: its folder, or its name on the hub (`gapjax.workdir.bundle_hub`).

    Raises:
        UserError: it is no bundle, one of its files is missing or has changed, or this jax does not
            read its function any more.
        HostError: the hub does not answer.
    """
    name, folder = folder, bundle_hub.located(folder)
    metadata = read_checked(folder)
    function = _read_function(name, folder, metadata)
    until = metadata.get("readable_until", "")
    if until and datetime.date.today().isoformat() > until:
        what = f"{name}: jax promises to read it until {until}; {_renewal(name)}"
        print(f"gapjax: warning: {what}", file=sys.stderr)
    return Bundle(folder, metadata, read_variables(folder), read_embeddings(folder), function)


def _read_function(name: Path, folder: Path, metadata: Mapping[str, Any]) -> Callable[..., Any]:
    try:
        function = export.deserialize(bytearray(function_file(folder).read_bytes()))
        # Reads what a call would read only when it is compiled.
        function.mlir_module()
    # jax and MLIR raise errors of any type for what they do not read.
    except Exception as error:
        until = metadata.get("readable_until")
        promise = f", promised to be readable until {until}," if until else ""
        raise UserError(
            f"{name}: jax {jax.__version__} does not read its {FUNCTION}{promise} of jax "
            f"{metadata.get('jax', 'of another version')}; {_renewal(name)}"
        ) from error
    return jax.jit(function.call)


def _renewal(name: Path) -> str:
    command = "python -m gapjax.export --renew="
    if bundle_hub.is_on_hub(name):
        return f"get its folder by `hf download`, then make that new: {command}FOLDER"
    return f"make it new: {command}{name}"


def read_embeddings(folder: Path) -> Embeddings:
    """Return the embeddings of a bundle's classes; empty if classes are no input."""
    if not (folder / TEXT).exists():
        return {}
    with np.load(folder / TEXT) as content:
        return {name: content[name] for name in content.files}


def takes_classes(metadata: Mapping[str, Any]) -> bool:
    """Return whether a bundle scores any classes, by the embeddings of their texts."""
    return "recipe" in metadata["text"]


def function_file(folder: Path) -> Path:
    """Return the file of a bundle's function, which older bundles spell recognise.jax."""
    return next(folder.glob("recogni[sz]e.jax"), folder / FUNCTION)
