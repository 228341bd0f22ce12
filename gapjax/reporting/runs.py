"""The runs of a report: what was run, its result, and what each sample was recognized as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from data_pipelines.errors import UserError
from gapjax.analysis import run_figures
from gapjax.analysis.metrics import top_k_accuracy
from gapjax.analysis.run_table import workdir_names
from gapjax.workdir import history, json_object
from gapjax.workdir.config_file import read_config
from gapjax.workdir.scores import Scores, read_scores, scores_path
from gapjax.zero_shot.calibration import Curve, recognize, seen_unseen_curve
from gapjax.zero_shot.metrics import reported_gamma, restrict, unseen_indices


@dataclass(frozen=True, eq=False)
class ReportedRun:
    """A run with its scores of one evaluation.

    Attributes:
        workdir: its working directory.
        name: what it is called in the report.
        scores: the scores.
        labels: the names of the classes.
        config: its config, flat.
        environment: the content of `environment.json`; empty if there is none.
        metrics: the metrics of the evaluation, named as in `result.json`.
        progress: in which epoch it is, of how many.
    """

    workdir: Path
    name: str
    scores: Scores
    labels: Sequence[str]
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    metrics: Mapping[str, float]
    progress: tuple[int, int]

    @cached_property
    def unseen(self) -> list[int]:
        """Return the unseen classes; empty if no sample is of one."""
        classes = unseen_indices(self.scores)
        return classes if np.isin(self.scores.label, classes).any() else []

    @cached_property
    def gammas(self) -> dict[str, float]:
        """Return source of a γ → γ."""
        prefix = f"{self.scores.facts.get('evaluation', 'test')}/"
        return history.gammas_of(
            {key.removeprefix(prefix): value for key, value in self.metrics.items()}
        )

    @cached_property
    def gamma(self) -> tuple[str, float]:
        """Return the source and the γ at which classes are recognized; 0 without a source."""
        return reported_gamma(self.gammas) if self.unseen else ("", 0.0)

    @cached_property
    def calibrated(self) -> Float[np.ndarray, "n k"]:
        """Return the scores, those of seen classes minus γ (STAR, ACM MM 2024, Eq. 9).

        Without samples of unseen classes, those are no choice: their scores are -inf.
        """
        classes = np.arange(self.scores.score.shape[1])
        if self.unseen:
            return self.scores.score - ~np.isin(classes, self.unseen) * self.gamma[1]
        return np.where(np.isin(classes, unseen_indices(self.scores)), -np.inf, self.scores.score)

    @cached_property
    def recognized(self) -> Int[np.ndarray, " n"]:
        """Return the class of each sample: of a zero-shot run at γ, among all classes."""
        if self.unseen:
            return recognize(self.scores.score, self.unseen, self.gamma[1])
        return self.calibrated.argmax(axis=1)

    @cached_property
    def curve(self) -> Curve:
        """Return the seen-unseen curve of a zero-shot run."""
        return seen_unseen_curve(self.scores.score, self.scores.label, self.unseen)

    def headline(self) -> tuple[str, list[str]]:
        """Return the result in one line, and the metadata that belong to it."""
        title, about = run_figures.result(replace(self.scores, score=self.calibrated))
        if not self.unseen:
            return title, about
        score, label = restrict(self.scores.score, self.scores.label, self.unseen)
        top1 = 100 * top_k_accuracy(score, label, 1)
        title = f"{top1:.1f} % of {len(label)} clips of {len(self.unseen)} unseen classes"
        # The accuracies at the end of `about` are among all classes, without γ.
        return f"{title} recognized", [*about[:-2], f"chance {100 / len(self.unseen):.1f} %"]


def read(workdirs: Sequence[Path], evaluation: str) -> list[ReportedRun]:
    """Return the runs of working directories.

    Raises:
        UserError: one of them is no working directory, or has no scores.
    """
    names = workdir_names(workdirs)
    if len(set(names)) < len(names):
        raise UserError("one working directory is given twice; name each once")
    return [_read(workdir, name, evaluation) for workdir, name in zip(workdirs, names, strict=True)]


def _read(workdir: Path, name: str, evaluation: str) -> ReportedRun:
    config, scores = read_config(workdir), read_scores(scores_path(workdir, evaluation))
    last = history.read_history(workdir / "metrics.jsonl").lines[-1]
    return ReportedRun(
        workdir=workdir,
        name=name,
        scores=scores,
        labels=run_figures.class_names(scores, workdir),
        config=config,
        environment=_json(workdir / "environment.json"),
        metrics=_metrics(workdir, evaluation),
        progress=(last["epoch"], config.get("train.epochs", last["epoch"])),
    )


def _metrics(workdir: Path, evaluation: str) -> dict[str, float]:
    """Return the metrics of an evaluation: of `result.json`, or else as they were logged last."""
    result = _json(workdir / "result.json").get("evaluations", {})
    if evaluation in result:
        return dict(result[evaluation]["metrics"])
    logged: dict[str, float] = {}
    for line in history.read_history(workdir / "metrics.jsonl").lines:
        logged |= {key: value for key, value in line.items() if key not in ("step", "epoch")}
    return {key: value for key, value in logged.items() if not key.startswith("train/")}


def _json(path: Path) -> dict[str, Any]:
    return json_object.read(path, "evaluate the run again (--mode=evaluate)")
