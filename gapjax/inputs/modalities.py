"""What a stream of the ensemble sees of a clip: joints, bones, their motion, and GAP's operator.

All of it is linear in the coordinates and acts on every frame of every person alike.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from data_pipelines.specs.skeletons import Skeleton
from gapjax.registry import chosen

MODALITIES = ("joint", "bone", "joint_motion", "bone_motion")
K_OPERATORS = ("corrected", "released")

# The body models whose released operator has its edges the wrong way round (facts A.7).
RELEASED_TRANSPOSED = ("kinect20",)


def bones(frames: Float[Array, "b m t v c"], skeleton: Skeleton) -> Float[Array, "b m t v c"]:
    """Return each joint minus its parent; the root's bone is zero (facts C.4 and C.6)."""
    parent = np.arange(skeleton.num_joints)
    for child, joint in skeleton.bones:
        parent[child] = joint
    return frames - frames[..., parent, :]


def motion(frames: Float[Array, "b m t v c"]) -> Float[Array, "b m t v c"]:
    """Return each frame's difference to the next; the last frame's is zero (facts C.4)."""
    return jnp.concatenate(
        [frames[:, :, 1:] - frames[:, :, :-1], jnp.zeros_like(frames[:, :, :1])], axis=2
    )


def modality(
    frames: Float[Array, "b m t v c"], skeleton: Skeleton, name: str
) -> Float[Array, "b m t v c"]:
    """Return the stream called `name`, one of `MODALITIES`, of clips of joints."""
    if name.startswith("bone"):
        frames = bones(frames, skeleton)
    return motion(frames) if name.endswith("motion") else frames


def rooted_parents(skeleton: Skeleton, root: int) -> dict[int, int]:
    """Return child → parent for the tree of the skeleton's bones, hung up at joint `root`.

    >>> from data_pipelines.specs.skeletons import KINECT20
    >>> parents = rooted_parents(KINECT20, root=1)
    >>> parents[2], parents[0], 1 in parents
    (1, 1, False)
    """
    parents: dict[int, int] = {}
    reached = [root]
    for joint in reached:
        linked = [a if b == joint else b for a, b in skeleton.bones if joint in (a, b)]
        children = [other for other in linked if other != parents.get(joint)]
        parents |= dict.fromkeys(children, joint)
        reached += children
    return parents


def k_operator(skeleton: Skeleton, k: int, variant: str = "corrected") -> Float[np.ndarray, "v u"]:
    """Return GAP's input matrix I - A^k, which multiplies the joints of every frame (facts A.7).

    A has a one at (child, parent) in the tree of bones hung up at `skeleton.center`, so k = 1
    gives bones (the root keeps its coordinates) and a large k gives the joints themselves, as
    does k = 0. `"released"` is the same for NTU's skeleton; for Kinect-20's, A is the transpose
    of the edges hung up at `skeleton.root`, with which k = 1 subtracts the sum of the children
    and k = 6 is not the joints.

    Args:
        skeleton: the body model.
        k: how many bones up the tree to look; 0 or more.
        variant: one of `K_OPERATORS`.

    Raises:
        UserError: there is no such variant.
    """
    chosen("k_operator", variant, K_OPERATORS)
    identity = np.eye(skeleton.num_joints, dtype=np.float32)
    if k == 0:
        return identity
    transposed = variant == "released" and skeleton.name in RELEASED_TRANSPOSED
    parents = rooted_parents(skeleton, skeleton.root if transposed else skeleton.center)
    edges = np.zeros_like(identity)
    edges[list(parents), list(parents.values())] = 1
    return identity - np.linalg.matrix_power(edges.T if transposed else edges, k)


def apply_operator(
    operator: Float[np.ndarray, "v u"], frames: Float[Array, "b m t u c"]
) -> Float[Array, "b m t v c"]:
    """Return frames whose joints are the rows of `operator` applied to the given joints."""
    exact = jax.lax.Precision.HIGHEST
    return jnp.einsum("vu,bmtuc->bmtvc", operator, frames, precision=exact)
