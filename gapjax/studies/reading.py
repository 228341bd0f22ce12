"""From a study's file and the command line to rows, and from rows to the plans of their runs."""

import contextlib
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from data_pipelines.errors import UserError
from gapjax.experiment import batch_size
from gapjax.experiment.config_dict import (
    config_of,
    import_file,
    mistakes_of,
    override,
    plan_of,
)
from gapjax.experiment.plan import Plan
from gapjax.studies.study import SMOKE_TEXT, Row, Study
from gapjax.workdir.config_file import EXECUTION_KEYS

# The seed's folder in that of its row.
SEED = "seed{}"


@dataclass(frozen=True)
class Unit:
    """One run of a study.

    Attributes:
        row: the row that it belongs to.
        seed: its seed.
        plan: its plan.
        workdir: its working directory.
    """

    row: Row
    seed: int
    plan: Plan
    workdir: Path

    @property
    def title(self) -> str:
        """Return what messages call it."""
        of_average = f" ({self.workdir.parent.name})" if self.row.average else ""
        return f"{self.row.title}{of_average}, seed {self.seed}"


def load(argument: str, over: Sequence[str] = ()) -> Study:
    """Return the study of `FILE` or `FILE:variant,variant`, or one of a config's runs.

    Args:
        argument: a file with a `STUDY`, or a config file; variants are added to those of all rows.
        over: `KEY=VALUE,VALUE,...`: every row is repeated for each value, or has the only one.

    Raises:
        UserError: there is no such file, or it is neither.
    """
    path, _, variants = argument.partition(":")
    if not Path(path).is_file():
        raise UserError(f"{argument}: there is no file {path} (configs/studies has the studies)")
    with mistakes_of(path):
        module = import_file(Path(path).resolve())
    study = getattr(module, "STUDY", None)
    if study is None and hasattr(module, "get_config"):
        study = Study(path, module, (Row(""),))
    if study is None:
        raise UserError(f"{path} has neither a STUDY nor a get_config: is it a study?")
    telling = [text for text in over if text.partition("=")[0] not in EXECUTION_KEYS]
    note = ", ".join(filter(None, (variants, *telling)))
    rows = tuple(map(_without_paper, study.rows)) if "smoke" in variants.split(",") else study.rows
    variants = _join(study.config, study.variants, variants)
    study = replace(study, note=note, variants=variants, rows=rows)
    for text in over:
        study = _repeated(study, *_values(text))
    # A config that is not swept.
    named = (replace(row, name=row.name or Path(path).stem) for row in study.rows)
    return replace(study, rows=tuple(named))


def _without_paper(row: Row) -> Row:
    """Return a row that is no longer what the paper's numbers are of."""
    return replace(row, paper={}, change={})


def _values(text: str) -> tuple[str, list[str]]:
    """Return the key and the values of `KEY=VALUE,VALUE`; commas in parentheses belong to a value.

    >>> _values("optimizer.milestones=(6, 8),(7, 9)")
    ('optimizer.milestones', ['(6, 8)', '(7, 9)'])
    >>> _values("mesh.rules=(('a', None), ('b', 'data'))")
    ('mesh.rules', ["(('a', None), ('b', 'data'))"])
    """
    key, equals, values = text.partition("=")
    if not equals or not key:
        raise UserError(f"--over={text} is not KEY=VALUE,VALUE: --over=method.loss_weight=1.0,0.5")
    if key == "seed":
        raise UserError(f"--over={text}: the number of seeds is --seeds=3")
    # A comma outside of all parentheses: those after it are balanced.
    return key, re.split(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))", values)


def _repeated(study: Study, key: str, values: Sequence[str]) -> Study:
    """Return a study whose rows are repeated for each value of a key.

    With one value, names and the paper's numbers stay.
    """
    rows = []
    for row, value in itertools.product(study.rows, values):
        row = replace(row, overrides={**row.overrides, key: value})
        if len(values) > 1:
            value_of = f"{key}={value}"
            parts = tuple(f"{name}, {value_of}" for name in row.ensemble)
            name = f"{row.name}, {value_of}" if row.name else value_of
            row = _without_paper(replace(row, name=name, ensemble=parts))
        rows.append(row)
    return replace(study, rows=tuple(rows))


def _join(config: ModuleType, *groups: str) -> str:
    """Return variants of several lists; a later one takes the place of those of its subject.

    Names that the config does not know are kept: it refuses them.
    """
    known = getattr(config, "VARIANTS", {})
    joined: dict[str, str] = {}
    for name in filter(None, ",".join(groups).split(",")):
        joined[getattr(known.get(name), "subject", "") or name] = name
    return ",".join(joined.values())


def select(study: Study, text: str) -> Study:
    """Return a study with the rows whose title contains a text, and those that they are made of.

    Raises:
        UserError: there is none.
    """
    chosen = [row for row in study.rows if text.lower() in row.title.lower()]
    if not chosen:
        titles = "; ".join(row.title for row in study.rows)
        raise UserError(f"--rows={text}: no row's title contains that (there are: {titles})")
    needed = {(row.group, name) for row in chosen for name in row.ensemble}
    rows = [row for row in study.rows if row in chosen or (row.group, row.name) in needed]
    return replace(study, rows=tuple(rows))


def shown(study: Study, chosen: Study, workdir: Path) -> Study:
    """Return a study with the rows that are chosen, and those that were begun before."""
    rows = (row for row in study.rows if row in chosen.rows or _folder(row, workdir).exists())
    return replace(study, rows=tuple(rows))


def units(study: Study, workdir: Path, seeds: int) -> list[Unit]:
    """Return the runs of a study, all rows of a seed before the next seed.

    Raises:
        UserError: a row is invalid; the message names it.
    """
    said = io.StringIO()
    # Every row of a dataset tells the same of it.
    with contextlib.redirect_stdout(said):
        found = _units(study, workdir, seeds)
    print(*dict.fromkeys(said.getvalue().splitlines(keepends=True)), sep="", end="", flush=True)
    return sorted(found, key=lambda unit: unit.seed)


def _units(study: Study, workdir: Path, seeds: int) -> list[Unit]:
    slugs = [(_slug(row.group), _slug(row.name)) for row in study.rows]
    names = {(row.group, row.name) for row in study.rows}
    found = []
    for row, slug in zip(study.rows, slugs, strict=True):
        with naming(row):
            if slugs.count(slug) > 1:
                raise UserError("another row has this name, or one too much like it")
            for name in row.ensemble:
                if (row.group, name) not in names:
                    raise UserError(f"its ensemble has {name!r}, which is no row of its group")
            for variants in () if row.ensemble else row.average or ("",):
                plan = _plan(study, row, variants)
                found += [_unit(row, variants, plan, workdir, 1 + n) for n in range(seeds)]
    return found


@contextlib.contextmanager
def naming(row: Row) -> Iterator[None]:
    """Begin the message of a UserError with the row that it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"row {row.title!r}: {error}") from error


def _plan(study: Study, row: Row, variants: str) -> Plan:
    """Return the plan of a run of a row, with one variant of those that it averages."""
    module = row.config or study.config
    named = _join(module, study.variants, row.variants, variants)
    config = config_of(module, named)
    smoke = "smoke" in named.split(",")
    override(config, {**study.overrides, **row.overrides, **(SMOKE_TEXT if smoke else {})})
    if smoke:
        # Generated samples have two training subjects.
        config.data.cross_validation = min(2, config.data.cross_validation)
    return batch_size.settle(plan_of(config))


def _unit(row: Row, variants: str, plan: Plan, workdir: Path, seed: int) -> Unit:
    folder = _folder(row, workdir) / (_slug(variants) if variants else "")
    return Unit(row, seed, replace(plan, seed=seed), folder / SEED.format(seed))


def _folder(row: Row, workdir: Path) -> Path:
    """Return the folder of a row's runs."""
    return workdir.joinpath(*map(_slug, filter(None, (row.group, row.name))))


def _slug(name: str) -> str:
    """Return a folder's name that is like a row's.

    >>> _slug("Head, Hand, Hip, Leg"), _slug("X-Sub 55/5"), _slug("rate=0.8")
    ('head_hand_hip_leg', 'x-sub_55_5', 'rate_0.8')
    """
    return re.sub(r"[^a-z0-9.-]+", "_", name.lower()).strip("_.") or "row"
