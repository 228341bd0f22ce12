"""What a study is: rows of a table, each with the runs that it is made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

# (study, its runs) → the paths of the figures that it writes.
Figure = Callable[["Study", Sequence[Any]], Iterable[Path]]


@dataclass(frozen=True)
class Row:
    """A row of a table: one run for every seed, or what is made of several.

    Attributes:
        name: what the table calls it.
        overrides: dotted key of the config → value.
        paper: column → the paper's number, in percent.
        change: column → by how many points the paper says that the row differs from the first of
            its group, where it does not print the number itself.
        variants: variants of the config, besides the study's, separated by commas; one of the same
            subject takes the place of the study's.
        config: the config file's module, if it is not the study's.
        group: rows are compared with the first of their group.
        average: variants that are a run each; the row is the mean over them.
        ensemble: names of rows of the group; the row is the weighted sum of their scores, and no
            run of its own.
    """

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    change: Mapping[str, float] = field(default_factory=dict)
    variants: str = ""
    config: ModuleType | None = None
    group: str = ""
    average: tuple[str, ...] = ()
    ensemble: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the row's name with its group's before it."""
        return f"{self.group}: {self.name}" if self.group else self.name


@dataclass(frozen=True)
class Study:
    """Rows that are compared.

    Attributes:
        title: what is studied, and where the paper has it.
        config: the module of the config file of all rows that name no other.
        rows: the rows in their order; the first of a group is its reference.
        variants: variants of all rows, separated by commas.
        overrides: dotted key → value, of all rows.
        figures: what is drawn at the end, besides the table (`gapjax.studies.row_figures`).
        note: what the command line changes of them.
    """

    title: str
    config: ModuleType
    rows: tuple[Row, ...]
    variants: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    note: str = ""


# Columns of a table → the metric of `result.json`. S, U and H are at the γ that the folds choose;
# "folds" is the mean over them of what ZSL is, on their pseudo-unseen classes: what hyperparameters
# can be chosen by.
SUPERVISED = {"top-1": "eval/top1"}
ZERO_SHOT = {
    "ZSL": "zsl/top1",
    "S": "gzsl_validation/seen",
    "U": "gzsl_validation/unseen",
    "H": "gzsl_validation/harmonic",
    "folds": "folds/zsl/top1",
}

# What takes the place of a row's text encoder in `:smoke`, which needs no weights.
SMOKE_TEXT = {"text.encoder": "hashed", "text.checkpoint": ""}
