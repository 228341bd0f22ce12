"""NTU RGB+D: 56,578 usable sequences, 60 actions, 40 subjects, 3 cameras."""

import pathlib
from collections.abc import Iterator, Sequence

from data_pipelines.datasets import _ntu
from data_pipelines.parsers.sources import Source
from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import LeftOut, Record
from data_pipelines.specs.skeletons import NTU25

SPEC = DatasetSpec(
    name="ntu60",
    skeleton=NTU25,
    labels=_ntu.LABELS[:60],
    persons=2,
    protocols={
        "xsub": Protocol("subject", _ntu.TRAIN_SUBJECTS[:20], counts=(40091, 16487)),
        "xview": Protocol("camera", (2, 3), counts=(37646, 18932)),
    },
    texts="ntu120",
    person_order="cleaned",
    obtain=f"request access at {_ntu.PAGE} and download {_ntu.ARCHIVES[0]}",
    zero_shot={
        "55_5": (10, 11, 19, 26, 56),
        "48_12": (3, 5, 9, 12, 15, 40, 42, 47, 51, 56, 58, 59),
        # STAR's Table 5, the splits of SMIE.
        "table5_1": (4, 19, 31, 47, 51),
        "table5_2": (12, 29, 32, 44, 59),
        "table5_3": (7, 20, 28, 39, 58),
    },
)


def items(raw: pathlib.Path) -> Sequence[Source]:
    """Return the files of the official archives or of a folder of `.skeleton` files."""
    return _ntu.files(raw)


def read(item: Source) -> Iterator[Record | LeftOut]:
    """Yield a file's sequence if it is in this dataset, or why it has none."""
    return _ntu.records(item, SPEC, setups=17)
