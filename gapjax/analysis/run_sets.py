"""Sets of runs that are compared, such as the seeds of one method with those of another."""

import dataclasses
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gapjax.analysis import figures, fusion
from gapjax.analysis.run_table import workdir_names
from gapjax.workdir.scores import Scores, read_scores, scores_path

# The metadata of scores below a figure's title.
METADATA = ("dataset", "protocol", "split", "method", "backbone", "modality")


@dataclass(frozen=True)
class RunSet:
    """Runs that differ in their seed alone.

    Attributes:
        name: what they are called together.
        scores: their scores of one evaluation.
    """

    name: str
    scores: Sequence[Scores]


def read(
    workdirs: Sequence[Sequence[Path]], evaluation: str, names: Sequence[str] = ()
) -> list[RunSet]:
    """Return sets of working directories with their scores, the samples of all in one order.

    Args:
        workdirs: the working directories of each set.
        evaluation: the evaluation.
        names: what the sets are called; if empty, what `set_names` returns.

    Raises:
        UserError: a run has no scores, or they are not of the same samples.
    """
    paths = [scores_path(workdir, evaluation) for of_set in workdirs for workdir in of_set]
    streams = iter(fusion.align([read_scores(path) for path in paths], list(map(str, paths))))
    named = zip(names or set_names(workdirs), workdirs, strict=True)
    return [RunSet(name, [next(streams) for _ in of_set]) for name, of_set in named]


def set_names(workdirs: Sequence[Sequence[Path]]) -> list[str]:
    """Return names of sets: of the folders that each is in, or of their first runs.

    >>> set_names([[Path("runs/a/1"), Path("runs/a/2")], [Path("runs/b/1"), Path("runs/b/2")]])
    ['a', 'b']
    >>> set_names([[Path("runs/a1"), Path("runs/a2")], [Path("runs/b1"), Path("runs/b2")]])
    ['a1', 'b1']
    """
    folders = [Path(os.path.commonpath([path.resolve() for path in each])) for each in workdirs]
    pairs = itertools.permutations(folders, 2)
    nested = any(folder.is_relative_to(other) for folder, other in pairs)
    return workdir_names([each[0] for each in workdirs] if nested else folders)


def metadata(sets: Sequence[RunSet]) -> list[str]:
    """Return the metadata that all runs share, and how many there are, for a headline."""
    first, *rest = [of for each in sets for of in each.scores]
    facts = first.facts.items()
    same = {key: value for key, value in facts if all(of.facts.get(key) == value for of in rest)}
    shared = figures.metadata(dataclasses.replace(first, facts=same), METADATA)
    return [*shared, f"{' and '.join(str(len(each.scores)) for each in sets)} runs"]
