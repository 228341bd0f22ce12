"""Recognise raw files with a bundle: python -m gapjax.classify --bundle=DIR FILE...

A file is NTU RGB+D's .skeleton, or a .npy or .npz of frames x joints x coordinates (of several
persons, frames x persons x joints x coordinates, or persons first). A bundle of STAR recognises any
classes, whose names are given; beside each class stands how alike each part is to its description.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from data_pipelines import command
from data_pipelines.errors import UserError
from data_pipelines.parsers import clip
from gapjax import methods
from gapjax.experiment import model, schema
from gapjax.methods import EncodeText
from gapjax.prompts.descriptions import ClassText, from_name, load_all
from gapjax.registry import suggestion
from gapjax.serving.bundle import Bundle, Words, open_bundle


def read_clips(bundle: Bundle, paths: Sequence[Path]) -> list[Float32[np.ndarray, "_ _ v c"]]:
    """Return the clips of raw files, persons first.

    Raises:
        DataError: a file cannot be used.
        UserError: a clip is longer than the bundle takes.
    """
    persons, longest, _, coordinates = bundle.facts["input"]["shape"]
    clips = []
    for path in paths:
        frames = clip.read(path, bundle.facts["input"]["joints"], coordinates, persons)
        if len(frames) > longest:
            raise UserError(
                f"{path}: has {len(frames)} frames, {bundle.folder} takes at most {longest}; cut "
                f"it, or export again with --frames={len(frames)}"
            )
        clips.append(frames.swapaxes(0, 1))
    return clips


def named(given: str | None, descriptions: str) -> tuple[list[str], dict[str, ClassText]]:
    """Return the classes that the command line asks for, and the texts of those described.

    Args:
        given: names with semicolons between them; None for all that are described.
        descriptions: a file of descriptions, or an empty string.

    Raises:
        UserError: a name is given twice or is not described in the file, or there is none.
    """
    texts = {text.label: text for text in load_all(descriptions)} if descriptions else {}
    names = list(texts) if given is None else [" ".join(name.split()) for name in given.split(";")]
    names = [name for name in names if name]
    if not names:
        raise UserError('--classes names no class; write --classes="wave; fall down"')
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--classes names {name!r} twice")
        if texts and name not in texts:
            hint = suggestion(name, list(texts))
            raise UserError(f"{descriptions}: class {name!r} is not described{hint}")
    return names, texts


def words_of(bundle: Bundle, names: Sequence[str], texts: Mapping[str, ClassText]) -> Words:
    """Return the embeddings of classes.

    A class of the bundle has the bundle's own, unless it is described anew. Of others, what is not
    described is made from the name.

    Raises:
        UserError: the text encoder is not the one that the bundle was trained with.
    """
    labels = bundle.facts["labels"]
    other = [name for name in names if name in texts or name not in labels]
    rows = {name: labels.index(name) for name in names if name not in other}
    words = bundle.words
    if other:
        rows |= {name: len(labels) + place for place, name in enumerate(other)}
        method = methods.get(bundle.facts["run"]["method"])
        described = [texts.get(name) or from_name(name) for name in other]
        recipe = bundle.facts["text"]["recipe"]
        new = method.embed(described, recipe, _encoder(bundle))
        words = {key: np.concatenate([old, new[key]]) for key, old in words.items()}
    return {key: array[[rows[name] for name in names]] for key, array in words.items()}


def _encoder(bundle: Bundle) -> EncodeText:
    """Return the text encoder of a bundle."""
    text = model.text_embedder(schema.read_flat(bundle.config()))
    told = bundle.facts["text"]
    if text.digest != told["digest"]:
        what = " ".join(filter(None, (told["encoder"], told["checkpoint"])))
        raise UserError(f"{bundle.folder}: the text encoder {what} here has other weights")
    return text.embed


def calibrated(
    bundle: Bundle, score: Float[np.ndarray, "b k"], names: Sequence[str]
) -> Float[np.ndarray, "b k"]:
    """Return scores less γ for the classes that were trained on (calibrated stacking)."""
    gamma = bundle.facts["gamma"]
    trained = np.isin(names, bundle.facts["trained_on"])
    return score - trained * np.float32(gamma["value"] if gamma else 0)


def probabilities(score: Float[np.ndarray, "b k"]) -> Float[np.ndarray, "b k"]:
    """Return the softmax of logits."""
    power = np.exp(score - score.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def report(
    names: Sequence[str],
    score: Float[np.ndarray, " k"],
    part: Float[np.ndarray, "k p"] | None,
    parts: Sequence[str],
    top: int,
) -> str:
    """Return the best classes of one clip, a line each, with the evidence of the parts."""
    best = np.argsort(-score, kind="stable")[:top]
    width, lines = max(len(names[place]) for place in best), []
    for rank, place in enumerate(best, 1):
        line = f"  {rank}. {names[place]:{width}}  {score[place]:6.3f}"
        if part is not None:
            alike = zip(parts, part[place], strict=True)
            line += "   " + "  ".join(f"{name} {value:.2f}" for name, value in alike)
        lines.append(line)
    return "\n".join(lines)


def classify(options: argparse.Namespace) -> str:
    """Return what the command prints.

    Raises:
        UserError: the options do not fit the bundle.
        DataError: a file cannot be used.
    """
    bundle = open_bundle(options.bundle)
    asked = options.classes is not None or bool(options.descriptions)
    if asked and not bundle.facts["text"]:
        raise UserError(
            f"{options.bundle}: its classes are those it was trained on; leave out --classes and "
            "--descriptions (bundles of STAR take them)"
        )
    if options.top < 1:
        raise UserError(f"--top={options.top}: show at least 1 class")
    names, texts = bundle.facts["labels"], {}
    if asked:
        names, texts = named(options.classes, options.descriptions)
    clips = read_clips(bundle, options.files)
    words = words_of(bundle, names, texts)
    outputs = bundle.recognise(clips, words)
    zero_shot = bool(bundle.facts["text"])
    score = outputs["score"]
    score = calibrated(bundle, score, names) if zero_shot else probabilities(score)
    evidence = outputs.get("part", [None] * len(clips))
    lines = []
    for path, row, part in zip(options.files, score, evidence, strict=True):
        lines += [str(path), report(names, row, part, bundle.facts["parts"], options.top)]
    return "\n".join(lines)


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.classify", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--bundle", type=Path, required=True, help="written by gapjax.export")
    parser.add_argument("--classes", help='any names: "wave; fall down" (bundles of STAR)')
    parser.add_argument("--descriptions", default="", help="a YAML file that describes them")
    parser.add_argument("--top", type=int, default=5, help="how many classes to show (default: 5)")
    options = parser.parse_args(arguments)
    print(classify(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
