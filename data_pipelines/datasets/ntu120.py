"""NTU RGB+D 120: 113,945 usable sequences, 120 actions, 106 subjects, 32 setups."""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines import ntu
from data_pipelines.raw.record import LeftOut, Record
from data_pipelines.raw.sources import Source
from data_pipelines.skeletons import NTU25
from data_pipelines.spec import DatasetSpec, Protocol

SPEC = DatasetSpec(
    name="ntu120",
    skeleton=NTU25,
    labels=ntu.LABELS,
    persons=2,
    protocols={
        "xsub": Protocol("subject", ntu.TRAIN_SUBJECTS, counts=(63026, 50919)),
        "xset": Protocol("setup", tuple(range(2, 33, 2)), counts=(54468, 59477)),
    },
    texts="ntu120",
    obtain=f"request access at {ntu.PAGE} and download {ntu.ARCHIVES[0]} and {ntu.ARCHIVES[1]}",
    zero_shot={
        "110_10": (4, 13, 37, 43, 49, 65, 88, 95, 99, 106),
        "96_24": (
            *(5, 9, 11, 16, 18, 20, 22, 29, 35, 39, 45, 49, 59, 68, 70, 81, 84, 87, 93, 94, 104),
            *(113, 114, 119),
        ),
    },
)


def items(raw: pathlib.Path | None) -> Sequence[Source]:
    """Return the files of the official archives or of a folder of `.skeleton` files."""
    return ntu.files(raw, SPEC)


def read(item: Source) -> Iterator[Record | LeftOut]:
    """Yield a file's sequence, if it is one of this data set, or why it has none."""
    return ntu.records(item, SPEC, setups=32)
