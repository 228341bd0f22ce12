"""The data of a report's page, as JSON."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import gapjax
from data_pipelines.errors import UserError
from gapjax.reporting import classes, curves, differences, evidence, gammas, mistakes, skeletons
from gapjax.reporting.mistakes import Mistake
from gapjax.reporting.runs import ReportedRun


def content(runs: Sequence[ReportedRun], evaluation: str, clips: int, data: str) -> dict[str, Any]:
    """Return what the page of a report shows.

    Args:
        runs: the runs.
        evaluation: which evaluation the scores are of.
        clips: how many clips are shown of each run.
        data: the folder of converted datasets; if empty, those of the runs' configs.
    """
    return {
        "version": gapjax.__version__,
        "evaluation": evaluation,
        "runs": [_run(run, clips, data) for run in runs],
        "curves": curves.curves(runs),
        "gamma": gammas.slider(runs),
        "comparison": differences.compare(runs),
    }


def _run(run: ReportedRun, clips: int, data: str) -> dict[str, Any]:
    title, about = run.headline()
    source, gamma = run.gamma
    epoch, epochs = run.progress
    return {
        "name": run.name,
        "workdir": str(run.workdir),
        "title": title,
        "about": about,
        "progress": f"{epoch} of {epochs} epochs",
        "facts": dict(run.scores.facts),
        "metrics": dict(run.metrics),
        "config": {key: json.dumps(value) for key, value in run.config.items()},
        "environment": {key: json.dumps(value) for key, value in run.environment.items()},
        "gamma": {"source": source, "value": gamma} if run.unseen else None,
        "classes": classes.table(run),
        "confusion": classes.confusion(run),
        "mistakes": _mistakes(run, clips, data),
    }


def _mistakes(run: ReportedRun, most: int, data: str) -> dict[str, Any]:
    """Return the clips that a run is most confidently wrong about, with what could be had."""
    found = mistakes.most_confident(run, most)
    shown: dict[str, Any] = {
        "total": int((run.recognized != run.scores.label).sum()),
        "measure": mistakes.measure(run),
        "clips": [_mistake(run, each) for each in found],
        "missing": "",
        "evidence": None,
    }
    try:
        _add_frames(shown, run, found, data)
    except UserError as error:
        print(f"gapjax: warning: {run.name}: {error}", file=sys.stderr)
        shown["missing"] = str(error)
    return shown


def _add_frames(
    shown: dict[str, Any], run: ReportedRun, found: Sequence[Mistake], data: str
) -> None:
    """Add the skeletons and, where a method compares parts, the evidence of each."""
    if not found:
        return
    dataset = skeletons.opened(run, data)
    raw = skeletons.frames(dataset, [each.sample for each in found])
    for clip in shown["clips"]:
        clip["skeleton"] = skeletons.drawn(raw[clip["sample"]], dataset.spec)
    if evidence.may_have(run):
        shown["evidence"] = evidence.of_mistakes(run, found, raw, data)


def _mistake(run: ReportedRun, of: Mistake) -> dict[str, Any]:
    return {
        "sample": of.sample,
        "true": run.labels[of.true],
        "recognized": run.labels[of.recognized],
        "unseen": [k in run.unseen for k in (of.true, of.recognized)],
        "confidence": of.confidence,
    }


def as_json(value: Any) -> str:
    r"""Return data as JSON that may stand in a `<script>`; what is not finite becomes null.

    >>> as_json({"</script>": np.array([1.0, np.nan])})
    '{"\\u003c/script>":[1.0,null]}'
    """
    text = json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
