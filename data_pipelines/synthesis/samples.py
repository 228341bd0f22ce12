"""The samples of the built-in dataset, in order, and their names."""

from collections.abc import Iterator

from data_pipelines.synthesis.camera import YAWS, Footage, film
from data_pipelines.synthesis.performance import Take, perform
from data_pipelines.synthesis.programs import PROGRAMS

SEED, SUBJECTS, REPETITIONS = 0, 10, 2
CAMERAS = tuple(YAWS)


def name_of(take: Take, camera: int) -> str:
    """Return a sample's name in NTU RGB+D's form.

    >>> name_of(Take(seed=0, action=3, subject=2, repetition=1), camera=3)
    'S001C003P002R001A004'
    """
    numbers = (1, camera, take.subject, take.repetition, take.action + 1)
    return "".join(f"{letter}{n:03d}" for letter, n in zip("SCPRA", numbers, strict=True))


def takes(seed: int = SEED, subjects: int = SUBJECTS, repetitions: int = REPETITIONS) -> list[Take]:
    """Return all performances, ordered by action, subject and repetition."""
    return [
        Take(seed, action, subject, repetition)
        for action in range(len(PROGRAMS))
        for subject in range(1, subjects + 1)
        for repetition in range(1, repetitions + 1)
    ]


def filmed(take: Take) -> Iterator[tuple[int, Footage]]:
    """Yield (camera, footage) of a performance, independent of other performances."""
    scene = perform(take)
    for camera in CAMERAS:
        yield camera, film(scene, take, camera)
