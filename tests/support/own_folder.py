"""Folders of data of one's own, as docs/own-data.md describes them."""

import csv
import json
import pathlib

import numpy as np
import yaml

from data_pipelines.specs.skeletons import PARTS

JOINTS = [
    *("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder"),
    *("left elbow", "left wrist", "hip", "right hip", "right knee", "right ankle", "left hip"),
    *("left knee", "left ankle"),
]
BONES = [
    *(["nose", "neck"], ["neck", "right shoulder"], ["right shoulder", "right elbow"]),
    *(["right wrist", "right elbow"], ["left shoulder", "neck"], ["left elbow", "left shoulder"]),
    *(["left wrist", "left elbow"], ["neck", "hip"], ["right hip", "hip"], [9, 10], [10, 11]),
    *([8, 12], [12, 13], [13, 14]),
]
FACTS = {
    "joints": JOINTS,
    "bones": BONES,
    "root": "hip",
    "labels": ["wave", "kick"],
    "coordinates": "2D with confidence",
    "persons": 2,
    "protocols": {"xsub": {"subject": [1, 2]}},
}
COLUMNS = ("file", "label", "subject", "camera")


def metadata(**changes: object) -> dict:
    """Return the metadata with some changed; None removes one."""
    return {key: value for key, value in {**FACTS, **changes}.items() if value is not None}


def dumped(described: dict) -> str:
    """Return YAML with a line for every key."""
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in described.items())


def array(number: int, persons: int = 1, coordinates: int = 3, joints: int = 15) -> np.ndarray:
    """Return the pixels of a sample, with confidences from 0 to 1 where there are three numbers.

    The first person moves most.
    """
    rng = np.random.default_rng(number)
    shape = (6 + number, persons, joints, coordinates)
    made = rng.uniform(10, 600, shape)
    made[:, 1:] /= 2
    if coordinates == 3:
        made[..., 2] = rng.uniform(0.1, 1, shape[:-1])
    return made.astype(np.float32)


def write(folder: pathlib.Path, samples: int = 16, **changes: object) -> pathlib.Path:
    """Write a folder of `samples` arrays; the subjects are 1, 2, 3, 4 in turn."""
    (folder / "clips").mkdir(parents=True)
    described = metadata(**changes)
    (folder / "dataset.yaml").write_text(dumped(described))
    coordinates = int(described["coordinates"][0]) + ("confidence" in described["coordinates"])
    rows = []
    for number in range(samples):
        made = array(number, 1 + number % 2, coordinates, len(described["joints"]))
        np.save(folder / "clips" / f"{number}.npy", made if number % 2 else made[:, 0])
        label = described["labels"][number // 4 % len(described["labels"])]
        rows.append((f"clips/{number}.npy", label, 1 + number % 4, 1))
    with (folder / "samples.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder


def texts(labels: tuple[str, ...] = ("wave", "kick")) -> str:
    """Return the descriptions of classes, as YAML."""
    described = [
        {
            "label": label,
            "synonyms": [f"to {label}"],
            "paragraph": f"A person will {label}.",
            "parts": dict.fromkeys(PARTS, f"moves to {label}"),
        }
        for label in labels
    ]
    return yaml.safe_dump({"classes": described})
