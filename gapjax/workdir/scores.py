"""The scores of an evaluation, and their file `scores/<evaluation>.npz` of a working directory."""

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from data_pipelines.errors import UserError
from data_pipelines.specs import wrong_file
from data_pipelines.storage.atomic import replacing_file

ARRAYS = ("score", "label", "name")


@dataclass(frozen=True)
class Scores:
    """The scores of the samples of one evaluation.

    Attributes:
        score: the logits of the classes.
        label: the true classes, 0-based.
        name: the samples' names, all different.
        facts: the metadata of a result, as in JSON: dataset, protocol and its digest, index (the
            dataset's digest), evaluation, modality, text encoder, seed.
    """

    score: Float[np.ndarray, "n k"]
    label: Int[np.ndarray, " n"]
    name: Shaped[np.ndarray, " n"]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def take(self, rows: Int[np.ndarray, " n2"]) -> "Scores":
        """Return the scores of some samples, in the order of `rows`."""
        return dataclasses.replace(
            self, score=self.score[rows], label=self.label[rows], name=self.name[rows]
        )


def scores_path(workdir: Path, evaluation: str) -> Path:
    """Return the path of the scores of an evaluation."""
    return workdir / "scores" / f"{evaluation}.npz"


def write_scores(path: Path, scores: Scores) -> None:
    """Write scores atomically."""
    with replacing_file(path, single_writer=True) as file:
        np.savez_compressed(
            file,
            score=scores.score.astype(np.float32),
            label=scores.label.astype(np.int32),
            name=scores.name.astype(np.str_),
            facts=json.dumps(dict(scores.facts), sort_keys=True),
        )


def read_scores(path: Path) -> Scores:
    """Read a file of scores.

    Raises:
        UserError: the file is missing, is not a file of scores, or has invalid arrays.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; evaluate that working directory first")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {key: content[key] for key in content.files}
        facts = dict(json.loads(str(arrays.get("facts", "{}"))))
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = f"is not a file of scores, or is cut short ({wrong_file.cause(error)})"
        raise UserError(f"{path} {reason}") from error
    missing = [key for key in ARRAYS if key not in arrays]
    if missing:
        raise UserError(f"{path} has no {' and no '.join(missing)}: it is not a file of scores")
    score, label, name = (arrays[key] for key in ARRAYS)
    problem = _problem(score, label, name)
    if problem:
        raise UserError(f"{path}: {problem}; evaluate that working directory again")
    return Scores(score, label, name, facts)


def _problem(
    score: Shaped[np.ndarray, "..."],
    label: Shaped[np.ndarray, "..."],
    name: Shaped[np.ndarray, "..."],
) -> str:
    """Return the problem with the arrays of a file, or an empty string."""
    if score.ndim != 2 or label.shape != (len(score),) or name.shape != label.shape:
        return f"shapes {score.shape}, {label.shape}, {name.shape} are not (n, k), (n,), (n,)"
    if not len(score):
        return "there are no samples"
    if score.dtype.kind != "f" or label.dtype.kind != "i" or name.dtype.kind != "U":
        return f"types {score.dtype}, {label.dtype}, {name.dtype} are not float, int, str"
    if not np.isfinite(score).all():
        return f"the scores of {name[~np.isfinite(score).all(axis=1)][0]} are not finite"
    if label.min() < 0 or label.max() >= score.shape[1]:
        return f"labels {label.min()}..{label.max()} do not fit {score.shape[1]} classes"
    if len(np.unique(name)) < len(name):
        values, counts = np.unique(name, return_counts=True)
        return f"the sample {values[counts > 1][0]} occurs {counts.max()} times"
    return ""
