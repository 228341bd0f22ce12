"""Classes whose texts a text encoder cannot tell apart, as in a script of which it knows no word.

All that is recognized or learned by such texts is the same for these classes: their scores are
equal, whatever the clip.
"""

import functools
import sys
from collections.abc import Sequence

from data_pipelines.errors import UserError
from gapjax.text.embedding_cache import TextEmbedder

# The smallest share of classes with a text of their own that is not refused.
ENOUGH = 0.5


def alike(
    names: Sequence[str], strings: Sequence[Sequence[str]], embedder: TextEmbedder
) -> list[list[str]]:
    """Return the groups of classes whose strings are the same to a text encoder.

    Strings are the same if they differ only in what the encoder does not know (and, for some, in
    case): its embeddings are then equal, or differ by the number of unknown words alone.

    Args:
        names: the classes.
        strings: the strings that stand for each class.
        embedder: the text encoder.
    """
    known = iter(embedder.known_words([string for row in strings for string in row]))
    groups: dict[frozenset, list[str]] = {}
    for name, row in zip(names, strings, strict=True):
        groups.setdefault(frozenset(next(known) for _ in row), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def require_distinct(
    names: Sequence[str], strings: Sequence[Sequence[str]], embedder: TextEmbedder
) -> None:
    """Refuse classes most of which a text encoder cannot tell apart; warn of a few.

    Raises:
        UserError: names two of them.
    """
    groups = alike(names, strings, embedder)
    confused = sum(map(len, groups))
    if not groups:
        return
    what = in_words(groups[0], embedder)
    if confused > (1 - ENOUGH) * len(names):
        raise UserError(
            f"{what}, nor {confused} of all {len(names)} classes from some other: choose a "
            "text.encoder that knows their words, or describe them in words it knows (text.file)"
        )
    _warn_once(f"{what}, and {confused} of {len(names)} classes are so")


def in_words(group: Sequence[str], embedder: TextEmbedder) -> str:
    """Return that a text encoder cannot tell the first two classes of a group apart."""
    encoder = " ".join(filter(None, (embedder.options.encoder, embedder.options.checkpoint)))
    return f"the text encoder {encoder} cannot tell {group[0]!r} and {group[1]!r} apart"


@functools.cache
def _warn_once(what: str) -> None:
    print(f"gapjax: warning: {what}", file=sys.stderr)
