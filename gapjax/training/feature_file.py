"""A file of features, written as they arrive."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tqdm
from jaxtyping import Float

from data_pipelines.storage import npy
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing

_NO_ROOM = "choose a --workdir on another disk, or encoder.features=fresh"


def write(path: Path, batches: Iterable[Float[np.ndarray, "b t v d"]], count: int) -> None:
    """Write the features of `count` items, which arrive in batches, atomically.

    Raises:
        UserError: they do not fit on the disk, or writing there is not allowed.
        DiskError: the disk is full or does not answer.
    """
    with writing(path.parent), replacing_file(path, single_writer=True) as file:
        npy.write(file, count, _shown(batches, count), _NO_ROOM)


def _shown(
    batches: Iterable[Float[np.ndarray, "b t v d"]], count: int
) -> Iterator[Float[np.ndarray, "b t v d"]]:
    """Yield the batches, with a progress bar."""
    with tqdm.tqdm(total=count, unit="clip", desc="features") as bar:
        for features in batches:
            yield features
            bar.update(len(features))
