"""Parameters that are split over devices: which of them, and along which dimensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from data_pipelines.errors import UserError
from gapjax.parallel.tree_paths import first_matches, path_name
from gapjax.registry import chosen


@dataclass(frozen=True)
class SplitRule:
    """How the parameters whose path matches a pattern are split.

    Attributes:
        pattern: a regular expression, searched in paths such as `text_encoder/tokens/embedding`.
        axes: for each dimension, the axis of the mesh over which it is split, or None; dimensions
            that follow are whole.
    """

    pattern: str
    axes: tuple[str | None, ...]

    def check(self, name: str, shape: Sequence[int], sizes: Mapping[str, int]) -> None:
        """Refuse a parameter that cannot be split so.

        Args:
            name: the parameter's path.
            shape: its shape.
            sizes: axis of the mesh → how many devices it has.

        Raises:
            UserError: the parameter has too few dimensions, or one that cannot be split evenly.
        """
        where = f"mesh.rules: {self.pattern!r} splits {name}, which is {tuple(shape)}, along"
        if len(self.axes) > len(shape):
            raise UserError(f"{where} {len(self.axes)} dimensions; it has {len(shape)}")
        for number, axis in enumerate(self.axes):
            if axis and shape[number] % sizes[chosen("mesh.rules: the axis", axis, sizes)]:
                raise UserError(f"{where} dimension {number} over {sizes[axis]} devices of {axis}")


def split_axes(
    params: Any, rules: Sequence[SplitRule], sizes: Mapping[str, int]
) -> dict[str, tuple[str | None, ...]]:
    """Return path → axes of the parameters that a rule splits; the first that matches holds.

    Args:
        params: arrays or their shapes.
        rules: which to split.
        sizes: axis of the mesh → how many devices it has.

    Raises:
        UserError: a rule matches no parameter, or one that cannot be split so.
    """
    numbers = first_matches(params, [rule.pattern for rule in rules], "mesh.rules:")
    leaves = jax.tree_util.tree_leaves_with_path(params)
    found = {}
    for (path, leaf), number in zip(leaves, jax.tree.leaves(numbers), strict=True):
        if number < len(rules):
            rules[number].check(path_name(path), leaf.shape, sizes)
            found[path_name(path)] = rules[number].axes
    return found
