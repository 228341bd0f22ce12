"""Files of PyTorch, and a stand-in for the package where it is not installed."""

import importlib.util
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest


class Tensor:
    """What the project uses of `torch.Tensor`."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def detach(self) -> "Tensor":
        return self

    def float(self) -> "Tensor":
        return Tensor(np.float32(self.array))

    def numpy(self) -> np.ndarray:
        return self.array


def _load(path: Path, map_location: str, weights_only: bool) -> Any:
    assert (map_location, weights_only) == ("cpu", True)
    return pickle.loads(path.read_bytes())


def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return PyTorch, or a stand-in that is imported in its place until the end of a test."""
    if importlib.util.find_spec("torch"):
        return pytest.importorskip("torch")
    save = lambda content, path: path.write_bytes(pickle.dumps(content))  # noqa: E731
    module: Any = types.ModuleType("torch")
    module.Tensor, module.tensor, module.load, module.save = Tensor, Tensor, _load, save
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


# What a file may be that is no state dict → its bytes or content, and what is said of it.
NO_STATE_DICTS: dict[str, tuple[Any, str]] = {
    "empty": (b"", "is empty; write or download it again"),
    "a web page": (b"<!DOCTYPE html><html>", "is a web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
    "something else": (b"epoch 3", "cannot be read"),
    "a list": ([1, 2], "it holds a list, not a dict of tensors"),
    "a dict of others": ({"epoch": 3, "state_dict": {}}, "no tensors but epoch, state_dict: save"),
    "an empty dict": ({}, "has no tensors but nothing"),
}


def write(path: Path, name: str, torch: Any) -> str:
    """Write one of `NO_STATE_DICTS`; return what should be said of it."""
    content, expected = NO_STATE_DICTS[name]
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    return expected
