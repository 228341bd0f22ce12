"""What every raw parser yields, and the error by which it refuses a file."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


class DataError(ValueError):
    """A data file that cannot be used: the message names the file and what to do, in one line."""


@dataclass(frozen=True)
class Record:
    """One skeleton sequence.

    Attributes:
        skeleton: coordinates in metres, of the persons that are present.
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
