"""The body models against the metadata of the two papers' released code."""

import numpy as np
import pytest

from data_pipelines.specs.skeletons import KINECT20, NTU25, PARTS, Skeleton, described_parts

BOTH = pytest.mark.parametrize("skeleton", [NTU25, KINECT20], ids=lambda s: s.name)

# (child, parent), 1-based: facts C.4 and C.6, without the pair of the root with itself.
RELEASED_BONES = {
    "ntu25": "1,2 2,21 3,21 4,3 5,21 6,5 7,6 8,7 9,21 10,9 11,10 12,11 13,1 14,13 15,14 16,15 17,1 "
    "18,17 19,18 20,19 22,23 23,8 24,25 25,12",
    "kinect20": "1,2 2,3 4,3 5,3 6,5 7,6 8,7 9,3 10,9 11,10 12,11 13,1 14,13 15,14 16,15 17,1 "
    "18,17 19,18 20,19",
}

# Facts A.7, 0-based, in the order head, hand-arm, hip, leg-foot.
RELEASED_FOUR = {
    ("ntu25", "4"): (
        [2, 3, 20],
        [*range(4, 12), 21, 22, 23, 24],
        [0, 1, 2, 12, 16],
        [*range(12, 20)],
    ),
    ("ntu25", "4_bone_released"): (
        [2, 3],
        [*range(4, 12), 20, 22, 23, 24],
        [0, 1, 12, 16],
        [*range(12, 20)],
    ),
    ("kinect20", "4"): ([2, 3], [*range(4, 12)], [0, 1, 12, 16], [*range(12, 20)]),
    ("kinect20", "4_bone_released"): ([2], [*range(3, 11)], [0, 1, 11, 15], [*range(11, 19)]),
}


@BOTH
def test_bones_form_a_tree_at_the_root(skeleton: Skeleton) -> None:
    parent = dict(skeleton.bones)
    assert len(parent) == len(skeleton.bones) == skeleton.num_joints - 1
    assert skeleton.root not in parent
    for joint in range(skeleton.num_joints):
        steps = 0
        while joint != skeleton.root:
            joint, steps = parent[joint], steps + 1
            assert steps < skeleton.num_joints


@BOTH
def test_bones_are_the_released_ones(skeleton: Skeleton) -> None:
    pairs = (pair.split(",") for pair in RELEASED_BONES[skeleton.name].split())
    assert set(skeleton.bones) == {(int(child) - 1, int(parent) - 1) for child, parent in pairs}


@BOTH
@pytest.mark.parametrize("name", ["2", "6"])
def test_partition_is_disjoint_and_complete(skeleton: Skeleton, name: str) -> None:
    joints = [joint for part in skeleton.partitions[name].values() for joint in part]
    assert sorted(joints) == list(range(skeleton.num_joints))
    assert len(skeleton.partitions[name]) == int(name)


@BOTH
@pytest.mark.parametrize("name", ["4", "4_bone_released"])
def test_four_parts_are_the_released_ones(skeleton: Skeleton, name: str) -> None:
    partition = skeleton.partitions[name]
    assert list(partition) == ["head", "hand_arm", "hip", "leg_foot"]
    for part, released in zip(partition.values(), RELEASED_FOUR[skeleton.name, name], strict=True):
        assert sorted(part) == released


def test_six_parts_are_those_of_star() -> None:
    star = {
        "head": (2, 3, 20),
        "hand": (7, 11, 21, 22, 23, 24),
        "arm": (4, 5, 6, 8, 9, 10),
        "hip": (0, 1),
        "leg": (12, 13, 16, 17),
        "foot": (14, 15, 18, 19),
    }
    assert NTU25.partitions["6"] == star
    assert tuple(star) == PARTS


def test_two_parts_are_the_upper_and_the_lower_body() -> None:
    assert NTU25.partitions["2"] == {
        "upper": (*range(2, 12), *range(20, 25)),
        "lower": (0, 1, *range(12, 20)),
    }


@BOTH
def test_every_part_of_every_partition_is_described(skeleton: Skeleton) -> None:
    for partition in skeleton.partitions.values():
        described = [name for part in partition for name in described_parts(part)]
        assert sorted(described) == sorted(PARTS)
        assert all(0 <= j < skeleton.num_joints for joints in partition.values() for j in joints)


@BOTH
def test_joint_names(skeleton: Skeleton) -> None:
    assert len(set(skeleton.joints)) == skeleton.num_joints
    left, right = (skeleton.joints[joint] for joint in skeleton.shoulders)
    assert (left, right) == ("left shoulder", "right shoulder")
    sides = np.array([joint.split()[0] for joint in skeleton.joints])
    mirrored = {
        name.replace("left", "right") for name in np.array(skeleton.joints)[sides == "left"]
    }
    assert mirrored == set(np.array(skeleton.joints)[sides == "right"])
