"""UTD-MHAD: 861 sequences, 27 actions, 8 subjects, one view.

Chen et al., "UTD-MHAD: A multimodal dataset for human action recognition utilizing a depth camera
and a wearable inertial sensor", ICIP 2015. The joints are NW-UCLA's, except that those of the spine
are numbered from the head down.
"""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.parsers import utd
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import KINECT20

SPEC = DatasetSpec(
    name="utd_mhad",
    skeleton=KINECT20,
    labels=(
        *("swipe left", "swipe right", "wave", "clap", "throw", "arm cross", "basketball shoot"),
        *("draw X", "draw circle clockwise", "draw circle counter-clockwise", "draw triangle"),
        *("bowling", "boxing", "baseball swing", "tennis swing", "arm curl", "tennis serve"),
        *("push", "knock", "catch", "pick up and throw", "jog", "walk", "sit to stand"),
        *("stand to sit", "lunge", "squat"),
    ),
    persons=1,
    protocols={"xsub": Protocol(column="subject", train=(1, 3, 5, 7), counts=(431, 430))},
    texts="utd_mhad",
    obtain="download Skeleton.zip from https://www.utdallas.edu/~kehtar/UTD-MHAD.html",
    zero_shot={
        "22_5": (4, 14, 17, 23, 24),
        "18_9": (0, 1, 3, 6, 7, 11, 13, 16, 18),
        "14_13": (0, 1, 6, 8, 9, 10, 12, 13, 19, 20, 21, 23, 24),
    },
)

# The file's joint for each of KINECT20's joints.
_JOINTS = (3, 2, 1, 0, *range(4, 20))


def items(raw: pathlib.Path) -> Sequence[Source]:
    """Return the files of `Skeleton.zip` or of its extracted folder, sorted by name."""
    return sources(raw, ".mat", "Skeleton.zip or its folder")


def read(item: Source) -> Iterator[Record]:
    """Yield a file's sequence."""
    yield utd.record(item, len(SPEC.labels), _JOINTS)
