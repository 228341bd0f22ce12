"""Selections of samples and classes: what is unseen is never learned from."""

import numpy as np
import pytest

from data_pipelines.datasets import nw_ucla
from data_pipelines.errors import UserError
from data_pipelines.storage.index import Index
from gapjax.zero_shot import splits
from gapjax.zero_shot.splits import Problem, unseen_classes


@pytest.fixture(scope="module")
def index() -> Index:
    """300 samples of 10 classes and 6 subjects, evenly mixed."""
    rng = np.random.default_rng(0)
    numbers = {name: np.zeros(300, np.int32) for name in ("camera", "setup", "frames", "bodies")}
    return Index(
        name=np.array([f"s{i}" for i in range(300)]),
        label=rng.integers(0, 10, 300).astype(np.int32),
        subject=rng.integers(1, 7, 300).astype(np.int32),
        shard=np.array(["x"] * 300),
        offset=np.zeros(300, np.int64),
        bytes=np.zeros(300, np.int64),
        **numbers,
    )


@pytest.fixture(scope="module")
def supervised(index: Index) -> Problem:
    train = np.flatnonzero(index.subject <= 4)
    test = np.flatnonzero(index.subject > 4)
    return Problem(tuple(range(10)), (), train, {"test": test})


@pytest.fixture(scope="module")
def unseen(supervised: Problem, index: Index) -> Problem:
    return splits.zero_shot(supervised, index, (1, 4))


def test_a_supervised_problem_sees_everything(supervised: Problem, index: Index) -> None:
    assert supervised.seen == supervised.classes == tuple(range(10))
    np.testing.assert_array_equal(supervised.relabel(index.label), index.label)


def test_unseen_classes_are_tested_and_never_learned(unseen: Problem, index: Index) -> None:
    assert unseen.seen == (0, 2, 3, 5, 6, 7, 8, 9)
    assert not set(index.label[unseen.train]) & {1, 4}
    assert set(index.label[unseen.evaluations["test"]]) == set(range(10))
    assert len(unseen.train) == ((index.subject <= 4) & ~np.isin(index.label, (1, 4))).sum()


def test_validation_has_no_unseen_class(supervised: Problem, index: Index) -> None:
    evaluations = {**supervised.evaluations, "validation": supervised.train[::3]}
    supervised = Problem(supervised.classes, (), supervised.train, evaluations)
    problem = splits.zero_shot(supervised, index, (1, 4))
    assert not set(index.label[problem.evaluations["validation"]]) & {1, 4}
    assert {1, 4} <= set(index.label[problem.evaluations["test"]])


def test_an_encoder_knows_the_seen_classes_alone(unseen: Problem, index: Index) -> None:
    encoder = splits.seen_only(unseen, index)
    assert encoder.unseen == ()
    assert encoder.classes == unseen.seen
    for rows in (encoder.train, *encoder.evaluations.values()):
        labels = encoder.relabel(index.label[rows])
        assert set(labels) == set(range(8))
        np.testing.assert_array_equal(np.array(encoder.classes)[labels], index.label[rows])
    assert set(encoder.relabel(np.array([1, 4]))) == {-1}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_fold_is_a_zero_shot_problem_of_training_samples(
    unseen: Problem, index: Index, number: int
) -> None:
    fold = splits.fold(unseen, index, number)
    assert set(fold.classes) == set(unseen.seen)
    assert len(fold.unseen) == 2
    test = fold.evaluations["test"]
    assert set(test) | set(fold.train) <= set(unseen.train)
    assert not set(test) & set(fold.train)
    assert not set(index.label[fold.train]) & set(fold.unseen)
    pseudo = np.isin(index.label[test], fold.unseen)
    assert set(test[pseudo]) == set(unseen.train[np.isin(index.label[unseen.train], fold.unseen)])
    assert not set(index.subject[test[~pseudo]]) & set(index.subject[fold.train])


def test_folds_differ(unseen: Problem, index: Index) -> None:
    drawn = {splits.fold(unseen, index, number).unseen for number in range(1, 6)}
    assert len(drawn) > 2


def test_too_few_seen_classes_make_no_fold(supervised: Problem, index: Index) -> None:
    few = splits.zero_shot(supervised, index, tuple(range(7)))
    with pytest.raises(UserError, match=r"3 seen classes .* zero_shot\.folds=0"):
        splits.fold(few, index, 1)


def test_named_and_random_splits() -> None:
    assert unseen_classes(nw_ucla.SPEC, "8_2") == (1, 4)
    drawn = [unseen_classes(nw_ucla.SPEC, f"random:3:{seed}") for seed in range(6)]
    assert all(len(set(ids)) == 3 and set(ids) <= set(range(10)) for ids in drawn)
    assert len(set(drawn)) > 3
    assert drawn[2] == unseen_classes(nw_ucla.SPEC, "random:3:2")


@pytest.mark.parametrize(
    "split", ["9_1", "random:1:0", "random:9:0", "random:3", "", "random:COUNT:SEED"]
)
def test_other_splits_are_refused(split: str) -> None:
    with pytest.raises(UserError, match=r"data\.zero_shot"):
        unseen_classes(nw_ucla.SPEC, split)
