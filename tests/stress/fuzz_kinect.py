"""UTKinect's and MSRC-12's parsers as `fuzz.py` runs them."""

from collections.abc import Iterable

import numpy as np

from data_pipelines.parsers import msrc, utkinect
from data_pipelines.parsers.msrc import Recording
from data_pipelines.specs.record import LeftOut, Record
from stress.fuzz_held import check, held


def utkinect_file(rng: np.random.Generator) -> bytes:
    """Return lines of frames, some of the same number."""
    first = np.cumsum(rng.integers(4, size=rng.integers(1, 9)))
    rows = zip(first, rng.normal(size=(len(first), 60)), strict=True)
    return "".join(f"{n}  {'  '.join(map('{:.6f}'.format, row))}\n" for n, row in rows).encode()


def read_utkinect(content: bytes) -> None:
    """Parse a file of frames."""
    source = held("joints_s01_e01", content)
    actions = utkinect.Action(1, 0, (0, 99999)), utkinect.Action(2, 7, (3, 5))
    check_all(utkinect.records(utkinect.Recording("s01_e01", source, source, actions), 20))


def utkinect_list(rng: np.random.Generator) -> bytes:
    """Return a list of actions."""
    first = rng.integers(100, size=rng.integers(1, 9))
    return "".join(f"s{n:02}_e01\nwalk: {n} {n + 9}\ncarry: NaN NaN\n" for n in {*first}).encode()


def read_utkinect_list(content: bytes) -> None:
    """Parse a list of actions."""
    found = utkinect.actions(held("actionLabel", content), ("walk", "carry"), {})
    assert all(action.label in (0, 1) for actions in found.values() for action in actions)


def msrc_file(rng: np.random.Generator) -> bytes:
    """Return lines of frames with their times."""
    times = 2_000_000 + np.cumsum(rng.integers(1, 40_000, size=rng.integers(1, 6)))
    rows = zip(times, rng.normal(size=(len(times), 80)), strict=True)
    return "".join(f"{t} {' '.join(map('{:.6g}'.format, row))}\n" for t, row in rows).encode()


def read_msrc(content: bytes) -> None:
    """Parse a file of frames."""
    tagged = held("P1_1_3_p06", b"XQPCTick;Tag\n99750000;G3  Push right\n")
    check_all(msrc.records(Recording(held("P1_1_3_p06", content), tagged), 12, 20))


def msrc_tags(rng: np.random.Generator) -> bytes:
    """Return a file of tags."""
    ticks = np.cumsum(rng.integers(1, 10**8, size=rng.integers(1, 20)))
    return b"XQPCTick;Tag\r\n" + b"".join(b"%d;G10 Change weapon\r\n" % tick for tick in ticks)


def read_msrc_tags(content: bytes) -> None:
    """Parse a file of tags, whose clips must not be empty."""
    found = msrc.tags(held("P1_1_3_p06", content), 12)
    times = [tag.time for tag in found]
    assert times == sorted(set(times))
    assert all(start < stop for start, stop in msrc.clips(times))


def check_all(found: Iterable[Record | LeftOut]) -> None:
    """Assert that the records are as they should be."""
    for record in found:
        if isinstance(record, Record):
            check(record.skeleton, 20)
