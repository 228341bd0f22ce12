"""Adjacency matrices against the definition, link by link."""

import numpy as np
import pytest

from data_pipelines.specs.skeletons import COCO17, KINECT20, NTU25, Skeleton
from gapjax.nn.graph import normalized_subsets, spatial_subsets


@pytest.mark.parametrize("skeleton", [NTU25, KINECT20])
def test_subsets_are_the_definition(skeleton: Skeleton) -> None:
    """A[to, from] = 1 for inward links (child to parent), its transpose outward; then A·D⁻¹."""
    found = spatial_subsets(skeleton)
    joints = skeleton.num_joints
    assert found.shape == (3, joints, joints)
    np.testing.assert_array_equal(found[0], np.eye(joints))
    children = {joint: [c for c, p in skeleton.bones if p == joint] for joint in range(joints)}
    for child, parent in skeleton.bones:
        assert found[1][parent, child] == 1.0
        assert found[2][child, parent] == pytest.approx(1 / len(children[parent]))
    assert (found[1] > 0).sum() == (found[2] > 0).sum() == len(skeleton.bones)


@pytest.mark.parametrize("farthest", [None, 2])
@pytest.mark.parametrize("skeleton", [NTU25, KINECT20, COCO17])
def test_subsets_of_st_gcn_are_the_definition(skeleton: Skeleton, farthest: int | None) -> None:
    """Itself; neighbors as far from the root, or farther; nearer ones. All have equal weights."""
    found, joints = normalized_subsets(skeleton, farthest), skeleton.num_joints
    linked = np.eye(joints, dtype=int)
    for child, parent in skeleton.bones:
        linked[child, parent] = linked[parent, child] = 1
    steps = [np.linalg.matrix_power(linked, count)[skeleton.root] > 0 for count in range(joints)]
    distance = np.argmax(steps, axis=0)
    if farthest is not None:
        distance = np.minimum(distance, farthest)
    for u, v in np.ndindex(joints, joints):
        subset = 0 if u == v else 2 if distance[v] < distance[u] else 1
        expected = [linked[u, v] / linked[u].sum() if g == subset else 0.0 for g in range(3)]
        np.testing.assert_allclose(found[:, u, v], expected, rtol=1e-6)
