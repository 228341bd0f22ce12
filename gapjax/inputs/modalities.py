"""What one stream of an ensemble sees of a clip: joints, bones or motion, and GAP's input matrix.

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

# The body models whose released edges are reversed (GAP's `graph/ucla.py`).
REVERSED_IN_RELEASE = ("kinect20",)


def stream(skeleton: Skeleton, modality: str, k: int | None) -> str:
    """Return the name of what a network sees of a clip: one of `MODALITIES`, or one with its k.

    GAP's matrix makes bones of joints with k = 1, and leaves joints with a k above the tree's depth
    (`k_operator`, corrected). Whatever else it makes is none of the four streams.

    >>> from data_pipelines.specs.skeletons import NTU25
    >>> stream(NTU25, "joint_motion", 1), stream(NTU25, "joint", 8), stream(NTU25, "joint", 2)
    ('bone_motion', 'joint', 'joint, k=2')
    """
    if k is None or not np.any(k_operator(skeleton, k) - np.eye(skeleton.num_joints)):
        return modality
    if k == 1 and modality.startswith("joint"):
        return modality.replace("joint", "bone")
    return f"{modality}, k={k}"


def modality(
    frames: Float[Array, "b m t v c"], skeleton: Skeleton, name: str
) -> Float[Array, "b m t v c"]:
    """Return a modality, one of `MODALITIES`, of clips of joints."""
    if name.startswith("bone"):
        frames = bones(frames, skeleton)
    return motion(frames) if name.endswith("motion") else frames


def bones(frames: Float[Array, "b m t v c"], skeleton: Skeleton) -> Float[Array, "b m t v c"]:
    """Return each joint minus its parent; the root's bone is zero (CTR-GCN's feeders)."""
    parents = np.arange(skeleton.num_joints)
    for child, parent in skeleton.bones:
        parents[child] = parent
    return frames - frames[..., parents, :]


def motion(frames: Float[Array, "b m t v c"]) -> Float[Array, "b m t v c"]:
    """Return the next frame minus each frame; zero for the last frame (CTR-GCN's feeders)."""
    return jnp.concatenate(
        [frames[:, :, 1:] - frames[:, :, :-1], jnp.zeros_like(frames[:, :, :1])], axis=2
    )


def k_operator(skeleton: Skeleton, k: int, variant: str = "corrected") -> Float[np.ndarray, "v u"]:
    """Return GAP's input matrix I - A^k (`get_A` of its `model/ctrgcn.py`; facts A.7).

    A is 1 at (child, parent) in the tree of bones rooted at `skeleton.center`: k = 1 gives bones
    (the root keeps its coordinates), and a large k, like k = 0, the joints themselves. `"released"`
    equals this for NTU's skeleton. For Kinect-20's, A is the transpose, rooted at `skeleton.root`,
    so that k = 1 subtracts the sum of a joint's children and k = 6 is not the joints.

    Args:
        skeleton: the body model.
        k: how many bones up the tree; 0 or more.
        variant: one of `K_OPERATORS`.

    Raises:
        UserError: there is no such variant.
    """
    chosen("k_operator", variant, K_OPERATORS)
    identity = np.eye(skeleton.num_joints, dtype=np.float32)
    if k == 0:
        return identity
    is_reversed = variant == "released" and skeleton.name in REVERSED_IN_RELEASE
    parents = rooted_parents(skeleton, skeleton.root if is_reversed else skeleton.center)
    edges = np.zeros_like(identity)
    edges[list(parents), list(parents.values())] = 1
    return identity - np.linalg.matrix_power(edges.T if is_reversed else edges, k)


def rooted_parents(skeleton: Skeleton, root: int) -> dict[int, int]:
    """Return child → parent in the tree of the skeleton's bones with another root.

    >>> from data_pipelines.specs.skeletons import KINECT20
    >>> parents = rooted_parents(KINECT20, root=1)
    >>> parents[2], parents[0], 1 in parents
    (1, 1, False)
    """
    parents: dict[int, int] = {}
    reached = [root]
    for joint in reached:
        linked = [a if b == joint else b for a, b in skeleton.bones if joint in (a, b)]
        children = [child for child in linked if child != parents.get(joint)]
        parents |= dict.fromkeys(children, joint)
        reached += children
    return parents


def apply_operator(
    operator: Float[np.ndarray, "v u"], frames: Float[Array, "b m t u c"]
) -> Float[Array, "b m t v c"]:
    """Return frames whose joints, in every frame, are multiplied by `operator`."""
    exact = jax.lax.Precision.HIGHEST
    return jnp.einsum("vu,bmtuc->bmtvc", operator, frames, precision=exact)
