"""Holding out training subjects for validation."""

import numpy as np
from jaxtyping import Int, Int64

from data_pipelines.errors import DataError
from data_pipelines.readers.order import permutation
from data_pipelines.storage.index import Index

# The draw of the held-out subjects; no epoch has this number.
_HOLD_OUT = 2**64 - 1


def hold_out_subjects(
    index: Index, rows: Int[np.ndarray, " n"], count: int, seed: int
) -> tuple[Int64[np.ndarray, " n1"], Int64[np.ndarray, " n2"]]:
    """Split `rows` into those to keep and those of `count` random subjects.

    Raises:
        DataError: no subject would be left.
    """
    subjects = np.unique(index.subject[rows])
    if not 0 <= count < len(subjects):
        raise DataError(
            f"cannot hold out {count} of {len(subjects)} training subjects: lower the number"
        )
    held_out = subjects[permutation(len(subjects), seed, _HOLD_OUT)[:count]]
    is_held_out = np.isin(index.subject[rows], held_out)
    return rows[~is_held_out].astype(np.int64), rows[is_held_out].astype(np.int64)
