"""Subjects that are held out for validation, and folds of subjects."""

import pathlib

import numpy as np
import pytest

from data_pipelines.errors import DataError
from data_pipelines.readers.order import hold_out_subjects, subject_fold
from data_pipelines.storage.index import Index


def test_held_out_subjects_are_disjoint(tiny: pathlib.Path) -> None:
    index, rows = Index.load(tiny), np.array([0, 1, 2, 3, 5, 6, 8, 10])
    drawn = set()
    for seed in range(20):
        kept, held = hold_out_subjects(index, rows, 2, seed)
        assert sorted([*kept, *held]) == rows.tolist()
        assert not set(index.subject[kept]) & set(index.subject[held])
        assert len(set(index.subject[held])) == 2
        again = hold_out_subjects(index, rows, 2, seed)
        np.testing.assert_array_equal(again[1], held)
        drawn.add(tuple(held.tolist()))
    assert len(drawn) > 1


def test_every_subject_is_in_one_fold(tiny: pathlib.Path) -> None:
    index, rows = Index.load(tiny), np.array([0, 1, 2, 3, 5, 6, 8, 10])
    tested = []
    for seed in (1, 2, 3):
        kept, held = subject_fold(index, rows, 3, seed)
        assert sorted([*kept, *held]) == rows.tolist()
        assert not set(index.subject[kept]) & set(index.subject[held])
        np.testing.assert_array_equal(subject_fold(index, rows, 3, seed + 3)[1], held)
        tested += held.tolist()
    assert sorted(tested) == rows.tolist()
    subjects = len(set(index.subject[rows]))
    for folds in (1, subjects + 1):
        with pytest.raises(DataError, match=f"{subjects} training subjects have no {folds} folds"):
            subject_fold(index, rows, folds, 1)


def test_hold_out_none_or_too_many(tiny: pathlib.Path) -> None:
    index, rows = Index.load(tiny), np.arange(11)
    kept, held = hold_out_subjects(index, rows, 0, 0)
    assert (len(kept), len(held)) == (11, 0)
    for count in (5, -1):
        with pytest.raises(DataError, match=f"cannot hold out {count} of 5 training subjects"):
            hold_out_subjects(index, rows, count, 0)
