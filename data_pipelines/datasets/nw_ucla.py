"""Northwestern-UCLA Multiview Action3D: 1,484 sequences, 10 actions, 10 subjects, 3 views.

Wang et al., "Cross-view action modeling, learning and recognition", CVPR 2014. The sequences, the
split and the class names are those that CTR-GCN, GAP and others use (facts C.6).
"""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.parsers import ucla
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import KINECT20

SPEC = DatasetSpec(
    name="nw_ucla",
    skeleton=KINECT20,
    labels=(
        *("pick up with one hand", "pick up with two hands", "drop trash", "walk around"),
        *("sit down", "stand up", "donning", "doffing", "throw", "carry"),
    ),
    persons=1,
    protocols={"xview": Protocol(column="camera", train=(1, 2), counts=(1020, 464))},
    texts="nw_ucla",
    obtain="download all_sqe.zip from https://www.dropbox.com/s/10pcm4pksjy6mkq/all_sqe.zip?dl=0",
    zero_shot={"8_2": (1, 4), "5_5": (1, 3, 4, 6, 8)},
)

# The recorded actions are numbered 1 to 12 with gaps; a class id is the index in this list.
_ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)


def items(raw: pathlib.Path) -> Sequence[Source]:
    """Return the files of `all_sqe.zip` or of its extracted folder, sorted by name."""
    return sources(raw, ".json", "all_sqe.zip or its folder")


def read(item: Source) -> Iterator[Record]:
    """Yield a file's sequence."""
    yield ucla.record(item, _ACTIONS, SPEC.skeleton.num_joints)
