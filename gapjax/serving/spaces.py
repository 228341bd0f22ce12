"""What a finished run compares: vectors of clips and of texts, and a figure of them.

As in STAR (ACM MM 2024), Figure 4, and of the heads of GAP.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from gapjax.analysis.projection import PROJECTIONS, Project
from gapjax.analysis.space_figure import Panel, write
from gapjax.experiment import model
from gapjax.experiment.data import open_dataset
from gapjax.experiment.schema import read_flat
from gapjax.methods import Embeddings, Variables
from gapjax.nn.losses import normalize
from gapjax.registry import chosen
from gapjax.serving.features import in_batches
from gapjax.serving.trained import load

# What the space of whole clips is called, beside those of the parts.
WHOLE = "whole body"
# How many classes are drawn of the seen and of the unseen ones; twice as many where all are seen.
CLASSES = 3


@dataclass(frozen=True, eq=False)
class Compared:
    """Vectors of unit length, of the clips and the texts of some classes.

    Attributes:
        clips: space → the vectors of clips.
        texts: space → the vector of each class.
        label: the classes of the clips.
        classes: the names of the classes.
        unseen: which of them have no training samples.
        facts: the metadata of the run's results.
    """

    clips: Mapping[str, Float[np.ndarray, "n a"]]
    texts: Mapping[str, Float[np.ndarray, "k a"]]
    label: Int[np.ndarray, " n"]
    classes: Sequence[str]
    unseen: Sequence[bool]
    facts: Mapping[str, Any]

    def of(self, unseen: bool) -> "Compared":
        """Return those of the seen or of the unseen classes."""
        kept = [k for k, each in enumerate(self.unseen) if each == unseen]
        rows = np.isin(self.label, kept)
        return dataclasses.replace(
            self,
            clips={name: vectors[rows] for name, vectors in self.clips.items()},
            texts={name: vectors[kept] for name, vectors in self.texts.items()},
            label=np.searchsorted(kept, self.label[rows]),
            classes=[self.classes[k] for k in kept],
            unseen=[unseen] * len(kept),
        )


def compared(
    workdir: Path, classes: Sequence[str] = (), samples: str = "test", data: str = ""
) -> Compared:
    """Return what a finished run compares, of the clips and texts of classes.

    Args:
        workdir: the working directory.
        classes: the classes; if there are none, some are drawn, equal ones in all runs.
        samples: an evaluation, such as `test`, or `train`.
        data: the folder of converted datasets; if empty, that of the run's config.

    Raises:
        UserError: the run is not finished, its dataset or text encoder is not there, its method
            compares clips with no text, or there is no such class.
    """
    run = load(workdir, data, model.build_alignment)
    plan = read_flat(run.config)
    dataset = open_dataset(plan)
    unseen = dataset.problem.unseen_indices
    numbers = [list(run.labels).index(chosen("classes", name, run.labels)) for name in classes]
    numbers = numbers or _drawn(len(run.labels), unseen)
    selections = {**dataset.problem.evaluations, "train": dataset.problem.train}
    rows = np.asarray(selections[chosen("samples", samples, selections)])
    label = dataset.index.label[rows]
    rows, label = rows[np.isin(label, numbers)], label[np.isin(label, numbers)]

    def compute(
        variables: Variables, clips: Float[Array, "b m t v c"], embeddings: Embeddings
    ) -> Any:
        """Return the vectors of clips."""
        return run.inference.apply(variables, clips, embeddings)

    found = in_batches(run, plan, dataset, rows, compute)
    texts = {name: each[numbers] for name, each in run.embeddings.items()}
    return Compared(
        clips=_by_space(found, run.inference.parts),
        texts=_by_space(texts, run.inference.parts),
        label=np.array([numbers.index(k) for k in label], np.int32),
        classes=[run.labels[k] for k in numbers],
        unseen=[k in unseen for k in numbers],
        facts=run.facts,
    )


def _drawn(count: int, unseen: Sequence[int]) -> list[int]:
    """Return some seen classes, and then some unseen ones, drawn at random with a fixed seed."""
    rng, seen = np.random.default_rng(0), np.setdiff1d(np.arange(count), unseen)
    most = CLASSES if len(unseen) else 2 * CLASSES
    return [
        int(k) for each in (seen, np.asarray(unseen)) for k in np.sort(rng.permutation(each)[:most])
    ]


def _by_space(
    found: Mapping[str, Float[np.ndarray, "n ..."]], parts: Sequence[str]
) -> dict[str, Float[np.ndarray, "n a"]]:
    """Return the vectors of `whole` and of each of `part` by space, of unit length."""
    spaces = {WHOLE: found["whole"]} if "whole" in found else {}
    if "part" in found:
        spaces |= {name: found["part"][:, number] for number, name in enumerate(parts)}
    return {name: np.asarray(normalize(jnp.asarray(each))) for name, each in spaces.items()}


def write_figure(
    runs: Mapping[str, Compared], path: Path, projection: str = "pca", parts: bool = False
) -> Path:
    """Write clips and texts of runs as points, with `.csv` beside the figure; return its path.

    A run has panels of seen and of unseen classes, each for the space of the whole body, those of
    the parts if they are asked for, and the texts alone, with those of parts.

    Args:
        runs: name → what a run compares.
        path: the file to write.
        projection: a key of `gapjax.analysis.projection.PROJECTIONS`, of each panel by itself.
        parts: whether to draw the space of each part.

    Raises:
        UserError: there is no such projection, or it is not installed.
    """
    title, project = PROJECTIONS[chosen("projection", projection, PROJECTIONS)]
    columns = []
    for name, run in runs.items():
        groups = {", unseen" if each else ", seen": run.of(each) for each in sorted({*run.unseen})}
        for suffix, group in groups.items():
            prefix = f"{name}\n" if len(runs) > 1 else ""
            ending = suffix if any(run.unseen) else ""
            columns.append(_panels(group, project, parts, prefix, ending))
    # The longer side lies along the page.
    rows = columns if len(columns[0]) > len(columns) else [*zip(*columns, strict=True)]
    about = [f"{title} of each panel by itself", "dots: clips", "stars: texts of classes"]
    about += ["squares: texts of parts"]
    facts = next(iter(runs.values())).facts
    about = [str(facts[key]) for key in ("dataset", "protocol", "split") if key in facts] + about
    return write(rows, "Clips and texts in the space that they share", about, path)


def _panels(
    group: Compared, project: Project, parts: bool, prefix: str, suffix: str
) -> list[Panel]:
    """Return the panels of the spaces of a group of classes."""
    names, count = [name for name in group.texts if name != WHOLE], len(group.classes)
    drawn = [name for name in group.texts if parts or name == WHOLE] or names
    panels, no_clips = [], np.zeros((0, 2))
    for name in drawn:
        points = project(np.concatenate([group.texts[name], group.clips[name]]))
        title, none = f"{prefix}{name}{suffix}", np.zeros((count, 0, 2))
        panels.append(
            Panel(title, group.classes, points[count:], group.label, points[:count], none)
        )
    if names and WHOLE in group.texts:
        points = project(np.concatenate([group.texts[name] for name in (WHOLE, *names)]))
        by_part = points[count:].reshape(len(names), count, 2).swapaxes(0, 1)
        title, no_labels = f"{prefix}texts{suffix}", np.zeros(0, np.int32)
        panels.append(
            Panel(title, group.classes, no_clips, no_labels, points[:count], by_part, names)
        )
    return panels
