"""Draw one sample of a converted dataset, to see whether its joints and axes are right.

python -m data_pipelines.show DIR [NAME] [--out=FOLDER|FILE.png|FILE.gif] [--frames=8]

writes `NAME.png`, a strip of frames, and `NAME.gif`, an animation, into `DIR-pictures/` or another
folder, and prints their paths. Without NAME, it lists some.
"""

import argparse
import difflib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_pipelines import command
from data_pipelines.drawing import pictures
from data_pipelines.drawing.scene import VIEWS, Scene
from data_pipelines.errors import DataError
from data_pipelines.readers import sample
from data_pipelines.specs import catalog
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.storage.atomic import replacing_file
from data_pipelines.storage.disk import writing
from data_pipelines.storage.index import Index

MOST_FRAMES, MOST_LISTED = 64, 8


def show(directory: str, name: str, out: Path, frames: int) -> list[Path]:
    """Draw a sample and return the files that were written.

    Args:
        directory: the converted dataset's folder.
        name: the sample's name in `index.csv`.
        out: a folder for NAME.png and NAME.gif, or the one file to write.
        frames: how many frames the PNG shows at most.

    Raises:
        DataError: the dataset or the sample cannot be read.
        UserError: writing there is not allowed.
        DiskError: the disk is full or does not answer.
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise DataError(f"--frames={frames}: give a number from 1 to {MOST_FRAMES}")
    targets = _targets(out, name)
    scene = read(directory, name)
    for target in targets:
        is_gif = target.suffix.lower() == ".gif"
        content = pictures.animation(scene) if is_gif else pictures.strip(scene, frames)
        reported = writing(target, "choose another --out", "once it can be, draw again")
        with reported, replacing_file(target) as file:
            file.write(content)
    return targets


def read(directory: str, name: str) -> Scene:
    """Return a sample of a converted dataset with its caption; DataError if there is none."""
    index, spec = _opened(directory)
    row = _row(index, name, directory)
    skeleton = sample.read(directory, index, row)
    shape, wanted = skeleton.shape[2:], (spec.skeleton.num_joints, spec.coordinates)
    if shape != wanted or spec.space not in VIEWS:
        stored = f"{shape[0]} joints of {shape[1]} numbers"
        raise DataError(f"{directory}: {name!r} has {stored}, unlike {spec.name}; convert again")
    label, (count, persons) = int(index.label[row]), skeleton.shape[:2]
    metadata = (
        *(spec.name, name, f"class {label}", f"subject {index.subject[row]}"),
        *(f"camera {index.camera[row]}", f"setup {index.setup[row]}"),
        f"{count} frame" + "s" * (count != 1),
        f"{persons} person" + "s" * (persons != 1),
        f"{wanted[0]} joints of {spec.skeleton.name}",
    )
    seen = skeleton[..., spec.space] > 0 if spec.confidence else None
    return Scene(skeleton[..., : spec.space], spec.skeleton, spec.labels[label], metadata, seen)


def listing(directory: str) -> Iterator[str]:
    """Yield lines: the number of samples, and the names of some of different classes."""
    index, spec = _opened(directory)
    labels, rows = np.unique(index.label, return_index=True)
    yield f"{directory}: {len(index):,} samples of {len(labels)} classes, for example"
    for label, row in list(zip(labels, rows, strict=True))[:MOST_LISTED]:
        yield f"  {index.name[row]}  {spec.labels[label]}"
    arguments = shlex.join([directory, str(index.name[0])])
    yield f"To draw one: python -m data_pipelines.show {arguments}"


def _opened(directory: str) -> tuple[Index, DatasetSpec]:
    index, spec = Index.load(directory), catalog.spec_of(directory)
    if not 0 <= index.label.min() <= index.label.max() < len(spec.labels):
        raise DataError(f"{directory}: has classes that {spec.name} has not; convert again")
    return index, spec


def _row(index: Index, name: str, directory: str) -> int:
    """Return the row of a sample, which may be named with its raw file's extension."""
    names = index.name.tolist()
    for candidate in (name, name.rpartition(".")[0]):
        if candidate in names:
            return names.index(candidate)
    near = ", ".join(difflib.get_close_matches(name, names) or names[:3])
    raise DataError(f"{directory}: of {len(names):,} samples none is {name!r}; there are: {near}")


def _beside(directory: str) -> Path:
    """Return the folder of a dataset's pictures: beside it, or here if it is in a bucket."""
    folder = Path(directory)
    name = f"{folder.resolve().name.replace('.', '_')}-pictures"
    return Path(name) if "://" in directory else folder.parent / name


def _targets(out: Path, name: str) -> list[Path]:
    if out.suffix.lower() in (".png", ".gif") and not out.is_dir():
        return [out]
    if out.suffix and not out.is_dir():
        raise DataError(f"--out={out}: give a folder, or a file that ends in .png or .gif")
    stem = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name)
    return [out / f"{stem}.png", out / f"{stem}.gif"]


@command.guarded
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.show", description=__doc__)
    parser.add_argument("directory", help="a converted dataset")
    parser.add_argument("name", nargs="?", help="a sample's name; without it, some are listed")
    out_help = "folder of the pictures (default: DIR-pictures), or one .png or .gif file"
    parser.add_argument("--out", type=command.local_path, help=out_help)
    parser.add_argument("--frames", type=int, default=8, help="how many frames the PNG shows")
    options = parser.parse_args(arguments)
    if options.name is None:
        print(*listing(options.directory), sep="\n")
    else:
        out = options.out or _beside(options.directory)
        print(*show(options.directory, options.name, out, options.frames), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
