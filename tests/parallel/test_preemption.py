"""Graceful preemption: a run saves its state on a signal, and resumes bit for bit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from data_pipelines.errors import Preempted
from gapjax.parallel import preemption
from gapjax.training import feature_cache, loop
from support import small_features
from support.commands import ROOT, results
from support.tiny_run import STEPS_PER_EPOCH, tiny_run

pytestmark = pytest.mark.slow

CADENCE = {"steps_per_dispatch": 2, "log_every": 4, "checkpoint_every": 5, "evaluate_every": 2}


@pytest.fixture
def listening() -> Iterator[None]:
    """Record signals of this process during a test."""
    before = {number: signal.getsignal(number) for number in preemption.SIGNALS}
    preemption.listen()
    yield
    preemption._received.clear()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def sends(number: signal.Signals) -> Callable[[], None]:
    """Return the function that sends this process a signal and waits until it is recorded."""

    def send() -> None:
        os.kill(os.getpid(), number)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                preemption.check()
            except Preempted:
                return
            time.sleep(0.001)

    return send


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    workdir = tmp_path_factory.mktemp("undisturbed")
    loop.train(tiny_run(**CADENCE), workdir)
    return results(workdir)


def test_a_stopped_run_resumes_bit_for_bit(
    listening: None, undisturbed: dict, tmp_path: Path
) -> None:
    """Stopped before its first step, between lines of the log, after an evaluation, at the end."""
    for step in (0, 2, 5, 8, 12, 16):
        run = tiny_run({step: sends(signal.SIGTERM)}, **CADENCE)
        with pytest.raises(
            Preempted, match=rf"^stopped by SIGTERM: step {step} of 18 is saved; run"
        ):
            loop.train(run, tmp_path)
        assert not (tmp_path / "scores").exists()
        preemption._received.clear()
    loop.train(tiny_run(**CADENCE), tmp_path)
    assert results(tmp_path) == undisturbed


def test_a_run_stopped_in_an_evaluation_repeats_it(
    listening: None, undisturbed: dict, tmp_path: Path
) -> None:
    """The end of the second epoch is saved though no checkpoint is due there."""
    step = 2 * STEPS_PER_EPOCH
    run = tiny_run(evaluating={1: sends(signal.SIGINT)}, **CADENCE)
    with pytest.raises(Preempted, match=f"stopped by SIGINT: step {step} of"):
        loop.train(run, tmp_path)
    preemption._received.clear()
    loop.train(tiny_run(**CADENCE), tmp_path)
    assert results(tmp_path) == undisturbed


def test_features_are_not_kept_if_a_signal_stops_them(
    listening: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, items, feed = small_features.source(), small_features.items(), small_features.feed()
    begin = np.lib.format.write_array_header_1_0

    def stop_after(*args: object) -> None:
        sends(signal.SIGTERM)()
        begin(*args)

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", stop_after)
    with pytest.raises(Preempted, match=r"^stopped by SIGTERM; run the same command to continue$"):
        feature_cache.prepare(source, items, lambda: feed, small_features.SAMPLES, 3, tmp_path)
    assert not list(tmp_path.iterdir())


PATIENT = """
import time
from gapjax.parallel import preemption
preemption.listen()
print(flush=True)
time.sleep(60)
"""


def test_a_second_signal_ends_the_process_at_once() -> None:
    """Two at the same time count as one; a later one ends the process."""
    with subprocess.Popen([sys.executable, "-c", PATIENT], cwd=ROOT, stdout=subprocess.PIPE) as one:
        one.stdout.readline()
        one.terminate()
        one.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            one.wait(preemption.GRACE + 0.3)
        one.terminate()
        assert one.wait(20) == 128 + signal.SIGTERM
