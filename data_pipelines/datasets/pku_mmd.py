"""PKU-MMD Part I: 51 actions cut from 1,076 long videos of three views.

Liu et al., "PKU-MMD: A large scale benchmark for continuous multi-modal human action
understanding", ACM MM workshop 2017; facts C.7. The official protocols are lists of videos, encoded
in `setup`. Subjects are not numbered: `subject` is the recording (`data_pipelines.parsers.pku`).
"""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.parsers import pku
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.specs.skeletons import NTU25

SPEC = DatasetSpec(
    name="pku_mmd",
    skeleton=NTU25,
    labels=(
        *("bow", "brushing hair", "brushing teeth", "check time (from watch)", "cheer up"),
        *("clapping", "cross hands in front (say stop)", "drink water", "drop"),
        *("eat meal/snack", "falling", "giving something to other person", "hand waving"),
        *("handshaking", "hopping (one foot jumping)", "hugging other person", "jump up"),
        *("kicking other person", "kicking something", "make a phone call/answer phone"),
        *("pat on back of other person", "pickup", "playing with phone/tablet"),
        *("point finger at the other person", "pointing to something with finger"),
        *("punching/slapping other person", "pushing other person", "put on a hat/cap"),
        *("put something inside pocket", "reading", "rub two hands together", "salute"),
        *("sitting down", "standing up", "take off a hat/cap", "take off glasses"),
        *("take off jacket", "take out something from pocket", "taking a selfie"),
        *("tear up paper", "throw", "touch back (backache)"),
        *("touch chest (stomachache/heart pain)", "touch head (headache)"),
        *("touch neck (neckache)", "typing on a keyboard"),
        *("use a fan (with hand or paper)/feeling warm", "wear jacket", "wear on glasses"),
        *("wipe face", "writing"),
    ),
    persons=2,
    protocols={
        "xsub": Protocol(column="setup", train=(2, 3)),
        "xview": Protocol(column="setup", train=(1, 3)),
    },
    texts="pku_mmd",
    obtain=(
        "request access at https://www.icst.pku.edu.cn/struct/Projects/PKUMMD.html and extract "
        "Skeleton.7z, Label_PKUMMD.7z and the split files into one folder"
    ),
    zero_shot={
        "46_5": (1, 9, 20, 34, 50),
        "39_12": (3, 7, 11, 15, 19, 21, 25, 31, 33, 36, 43, 48),
        # STAR's Table 5.
        "table5_1": (3, 14, 29, 31, 49),
        "table5_2": (2, 15, 39, 41, 43),
        "table5_3": (4, 12, 16, 22, 36),
    },
)

# The samples of Part I that all papers leave out: video, view, class, and the video's action.
_IGNORED = ("F043V001C001L021", "F089V001C023L001", "F089V002C023L001", "F089V003C023L001")


def items(raw: pathlib.Path) -> Sequence[pku.Video]:
    """Return the videos of the folder that `data_pipelines.parsers.pku` describes."""
    return pku.videos(raw, part=1)


def read(item: pku.Video) -> Iterator[Record | LeftOut]:
    """Yield the actions cut from a video, in camera coordinates, or why they are left out."""
    return pku.records(item, len(SPEC.labels), _IGNORED)
