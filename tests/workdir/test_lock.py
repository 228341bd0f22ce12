"""One run at a time in a working directory."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_pipelines.errors import UserError
from gapjax.workdir import lock
from support.commands import ROOT

HOLD = """
import sys, time, pathlib
from gapjax.workdir import lock
with lock.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_workdir_is_held_until_its_process_ends(tmp_path: Path) -> None:
    """Killed without mercy, a process leaves nothing that has to be removed by hand."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="run is in use by another run; wait for it or choose"):
            lock.held(tmp_path / "run").__enter__()
        process.send_signal(signal.SIGKILL)
    for _ in range(2):
        with lock.held(tmp_path / "run"):
            assert (tmp_path / "run").is_dir()
