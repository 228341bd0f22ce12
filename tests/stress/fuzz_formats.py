"""The parsers of files that users already have, as `fuzz.py` runs them: arrays, tables, pickles."""

import io
import pickle
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
from etils import epath

from data_pipelines.conversion import reading
from data_pipelines.formats import ctr_gcn, pyskl
from data_pipelines.parsers import samples
from data_pipelines.parsers.sources import state_of
from data_pipelines.specs import checked_yaml, spec_file
from stress.fuzz_damage import BINARY, TEXT
from stress.fuzz_parsers import Parser
from support import own_folder, pyskl_file

_LABELS = ("wave", "kick")


def _array(rng: np.random.Generator) -> bytes:
    """One or two persons, of several types of numbers, by rows or by columns."""
    number = int(rng.integers(4))
    array = own_folder.array(number, persons=1 + number % 2)
    kind, order = str(rng.choice(["f4", "f8", ">f4", "f2", "i2"])), str(rng.choice(["C", "F"]))
    file = io.BytesIO()
    np.save(file, array.astype(kind, order))
    return file.getvalue()


def _read_array(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.npy")
        path.write_bytes(content)
        sample = samples.Sample(str(path), state_of(path), ("t", 1), (0, 0, 0, 0), "clip")
        record = samples.record(sample, own_folder.JOINTS, 3)
    assert record.skeleton.dtype == np.float32
    assert record.skeleton.shape[2:] == (15, 3)
    assert np.isfinite(record.skeleton).all()
    assert record.skeleton.any()


def _table(rng: np.random.Generator) -> bytes:
    lines = [",".join(own_folder.COLUMNS)]
    for number in range(rng.integers(1, 30)):
        label = [*_LABELS, "0", "1"][rng.integers(4)]
        lines.append(f"clips/{number:04}.npy,{label},{rng.integers(9)},{rng.integers(3)}")
    return "\n".join([*lines, ""]).encode()


def _read_table(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, samples.FILE).write_bytes(content)
        found = samples.table(Path(folder), _LABELS)
    assert found
    assert all(0 <= sample.metadata[0] < len(_LABELS) for sample in found)
    assert all(0 <= fact < 2**31 for sample in found for fact in sample.metadata)
    assert len({sample.name for sample in found}) == len(found)


def _metadata(rng: np.random.Generator) -> bytes:
    changes = {"persons": int(rng.integers(1, 4)), "zero_shot": {}, "center": "neck"}
    some = {key: value for key, value in changes.items() if rng.random() < 0.5}
    return own_folder.dumped(own_folder.metadata(**some)).encode()


def _read_metadata(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = epath.Path(folder, spec_file.FILE)
        path.write_bytes(content)
        metadata = checked_yaml.load(path)
        metadata.check_keys(spec_file.REQUIRED, spec_file.OPTIONAL)
        spec = spec_file.spec_of(metadata, "mine")
    assert len(spec.skeleton.bones) == spec.skeleton.num_joints - 1
    assert spec.labels
    assert spec.protocols
    assert spec.persons > 0


def _ctr_gcn(rng: np.random.Generator) -> bytes:
    arrays = {}
    for side in ("train", "test"):
        frames = rng.normal(size=(rng.integers(1, 3), rng.integers(1, 4), 150)).astype("f4")
        frames[:, :, 75:] *= rng.integers(2)
        arrays |= {f"x_{side}": frames, f"y_{side}": np.eye(3)[rng.integers(3, size=len(frames))]}
    file = io.BytesIO()
    [np.savez, np.savez_compressed][rng.integers(2)](file, **arrays)
    return file.getvalue()


def _pyskl(rng: np.random.Generator) -> bytes:
    value, first = pyskl_file.content(flat=bool(rng.integers(2))), int(rng.integers(8))
    value["annotations"] = value["annotations"][first : first + 1]
    for each in value["annotations"]:
        for key in {"keypoint", "keypoint_score"} & set(each):
            each[key] = each[key][:, :2].astype(np.float16)
    return pickle.dumps(value, protocol=int(rng.integers(2, 6)))


def _all_of(module: ModuleType, content: bytes) -> None:
    """Read a file of a format to its end, and check its samples as a conversion does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content)
        found = module.open_raw(path, "mine")
        for item in found.items:
            reading.clips_of(item, list(module.read(item)), found.spec)


def _read_ctr_gcn(content: bytes) -> None:
    _all_of(ctr_gcn, content)


def _read_pyskl(content: bytes) -> None:
    _all_of(pyskl, content)


PARSERS = {
    "own_array": Parser(_array, _read_array, BINARY),
    "own_table": Parser(_table, _read_table, TEXT),
    "own_facts": Parser(_metadata, _read_metadata, TEXT),
    "ctr_gcn": Parser(_ctr_gcn, _read_ctr_gcn, BINARY),
    "pyskl": Parser(_pyskl, _read_pyskl, BINARY),
}
