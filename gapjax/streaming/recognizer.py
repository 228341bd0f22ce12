"""A bundle that recognizes windows: compiled once for few sizes, texts embedded once.

The bundle's function is one program from raw frames to scores. It centers, resizes and computes a
window anew each time; what is kept between windows is their frames and the embeddings of classes.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from data_pipelines.errors import UserError
from data_pipelines.specs import clip_rule
from gapjax.prompts.descriptions import ClassText, load_all
from gapjax.serving import class_names, classification
from gapjax.serving.bundle import Bundle, Embeddings, takes_classes

# Windows that are recognized at once: one, or this many.
BATCH = 8
# Lists of classes whose embeddings are kept, and the most classes of a list.
LISTS, MOST_CLASSES = 64, 512
# The program is compiled for powers of two of classes: at least this, and the bundle's own number.
FEWEST = 16


@dataclass(frozen=True, eq=False)
class ClassList:
    """Classes to recognize.

    Attributes:
        names: their names.
        embeddings: of their texts, padded to one of the sizes that are compiled.
        notes: hints for names that may be meant otherwise.
    """

    names: tuple[str, ...]
    embeddings: Embeddings
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Recognized:
    """What a window was recognized as.

    Attributes:
        names: the names of the best classes, the best first.
        scores: their scores.
        lowest: the lowest score of all classes.
        parts: the similarities of the parts to each of these classes, if parts are compared.
    """

    names: Sequence[str]
    scores: Sequence[float]
    lowest: float
    parts: Sequence[Sequence[float]]


class Recognizer:
    """An open bundle with the embeddings of classes.

    Attributes:
        bundle: the bundle.
        any_classes: whether it recognizes any classes by name.
        described: class → its description, of a file.
    """

    def __init__(self, bundle: Bundle, descriptions: str = "", top: int = 10) -> None:
        """Take a bundle.

        Args:
            bundle: the bundle.
            descriptions: a file of class descriptions, or "".
            top: how many classes are told of a window.
        """
        self.bundle, self._top = bundle, top
        self._fewest = max(FEWEST, len(bundle.metadata["labels"]))
        self.any_classes = takes_classes(bundle.metadata)
        if descriptions:
            classification.require_classes(bundle)
        self.described = (
            {text.label: text for text in load_all(descriptions)} if descriptions else {}
        )
        self._embedded = functools.lru_cache(maxsize=LISTS)(self._embed)

    def classes(self, text: str | None) -> ClassList:
        """Return the classes of a text, ready to be recognized; this may take seconds once.

        Args:
            text: names, separated by semicolons; None for all that are described, or else for the
                bundle's own.

        Raises:
            UserError: it names no class, one twice or too many, or the bundle has its own alone.
        """
        labels = self.bundle.metadata["labels"]
        if text is None:
            return self._embedded(tuple(self.described or labels))
        if not self.any_classes:
            raise UserError(f"{self.bundle.folder} recognizes its own classes alone")
        names, _ = class_names.requested_classes(text, "", [*labels, *self.described])
        if len(names) > MOST_CLASSES:
            raise UserError(f"{len(names)} classes are more than {MOST_CLASSES}; name fewer")
        return self._embedded(tuple(names))

    def _embed(self, names: tuple[str, ...]) -> ClassList:
        if not self.any_classes:
            return self._compiled(ClassList(names, {}))
        texts: Mapping[str, ClassText] = {
            name: self.described[name] for name in names if name in self.described
        }
        embeddings = classification.class_embeddings(self.bundle, names, texts)
        known = [*self.bundle.metadata["labels"], *texts]
        notes = tuple(class_names.doubts(names, known))
        return self._compiled(ClassList(names, padded(embeddings, len(names), self._fewest), notes))

    def _compiled(self, classes: ClassList) -> ClassList:
        """Return classes after compiling for their number, so that no window waits for it."""
        persons, _, joints, coordinates = self.bundle.metadata["input"]["shape"]
        nobody = np.zeros((persons, 1, joints, coordinates), np.float32)
        for count in (1, BATCH):
            self.bundle.recognize([nobody] * count, classes.embeddings)
        return classes

    def clip(
        self, window: Float32[np.ndarray, "t m v c"]
    ) -> Float32[np.ndarray, "m2 t2 v c"] | None:
        """Return the clip in a window, as in a conversion; None if nobody is seen."""
        persons = self.bundle.metadata["input"]["shape"][0]
        space = classification.space_of(self.bundle)
        sort = classification.sorts_persons(self.bundle)
        found = clip_rule.clip_of(window, space, persons, sort).skeleton
        return found.swapaxes(0, 1) if found.size else None

    def unlike(self, clip: Float32[np.ndarray, "m t v c"]) -> list[str]:
        """Return in what a clip is far from the training data."""
        return classification.unlike_training(self.bundle, clip)

    def recognize(
        self, clips: Sequence[Float32[np.ndarray, "_ _ v c"]], classes: ClassList
    ) -> list[Recognized]:
        """Return what clips are recognized as, at most `BATCH` of them."""
        filled = [*clips, *[clips[0]] * (BATCH - len(clips))] if len(clips) > 1 else clips
        outputs = self.bundle.recognize(filled, classes.embeddings)
        count = len(classes.names)
        score = outputs["score"][: len(clips), :count]
        _, score = classification.measured(self.bundle, score, classes.names)
        part = outputs.get("part")
        return [self._best(classes, score[row], part, row) for row in range(len(clips))]

    def _best(
        self, classes: ClassList, score: Float32[np.ndarray, " k"], part: Any, row: int
    ) -> Recognized:
        best = np.argsort(-score, kind="stable")[: self._top]
        return Recognized(
            names=[classes.names[k] for k in best],
            scores=score[best].tolist(),
            lowest=float(score.min()),
            parts=[] if part is None else part[row, best].tolist(),
        )


def padded(
    embeddings: Embeddings, count: int, fewest: int = FEWEST
) -> Mapping[str, Float[np.ndarray, "k2 ..."]]:
    """Return the embeddings of `count` classes, and of the first one again up to a compiled size.

    >>> {key: len(rows) for key, rows in padded({"a": np.ones((17, 2))}, 17).items()}
    {'a': 32}
    """
    size = 1 << (max(fewest, count) - 1).bit_length()
    rows = np.where(np.arange(size) < count, np.arange(size), 0)
    return {key: each[rows] for key, each in embeddings.items()}
