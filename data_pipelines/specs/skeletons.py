"""Body models: joints, bones and body parts of sensors.

Joints are 0-based. Sources: the NTU RGB+D joint table (Kinect v2, 25 joints), the Kinect v1 joint
table (20 joints), and for the partitions GAP (ICCV 2023) figure 3 with its released lists, and the
six-part list that STAR (ACM MM 2024) released. COCO's 17 keypoints: Lin et al., "Microsoft COCO:
common objects in context" (ECCV 2014) and its table of keypoints; the root is the nose.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# The six body parts of class descriptions, in their order.
PARTS = ("head", "hand", "arm", "hip", "leg", "foot")

Partition = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Skeleton:
    """A body model.

    Attributes:
        name: the name of the body model.
        joints: the names of the joints, in order.
        bones: (child, parent) pairs that form a tree rooted at `root`.
        root: the root of the bones, whose own bone is zero.
        center: the joint that is the origin of coordinates, and the root of GAP's k-operator.
        shoulders: (left, right) shoulder joints, used to align bodies.
        partitions: name → part name → joints. A part's name is one or more of `PARTS` joined by
            `_` (`hand_arm`), `upper` or `lower`, or on a body with other parts any other name.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    root: int
    center: int
    shoulders: tuple[int, int]
    partitions: Mapping[str, Partition]

    @property
    def num_joints(self) -> int:
        """Return the number of joints."""
        return len(self.joints)


def described_parts(part: str) -> tuple[str, ...]:
    """Return which parts a part of a partition covers: of the six `PARTS`, or a body's own.

    >>> described_parts("hand_arm"), described_parts("lower")
    (('hand', 'arm'), ('hip', 'leg', 'foot'))
    """
    halves = {"upper": PARTS[:3], "lower": PARTS[3:]}
    return halves.get(part) or tuple(part.split("_"))


def _parts(
    head: str, hand: str, arm: str, hip: str, leg: str, foot: str, hip_of_four: str = ""
) -> dict[str, Partition]:
    """Return the partitions that follow from six disjoint parts, given as lists of joints.

    `hip_of_four`: the hip's joints in the partition of four, which may overlap with other parts.
    """
    lists = (head, hand, arm, hip, leg, foot)
    six = dict(zip(PARTS, map(_numbers, lists), strict=True))

    def joined(*names: str) -> dict[str, tuple[int, ...]]:
        """Return parts that join some of the six."""
        return {
            name: tuple(sorted(joint for part in described_parts(name) for joint in six[part]))
            for name in names
        }

    four = joined("head", "hand_arm", "hip", "leg_foot")
    if hip_of_four:
        four["hip"] = _numbers(hip_of_four)
    return {"2": joined("upper", "lower"), "4": four, "6": six}


def _numbers(joints: str) -> tuple[int, ...]:
    return tuple(map(int, joints.split()))


_LIMBS = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
_BODY = tuple(f"{side} {joint}" for limb in _LIMBS for side in ("left", "right") for joint in limb)

NTU25 = Skeleton(
    name="ntu25",
    joints=(
        *("spine base", "spine middle", "neck", "head"),
        *_BODY,
        *("spine shoulder", "left hand tip", "left thumb", "right hand tip", "right thumb"),
    ),
    bones=(
        *((0, 1), (1, 20), (2, 20), (3, 2)),
        *((4, 20), (5, 4), (6, 5), (7, 6), (21, 22), (22, 7)),
        *((8, 20), (9, 8), (10, 9), (11, 10), (23, 24), (24, 11)),
        *((12, 0), (13, 12), (14, 13), (15, 14)),
        *((16, 0), (17, 16), (18, 17), (19, 18)),
    ),
    root=20,
    center=1,
    shoulders=(4, 8),
    partitions={
        **_parts(
            head="2 3 20",
            hand="7 11 21 22 23 24",
            arm="4 5 6 8 9 10",
            hip="0 1",
            leg="12 13 16 17",
            foot="14 15 18 19",
            hip_of_four="0 1 2 12 16",
        ),
        # As released for the bone streams: joint 21 is missing, joint 20 counts as arm.
        "4_bone_released": {
            "head": (2, 3),
            "hand_arm": (*range(4, 12), 20, 22, 23, 24),
            "hip": (0, 1, 12, 16),
            "leg_foot": tuple(range(12, 20)),
        },
    },
)

KINECT20 = Skeleton(
    name="kinect20",
    joints=("hip center", "spine", "shoulder center", "head", *_BODY),
    bones=(
        *((0, 1), (1, 2), (3, 2)),
        *((4, 2), (5, 4), (6, 5), (7, 6)),
        *((8, 2), (9, 8), (10, 9), (11, 10)),
        *((12, 0), (13, 12), (14, 13), (15, 14)),
        *((16, 0), (17, 16), (18, 17), (19, 18)),
    ),
    root=2,
    center=1,
    shoulders=(4, 8),
    partitions={
        **_parts(
            head="2 3",
            hand="7 11",
            arm="4 5 6 8 9 10",
            hip="0 1",
            leg="12 13 16 17",
            foot="14 15 18 19",
            hip_of_four="0 1 12 16",
        ),
        # As released for the bone streams: indices shifted by one although no joint was removed.
        "4_bone_released": {
            "head": (2,),
            "hand_arm": tuple(range(3, 11)),
            "hip": (0, 1, 11, 15),
            "leg_foot": tuple(range(11, 19)),
        },
    },
)

COCO17 = Skeleton(
    name="coco17",
    joints=(
        *("nose", "left eye", "right eye", "left ear", "right ear"),
        *("left shoulder", "right shoulder", "left elbow", "right elbow"),
        *("left wrist", "right wrist", "left hip", "right hip"),
        *("left knee", "right knee", "left ankle", "right ankle"),
    ),
    bones=(
        *((1, 0), (2, 0), (3, 1), (4, 2), (5, 0), (6, 0)),
        *((7, 5), (8, 6), (9, 7), (10, 8)),
        *((11, 5), (12, 6), (13, 11), (14, 12), (15, 13), (16, 14)),
    ),
    root=0,
    center=0,
    shoulders=(5, 6),
    partitions=_parts(
        head="0 1 2 3 4", hand="9 10", arm="5 6 7 8", hip="11 12", leg="13 14", foot="15 16"
    ),
)
