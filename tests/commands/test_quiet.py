"""No library writes to stderr, in processes like those of users.

`gapjax.main` and the conversion of the built-in dataset are checked where the fixtures run them,
`gapjax.compile` by its own tests.
"""

import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from data_pipelines.readers import sample
from data_pipelines.storage.index import Index
from support import own_folder
from support.commands import ROOT

pytestmark = pytest.mark.slow

# One process runs several commands, which takes less time than a process each.
CODE = """
import importlib, json, sys
for module, arguments in json.loads(sys.argv[1]):
    assert importlib.import_module(module).main(arguments) == 0, module
"""


def said(environment: dict[str, str], *commands: tuple[str, Sequence[str | pathlib.Path]]) -> str:
    """Return what commands, which end well, write to stderr."""
    given = json.dumps([(module, list(map(str, arguments))) for module, arguments in commands])
    call = [sys.executable, "-c", CODE, given]
    streams = {"capture_output": True, "text": True, "timeout": 600}
    done = subprocess.run(call, cwd=ROOT, env=environment, **streams)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_of_gapjax(
    gap_run: pathlib.Path, data: pathlib.Path, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    run = shutil.copytree(gap_run, tmp_path / "run")
    np.save(
        tmp_path / "clip.npy",
        sample.read(str(data / "synthetic"), Index.load(data / "synthetic"), 0),
    )
    bundle = tmp_path / "bundle"
    assert not said(
        environment,
        ("gapjax.summarize", [run]),
        ("gapjax.ensemble", [run, run]),
        ("gapjax.plots", [run]),
        ("gapjax.prompts.lint", ["synthetic"]),
        ("gapjax.embed", [run, f"--out={tmp_path / 'x.npz'}"]),
        ("gapjax.export", [f"--workdir={run}", f"--out={bundle}", "--frames=120", "--tflite"]),
        ("gapjax.classify", [f"--bundle={bundle}", tmp_path / "clip.npy", "--nocompilation_cache"]),
    )


def test_of_data_pipelines(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    raw, data = own_folder.write(tmp_path / "mine"), tmp_path / "data"
    assert not said(
        environment,
        ("data_pipelines.convert", ["own", f"--raw={raw}", f"--out={data}"]),
        ("data_pipelines.verify", [data / "mine"]),
        ("data_pipelines.pack", [data / "mine"]),
        ("data_pipelines.show", [data / "mine"]),
    )
