"""Adjacency matrices of body models."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from data_pipelines.specs.skeletons import Skeleton

# The subsets of the spatial strategy.
SUBSETS = 3


def adjacency(links: Iterable[tuple[int, int]], num_joints: int) -> Float[np.ndarray, "u v"]:
    """Return the matrix with a one at (j, i) for every link (i, j), columns scaled to sum to 1.

    >>> adjacency([(0, 1), (2, 1), (1, 0)], 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    matrix = np.zeros((num_joints, num_joints), np.float32)
    for start, end in links:
        matrix[end, start] = 1.0
    sums = matrix.sum(axis=0, keepdims=True)
    return matrix / np.where(sums > 0, sums, 1.0)


def spatial_subsets(skeleton: Skeleton) -> Float[np.ndarray, "g u v"]:
    """Return the three subsets of the spatial strategy: itself, inward and outward neighbors.

    Source: ST-GCN, section 3.3, in the form of CTR-GCN (facts B.1).
    """
    inward = skeleton.bones
    outward = [(parent, child) for child, parent in inward]
    itself = [(joint, joint) for joint in range(skeleton.num_joints)]
    return np.stack([adjacency(links, skeleton.num_joints) for links in (itself, inward, outward)])


def normalized_subsets(
    skeleton: Skeleton, farthest: int | None = None
) -> Float[np.ndarray, "g u v"]:
    """Return three subsets of the neighbors v of each joint u, whose sum over v is 1 in all.

    The subsets are the joint itself, neighbors as far from the root of the bones or farther, and
    nearer ones. Source: ST-GCN, section 3.3 (facts B.4).

    Args:
        skeleton: the body model.
        farthest: the number of bones from which on joints are equally far from the root, if any.
    """
    parents = dict(skeleton.bones)

    def distance(joint: int) -> int:
        """Return the number of bones between a joint and the root."""
        return 1 + distance(parents[joint]) if joint in parents else 0

    subsets = np.zeros((SUBSETS, skeleton.num_joints, skeleton.num_joints), np.float32)
    subsets[0] = np.eye(skeleton.num_joints)
    for child, parent in skeleton.bones:
        away = 2 if farthest is None or distance(child) <= farthest else 1
        subsets[1, parent, child] = subsets[away, child, parent] = 1.0
    return subsets / subsets.sum(axis=(0, 2))[:, None]
