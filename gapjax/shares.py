"""Work of a step that no sample asks for, shared by the devices of the mesh.

What is computed from a batch is split as the batch is. What is not, such as the strings of its
classes, every device would compute for itself.
"""

from typing import TypeVar

import jax
from jax.sharding import PartitionSpec

Tree = TypeVar("Tree")


def share_rows(tree: Tree) -> Tree:
    """Let each device of the mesh's `data` axis have its share of the first axis of arrays.

    Values do not change. Without a mesh, as in a function of one device, nothing does.
    """
    if jax.sharding.get_abstract_mesh().empty:
        return tree
    return jax.lax.with_sharding_constraint(tree, PartitionSpec("data"))
