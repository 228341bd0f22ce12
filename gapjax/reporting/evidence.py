"""How much each body part speaks for a class, of a method that compares parts with text."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from gapjax import methods
from gapjax.reporting.mistakes import Mistake
from gapjax.reporting.runs import ReportedRun
from gapjax.reporting.skeletons import Clip
from gapjax.serving import trained
from gapjax.serving.trained import Trained


def may_have(run: ReportedRun) -> bool:
    """Return whether a run's method compares clips with texts, so that its parts may count."""
    return methods.get(run.config["method.name"]).embed is not None


def of_mistakes(
    run: ReportedRun, mistakes: Sequence[Mistake], clips: Mapping[str, Clip], data: str
) -> dict[str, Any] | None:
    """Return the similarity of each part with both classes of each mistake.

    They are computed by the trained network, of these clips alone.

    Returns:
        `parts`, their names; `score`, what the run's scores are by, if its config says so; and
        `true` and `recognized`, each with a row for each mistake and a number for each part. None
        if the method compares no parts.

    Raises:
        UserError: the run is not finished, or its text encoder or dataset is not here.
    """
    opened = trained.load(run.workdir, data)
    if not opened.inference.parts:
        return None
    part = np.asarray(outputs(opened, [clips[each.sample] for each in mistakes])["part"])
    rows = np.arange(len(mistakes))
    return {
        "parts": [name.replace("_", " ") for name in opened.inference.parts],
        "score": run.config.get("method.score", ""),
        "true": part[rows, [each.true for each in mistakes]].round(4),
        "recognized": part[rows, [each.recognized for each in mistakes]].round(4),
    }


def outputs(run: Trained, clips: Sequence[Clip]) -> dict[str, Float[Any, "b k ..."]]:
    """Return the outputs of a trained network for raw clips, in one batch."""
    persons, longest, joints, coordinates = run.shape
    frames = np.zeros((len(clips), persons, longest, joints, coordinates), np.float32)
    for row, clip in enumerate(clips):
        frames[row, : len(clip), : clip.shape[1]] = clip
    length = np.array([clip.shape[1] for clip in clips], np.int32)
    return jax.jit(run.recognize)(run.variables, frames, length, dict(run.embeddings))
