"""UTKinect-Action3D: 199 sequences, 10 actions, 10 subjects, one view.

Xia et al., "View invariant human action recognition using histograms of 3D joints", CVPR workshops
2012. The joints are NW-UCLA's. Of 200 actions, the list of actions has no frames for one ("carry"
of the second recording of subject 10).
"""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.parsers import utkinect
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.specs.skeletons import KINECT20

SPEC = DatasetSpec(
    name="utkinect",
    skeleton=KINECT20,
    labels=(
        *("walk", "sit down", "stand up", "pick up", "carry", "throw", "push", "pull"),
        *("wave hands", "clap hands"),
    ),
    persons=1,
    protocols={"xsub": Protocol(column="subject", train=(1, 3, 5, 7, 9), counts=(100, 99))},
    texts="utkinect",
    obtain=(
        "download the skeleton joints (joints.zip) and actionLabel.txt from "
        "https://cvrc.ece.utexas.edu/KinectDatasets/HOJ3D.html into one folder"
    ),
    zero_shot={"8_2": (1, 6), "5_5": (1, 3, 5, 6, 8)},
)

_WORDS = (
    *("walk", "sitDown", "standUp", "pickUp", "carry", "throw", "push", "pull"),
    *("waveHands", "clapHands"),
)

# As listed, this push would begin before the throw of the same recording; the 2 is a mistyped 3.
_CORRECTED = {("s03_e01", "push", (2556, 3622)): (3556, 3622)}


def items(raw: pathlib.Path) -> Sequence[utkinect.Recording]:
    """Return the recordings of the folder that `data_pipelines.parsers.utkinect` describes."""
    return utkinect.recordings(raw, _WORDS, _CORRECTED)


def read(item: utkinect.Recording) -> Iterator[Record | LeftOut]:
    """Yield the actions of a recording."""
    return utkinect.records(item, SPEC.skeleton.num_joints)
