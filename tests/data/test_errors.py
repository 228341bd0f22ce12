"""What a refused file says, and an interruption."""

import os
import pathlib
import subprocess
import sys

import pytest

from data_pipelines import command
from data_pipelines.errors import DataError, FileError
from support.commands import ROOT


def test_a_message_is_one_short_line_that_begins_and_ends_as_written() -> None:
    short = "a/b.csv: line 3: has no label; add it"
    assert str(DataError(short)) == short
    assert str(FileError("a/b.csv", "has no label; add it", 3)) == short
    assert str(DataError("a\nb\r\nc")) == "a b c"
    for error in (DataError, lambda text: FileError("x.npy", text)):
        told = str(error(f"is {'9' * 5000}; correct it"))
        assert len(told) < 1000
        assert "9 … 9" in told
        assert told.endswith("999; correct it")


@pytest.mark.parametrize("module", ["gapjax.main", "gapjax.classify", "data_pipelines.convert"])
def test_an_interruption_while_modules_are_imported(tmp_path: pathlib.Path, module: str) -> None:
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)")
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    call = [sys.executable, "-m", module]
    done = subprocess.run(call, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "gapjax: interrupted\n")


def test_programs_of_others_are_interrupted_as_ever(tmp_path: pathlib.Path) -> None:
    """Also those that import a command while Python looks for their module."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text("import gapjax")
    code = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "theirs" / "main.py").write_text(f"{code}except KeyboardInterrupt:\n    print(1)")
    variables = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    call = [sys.executable, "-m", "theirs.main"]
    done = subprocess.run(call, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_an_interruption_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    @command.guarded
    def main() -> int:
        raise KeyboardInterrupt

    assert main() == 130
    assert capsys.readouterr().err == "gapjax: interrupted\n"
