"""The union of four datasets of Kinect v1: NW-UCLA, UTD-MHAD, UTKinect-Action3D and MSRC-12.

45 classes, 58 subjects; a sample is called as in its dataset, after the dataset's name and a `/`.
`setup` is the number of its dataset, from 1. Coordinates are neither scaled nor rotated, and clips
differ in their rates (docs/data.md).
"""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.datasets import msrc12, nw_ucla, utd_mhad, utkinect
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import KINECT20
from data_pipelines.storage import packed, stored_samples
from data_pipelines.storage.index import Index
from data_pipelines.storage.stored_samples import Item

# The datasets, and how many subjects each has: those of the next are numbered after them.
PARTS = ((nw_ucla.SPEC, 10), (utd_mhad.SPEC, 8), (utkinect.SPEC, 10), (msrc12.SPEC, 30))

# Classes of one meaning are one class, under the second name. Otherwise a class that is unseen
# under one name would have been trained on under the other. Equal names are one class anyway:
# "throw" in all four, "carry" in NW-UCLA and UTKinect, "push" in UTD-MHAD and UTKinect (with one
# hand or both), "sit down" and "stand up" in NW-UCLA and UTKinect.
SAME = {
    # Both walk, the former with turns, UTD-MHAD's "walk" on the spot.
    "walk around": "walk",
    # UTD-MHAD names the postures before and after.
    "stand to sit": "sit down",
    "sit to stand": "stand up",
    # With both hands in UTKinect, with the right one in UTD-MHAD: a greeting in both.
    "wave hands": "wave",
    "clap hands": "clap",
    # MSRC-12's "push right" goes on to the next menu: the right arm opens from before the chest to
    # the right, as in UTD-MHAD's "swipe right".
    "push right": "swipe right",
}
# Not merged: UTKinect's "pick up", done with one hand or with two, which NW-UCLA tells apart, and
# UTD-MHAD's "pick up and throw"; "duck", which also bends the trunk, and "squat", an exercise;
# MSRC-12's "shoot" with a pistol and UTD-MHAD's "basketball shoot".

SPEC = DatasetSpec(
    name="kinect_union",
    skeleton=KINECT20,
    labels=tuple(
        dict.fromkeys(SAME.get(label, label) for spec, _ in PARTS for label in spec.labels)
    ),
    persons=1,
    # The odd numbers of each dataset, as in the protocols `xsub` of three of them.
    protocols={"xsub": Protocol(column="subject", train=tuple(range(1, 59, 2)))},
    # UTKinect's texts before UTD-MHAD's, whose "walk" is on the spot.
    texts="nw_ucla+utkinect+utd_mhad+msrc12",
    obtain="convert nw_ucla, utd_mhad, utkinect and msrc12 into one folder, which is --raw",
)


def items(raw: pathlib.Path) -> Sequence[Item]:
    """Return the samples of the four converted datasets in a folder, packed if needed.

    Raises:
        DataError: one of them is not there.
    """
    found, subjects = [], 0
    for number, (spec, count) in enumerate(PARTS, 1):
        folder = (raw / spec.name).resolve()
        index = Index.load(folder)
        packed.open_pack(folder, index)
        state = stored_samples.state(folder)
        labels = [SPEC.labels.index(SAME.get(label, label)) for label in spec.labels]
        columns = zip(index.label, index.subject, index.camera, index.name, strict=True)
        for row, (label, subject, camera, name) in enumerate(columns):
            metadata = (labels[label], subjects + int(subject), int(camera), number)
            found.append(Item(str(folder), state, row, metadata, f"{spec.name}/{name}"))
        subjects += count
    return found


def read(item: Item) -> Iterator[Record]:
    """Yield a sample, from the pack of its dataset."""
    return stored_samples.read(item)
