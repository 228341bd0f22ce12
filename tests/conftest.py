"""Strictness for every test: shapes are checked, ranks are not promoted, eight devices exist."""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version

# Tests compile much and compute little, so that the quick way to compile is the way here. What
# one process has compiled, all others find: workers and the commands they start inherit these
# variables. A limit of the size makes JAX lock the cache.
QUICK = "--xla_cpu_use_fusion_emitters=false" if version("jax").startswith("0.10.") else ""
os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count=8 {QUICK}")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if "GAPJAX_TESTS" not in os.environ:
    os.environ["GAPJAX_TESTS"] = tempfile.mkdtemp(prefix="gapjax-tests-")
    atexit.register(shutil.rmtree, os.environ["GAPJAX_TESTS"], ignore_errors=True)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.environ["GAPJAX_TESTS"] + "/compiled")
os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(2**34))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")

# What a script runs in the background ignores interruptions, and so would the processes of tests.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where torch is, so is triton, which crashes if TensorFlow was imported before it.
with contextlib.suppress(ImportError):
    import triton  # noqa: F401

from jaxtyping import install_import_hook

install_import_hook(["gapjax", "data_pipelines"], "beartype.beartype")

import jax
import pytest
from filelock import FileLock

from support import parity, tiny_dataset
from support.commands import ROOT, SMOKE_FLAGS, STAR, STAR_FLAGS, STREAM_FLAGS, Command

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_platforms", "cpu")

# What trains or converts; tests that use it are slow, like those of files so marked.
SLOW_FIXTURES = {
    *("command", "gap_run", "streamed", "star_run", "gap_bundle", "star_bundle", "data"),
    *("nw_ucla_zip", "utd_mhad_zip"),
}

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the slow tests."""
    for item in items:
        if SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker("slow")


def _shared(*parts: str) -> pathlib.Path:
    """Return a path in shared/, or skip the test with a reason where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture(scope="session")
def nw_ucla_zip() -> pathlib.Path:
    """Return the real NW-UCLA archive."""
    return _shared("data", "nw_ucla", "all_sqe.zip")


@pytest.fixture(scope="session")
def utd_mhad_zip() -> pathlib.Path:
    """Return the real UTD-MHAD archive."""
    return _shared("data", "utd_mhad", "Skeleton.zip")


@pytest.fixture(scope="session")
def load_pack() -> Callable[[str], tuple[dict, dict]]:
    """Return the function that loads a parity pack by name: (state dict, outputs)."""
    return parity.load_pack


@pytest.fixture(scope="session")
def made_once() -> Callable[[str, Callable[[pathlib.Path], None]], pathlib.Path]:
    """Return the function that gives all workers the same folder, which the first of them makes."""

    def get(name: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
        folder = pathlib.Path(os.environ["GAPJAX_TESTS"], name)
        done = folder.with_suffix(".done")
        with FileLock(folder.with_suffix(".lock")):
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def data(made_once: Callable, environment: dict[str, str]) -> pathlib.Path:
    """Return a folder with the built-in dataset, converted by the public command."""

    def make(folder: pathlib.Path) -> None:
        command = [sys.executable, "-m", "data_pipelines.convert", "synthetic", f"--out={folder}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    return made_once("data", make)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return the variables of processes that tests start: as users have, one device, all logs."""
    kept = {name: text for name, text in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return kept | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK}


@pytest.fixture(scope="session")
def command(data: pathlib.Path, environment: dict[str, str]) -> Command:
    """Return the public command on the built-in dataset."""
    return Command(data, environment)


@pytest.fixture(scope="session")
def gap_run(command: Command, made_once: Callable) -> pathlib.Path:
    """Return the workdir of a finished run of GAP."""

    def make(workdir: pathlib.Path) -> None:
        status, out, err = command.run(workdir, *SMOKE_FLAGS)
        assert (status, err) == (0, "")
        assert re.search(r"\n  eval +top1 \d", out), out
        assert "\ndevices: 2 x cpu" in out
        facts = json.loads((workdir / "result.json").read_text())["facts"]
        assert (facts["protocol"], facts["protocol_digest"]) == ("xsub", "a7f5e2619559")

    return made_once("smoke", make)


@pytest.fixture(scope="session")
def streamed(command: Command, made_once: Callable) -> pathlib.Path:
    """Return the workdir of a finished run of GAP that read TFRecords."""

    def make(workdir: pathlib.Path) -> None:
        status, _, err = command.run(workdir, *STREAM_FLAGS)
        assert (status, err) == (0, "")

    return made_once("streamed", make)


@pytest.fixture(scope="session")
def star_run(command: Command, made_once: Callable) -> pathlib.Path:
    """Return the workdir of a finished run of STAR, and check what it printed."""

    def make(workdir: pathlib.Path) -> None:
        status, out, err = command.run(workdir, *STAR_FLAGS, config=STAR)
        assert (status, err) == (0, "")
        result = json.loads((workdir / "result.json").read_text())
        wanted = {"protocol": "xsub", "split": "18_6", "text": "hashed", "seed": "1"}
        wanted |= {"method": "star", "split_digest": "173a4131324e"}
        assert wanted.items() <= result["facts"].items()
        measured = result["evaluations"]["test"]["metrics"]
        assert {"zsl/top1", "gzsl_validation/harmonic", "gzsl_oracle/gamma"} <= set(measured)
        for row in ("zsl +top1", "gzsl_validation +gamma", "gzsl_oracle +gamma"):
            assert re.search(rf"\n  {row} \d", out), out

    return made_once("star", make)


@pytest.fixture(scope="session")
def gap_bundle(gap_run: pathlib.Path, made_once: Callable) -> pathlib.Path:
    """Return the bundle of the run of GAP; no test may change it."""
    return made_once("gap_bundle", functools.partial(_export, gap_run))


@pytest.fixture(scope="session")
def star_bundle(star_run: pathlib.Path, made_once: Callable) -> pathlib.Path:
    """Return the bundle of the run of STAR; no test may change it."""
    return made_once("star_bundle", functools.partial(_export, star_run))


def _export(workdir: pathlib.Path, out: pathlib.Path) -> None:
    from gapjax import export

    assert export.main([f"--workdir={workdir}", f"--out={out}", "--frames=120"]) == 0


@pytest.fixture
def tiny_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the dataset `tiny` be found."""
    tiny_dataset.put_in_place(monkeypatch)


@pytest.fixture(scope="session")
def tiny(made_once: Callable) -> pathlib.Path:
    """Return the converted dataset `tiny`, without a pack; no test may change it."""
    return made_once("tiny", tiny_dataset.converted) / "tiny"


@pytest.fixture
def tiny_copy(tiny: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a copy of the dataset `tiny` that may be packed and damaged."""
    return pathlib.Path(shutil.copytree(tiny, tmp_path / "data" / "tiny"))
