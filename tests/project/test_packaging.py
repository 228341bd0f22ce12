"""The wheel: what it contains, and that it asks for what the code imports and for nothing else."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gapjax
from support.source_tree import FILES, ROOT, imported

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the built wheel."""
    source = tmp_path_factory.mktemp("source")
    for package in ("gapjax", "data_pipelines", "configs", "tests"):
        shutil.copytree(ROOT / package, source / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", source]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = source.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_two_packages(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"gapjax", "data_pipelines"}
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("gapjax", "data_pipelines")
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".yaml", ".txt", ".typed", ".html", ".css", ".js")
    }
    assert set(names) == files
    assert {"gapjax/py.typed", "data_pipelines/py.typed"} < files


def test_the_version_stands_in_one_place(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    assert f"\nVersion: {gapjax.__version__}\n" in wheel.read(metadata).decode()


def declared(requirements: list[str]) -> set[str]:
    """Return the names of the requirements that hold on this platform."""
    parsed = [Requirement(requirement) for requirement in requirements]
    return {
        canonicalize_name(requirement.name)
        for requirement in parsed
        if requirement.marker is None or requirement.marker.evaluate()
    }


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    project = {name.split(".")[0] for name in FILES}
    names = {name.split(".")[0] for path in FILES.values() for name in imported(path)}
    providers = packages_distributions()
    distributions = {
        name: {canonicalize_name(provider) for provider in providers.get(name, [name])}
        for name in names - project - sys.stdlib_module_names
    }
    dependencies = declared(PROJECT["dependencies"])
    undeclared = {name for name, found in distributions.items() if not found & dependencies}
    # PyTorch reads published weights, Weights & Biases receives logs, Plotly draws the charts of a
    # report, and scikit-learn projects, for who has them.
    extras = PROJECT["optional-dependencies"]
    assert undeclared == {"torch", "wandb", "plotly", "sklearn"}
    optional = [name for each in ("parity", "wandb", "report", "tsne") for name in extras[each]]
    assert undeclared - {"sklearn"} | {"scikit-learn"} == declared(optional)
    assert not dependencies - set.union(*distributions.values())
