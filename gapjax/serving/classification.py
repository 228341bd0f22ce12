"""Classify raw files with a bundle: any classes with a zero-shot bundle, else the trained ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32
from scipy.special import softmax

from data_pipelines.errors import UserError
from data_pipelines.parsers import clip
from gapjax import methods
from gapjax.experiment import model, schema
from gapjax.methods import EncodeText
from gapjax.prompts.descriptions import ClassText, from_name, load_all
from gapjax.registry import suggestion
from gapjax.serving.bundle import Bundle, Embeddings


def classify(
    bundle: Bundle, paths: Sequence[Path], classes: str | None, descriptions: str, top: int
) -> str:
    """Return the best classes of raw files as text.

    Args:
        bundle: the bundle.
        paths: the raw files.
        classes: names of classes, separated by semicolons; None for those in `descriptions`, or
            for the bundle's own.
        descriptions: a file of class descriptions, or "".
        top: how many classes to show.

    Raises:
        UserError: the arguments do not fit the bundle.
        DataError: a file cannot be used.
    """
    zero_shot = bool(bundle.metadata["text"])
    names, texts = bundle.metadata["labels"], {}
    if classes is not None or descriptions:
        if not zero_shot:
            raise UserError(
                f"{bundle.folder}: its classes are those it was trained on; leave out --classes "
                "and --descriptions (bundles of STAR take them)"
            )
        names, texts = requested_classes(classes, descriptions)
    outputs = bundle.recognize(read_clips(bundle, paths), class_embeddings(bundle, names, texts))
    score = outputs["score"]
    score = calibrated(bundle, score, names) if zero_shot else softmax(score, axis=1)
    parts = outputs.get("part", [None] * len(paths))
    lines = []
    for path, row, part in zip(paths, score, parts, strict=True):
        lines += [str(path), report(names, row, part, bundle.metadata["parts"], top)]
    return "\n".join(lines)


def read_clips(bundle: Bundle, paths: Sequence[Path]) -> list[Float32[np.ndarray, "_ _ v c"]]:
    """Return the clips of raw files, persons first.

    Raises:
        DataError: a file cannot be used.
        UserError: a clip is longer than the bundle takes.
    """
    persons, longest, _, coordinates = bundle.metadata["input"]["shape"]
    clips = []
    for path in paths:
        frames = clip.read(path, bundle.metadata["input"]["joints"], coordinates, persons)
        if len(frames) > longest:
            raise UserError(
                f"{path}: has {len(frames)} frames, {bundle.folder} takes at most {longest}; cut "
                f"it, or export again with --frames={len(frames)}"
            )
        clips.append(frames.swapaxes(0, 1))
    return clips


def requested_classes(
    classes: str | None, descriptions: str
) -> tuple[list[str], dict[str, ClassText]]:
    """Return the requested classes, and the descriptions of a file by class.

    Args:
        classes: names separated by semicolons; None for those in `descriptions`.
        descriptions: a file of descriptions, or "".

    Raises:
        UserError: a name is repeated or not described in the file, or there is none.
    """
    texts = {text.label: text for text in load_all(descriptions)} if descriptions else {}
    split = list(texts) if classes is None else classes.split(";")
    names = [name for name in (" ".join(text.split()) for text in split) if name]
    if not names:
        raise UserError('--classes names no class; write --classes="wave; fall down"')
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--classes names {name!r} twice")
        if texts and name not in texts:
            hint = suggestion(name, list(texts))
            raise UserError(f"{descriptions}: class {name!r} is not described{hint}")
    return names, texts


def class_embeddings(
    bundle: Bundle, names: Sequence[str], texts: Mapping[str, ClassText]
) -> Embeddings:
    """Return the embeddings of classes.

    Those of the bundle's classes come from the bundle, unless `texts` describes them. A class that
    neither has is described by its name.

    Raises:
        UserError: the text encoder is not the one that the bundle was trained with.
    """
    labels = bundle.metadata["labels"]
    new = [name for name in names if name in texts or name not in labels]
    index = {name: labels.index(name) for name in names if name not in new}
    embeddings = bundle.embeddings
    if new:
        index |= {name: len(labels) + i for i, name in enumerate(new)}
        method = methods.get(bundle.metadata["run"]["method"])
        described = [texts.get(name) or from_name(name) for name in new]
        options = bundle.metadata["text"]["recipe"]
        added = method.embed(described, options, _text_encoder(bundle))
        embeddings = {key: np.concatenate([rows, added[key]]) for key, rows in embeddings.items()}
    return {key: rows[[index[name] for name in names]] for key, rows in embeddings.items()}


def _text_encoder(bundle: Bundle) -> EncodeText:
    """Return the text encoder that a bundle was trained with."""
    embedder = model.text_embedder(schema.read_flat(bundle.config()))
    text = bundle.metadata["text"]
    if embedder.digest != text["digest"]:
        name = " ".join(filter(None, (text["encoder"], text["checkpoint"])))
        raise UserError(
            f"{bundle.folder}: the text encoder {name} here has other weights, or gapjax another "
            "version, than when the bundle was written; export the run again"
        )
    return embedder.embed


def calibrated(
    bundle: Bundle, score: Float[np.ndarray, "b k"], names: Sequence[str]
) -> Float[np.ndarray, "b k"]:
    """Return scores minus γ for the classes that were trained on (STAR, ACM MM 2024, Eq. 9)."""
    gamma = bundle.metadata["gamma"]
    is_seen = np.isin(names, bundle.metadata["trained_on"])
    return score - is_seen * np.float32(gamma["value"] if gamma else 0)


def report(
    names: Sequence[str],
    score: Float[np.ndarray, " k"],
    part: Float[np.ndarray, "k p"] | None,
    parts: Sequence[str],
    top: int,
) -> str:
    """Return the `top` best classes of one clip, a line each, with the similarity of each part."""
    best = np.argsort(-score, kind="stable")[:top]
    width, lines = max(len(names[k]) for k in best), []
    for rank, k in enumerate(best, 1):
        line = f"  {rank}. {names[k]:{width}}  {score[k]:6.3f}"
        if part is not None:
            similarities = zip(parts, part[k], strict=True)
            line += "   " + "  ".join(f"{name} {value:.2f}" for name, value in similarities)
        lines.append(line)
    return "\n".join(lines)
