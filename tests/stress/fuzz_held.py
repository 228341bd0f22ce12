"""What the parsers read when they are fuzzed, and what must hold of a result."""

import dataclasses

import numpy as np

from data_pipelines.parsers.sources import Source


@dataclasses.dataclass(frozen=True)
class _Held(Source):
    """A raw file that is in memory."""

    content: bytes = b""

    def read(self) -> bytes:
        return self.content


def held(name: str, content: bytes) -> Source:
    """Return a raw file that is in memory."""
    return _Held(name, f"raw/{name}", None, (0, 0), content)


def check(skeleton: np.ndarray, joints: int) -> None:
    """Assert that a record's coordinates are t m v 3 and finite."""
    assert skeleton.dtype == np.float32
    assert skeleton.ndim == 4
    assert skeleton.shape[2:] == (joints, 3)
    assert skeleton.shape[0] > 0
    assert skeleton.shape[1] in (1, 2)
    assert np.isfinite(skeleton).all()
