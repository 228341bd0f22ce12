"""A bundle: a trained run as a folder that recognises raw frames without the code of training.

README.md        the model card, with ten lines of Python that use the bundle
bundle.json      labels, input, preprocessing, where it comes from, digests of all other files
config.json      the run's config
recognise.jax    StableHLO (jax.export): variables, frames, lengths, words → scores
recognise.tflite the same for one clip and the run's own classes, where it was asked for
variables/       parameters and running statistics (Orbax)
text.npz         the embeddings of the labels, where classes are an input
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax import export
from jaxtyping import Float, Float32, Int32

from data_pipelines.errors import UserError

FORMAT = "gapjax bundle 1"
FACTS, CONFIG, CARD = "bundle.json", "config.json", "README.md"
FUNCTION, VARIABLES, TEXT = "recognise.jax", "variables", "text.npz"
LITE = "recognise.tflite"

# Clips that are recognised at once.
BATCH = 16

# Embeddings of classes by name, one row a class; empty for a bundle of fixed classes.
Words = Mapping[str, Float[np.ndarray, "k ..."]]


@dataclass(frozen=True)
class Bundle:
    """A bundle that has been opened.

    Attributes:
        folder: where it lies.
        facts: the content of its bundle.json.
        variables: parameters and running statistics.
        words: the embeddings of `facts["labels"]`.
        function: (variables, frames b m t v c, length b, words) → `score` (b k), and `part`
            (b k p) where `facts["parts"]` are named.
    """

    folder: Path
    facts: Mapping[str, Any]
    variables: Mapping[str, Any]
    words: Words
    function: Callable[..., Mapping[str, jax.Array]]

    def config(self) -> dict[str, Any]:
        """Return the config of the run that was exported, flat."""
        return json.loads((self.folder / CONFIG).read_text())

    def recognise(
        self, clips: Sequence[Float32[np.ndarray, "_ _ v c"]], words: Words | None = None
    ) -> dict[str, Float32[np.ndarray, "b k ..."]]:
        """Return the outputs for raw clips of any lengths up to the bundle's.

        Args:
            clips: raw frames, persons first.
            words: the embeddings of other classes than the bundle's own.

        Raises:
            UserError: a clip does not fit the bundle's input.
        """
        words = self.words if words is None else words
        found = []
        for first in range(0, len(clips), BATCH):
            some = clips[first : first + BATCH]
            frames, length = self._padded(some, min(BATCH, len(clips)))
            outputs = self.function(self.variables, frames, length, dict(words))
            found.append({name: np.asarray(each)[: len(some)] for name, each in outputs.items()})
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    def _padded(
        self, clips: Sequence[Float32[np.ndarray, "_ _ v c"]], batch: int
    ) -> tuple[Float32[np.ndarray, "b m2 t2 v c"], Int32[np.ndarray, " b"]]:
        """Return clips as one batch, filled up with zeros, and their lengths."""
        shape = tuple(self.facts["input"]["shape"])
        frames, length = np.zeros((batch, *shape), np.float32), np.ones(batch, np.int32)
        for place, clip in enumerate(clips):
            if clip.shape[2:] != shape[2:] or clip.shape[0] > shape[0] or clip.shape[1] > shape[1]:
                raise UserError(f"a clip is {clip.shape}, {self.folder} takes at most {shape}")
            frames[place, : clip.shape[0], : clip.shape[1]] = clip
            length[place] = clip.shape[1]
        return frames, length


def open_bundle(folder: Path) -> Bundle:
    """Return a bundle after checking that all of it is there.

    Raises:
        UserError: it is no bundle, or a file of it is missing or not as it was written.
    """
    facts = read_facts(folder)
    for name, digest in facts["files"].items():
        path = folder / name
        if not path.is_file() or sha256(path) != digest:
            raise UserError(f"{path} is missing or damaged; copy or export the bundle again")
    words = {}
    if (folder / TEXT).exists():
        with np.load(folder / TEXT) as content:
            words = {name: content[name] for name in content.files}
    function = export.deserialize(bytearray((folder / FUNCTION).read_bytes()))
    variables = ocp.PyTreeCheckpointer().restore((folder / VARIABLES).absolute())
    return Bundle(folder, facts, variables, words, jax.jit(function.call))


def read_facts(folder: Path) -> dict[str, Any]:
    """Return the content of a bundle's bundle.json.

    Raises:
        UserError: there is none, or it is of another form.
    """
    path = folder / FACTS
    if not path.is_file():
        raise UserError(f"{folder} is no bundle: it has no {FACTS}; write one by gapjax.export")
    try:
        facts = json.loads(path.read_text())
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise UserError(f"{path} is not of the form {FORMAT!r}; export the run again")
    return facts


def files(folder: Path) -> Iterator[Path]:
    """Yield the files of a bundle, sorted, but for bundle.json."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / FACTS:
            yield path


def sha256(path: Path) -> str:
    """Return the digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
