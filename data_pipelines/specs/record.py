"""What raw parsers yield: records, and recordings without a sample."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class LeftOut:
    """A valid recording that has no sample, for example because nobody is in it.

    Attributes:
        file: the file's name in messages.
        reason: why there is no sample.
        line: the line of the recording, from 1; None for the whole file.
    """

    file: str
    reason: str
    line: int | None = None


@dataclass(frozen=True)
class Record:
    """One skeleton sequence.

    Attributes:
        skeleton: coordinates, in meters from depth sensors, else in the files' unit; a confidence,
            if any, is last. Frames and persons are those of the raw file until
            `data_pipelines.specs.clip_rule` has been applied.
        label: the class, 0-based.
        subject: the subject, as numbered by the dataset.
        camera: the viewpoint, as numbered by the dataset.
        setup: the recording setup, as numbered by the dataset; 0 where there is none.
        name: the sample's unique name.
    """

    skeleton: Float[np.ndarray, "t m v c"]
    label: int
    subject: int
    camera: int
    setup: int
    name: str
