"""Partition rules: the parameters that are split over devices, and along which dimensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from data_pipelines.errors import UserError
from gapjax.parallel.tree_paths import first_matches, path_name
from gapjax.registry import chosen


@dataclass(frozen=True)
class PartitionRule:
    """How the parameters whose paths match a pattern are split.

    Attributes:
        pattern: a regular expression, searched in paths such as `text_encoder/tokens/embedding`.
        axes: the mesh axis over which each dimension is split, or None; further dimensions are not
            split.
    """

    pattern: str
    axes: tuple[str | None, ...]

    def check(self, name: str, shape: Sequence[int], sizes: Mapping[str, int]) -> None:
        """Raise UserError for a parameter with too few dimensions, or one that is not divisible.

        Args:
            name: the parameter's path.
            shape: its shape.
            sizes: mesh axis → number of devices.
        """
        rule = f"mesh.rules: {self.pattern!r} splits {name}, which is {tuple(shape)}, along"
        if len(self.axes) > len(shape):
            raise UserError(f"{rule} {len(self.axes)} dimensions; it has {len(shape)}")
        for number, axis in enumerate(self.axes):
            if axis and shape[number] % sizes[chosen("mesh.rules: the axis", axis, sizes)]:
                raise UserError(f"{rule} dimension {number} over {sizes[axis]} devices of {axis}")


def partition_axes(
    params: Any, rules: Sequence[PartitionRule], sizes: Mapping[str, int]
) -> dict[str, tuple[str | None, ...]]:
    """Return path → the mesh axes of the dimensions, for every parameter.

    Args:
        params: arrays or their shapes.
        rules: the first rule that matches applies.
        sizes: mesh axis → number of devices.

    Raises:
        UserError: a rule matches no parameter, or one that cannot be split.
    """
    indices = first_matches(params, [rule.pattern for rule in rules], "mesh.rules:")
    leaves = jax.tree_util.tree_leaves_with_path(params)
    axes_of: dict[str, tuple[str | None, ...]] = {}
    for (path, leaf), index in zip(leaves, jax.tree.leaves(indices), strict=True):
        rule = rules[index] if index < len(rules) else PartitionRule("", ())
        rule.check(path_name(path), leaf.shape, sizes)
        axes_of[path_name(path)] = rule.axes
    return axes_of
