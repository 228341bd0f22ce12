"""Classify raw files with a bundle: any classes where texts are its input, else its own."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32
from scipy.special import softmax

from data_pipelines.errors import UserError
from data_pipelines.parsers import clip as clip_file
from data_pipelines.specs.skeletons import PARTS
from gapjax import methods
from gapjax.experiment import model, schema
from gapjax.methods import EncodeText
from gapjax.prompts.descriptions import ClassText, from_name
from gapjax.serving.bundle import Bundle, Embeddings, takes_classes
from gapjax.serving.class_names import doubts, requested_classes
from gapjax.serving.ranges import figure_of, unlike
from gapjax.serving.reports import Found

# Raw frames, persons first.
Clip = Float32[np.ndarray, "_ _ v c"]


def classify(
    bundle: Bundle, paths: Sequence[Path], classes: str | None, descriptions: str
) -> Found:
    """Return the scores of raw files.

    Args:
        bundle: the bundle.
        paths: the raw files.
        classes: names of classes, separated by semicolons; None for those in `descriptions`, or
            for the bundle's own.
        descriptions: a file of class descriptions, or "".

    Raises:
        UserError: the arguments do not fit the bundle.
        DataError: a file cannot be used.
    """
    names, texts = bundle.metadata["labels"], {}
    if classes is not None or descriptions:
        require_classes(bundle)
        names, texts = requested_classes(classes, descriptions, names)
    clips = read_clips(bundle, paths)
    outputs = bundle.recognize(clips, class_embeddings(bundle, names, texts))
    # Only now: an error is printed without warnings before it.
    for doubt in (*doubts(names, bundle.metadata["labels"]), *_strange(bundle, paths, clips)):
        print(f"gapjax: warning: {doubt}", file=sys.stderr)
    measure, score = measured(bundle, outputs["score"], names)
    files, parts = [str(path) for path in paths], bundle.metadata["parts"]
    return Found(files, names, measure, score, parts, outputs.get("part"))


def require_classes(bundle: Bundle) -> None:
    """Refuse a bundle that cannot score classes by name."""
    if not takes_classes(bundle.metadata):
        raise UserError(
            f"{bundle.folder}: a bundle of {bundle.metadata['run']['method']} has its own "
            "classes alone; leave out --classes and --descriptions"
        )


def read_clips(bundle: Bundle, paths: Sequence[Path]) -> list[Clip]:
    """Return the clips of raw files, persons first.

    Raises:
        DataError: a file cannot be used.
        UserError: a clip is longer than the bundle takes.
    """
    longest = bundle.metadata["input"]["shape"][1]
    clips = [read_clip(bundle, path) for path in paths]
    for path, clip in zip(paths, clips, strict=True):
        if clip.shape[1] > longest:
            raise UserError(
                f"{path}: has {clip.shape[1]} frames, {bundle.folder} takes at most {longest}; cut "
                f"it, or export again with --frames={clip.shape[1]}"
            )
    return clips


def read_clip(bundle: Bundle, path: Path) -> Clip:
    """Return the clip of a raw file, which may be longer than the bundle takes.

    Raises:
        DataError: the file cannot be used.
    """
    facts = bundle.metadata["input"]
    persons, _, _, coordinates = facts["shape"]
    confidence, sort = coordinates > space_of(bundle), sorts_persons(bundle)
    frames = clip_file.read(path, facts["joints"], coordinates, persons, confidence, sort)
    return frames.swapaxes(0, 1)


def space_of(bundle: Bundle) -> int:
    """Return the number of coordinates of a joint, without its confidence."""
    facts = bundle.metadata["input"]
    # Older bundles do not say what the numbers of a joint are.
    return facts.get("space", facts["shape"][3])


def sorts_persons(bundle: Bundle) -> bool:
    """Return whether the persons of a clip are ordered by their motion."""
    return bundle.metadata["input"].get("person_order") != "recorded"


def _strange(bundle: Bundle, paths: Sequence[Path], clips: Sequence[Clip]) -> Iterator[str]:
    """Yield in what clips are far from the data that the bundle was trained on."""
    for path, clip in zip(paths, clips, strict=True):
        found = unlike_training(bundle, clip)
        if found:
            yield f"{path} is unlike the training data: {'; '.join(found)}"


def unlike_training(bundle: Bundle, clip: Clip) -> list[str]:
    """Return in what a clip is far from the data that a bundle was trained on."""
    ranges, facts = bundle.metadata.get("ranges"), bundle.metadata["input"]
    if not ranges:
        return []
    figure = figure_of(clip, facts["space"], facts["body"]["bones"])
    return unlike(figure, ranges, bundle.metadata["preprocessing"]) if figure else []


def class_embeddings(
    bundle: Bundle, names: Sequence[str], texts: Mapping[str, ClassText]
) -> Embeddings:
    """Return the embeddings of classes.

    Those of the bundle's classes come from the bundle, unless `texts` describes them. A class that
    neither has is described by its name, which is neither a verb nor a noun.

    Raises:
        UserError: the text encoder is not the one that the bundle was trained with, or a class
            lacks what the method reads.
    """
    labels = bundle.metadata["labels"]
    new = [name for name in names if name in texts or name not in labels]
    index = {name: labels.index(name) for name in names if name not in new}
    embeddings = bundle.embeddings
    embed = methods.get(bundle.metadata["run"]["method"]).embed
    if new and embed:
        index |= {name: len(labels) + i for i, name in enumerate(new)}
        options = bundle.metadata["text"]["recipe"]
        named = partial(from_name, parts=options.get("parts", PARTS))
        described = [texts.get(name) or replace(named(name), verb="", noun="") for name in new]
        plan, known = schema.read_flat(bundle.config()), [name for name in names if name in index]
        # Names stand for the bundle's own classes, whose texts it does not contain.
        every = [*described, *(named(name) for name in known if name not in new)]
        model.require_distinct_classes(plan, every)
        added = embed(described, options, _text_encoder(bundle))
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


def measured(
    bundle: Bundle, score: Float[np.ndarray, "b k"], names: Sequence[str]
) -> tuple[str, Float[np.ndarray, "b k"]]:
    """Return the name and the values of what is printed: scores after γ, or probabilities."""
    name = measure(bundle)
    if name == "score":
        return name, calibrated(bundle, score, names)
    return name, softmax(score, axis=1)


def measure(bundle: Bundle) -> str:
    """Return what a bundle's numbers are: `score`, or `probability` where no text is compared."""
    return "score" if takes_classes(bundle.metadata) or bundle.metadata["gamma"] else "probability"


def calibrated(
    bundle: Bundle, score: Float[np.ndarray, "b k"], names: Sequence[str]
) -> Float[np.ndarray, "b k"]:
    """Return scores minus γ for the classes that were trained on (STAR, ACM MM 2024, Eq. 9)."""
    gamma = bundle.metadata["gamma"]
    is_seen = np.isin(names, bundle.metadata["trained_on"])
    return score - is_seen * np.float32(gamma["value"] if gamma else 0)
