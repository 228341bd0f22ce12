"""Work within a step that no sample asks for, shared by the devices of the mesh.

What is computed of a batch is split as the batch is (`gapjax.parallel.sharding`). The rest, such
as the strings of a batch's classes, each device would compute for itself.
"""

import jax
from jax.sharding import PartitionSpec
from jaxtyping import Array, Shaped


def share_rows(rows: Shaped[Array, "n *d"]) -> Shaped[Array, "n *d"]:
    """Let each device of the mesh's `data` axis have its share of the rows; values do not change.

    The mesh is the one in whose context a step is traced; without one nothing is split.
    """
    if jax.sharding.get_abstract_mesh().empty:
        return rows
    return jax.lax.with_sharding_constraint(rows, PartitionSpec("data"))
