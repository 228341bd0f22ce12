"""PKU-MMD Part II: shorter videos of 13 subjects and three views, with actions of Part I.

Facts C.7. Classes are numbered as in Part I, of which it reportedly has about 41. The published
zero-shot splits are of Part I. Papers leave out 47 samples with missing skeletons, whose list is
not public; here, actions without a body are left out, which may differ.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.datasets import pku_mmd
from data_pipelines.parsers import pku
from data_pipelines.specs.record import LeftOut, Record

SPEC = dataclasses.replace(
    pku_mmd.SPEC,
    name="pku_mmd_2",
    zero_shot={},
    obtain=(
        "request access at https://www.icst.pku.edu.cn/struct/Projects/PKUMMD.html and extract "
        "Skeleton_v2.7z, Label_PKUMMD_v2.7z and the split files into one folder"
    ),
)


def items(raw: pathlib.Path) -> Sequence[pku.Video]:
    """Return the videos of the folder that `data_pipelines.parsers.pku` describes."""
    return pku.videos(raw, part=2)


def read(item: pku.Video) -> Iterator[Record | LeftOut]:
    """Yield the actions cut from a video, in camera coordinates, or why they are left out."""
    return pku.records(item, len(SPEC.labels), ignored=())
