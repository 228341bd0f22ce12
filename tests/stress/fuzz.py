"""Damaged raw files, which the parsers must read or refuse, soon and in little memory.

PYTHONPATH=tests python -m stress.fuzz [--parser=ntu ...] [--count=20000] [--seed=0] [--seconds=2]
[--megabytes=512]

Every input follows from its seed alone: `--parser=ntu --seed=4711 --count=1` makes one again. The
parsers run in a process of their own, so that a crash, a hang or a want of memory is reported like
any other failure. The exit status is 1 if there was a failure.
"""

import argparse
import dataclasses
import multiprocessing
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, MutableSequence
from multiprocessing.connection import Connection
from pathlib import Path

from tqdm import tqdm

from data_pipelines.errors import DataError
from stress import fuzz_formats, fuzz_parsers
from stress.fuzz_parsers import Parser

PARSERS = fuzz_parsers.PARSERS | fuzz_formats.PARSERS

# A process that goes on with nothing for so many times the limit of an input is ended.
_PATIENCE = 10
# How long a process may take to begin, in seconds.
_START = 120
_CONTEXT = multiprocessing.get_context("spawn")
# What processes share: the seed that they are at, how many inputs were read, how many refused.
_SEED, _READ, _REFUSED = range(3)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an input may cost: time on the processor, and memory besides what the process has."""

    seconds: float = 2
    megabytes: int = 512


@dataclasses.dataclass(frozen=True)
class Result:
    """How many inputs were read and refused, and what went wrong, by seed."""

    read: int
    refused: int
    failures: dict[int, str]


def fuzz(parser: Parser, seeds: range, limits: Limits) -> Result:
    """Run a parser on the inputs of all seeds; a process that dies is followed by another."""
    failures, shared = {}, _CONTEXT.RawArray("q", 3)
    with tqdm(total=len(seeds), unit=" inputs", disable=None, leave=False) as bar:
        while seeds:
            shared[_SEED] = seeds.start - 1
            failures |= _failures(parser, seeds, limits, shared, bar)
            seeds = range(shared[_SEED] + 1, seeds.stop)
    return Result(shared[_READ], shared[_REFUSED], failures)


def _failures(
    parser: Parser, seeds: range, limits: Limits, shared: MutableSequence[int], bar: tqdm
) -> Iterator[tuple[int, str]]:
    """Yield the seeds that fail in one process, up to the one that ends it, and how they do."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_work, args=(parser, seeds, limits, theirs, shared))
    process.start()
    theirs.close()
    at, since = seeds.start - 1, time.monotonic()
    patience = _START
    try:
        while time.monotonic() < since + patience:
            if shared[_SEED] > at:
                bar.update(shared[_SEED] - at)
                at, since, patience = shared[_SEED], time.monotonic(), _PATIENCE * limits.seconds
            if ours.poll(0.1):
                yield ours.recv()
        yield shared[_SEED], "hangs"
    except EOFError:
        process.join()
        if shared[_SEED] < seeds.start:
            raise RuntimeError("the process could not begin") from None
        if process.exitcode:
            yield shared[_SEED], f"the process ended with the status {process.exitcode}"
    finally:
        process.kill()
        process.join()


def _work(
    parser: Parser,
    seeds: range,
    limits: Limits,
    connection: Connection,
    shared: MutableSequence[int],
) -> None:
    """Run the inputs of all seeds, and send those that fail."""
    warnings.simplefilter("error")
    _limit_memory(limits.megabytes << 20)
    for seed in seeds:
        shared[_SEED] = seed
        content = parser.content(seed)
        start = time.process_time()
        kind, fault = _attempt(parser, content)
        spent = time.process_time() - start
        if spent > limits.seconds:
            fault = f"took {spent:.1f} s"
        if fault:
            connection.send((seed, fault))
        else:
            shared[kind] += 1


def _attempt(parser: Parser, content: bytes) -> tuple[int, str]:
    """Return whether an input was read or refused, and what went wrong."""
    try:
        parser.read(content)
    except DataError as error:
        if "\n" in str(error) or len(str(error)) > 1000:
            return _REFUSED, f"the message is not one short line: {str(error)[:1000]!r}"
        return _REFUSED, ""
    except BaseException:
        return _READ, traceback.format_exc(limit=-3)
    return _READ, ""


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        limit = int(pages.read_text().split()[0]) * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--parser", nargs="+", choices=PARSERS, default=list(PARSERS))
    options.add_argument("--count", type=int, default=20_000, help="inputs of each parser")
    options.add_argument("--seed", type=int, default=0, help="of the first input")
    options.add_argument("--seconds", type=float, default=Limits.seconds, help="for an input")
    options.add_argument("--megabytes", type=int, default=Limits.megabytes, help="for a process")
    given = options.parse_args(arguments)
    seeds, failed = range(given.seed, given.seed + given.count), False
    for name in given.parser:
        result = fuzz(PARSERS[name], seeds, Limits(given.seconds, given.megabytes))
        failed |= bool(result.failures)
        for seed, text in result.failures.items():
            print(f"--parser={name} --seed={seed} --count=1: {text}")
        print(
            f"{name}: {len(seeds):,} inputs: {result.read:,} read, {result.refused:,} refused, "
            f"{len(result.failures):,} failures"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
