"""The ways in which a clip comes into the project, each from a file of its own kind."""

import pathlib
import pickle
from collections.abc import Callable

import numpy as np

from data_pipelines.conversion import reading
from data_pipelines.datasets import ntu60, pku_mmd
from data_pipelines.formats import ctr_gcn, own, pyskl
from data_pipelines.parsers import clip
from data_pipelines.specs.skeletons import NTU25
from support import own_folder
from support.ntu_text import ntu_text, person

FRAMES, ORIGIN = 20, 1


def footage(persons: int) -> np.ndarray:
    """Return a clip (t m v c): the first person moves most, the second comes later."""
    made = [person(FRAMES, seed, moves) for seed, moves in ((1, 0.3), (2, 0.1))]
    frames = np.stack(made[:persons], axis=1) - made[0][0, ORIGIN]
    frames[:3, 1:] = 0
    return frames


def empty(frames: np.ndarray, *places: int) -> np.ndarray:
    """Return frames with four empty ones before each place."""
    return np.insert(frames, [place for place in places for _ in range(4)], 0, axis=0)


def in_second_slot(frames: np.ndarray) -> np.ndarray:
    """Return frames whose persons come after an empty slot."""
    return np.insert(frames, 0, 0, axis=1)


# Name → the persons of the clip, and what is made of it.
FORMS: dict[str, tuple[int, Callable]] = {
    "as it is": (1, lambda frames: frames),
    "two persons": (2, lambda frames: frames),
    "empty before": (1, lambda frames: empty(frames, 0)),
    "empty before, between and after": (2, lambda frames: empty(frames, 0, 7, FRAMES)),
    "second slot": (1, in_second_slot),
    "second slot, empty before": (1, lambda frames: in_second_slot(empty(frames, 0))),
    "swapped": (2, lambda frames: frames[:, ::-1]),
    "swapped, empty between": (2, lambda frames: empty(frames[:, ::-1], 9)),
}


def converted(module: object, raw: pathlib.Path) -> np.ndarray:
    """Return the only sample that a conversion makes of raw files."""
    if hasattr(module, "open_raw"):
        found = module.open_raw(raw, "mine")
        items, spec = found.items, found.spec
    else:
        items, spec = module.items(raw), module.SPEC
    read = [record for item in items for record in module.read(item)]
    (record, *_), _ = reading.clips_of("file", read, spec)
    return record.skeleton


def from_own(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    names = {"joints": list(NTU25.joints), "bones": [list(bone) for bone in NTU25.bones]}
    facts = {**names, "root": NTU25.joints[NTU25.root], "coordinates": "3D"}
    raw = own_folder.write(folder / "own", samples=3, **facts)
    np.save(raw / "clips" / "0.npy", frames)
    return converted(own, raw)


def from_pyskl(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    names = [f"S001C001P{number:03}R001A001" for number in (1, 3)]
    annotations = [
        {"frame_dir": name, "label": 0, "keypoint": frames.swapaxes(0, 1)} for name in names
    ]
    split = {"xsub_train": names[:1], "xsub_val": names[1:]}
    path = folder / "pickle.pkl"
    path.write_bytes(pickle.dumps({"split": split, "annotations": annotations}))
    return converted(pyskl, path)


def from_ctr_gcn(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    padded = np.zeros((1, 40, 2, 25, 3), np.float32)
    padded[0, : len(frames), : frames.shape[1]] = frames
    sides = {f"{axis}_{side}": None for axis in "xy" for side in ("train", "test")}
    arrays = {"x": padded.reshape(1, 40, 150), "y": np.eye(60)[:1]}
    np.savez(folder / "NTU60_CS.npz", **{name: arrays[name[0]] for name in sides})
    return converted(ctr_gcn, folder / "NTU60_CS.npz")


def from_pku_mmd(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    both = np.zeros((len(frames), 2, 25, 3), np.float32)
    both[:, : frames.shape[1]] = frames
    lines = [" ".join(f"{number:.9g}" for number in frame.ravel()) for frame in both]
    for name, text in (
        ("skeleton/0002-L.txt", "\n".join(lines)),
        ("label/0002-L.txt", f"1,1,{len(frames)},2"),
        ("cross-subject.txt", "train\n0002-L"),
        ("cross-view.txt", "train\n0002-L"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return converted(pku_mmd, folder)


def from_ntu(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    return converted(ntu60, write_skeleton(folder, frames).parent)


def write_array(folder: pathlib.Path, frames: np.ndarray) -> pathlib.Path:
    np.save(folder / "clip.npy", frames)
    return folder / "clip.npy"


def write_archive(folder: pathlib.Path, frames: np.ndarray) -> pathlib.Path:
    np.savez(folder / "clip.npz", skeleton=frames, label=3)
    return folder / "clip.npz"


def write_skeleton(folder: pathlib.Path, frames: np.ndarray) -> pathlib.Path:
    bodies = [{m: body for m, body in enumerate(frame) if body.any()} for frame in frames]
    path = folder / "S001C001P001R001A001.skeleton"
    path.write_text(ntu_text(bodies))
    return path


def classified(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    return clip.read(write_array(folder, frames), NTU25.joints, 3, 2)


def classified_skeleton(folder: pathlib.Path, frames: np.ndarray) -> np.ndarray:
    return clip.read(write_skeleton(folder, frames), NTU25.joints, 3, 2)


WAYS = {
    way.__name__: way
    for way in (
        *(from_own, from_pyskl, from_ctr_gcn, from_pku_mmd, from_ntu),
        *(classified, classified_skeleton),
    )
}
