"""What one training step receives of the data."""

from typing import NamedTuple

from jaxtyping import Array, Float, Int


class Batch(NamedTuple):
    """Samples for one step, on the devices.

    Attributes:
        frames: raw frames, padded with zeros to a common number of frames and persons;
            or features of a frozen skeleton encoder, b t v d.
        length: the true number of frames.
        label: the class.
        item: the sample's index within an epoch (`data_pipelines.readers.order`).
        epoch: the epoch of the step, the same for each sample.
    """

    frames: Float[Array, "b ..."]
    length: Int[Array, " b"]
    label: Int[Array, " b"]
    item: Int[Array, " b"]
    epoch: Int[Array, " b"]
