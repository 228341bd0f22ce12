"""NTU RGB+D 120: 113,945 usable sequences, 120 actions, 106 subjects, 32 setups."""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.datasets import _ntu
from data_pipelines.parsers.sources import Source
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.specs.skeletons import NTU25

SPEC = DatasetSpec(
    name="ntu120",
    skeleton=NTU25,
    labels=_ntu.LABELS,
    persons=2,
    protocols={
        "xsub": Protocol("subject", _ntu.TRAIN_SUBJECTS, counts=(63026, 50919)),
        "xset": Protocol("setup", tuple(range(2, 33, 2)), counts=(54468, 59477)),
    },
    texts="ntu120",
    person_order="cleaned",
    obtain=f"request access at {_ntu.PAGE} and download {_ntu.ARCHIVES[0]} and {_ntu.ARCHIVES[1]}",
    zero_shot={
        "110_10": (4, 13, 37, 43, 49, 65, 88, 95, 99, 106),
        "96_24": (
            *(5, 9, 11, 16, 18, 20, 22, 29, 35, 39, 45, 49, 59, 68, 70, 81, 84, 87, 93, 94, 104),
            *(113, 114, 119),
        ),
    },
)


def items(raw: pathlib.Path) -> Sequence[Source]:
    """Return the files of the official archives or of a folder of `.skeleton` files."""
    return _ntu.files(raw)


def read(item: Source) -> Iterator[Record | LeftOut]:
    """Yield a file's sequence if it is in this dataset, or why it has none."""
    return _ntu.records(item, SPEC, setups=32)
