"""MSRC-12: 594 recordings of 12 gestures, done again and again, by 30 subjects; one view.

Fothergill et al., "Instructing people for training gestural interactive systems", CHI 2012. The
joints are NW-UCLA's. Its 6,257 tags are points in time: `data_pipelines.parsers.msrc` tells what a
clip is. Nobody is seen in one of the recordings (P1_1_12A_p19), whose 10 gestures are left out.
"""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.parsers import msrc
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.specs.skeletons import KINECT20

SPEC = DatasetSpec(
    name="msrc12",
    skeleton=KINECT20,
    # The words of the tags, in small letters.
    labels=(
        *("lift outstretched arms", "duck", "push right", "goggles", "wind it up", "shoot", "bow"),
        *("throw", "had enough", "change weapon", "beat both", "kick"),
    ),
    persons=1,
    protocols={"xsub": Protocol(column="subject", train=tuple(range(1, 31, 2)))},
    texts="msrc12",
    obtain=(
        "download MSRC-12 (Microsoft Research Cambridge-12 Kinect gesture data set), or clone "
        "https://github.com/corazza/pose: MicrosoftGestureDataset-RC/data"
    ),
    zero_shot={"9_3": (1, 4, 9), "8_4": (0, 3, 6, 11)},
)


def items(raw: pathlib.Path) -> Sequence[msrc.Recording]:
    """Return the recordings of the folder that `data_pipelines.parsers.msrc` describes."""
    return msrc.recordings(raw)


def read(item: msrc.Recording) -> Iterator[Record | LeftOut]:
    """Yield the gestures of a recording."""
    return msrc.records(item, len(SPEC.labels), SPEC.skeleton.num_joints)
