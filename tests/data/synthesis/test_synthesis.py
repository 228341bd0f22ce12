"""The built-in dataset: programs, words, zero-shot splits, samples and how hard they are."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from data_pipelines.datasets import synthetic
from data_pipelines.datasets.synthetic import SPEC
from data_pipelines.specs.record import Record
from data_pipelines.specs.skeletons import PARTS
from data_pipelines.synthesis.camera import film
from data_pipelines.synthesis.draws import Draws
from data_pipelines.synthesis.performance import Take, perform
from data_pipelines.synthesis.programs import PROGRAMS
from data_pipelines.synthesis.samples import filmed, name_of, takes
from support.raw_records import records_of

GOLDEN = [0.9779302289438216, 0.7936734517440037, 0.35975161454907756]
TEXTS = Path(__file__).resolve().parents[3] / "gapjax" / "prompts" / "texts" / "synthetic.yaml"


def movements(action: int) -> set[tuple[str, str]]:
    """Return the (part, movement) pairs that a class shows, in whichever person."""
    return {pair for role in PROGRAMS[action].roles for pair in role.items()}


def clauses(text: str, persons: int) -> list[str]:
    """Return what a part's text says of each person."""
    if persons == 1:
        return [text]
    if alike := re.fullmatch("in both persons (.*)", text):
        return [alike[1]] * 2
    return list(re.fullmatch("in one person (.*), in the other (.*)", text).groups())


@pytest.fixture(scope="module")
def descriptions() -> list[dict]:
    return yaml.safe_load(TEXTS.read_text())["classes"]


@pytest.fixture(scope="module")
def dataset() -> list[Record]:
    return list(records_of(synthetic, None))


def test_draws_are_what_they_have_always_been() -> None:
    np.testing.assert_array_equal(Draws(3, 1, 2).uniform(0, 1, (3,)), GOLDEN)
    assert Draws(3, 1, 2).one(5, 6) == 5 + GOLDEN[0]


def test_draws_are_uniform_and_normal_and_differ_by_address() -> None:
    uniform = Draws(0, 5).uniform(-2, 4, (20000, 2))
    assert abs(uniform.mean() - 1) < 0.05
    assert abs(uniform.std() - 6 / np.sqrt(12)) < 0.02
    normal = Draws(0, 6).normal((20000,))
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.02
    addresses = [(0, 1, 2), (0, 2, 1), (1, 1, 2), (0, 1, 2, 1)]
    assert len({Draws(*address).one(0, 1) for address in addresses}) == 4


def test_twenty_four_classes_of_which_five_have_two_persons() -> None:
    assert len(set(SPEC.labels)) == len(SPEC.labels) == 24
    assert sum(len(program.roles) == 2 for program in PROGRAMS) == 5
    assert all(tuple(role) == PARTS for program in PROGRAMS for role in program.roles)


@pytest.mark.parametrize("split", SPEC.zero_shot)
def test_an_unseen_class_is_a_new_composition_of_seen_movements(split: str) -> None:
    unseen = SPEC.zero_shot[split]
    assert split.startswith(f"{24 - len(unseen)}_{len(unseen)}")
    seen = [k for k in range(24) if k not in unseen]
    shown = set().union(*(movements(k) for k in seen))
    for k in unseen:
        assert movements(k) <= shown, f"{SPEC.labels[k]}: {movements(k) - shown}"
        assert all(PROGRAMS[k].roles != PROGRAMS[other].roles for other in seen)
        persons = len(PROGRAMS[k].roles)
        assert any(len(PROGRAMS[other].roles) == persons for other in seen)


def test_the_words_follow_the_programs(descriptions: list[dict]) -> None:
    """A part movement has one wording wherever it occurs, and no other movement shares it."""
    words = defaultdict(set)
    for program, description in zip(PROGRAMS, descriptions, strict=True):
        assert description["label"] == program.label
        assert tuple(description["parts"]) == PARTS
        for part, text in description["parts"].items():
            said = clauses(text, len(program.roles))
            for role, clause in zip(program.roles, said, strict=True):
                words[part, role[part]].add(clause)
    assert all(len(wordings) == 1 for wordings in words.values())
    for part in PARTS:
        wordings = [next(iter(w)) for (p, _), w in words.items() if p == part]
        assert len(set(wordings)) == len(wordings)
        assert all("still" in next(iter(words[part, "still"])) or part == "foot" for part in PARTS)


def test_the_descriptions_are_complete_and_short(descriptions: list[dict]) -> None:
    names = [name for d in descriptions for name in (d["label"], *d["synonyms"])]
    assert len(set(names)) == len(names) == 24 * 11
    assert len({tuple(d["parts"].values()) for d in descriptions}) == 24
    for d in descriptions:
        parts = list(d["parts"].values())
        for texts in ([d["paragraph"]], parts[:3], parts[3:]):
            # CLIP takes 77 tokens, two of them for start and end; these words are one or two.
            assert len(re.findall(r"\w+|[^\w\s]", " , ".join([d["label"], *texts]))) <= 64
        assert 2 <= d["paragraph"].count(". ") + 1 <= 3


def test_protocols_count_what_there_is(dataset: list[Record]) -> None:
    assert len(dataset) == len({record.name for record in dataset}) == 1440
    for protocol in SPEC.protocols.values():
        train = sum(getattr(record, protocol.column) in protocol.train for record in dataset)
        assert (train, len(dataset) - train) == protocol.counts


def test_samples_are_finite_and_distinct_and_have_the_persons_of_their_class(
    dataset: list[Record],
) -> None:
    for record in dataset:
        assert record.skeleton.dtype == np.float32
        assert record.skeleton.shape[1:] == (len(PROGRAMS[record.label].roles), 25, 3)
        assert 40 <= len(record.skeleton) <= 105
        assert np.isfinite(record.skeleton).all()
        assert 1.2 < record.skeleton[..., 2].min() < record.skeleton[..., 2].max() < 5
    assert len({record.skeleton.tobytes() for record in dataset}) == len(dataset)


@pytest.mark.parametrize("position", [0, 700, 1439])
def test_a_sample_comes_out_the_same_on_its_own(dataset: list[Record], position: int) -> None:
    record = dataset[position]
    repetition = int(record.name[13:16])
    take = Take(seed=0, action=record.label, subject=record.subject, repetition=repetition)
    footage = film(perform(take), take, record.camera)
    assert name_of(take, record.camera) == record.name
    np.testing.assert_array_equal(footage.skeleton[~footage.lost], record.skeleton)


def test_fewer_subjects_do_not_change_the_samples_and_another_seed_does() -> None:
    def first(seed: int, subjects: int, repetitions: int) -> np.ndarray:
        return next(filmed(takes(seed, subjects, repetitions)[0]))[1].skeleton

    np.testing.assert_array_equal(first(0, 1, 1), first(0, 9, 2))
    assert not np.array_equal(first(0, 1, 1)[0], first(1, 1, 1)[0])


def test_three_cameras_see_one_performance() -> None:
    take = Take(seed=0, action=4, subject=1, repetition=1)
    scene = perform(take)
    views = [film(scene, take, camera).skeleton for camera in (1, 2, 3)]

    def distances(skeleton: np.ndarray) -> np.ndarray:
        return np.linalg.norm(skeleton[:, 0, :, None] - skeleton[:, 0, None], axis=-1)

    for view in views:
        assert np.abs(distances(view) - distances(scene)).mean() < 0.03
        # y is up, and who is in front of a camera at the height of the chest is around y = 0.
        assert (view[:, 0, 3, 1] > view[:, 0, 14, 1] + 1).all()
    across = [view[0, 0, 8] - view[0, 0, 4] for view in views]
    yaw = [np.rad2deg(np.arctan2(a[2], a[0])) for a in across]
    assert 30 < abs(yaw[0] - yaw[1]) < 60
    assert 75 < abs(yaw[2] - yaw[1]) < 105


def features(dataset: list[Record], frames: int = 16) -> np.ndarray:
    """Return centered clips of equal length, turned so that the first person faces one way."""
    out = np.zeros((len(dataset), frames, 2, 25, 3))
    for i, record in enumerate(dataset):
        clip = record.skeleton - record.skeleton[0, 0, 1]
        across = (clip[:5, 0, 4] - clip[:5, 0, 8]).mean(0)
        angle = np.arctan2(across[2], across[0])
        sin, cos = np.sin(angle), np.cos(angle)
        clip = clip @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        times = np.linspace(0, len(clip) - 1, frames).round().astype(int)
        out[i, :, : clip.shape[1]] = clip[times]
    return out


def test_classes_can_be_told_apart_but_not_without_effort(dataset: list[Record]) -> None:
    """Nearest centroids on other subjects and other cameras: far above chance, short of all."""
    clips = features(dataset).reshape(len(dataset), -1)
    label = np.array([record.label for record in dataset])
    for protocol in SPEC.protocols.values():
        column = np.array([getattr(record, protocol.column) for record in dataset])
        train = np.isin(column, protocol.train)
        centroids = np.array([clips[train & (label == k)].mean(0) for k in range(24)])
        distances = ((clips[~train][:, None] - centroids[None]) ** 2).sum(-1)
        accuracy = (distances.argmin(1) == label[~train]).mean()
        assert 0.6 < accuracy < 0.95


def test_unseen_classes_can_be_recognized_from_movements_seen(dataset: list[Record]) -> None:
    """Ridge regression from clips of seen classes to part movements, then the nearest class."""
    pairs = sorted(set().union(*(movements(k) for k in range(24))))
    holds = np.array([[pair in movements(k) for pair in pairs] for k in range(24)], float)
    label = np.array([record.label for record in dataset])
    subject = np.array([record.subject for record in dataset])
    clips = features(dataset)
    clips = np.concatenate([clips[:, 1:], 2 * np.diff(clips, axis=1)], 1).reshape(len(label), -1)
    for unseen in map(np.array, SPEC.zero_shot.values()):
        train = (subject % 2 == 1) & ~np.isin(label, unseen)
        test = (subject % 2 == 0) & np.isin(label, unseen)
        center, mean = clips[train].mean(0), holds[label[train]].mean(0)
        x, y = clips[train] - center, holds[label[train]] - mean
        weights = x.T @ np.linalg.solve(x @ x.T + 10 * np.eye(len(x)), y)
        guess = (clips[test] - center) @ weights + mean
        nearest = ((guess[:, None] - holds[unseen]) ** 2).sum(-1).argmin(1)
        assert (unseen[nearest] == label[test]).mean() > 0.6
