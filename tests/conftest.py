"""Strictness for every test: shapes are checked, ranks are not promoted, eight devices exist."""

import importlib.util
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Tests compile much and compute little; processes that they start inherit this.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

from jaxtyping import install_import_hook

install_import_hook(["gapjax", "data_pipelines"], "beartype.beartype")

import jax
import pytest
from commands import ROOT, Command

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_platforms", "cpu")

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def _shared(*parts: str) -> pathlib.Path:
    """Return a path in shared/, or skip the test with a reason where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path}")
    return path


@pytest.fixture(scope="module")
def optimized() -> Iterator[None]:
    """Compile as users do: for tests that compute much, or depend on the order of sums."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


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
    source = _shared("parity", "recipe.py")
    module_spec = importlib.util.spec_from_file_location("parity_recipe", source)
    recipe = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(recipe)
    return lambda name: recipe.load(_shared("parity", f"{name}.npz"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a folder with the built-in dataset, converted by the public command."""
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "data_pipelines.convert", "synthetic", f"--out={folder}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables under which every process of a session compiles a program once."""
    cache = tmp_path_factory.mktemp("compiled")
    return os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XLA_FLAGS": "",
    }


@pytest.fixture(scope="session")
def command(data: pathlib.Path, environment: dict[str, str]) -> Command:
    """Return the public command on the built-in dataset."""
    return Command(data, environment)
