"""What every raw parser yields: records, and recordings that have none."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class LeftOut:
    """A recording that gives no sample, which is no fault of its file: nobody is in it, say.

    Attributes:
        file: how messages call the file.
        reason: why there is no sample.
        line: where, counted from 1; None where all of the file is meant.
    """

    file: str
    reason: str
    line: int | None = None


@dataclass(frozen=True)
class Record:
    """One skeleton sequence.

    Attributes:
        skeleton: coordinates of the persons that are present: in meters from depth sensors, else as
            the files have them, and after them a confidence where the dataset has one.
        label: the class, 0-based.
        subject: who moves, as numbered by the dataset.
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
