"""Write the folder of own data that docs/own-data.md fine-tunes on: six classes, 30 training clips.

python -m docs.fine_tuning_data --data=data --out=mine

takes the classes that the split 18_6 of the built-in data leaves unseen, with all test clips and
some training clips of each.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from data_pipelines.datasets.synthetic import SPEC
from data_pipelines.storage.index import Index, select
from data_pipelines.storage.packed import open_pack

PROTOCOL, SPLIT = "xsub", "18_6"


def write(data: Path, out: Path, clips: int) -> None:
    """Write the folder.

    Args:
        data: the folder of converted datasets, with the built-in one.
        out: the folder to write.
        clips: the training clips of a class, drawn at random.
    """
    directory = data / SPEC.name
    index = Index.load(directory)
    pack = open_pack(directory, index)
    (out / "clips").mkdir(parents=True)
    with (out / "samples.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "label", "subject", "camera"))
        for row in chosen(index, clips):
            array, name = pack.skeleton(row), f"clips/{index.name[row]}.npy"
            np.save(out / name, array if array.shape[1] > 1 else array[:, 0])
            label = SPEC.labels[index.label[row]]
            table.writerow((name, label, index.subject[row], index.camera[row]))
    (out / "dataset.yaml").write_text(yaml.safe_dump(metadata()))


def chosen(index: Index, clips: int) -> Iterator[int]:
    """Yield the rows of the samples: of each class first those that train."""
    train, test = select(index, SPEC.protocols[PROTOCOL])
    rng = np.random.default_rng(0)
    for label in SPEC.zero_shot[SPLIT]:
        drawn = rng.permutation(train[index.label[train] == label])[:clips]
        yield from map(int, (*drawn, *test[index.label[test] == label]))


def metadata() -> dict[str, object]:
    """Return the content of dataset.yaml."""
    body, protocol = SPEC.skeleton, SPEC.protocols[PROTOCOL]
    return {
        "joints": list(body.joints),
        "bones": [list(bone) for bone in body.bones],
        "root": body.joints[body.root],
        "labels": [SPEC.labels[label] for label in SPEC.zero_shot[SPLIT]],
        "coordinates": "3D",
        "persons": SPEC.persons,
        "protocols": {PROTOCOL: {protocol.column: list(protocol.train)}},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m docs.fine_tuning_data", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("mine"))
    parser.add_argument("--clips", type=int, default=5, help="training clips of each class")
    options = parser.parse_args()
    write(options.data, options.out, options.clips)
