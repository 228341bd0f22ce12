"""The parsers stand a short run of `fuzz.py`, and `fuzz.py` sees every kind of failure."""

import os
import signal
import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from data_pipelines.errors import DataError
from stress import fuzz_damage
from stress.fuzz import PARSERS, Limits, Result, fuzz
from stress.fuzz_parsers import Parser

pytestmark = pytest.mark.slow

# Tests must pass where all processors are busy.
PATIENT = Limits(seconds=30)


@pytest.mark.parametrize("name", PARSERS)
def test_damaged_files_are_read_or_refused(name: str) -> None:
    result = fuzz(PARSERS[name], range(300), PATIENT)
    assert result.failures == {}
    assert result.read + result.refused == 300
    assert min(result.read, result.refused) >= 3


@pytest.mark.parametrize("name", PARSERS)
def test_an_input_follows_from_its_seed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not from the time of day, which archives keep of their files."""
    parser = PARSERS[name]
    now = [parser.content(seed) for seed in range(9)]
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(1e9))
    again = Parser(parser.make, print, parser.damage)
    assert now == [again.content(seed) for seed in range(9)]


def test_valid_files_are_cut_at_every_byte() -> None:
    parser = Parser(make, refuse, fuzz_damage.TEXT)
    cut = [parser.content(seed) for seed in range(0, 4 * 100, 4)]
    assert cut == [make(None)[:length] for length in range(100)]


@pytest.mark.parametrize("name", PARSERS)
def test_20000_inputs_are_enough_to_cut_at_every_byte(name: str) -> None:
    sizes = [len(PARSERS[name].content(seed)) for seed in range(0, 20_000, 4)]
    assert max(sizes) > 100
    assert sizes[max(sizes) + 1] == 0
    assert set(sizes) == set(range(max(sizes) + 1))


def make(rng: np.random.Generator) -> bytes:
    del rng
    return bytes(range(100))


def refuse(content: bytes) -> None:
    del content
    raise DataError("file: is damaged")


def wrong(content: bytes) -> None:
    assert len(content) == 1, "wrong"


def warn(content: bytes) -> None:
    del content
    warnings.warn("overflow", RuntimeWarning, stacklevel=1)


class TwoLinesError(DataError):
    """An error of data that does not say it in one line, as others do by themselves."""

    def __str__(self) -> str:
        return "file:\nis damaged"


def long_message(content: bytes) -> None:
    del content
    raise TwoLinesError


def crash(content: bytes) -> None:
    del content
    os.kill(os.getpid(), signal.SIGSEGV)


def slow(content: bytes) -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        len(content)


def hang(content: bytes) -> None:
    del content
    time.sleep(1000)


def hog(content: bytes) -> None:
    del content
    np.zeros(2**28)


FAILURES = {
    wrong: "AssertionError: wrong",
    warn: "RuntimeWarning: overflow",
    long_message: "the message is not one short line",
    crash: "the process ended with the status -11",
    slow: "took 0.",
    hang: "hangs",
    hog: "MemoryError",
}


def run(read: Callable, seeds: range) -> Result:
    return fuzz(Parser(make, read, fuzz_damage.TEXT), seeds, Limits(seconds=0.2))


@pytest.mark.parametrize("read", FAILURES)
def test_failures_are_reported_by_seed(read: Callable) -> None:
    found = run(read, range(5, 7))
    assert list(found.failures) == [5, 6]
    assert all(FAILURES[read] in text for text in found.failures.values())
    assert found.read + found.refused == 0


def test_refusals_are_no_failures() -> None:
    assert run(refuse, range(5, 7)) == Result(0, 2, {})
