"""How often windows are recognized as their clip's class, by the length of a window.

python -m stress.live_windows DATASET --bundle=DIR [--windows=30,60,90] [--clips=720]

replays test clips of a converted dataset without a server: windows end after every tenth frame and
with the clip, as those of `gapjax.live`. It prints which share is right, of all windows and of the
last ones of clips: of seen classes, and of unseen ones for zero-shot bundles.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gapjax.serving.bundle import open_bundle
from gapjax.streaming.recognizer import BATCH, ClassList, Recognizer
from gapjax.streaming.replays import replays

EVERY = 10


class Ended(NamedTuple):
    """A window: its frames, the class of its clip, and whether the clip ends with it."""

    frames: np.ndarray
    label: str
    is_last: bool


def windows(clip: np.ndarray, label: str, length: int) -> list[Ended]:
    """Return the windows of a clip (t m v c)."""
    ends = [*range(EVERY, len(clip), EVERY), len(clip)]
    return [Ended(clip[max(0, end - length) : end], label, end == len(clip)) for end in ends]


def recognized(recognizer: Recognizer, classes: ClassList, found: Sequence[Ended]) -> np.ndarray:
    """Return whether each window is recognized as its clip's class."""
    names = []
    for first in range(0, len(found), BATCH):
        clips = [recognizer.clip(each.frames) for each in found[first : first + BATCH]]
        names += [best.names[0] for best in recognizer.recognize(clips, classes)]
    return np.array([name == each.label for name, each in zip(names, found, strict=True)])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--windows", default="30,60,90")
    parser.add_argument("--clips", type=int, default=720)
    options = parser.parse_args(arguments)
    bundle = open_bundle(options.bundle)
    recognizer = Recognizer(bundle, top=1)
    classes = recognizer.classes(None)
    clips = [
        (each.read(), each.label) for each in replays(bundle, [options.dataset], options.clips)
    ]
    for length in map(int, options.windows.split(",")):
        found = [each for clip, label in clips for each in windows(clip, label, length)]
        right = recognized(recognizer, classes, found)
        last = np.array([each.is_last for each in found])
        seen = np.isin([each.label for each in found], bundle.metadata["trained_on"])
        shares = {"all windows": ~last | last, "last": last, "last, seen": last & seen}
        shares |= {"last, unseen": last & ~seen} if (~seen).any() else {}
        told = ", ".join(f"{name} {100 * right[of].mean():.1f}" for name, of in shares.items())
        print(f"{length} frames: {told} % of {len(clips)} clips", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
