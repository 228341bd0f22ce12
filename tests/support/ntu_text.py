"""NTU `.skeleton` text of any bodies in any frames, and a slow reader to test the fast one."""

from collections.abc import Mapping, Sequence

import numpy as np

_ID = 72057594037944738
_FACTS = ("0", "1", "1", "0", "1", "0", "-0.21", "0.12", "2")
_REST = "277.4 191.8 1036.2 519.1 -0.2059 0.0535 0.9692 -0.1239 2"


def ntu_text(frames: Sequence[Mapping[int, np.ndarray]], facts: int = 10, end: str = "\n") -> str:
    """Return the text of frames that have bodies (v 3) by id.

    Args:
        frames: the frames.
        facts: how many facts a body has, its id included.
        end: how lines end.
    """
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body, joints in bodies.items():
            lines.append(" ".join([str(_ID + body), *_FACTS][:facts]))
            lines.append(str(len(joints)))
            for x, y, z in joints:
                lines.append(f"{x:.9g} {y:.9g} {z:.9g} {_REST}")
    return end.join([*lines, ""])


def person(frames: int, seed: int = 0, moves: float = 0.1, width: float = 0.3) -> np.ndarray:
    """Return somebody (t v 3) who is 1.6 m high and `width` times that wide, three meters away."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-0.5, 0.5, (25, 3)) * [1.6 * width, 1.6, 0.2] + [0, 0, 3]
    joints[:2, 0], joints[:2, 1] = [-0.8 * width, 0.8 * width], [-0.8, 0.8]
    steps = rng.normal(size=(frames, 1, 3)) * moves
    return (joints + steps).astype(np.float32)


def footage(length: int, bodies: Mapping[int, tuple[int, np.ndarray]]) -> list[dict]:
    """Return frames in which each body, given as (first frame, t v 3), appears without a gap."""
    frames = [{} for _ in range(length)]
    for body, (first, joints) in bodies.items():
        for step, each in enumerate(joints):
            frames[first + step][body] = each
    return frames


def slowly(content: bytes) -> tuple[list[int], list[int], np.ndarray]:
    """Return frame, body and joints (n v 3) of every body, read line by line."""
    lines = iter(content.split(b"\n"))
    frames, bodies, joints, known = [], [], [], []
    for frame in range(int(next(lines))):
        for _ in range(int(next(lines))):
            body = next(lines).split()[0]
            if body not in known:
                known.append(body)
            frames.append(frame)
            bodies.append(known.index(body))
            for _ in range(int(next(lines))):
                x, y, z = next(lines).split()[:3]
                joints.append((float(x), float(y), float(z)))
    return frames, bodies, np.array(joints, np.float64).reshape(-1, 25, 3).astype(np.float32)
