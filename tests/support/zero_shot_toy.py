"""A problem that every zero-shot method solves: features are a map of verb and noun, with noise."""

from collections.abc import Sequence

import flax.linen as nn
import numpy as np

from data_pipelines.specs.skeletons import KINECT20
from gapjax.methods import Context
from gapjax.prompts.descriptions import ClassText

VERBS, NOUNS = ("open", "close", "lift", "drop", "push"), ("box", "door", "cup", "book", "hat")
LABELS = tuple(f"{verb} {noun}" for verb in VERBS for noun in NOUNS)
# One of each verb and noun.
UNSEEN = (0, 6, 12, 18, 24)
SEEN = np.setdiff1d(np.arange(len(LABELS)), UNSEEN)
_WORDS = dict(zip((*VERBS, *NOUNS), np.random.default_rng(0).normal(size=(10, 16)), strict=True))
_MAP = np.random.default_rng(1).normal(size=(32, 24)) / 32**0.5


def encode_text(strings: Sequence[str]) -> np.ndarray:
    """Embed a string by the sum of its words' vectors."""
    return np.stack([sum(_WORDS[word] for word in text.split()) for text in strings]).astype("f4")


CONTEXT = Context(
    backbone=nn.Dense(1),
    skeleton=KINECT20,
    labels=LABELS,
    descriptions=[
        ClassText(label, (), "", {}, verb=label.split()[0], noun=label.split()[1])
        for label in LABELS
    ],
    encode=encode_text,
    unseen=UNSEEN,
)


def features(seed: int, labels: np.ndarray) -> np.ndarray:
    """Return features of clips of classes, of five frames and two joints."""
    words = [encode_text([text.verb, text.noun]).reshape(-1) for text in CONTEXT.descriptions]
    clean = np.maximum(np.stack(words) @ _MAP, 0)[labels]
    noise = 0.1 * np.random.default_rng(seed).normal(size=(*labels.shape, 5, 2, 24))
    return np.maximum(clean[..., None, None, :] + noise, 0).astype(np.float32)
