"""The union of the four Kinect datasets: classes, subjects, sources and texts."""

import dataclasses
import itertools
import pathlib

import numpy as np
import pytest

from configs import star_union
from data_pipelines.convert import convert, make
from data_pipelines.datasets import kinect_union
from data_pipelines.errors import DataError
from data_pipelines.readers.sample import read
from data_pipelines.specs.dataset import RawDataset
from data_pipelines.storage.index import Index, select
from data_pipelines.synthesis import stand_in
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import open_dataset, train_order
from gapjax.experiment.sources import of_names, summary_by_source
from gapjax.prompts import rules
from gapjax.prompts.descriptions import load_texts
from gapjax.training import evaluation
from gapjax.workdir.scores import Scores
from gapjax.zero_shot import metrics, splits

SPEC, PARTS = kinect_union.SPEC, [spec for spec, _ in kinect_union.PARTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a folder with some of the stand-ins of the four datasets, and their union."""
    folder = tmp_path_factory.mktemp("data")
    for spec in PARTS:
        few = stand_in.opened(spec).items[::5]
        make(stand_in, RawDataset(spec, few), folder / spec.name)
    return convert("kinect_union", folder, folder).parent


def test_samples_are_those_of_the_parts(folder: pathlib.Path) -> None:
    """With their classes by name, and with subjects that stay apart."""
    union = Index.load(folder / "kinect_union")
    parts = [Index.load(folder / spec.name) for spec in PARTS]
    first = [0, *itertools.accumulate(map(len, parts))]
    assert len(union) == first[-1]
    before = np.repeat([0, 10, 18, 28], np.diff(first))
    subjects = np.concatenate([part.subject for part in parts])
    np.testing.assert_array_equal(union.subject, before + subjects)
    np.testing.assert_array_equal(union.setup, np.repeat([1, 2, 3, 4], np.diff(first)))
    for spec, part, start in zip(PARTS, parts, first, strict=False):
        names = [f"{spec.name}/{name}" for name in part.name]
        assert union.name[start : start + len(part)].tolist() == names
        for label, merged in zip(part.label, union.label[start:], strict=False):
            name = spec.labels[label]
            assert SPEC.labels[merged] == kinect_union.SAME.get(name, name)
        np.testing.assert_array_equal(
            read(str(folder / "kinect_union"), union, start + 1),
            read(str(folder / spec.name), part, 1),
        )


def test_a_part_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="nw_ucla"):
        kinect_union.items(tmp_path)


def test_merged_classes() -> None:
    labels = {label for spec in PARTS for label in spec.labels}
    assert len(SPEC.labels) == len(labels) - len(kinect_union.SAME) == 45
    assert set(kinect_union.SAME) <= labels
    # No name is merged into one that is merged, too, and none is left over.
    assert set(kinect_union.SAME.values()) <= set(SPEC.labels)
    assert not set(kinect_union.SAME) & set(SPEC.labels)


def test_the_protocol_has_the_subjects_of_the_parts() -> None:
    first = 0
    train = set(SPEC.protocols["xsub"].train)
    for spec, count in kinect_union.PARTS:
        own = {subject - first for subject in train if first < subject <= first + count}
        if "xsub" in spec.protocols:
            assert own == set(spec.protocols["xsub"].train)
        first += count
    assert (first, len(train)) == (58, 29)


def test_the_texts_of_all_classes_have_no_problems() -> None:
    texts = load_texts(SPEC.texts, SPEC.labels)
    assert list(rules.problems(texts)) == []
    assert "through the room" in texts[SPEC.labels.index("walk")].paragraph


def test_the_config_visits_all_sources_equally_often(folder: pathlib.Path) -> None:
    config = star_union.get_config()
    config.data.dir = str(folder)
    config.train.batch_size = 1
    plan = plan_of(config)
    dataset = open_dataset(plan)
    order = train_order(plan, dataset)
    visits = order.batches(0, order.steps_per_epoch).ravel() % len(dataset.index)
    counts = np.unique(of_names(dataset.index.name[visits]), return_counts=True)[1]
    assert len(counts) == 4
    seen = np.unique(of_names(dataset.index.name[dataset.problem.train]), return_counts=True)[1]
    np.testing.assert_array_equal(counts, seen * np.rint(seen.max() / seen))
    train, _ = select(Index.load(folder / "kinect_union"), SPEC.protocols["xsub"])
    assert set(dataset.problem.train) < set(train)


def test_splits_leave_eight_classes_unseen() -> None:
    unseen = set()
    for seed in range(1, 6):
        config = star_union.get_config(f"split{seed}")
        unseen.add(splits.unseen_classes(SPEC, config.data.zero_shot))
    assert len(unseen) == 5
    assert {len(classes) for classes in unseen} == {8}


def test_metrics_of_sources() -> None:
    rng = np.random.default_rng(0)
    label = np.array([0, 1, 2, 3, 0, 1, 2, 2, 3])
    name = np.array([*(f"a/{n}" for n in range(4)), "b/0", "b/1", *(f"c/{n}" for n in range(3))])
    scores = Scores(rng.normal(size=(9, 4)), label, name, {"unseen": "2 3"})

    def zero_shot(name: str, scores: Scores) -> dict[str, float]:
        """Return the metrics with two unseen classes."""
        return metrics.summary(name, scores, unseen=[2, 3], gammas={"validation": 0.3})

    found, whole = summary_by_source(zero_shot)("test", scores), zero_shot("test", scores)
    assert {key: value for key, value in found.items() if key in whole} == whole
    part = zero_shot("test", scores.take(np.arange(4)))
    assert {f"a/{key}": value for key, value in part.items()}.items() <= found.items()
    # One has samples of seen classes alone, another of unseen ones.
    assert [key for key in found if key.startswith("b/")] == ["b/test/top1", "b/test/mean_class"]
    assert [key for key in found if key.startswith("c/")] == ["c/zsl/top1", "c/zsl/mean_class"]
    supervised = summary_by_source(evaluation.summary)
    assert len(supervised("test", scores)) == 4 * 3
    # Names without a source have no metrics of their own.
    others = dataclasses.replace(scores, name=np.arange(9).astype(np.str_))
    assert supervised("test", others) == evaluation.summary("test", others)
