"""Adjacency matrices against the definition, link by link."""

import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20, NTU25, Skeleton
from gapjax.nn.graph import spatial_subsets


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
