"""The built-in dataset: 24 actions, 10 subjects, 3 cameras, 2 repetitions; nothing to download.

The unseen classes of its zero-shot splits are new compositions of the seen classes' part movements
(`data_pipelines.synthesis.programs`).
"""

from collections.abc import Iterator, Sequence

from data_pipelines.specs.dataset import DatasetSpec, Protocol
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import NTU25
from data_pipelines.synthesis.performance import Take
from data_pipelines.synthesis.programs import LABELS
from data_pipelines.synthesis.samples import filmed, name_of, takes


def _ids(*labels: str) -> tuple[int, ...]:
    return tuple(LABELS.index(label) for label in labels)


_UNSEEN = ("bow while waving", "squat while clapping", "jump and throw", "kick another person")

SPEC = DatasetSpec(
    name="synthetic",
    skeleton=NTU25,
    labels=LABELS,
    persons=2,
    protocols={
        "xsub": Protocol("subject", train=(1, 3, 5, 7, 9), counts=(720, 720)),
        "xview": Protocol("camera", train=(2, 3), counts=(960, 480)),
    },
    texts="synthetic",
    obtain="nothing to obtain: data_pipelines.synthesis makes it",
    zero_shot={
        "20_4": _ids(*_UNSEEN),
        "18_6": _ids(*_UNSEEN, "drink while sitting down", "bow to each other"),
        # Conversely, seen classes contain these movements only in compositions.
        "20_4_simple": _ids("bow", "clap", "drink", "jump up"),
    },
    builtin=True,
    person_order="recorded",
)


def items(raw: None) -> Sequence[Take]:
    """Return the 480 performances; there are no raw files."""
    del raw
    return takes()


def read(item: Take) -> Iterator[Record]:
    """Yield a performance as three cameras see it, without lost frames."""
    for camera, footage in filmed(item):
        yield Record(
            skeleton=footage.skeleton[~footage.lost],
            label=item.action,
            subject=item.subject,
            camera=camera,
            setup=1,
            name=name_of(item, camera),
        )
