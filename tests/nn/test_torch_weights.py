"""Reading published state dicts, and starting from them."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from data_pipelines.errors import FileError, UserError
from gapjax.backbones import ctr_gcn
from gapjax.methods.supervised import from_torch
from gapjax.nn.torch_weights import StateDict, read
from support import torch_files

ARRAYS = {"fc.weight": np.ones((3, 2), np.float32), "fc.bias": np.zeros(3, np.float32)}
Load = Callable[[str], tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]


def check(state: dict[str, np.ndarray]) -> None:
    assert set(state) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(state[name], array)


def test_npz_and_safetensors(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{f"module.{name}": each for name, each in ARRAYS.items()})
    save_file(ARRAYS, tmp_path / "a.safetensors")
    check(read(tmp_path / "a.npz"))
    check(read(tmp_path / "a.safetensors"))


def test_pt_is_read_with_weights_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in for PyTorch where it is not installed."""
    torch = torch_files.installed(monkeypatch)
    torch.save({name: torch.tensor(each) for name, each in ARRAYS.items()}, tmp_path / "a.pt")
    check(read(tmp_path / "a.pt"))


@pytest.mark.torch
def test_parameters_in_half_precision(tmp_path: Path) -> None:
    """As a training may save them, not their values alone."""
    torch = pytest.importorskip("torch")
    saved = {name: torch.tensor(each).bfloat16() for name, each in ARRAYS.items()}
    torch.save({name: torch.nn.Parameter(each) for name, each in saved.items()}, tmp_path / "a.pt")
    check(read(tmp_path / "a.pt"))


@pytest.mark.parametrize("name", torch_files.NO_STATE_DICTS)
def test_a_pt_file_that_is_no_state_dict_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pt"
    expected = torch_files.write(path, name, torch_files.installed(monkeypatch))
    with pytest.raises((UserError, FileError), match=r"weights\.pt.*" + expected) as refused:
        read(path)
    assert not re.search("weights_only|pickle|unsafe", str(refused.value))


class Trap:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return Path.touch, (self.trace,)


@pytest.mark.torch
def test_a_pickle_is_never_unpickled(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    trace = tmp_path / "trace"
    (tmp_path / "bad.pt").write_bytes(pickle.dumps({"fc.weight": Trap(trace)}, protocol=2))
    with pytest.raises(UserError, match=r"bad\.pt: cannot be read as a state dict"):
        read(tmp_path / "bad.pt")
    assert not trace.exists()


@pytest.mark.parametrize("name", ["cut.npz", "cut.safetensors", "missing.npz", "weights.bin"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str) -> None:
    if name.startswith("cut"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing whole")
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)


def test_missing_and_left_over_arrays_are_named() -> None:
    with pytest.raises(UserError, match="the state dict lacks 'data_bn"):
        from_torch(StateDict(ARRAYS), ctr_gcn.from_torch)
    state = StateDict({**ARRAYS, "bn.num_batches_tracked": np.ones(())})
    state.array("fc.weight")
    with pytest.raises(UserError, match=r"1 unexpected arrays, such as fc\.bias"):
        state.check_all_used()


def test_a_published_array_too_many_is_refused(load_pack: Load) -> None:
    state, _ = load_pack("ctr_gcn_ucla")
    with pytest.raises(UserError, match=r"unexpected arrays, such as l11\.PA"):
        from_torch(StateDict(state | {"l11.PA": np.ones(2)}), ctr_gcn.from_torch)
