"""Rules that hold for the arrays of a tree whose path matches a pattern: the first that does."""

import re
from collections.abc import Sequence
from typing import Any

import jax

from data_pipelines.errors import UserError


def path_name(path: tuple[Any, ...]) -> str:
    """Return the path of an array in a tree as text, such as `network/backbone/block0/alpha`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def first_matches(tree: Any, patterns: Sequence[str], title: str) -> Any:
    """Return for every array the number of the first pattern found in its path, else their count.

    Args:
        tree: the arrays.
        patterns: regular expressions.
        title: what a pattern is called in messages.

    Raises:
        UserError: a pattern is none, or is no array's first.
    """
    searches = [_compiled(pattern, title).search for pattern in patterns]

    def first(path: tuple[Any, ...], _: Any) -> int:
        """Return the number of the first pattern that a path matches."""
        name = path_name(path)
        found = (number for number, search in enumerate(searches) if search(name))
        return next(found, len(searches))

    numbers = jax.tree_util.tree_map_with_path(first, tree)
    unused = set(range(len(patterns))) - set(jax.tree.leaves(numbers))
    if unused:
        raise UserError(f"{title} {patterns[min(unused)]!r} matches no parameter")
    return numbers


def _compiled(pattern: str, title: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"{title} {pattern!r} is no regular expression: {error}") from None
