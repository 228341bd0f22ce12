"""The wheel: what it contains and asks for, and that it works where this repository is not."""

import json
import re
import shutil
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gapjax
from data_pipelines.storage import index
from gapjax.workdir import bundle_files
from support import own_folder
from support.source_tree import FILES, ROOT, imported

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

COMMANDS = sorted(
    name.removesuffix(".__main__")
    for name, path in FILES.items()
    if '__name__ == "__main__"' in path.read_text() and not name.startswith("launch")
)
# Runs `python -m COMMAND --help` for all commands, each in a fork of a process that has imported
# what they share; prints their statuses and outputs, and the places of the modules.
HELP = """
import contextlib, io, json, os, runpy, signal, sys
import matplotlib.pyplot
import gapjax.experiment.carry_out, gapjax.serving.bundle_writer, gapjax.studies.running

def run(name):
    sys.argv, status, out = [name, "--help"], 0, io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as error:
            status = error.code or 0
    places = {module.__file__ for name, module in sys.modules.items()
              if name.partition(".")[0] in ("gapjax", "data_pipelines")}
    return {"status": status, "out": out.getvalue(), "places": sorted(places)}

found = {}
for name in sys.argv[1:]:
    reading, writing = os.pipe()
    if not os.fork():
        # Of a lock that a thread of the parent held, nothing else comes back.
        signal.alarm(120)
        with os.fdopen(writing, "w") as file:
            json.dump(run(name), file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        found[name] = json.load(file)
    os.wait()
print(json.dumps(found))
"""
# A config that imports nothing of this repository.
CONFIG = """
from gapjax.experiment.config_dict import new_config

def get_config(variants=""):
    config = new_config(method="supervised")
    config.data.dataset, config.data.protocol = "mine", "xsub"
    config.backbone.width, config.backbone.stages = 8, (1,)
    config.clips.window = 8
    config.train.batch_size = 4
    return config
"""
# Files of data that modules read beside them.
READ = """
from data_pipelines.datasets import _ntu
from data_pipelines.specs import catalog
from gapjax.prompts import descriptions, part_states
print(len(_ntu.missing()))
for name in catalog.modules():
    spec = catalog.module(name).SPEC
    texts = descriptions.load_all(spec.texts)
    assert {*spec.labels} <= {text.label for text in texts}, name
"""


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


def test_the_citation_is_of_this_version() -> None:
    """CITATION.cff has what the format 1.2.0 requires, and the facts of pyproject.toml."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["version"] == gapjax.__version__
    assert citation["license"] == PROJECT["license"]
    for paper in citation["references"]:
        assert {"type", "title", "authors", "year", "url"} <= paper.keys()
        assert all({"family-names", "given-names"} == author.keys() for author in paper["authors"])
    assert {paper["url"] for paper in citation["references"]} == {*PROJECT["urls"].values()}


def test_the_changelog_has_the_formats_that_are_checked() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"`format` in `bundle.json` is `{bundle_files.FORMAT}`" in changelog
    assert f"the folder of TFRecords, `{index.VERSION}` in `index.csv`" in changelog
    sections = re.findall(r"^## (.+)$", changelog, flags=re.MULTILINE)
    assert sections[:2] == ["Compatibility", "Unreleased"] or sections[1] == gapjax.__version__


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
    # report, scikit-learn projects, and websockets serves the live page, for who has them.
    extras = PROJECT["optional-dependencies"]
    assert undeclared == {"torch", "wandb", "plotly", "sklearn", "websockets"}
    optional = [
        name for each in ("parity", "wandb", "report", "tsne", "live") for name in extras[each]
    ]
    assert undeclared - {"sklearn"} | {"scikit-learn"} == declared(optional)
    assert not dependencies - set.union(*distributions.values())


@pytest.fixture(scope="module")
def outside(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new virtual environment with the wheel, beside which the dependencies are found.

    A pure wheel is installed by unpacking it. The paths of a .pth file are searched last, and the
    .pth files in them are not read, so that an editable gapjax there is not found.
    """
    folder = tmp_path_factory.mktemp("outside") / "env"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    wheel.extractall(packages)
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return folder


def run_outside(
    outside: Path, environment: dict[str, str], *arguments: str, status: int = 0
) -> str:
    """Run the environment's Python in an empty folder; return what it prints."""
    here = outside.parent / "here"
    here.mkdir(exist_ok=True)
    kept = {name: text for name, text in environment.items() if name != "PYTHONPATH"}
    command = [str(outside / "bin" / "python"), *arguments]
    options = {"capture_output": True, "text": True, "timeout": 600}
    done = subprocess.run(command, cwd=here, env=kept, **options)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_every_command_starts_outside(outside: Path, environment: dict[str, str]) -> None:
    found = json.loads(run_outside(outside, environment, "-c", HELP, *COMMANDS))
    assert len(found) > 15
    for name, result in found.items():
        assert result["status"] == 0, result["out"]
        assert "usage" in result["out"].lower() or "--config" in result["out"], name
        assert all(place.startswith(str(outside)) for place in result["places"]), name
        assert str(ROOT) not in result["out"]


def test_the_files_of_the_wheel_are_read_outside(
    outside: Path, environment: dict[str, str]
) -> None:
    """The excluded samples of NTU RGB+D, and the descriptions of every dataset."""
    assert run_outside(outside, environment, "-c", READ) == "535\n"


def test_a_run_outside(outside: Path, environment: dict[str, str]) -> None:
    """Own data are converted, and trained on by a config that is given by its path."""
    raw = own_folder.write(outside.parent / "mine")
    (outside.parent / "my_config.py").write_text(CONFIG)
    convert = ("-m", "data_pipelines.convert", "own", f"--raw={raw}", "--out=data")
    assert "16 samples" in run_outside(outside, environment, *convert)
    train = ("-m", "gapjax.main", "--config=../my_config.py", "--workdir=run")
    assert "top1" in run_outside(outside, environment, *train)
    assert (outside.parent / "here" / "run" / "result.json").exists()
