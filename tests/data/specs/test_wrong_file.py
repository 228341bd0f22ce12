"""Web pages, Git LFS pointers and archives under the names of data are called what they are."""

import io
import pathlib
import tarfile
from collections.abc import Callable

import numpy as np
import pytest
from etils import epath

from data_pipelines.errors import UserError
from data_pipelines.formats import ctr_gcn, pyskl
from data_pipelines.parsers import clip, samples
from data_pipelines.parsers.sources import sources
from data_pipelines.specs import checked_yaml
from data_pipelines.specs.skeletons import NTU25
from gapjax.nn import torch_weights
from gapjax.text import weights


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return file.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
CONTENTS = {
    "is a web page; download": b"\n<!DOCTYPE html>\n<html>Sign in</html>",
    "is a web page; ": b"\xef\xbb\xbf<HTML><body>404</body></HTML>",
    "is a Git LFS pointer; download it again": POINTER,
    "is a gzip archive": b"\x1f\x8b\x08\0 ...",
    "is a 7z archive; extract it first": b"7z\xbc\xaf\x27\x1c...",
    "is a rar archive; extract it first": b"Rar!\x1a\x07\x01\0",
    "is a tar archive; extract it first": tar(),
}


def read_clip(path: pathlib.Path) -> object:
    return clip.read(path, NTU25.joints, 3, 2)


def read_source(path: pathlib.Path) -> object:
    return [source.read() for source in sources(path.parent, path.suffix, "")]


READERS: dict[str, Callable[[pathlib.Path], object]] = {
    "a.npy": lambda path: samples.read_array(str(path)),
    "b.npy": read_clip,
    "a.npz": read_clip,
    "b.npz": lambda path: ctr_gcn.open_raw(path, "b"),
    "c.npz": torch_weights.read,
    "a.skeleton": read_clip,
    "b.skeleton": read_source,
    "a.mat": read_source,
    "a.json": read_source,
    "a.zip": lambda path: sources(path, ".txt", ""),
    "a.pkl": lambda path: pyskl.open_raw(path, "a"),
    "a.yaml": lambda path: checked_yaml.load(epath.Path(path)),
    "samples.csv": lambda path: samples.table(path.parent, ["wave"]),
    "a.safetensors": torch_weights.read,
    "model.safetensors": lambda path: weights.read_tensors(path.parent, str),
    "a.pt": torch_weights.read,
    "pytorch_model.bin": lambda path: weights.read_tensors(path.parent, str),
}


def refused(path: pathlib.Path, name: str) -> str:
    if name.endswith((".pt", ".bin")):
        pytest.importorskip("torch")
    with pytest.raises(UserError) as caught:
        READERS[name](path)
    message = str(caught.value)
    assert "\n" not in message
    assert not any(word in message for word in ("pickle", "weights_only", "unsafe", "trust"))
    return message


@pytest.mark.torch
@pytest.mark.parametrize("name", READERS)
def test_other_contents_are_named(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / name
    for expected, content in CONTENTS.items():
        path.write_bytes(content)
        message = refused(path, name)
        assert message.startswith(f"{path}: {expected}"), message
    path.write_bytes(b"")
    if name not in ("a.yaml", "samples.csv", "b.skeleton", "a.mat", "a.json"):
        assert refused(path, name) == f"{path}: is empty; write or download it again"


@pytest.mark.torch
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "b.npz", "c.npz", "a.pt"])
def test_objects_of_python_are_refused_without_unsafe_advice(
    name: str, tmp_path: pathlib.Path
) -> None:
    path, objects = tmp_path / name, np.array([{}, {}], dtype=object)
    if name.endswith(".npy"):
        np.save(path, objects, allow_pickle=True)
    elif name.endswith(".npz"):
        sides = ("x_train", "y_train", "x_test", "y_test")
        np.savez(path, **dict.fromkeys(sides if name == "b.npz" else ["skeleton"], objects))
    else:
        pytest.importorskip("torch").save({"a": pathlib.PurePosixPath("a")}, path)
    assert str(path) in refused(path, name)
