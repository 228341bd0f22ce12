"""Paths of arrays in a tree as text, and the first of several patterns that each path matches."""

import re
from collections.abc import Sequence
from typing import Any

import jax

from data_pipelines.errors import UserError


def path_name(path: tuple[Any, ...]) -> str:
    """Return the path of an array in a tree as text, such as `network/backbone/block0/alpha`."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def first_matches(tree: Any, patterns: Sequence[str], title: str) -> Any:
    """Return for every array the index of the first pattern in its path; without one, their number.

    Args:
        tree: the arrays.
        patterns: regular expressions.
        title: what a pattern is called in messages.

    Raises:
        UserError: a pattern is not a regular expression, or is no array's first match.
    """
    compiled = [_compile(pattern, title) for pattern in patterns]

    def first_match(path: tuple[Any, ...], _: Any) -> int:
        """Return the index of the first pattern that a path matches."""
        name = path_name(path)
        matches = (index for index, pattern in enumerate(compiled) if pattern.search(name))
        return next(matches, len(compiled))

    indices = jax.tree_util.tree_map_with_path(first_match, tree)
    unused = set(range(len(patterns))) - set(jax.tree.leaves(indices))
    if unused:
        raise UserError(f"{title} {patterns[min(unused)]!r} matches no parameter")
    return indices


def _compile(pattern: str, title: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"{title} {pattern!r} is not a regular expression: {error}") from None
