"""What classification found, as text, CSV or JSON."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Found:
    """The scores of files.

    Attributes:
        files: the files.
        classes: the names of the classes.
        measure: what a score is: `probability`, or `score` where classes or γ are an input.
        score: the scores of all files.
        parts: the names of the body parts; empty if they are not compared.
        part: the similarity of each part, if they are.
    """

    files: Sequence[str]
    classes: Sequence[str]
    measure: str
    score: Float[np.ndarray, "b k"]
    parts: Sequence[str] = ()
    part: Float[np.ndarray, "b k p"] | None = None

    def best(self, row: int, top: int) -> list[int]:
        """Return the best classes of a file, the best first."""
        return np.argsort(-self.score[row], kind="stable")[:top].tolist()

    def similarities(self, row: int, k: int) -> dict[str, float]:
        """Return the similarity of each part of a file's bodies to a class."""
        values = [] if self.part is None else self.part[row, k].tolist()
        return dict(zip(self.parts, values, strict=True)) if values else {}


def as_text(found: Found, top: int) -> str:
    """Return the `top` best classes of every file, a line each below the file's name."""
    lines = []
    for row, file in enumerate(found.files):
        best = found.best(row, top)
        width = max(len(found.classes[k]) for k in best)
        lines.append(file)
        for rank, k in enumerate(best, 1):
            line = f"  {rank}. {found.classes[k]:{width}}  {found.score[row, k]:6.3f}"
            parts = [f"{name} {value:.2f}" for name, value in found.similarities(row, k).items()]
            lines.append(line + ("   " + "  ".join(parts) if parts else ""))
    return "\n".join(lines)


def as_csv(found: Found, top: int) -> str:
    """Return a line for each of the `top` best classes of every file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = found.parts if found.part is not None else ()
    writer.writerow(["file", "rank", "class", found.measure, *parts])
    for row, file in enumerate(found.files):
        for rank, k in enumerate(found.best(row, top), 1):
            values = [float(found.score[row, k]), *found.similarities(row, k).values()]
            shown = [f"{value:.6g}" for value in values]
            writer.writerow([file, rank, found.classes[k], *shown])
    return out.getvalue().rstrip("\n")


def as_json(found: Found, top: int) -> str:
    """Return a list with an object for every file."""
    content = [
        {"file": file, "classes": [_entry(found, row, k) for k in found.best(row, top)]}
        for row, file in enumerate(found.files)
    ]
    return json.dumps(content, indent=2, ensure_ascii=False)


def _entry(found: Found, row: int, k: int) -> dict[str, object]:
    parts = found.similarities(row, k)
    entry = {"class": found.classes[k], found.measure: float(found.score[row, k])}
    return entry | ({"parts": parts} if parts else {})


FORMATS: Mapping[str, Callable[[Found, int], str]] = {
    "text": as_text,
    "csv": as_csv,
    "json": as_json,
}
