"""What `data.json` records of a run's data, and what is refused if the data differ later.

| what differs                                 | training goes on | evaluation, export | encoder |
|----------------------------------------------|------------------|--------------------|---------|
| classes, joints, body, coordinates, protocol | refused          | refused            | refused |
| training samples, their classes              | refused          | warned             | refused |
| coordinates' values, the most persons        | refused          | warned             | warned  |
| order of samples, test samples               | warned           | allowed            | allowed |
| descriptions of classes                      | refused          | refused (STAR)     | allowed |

The last column is a skeleton encoder that a run builds on.
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from data_pipelines.errors import DiskError, UserError
from data_pipelines.storage import contents
from data_pipelines.storage.digests import DIGITS
from gapjax.experiment import model
from gapjax.experiment.data import Dataset, known_labels
from gapjax.experiment.plan import Plan
from gapjax.prompts.descriptions import ClassText
from gapjax.workdir import data_file
from gapjax.workdir.data_file import MEANING, SAMPLES, TEXTS, difference


def facts_of(plan: Plan, dataset: Dataset) -> dict[str, Any]:
    """Return what is recorded of the data of a plan, as in JSON."""
    spec, protocol = dataset.spec, dataset.spec.protocols[plan.data.protocol]
    body = dataclasses.asdict(spec.skeleton)
    return {
        "classes": list(spec.labels),
        "labels": list(dataset.labels),
        "trained_on": list(known_labels(plan, dataset)),
        "joints": list(body.pop("joints")),
        "body": body,
        "coordinates": f"{spec.space}{' and a confidence' if spec.confidence else ''}",
        "protocol": {"column": protocol.column, "train": list(protocol.train)}
        | ({"test": list(protocol.test)} if protocol.test else {}),
        "persons": spec.persons,
        "training_samples": _samples_digest(dataset, dataset.problem.train),
        "index": dataset.stored.digest[:DIGITS],
        "contents": _contents_digest(plan, dataset),
        "descriptions": _descriptions_digest(plan, dataset),
    }


def _samples_digest(dataset: Dataset, rows: Int[np.ndarray, " n"]) -> str:
    """Return the digest of samples' names and classes, in whatever order they are."""
    index, labels = dataset.stored, dataset.spec.labels
    samples = sorted((str(index.name[row]), labels[index.label[row]]) for row in rows)
    return hashlib.sha256(json.dumps(samples).encode()).hexdigest()[:DIGITS]


def _contents_digest(plan: Plan, dataset: Dataset) -> str | None:
    """Return the digest of the coordinates; None where they are streamed, maybe from afar."""
    if plan.data.feed != "resident":
        return None
    try:
        return contents.digest(dataset.directory, dataset.stored, packed=True)[:DIGITS]
    except (UserError, DiskError):
        # There is no pack and none can be made; only training needs one, and reports that.
        return None


def _descriptions_digest(plan: Plan, dataset: Dataset) -> str | None:
    """Return the digest of the descriptions of the classes; None where none are used."""
    try:
        texts = model.descriptions(plan, dataset) if model.uses_text(plan) else ()
    except UserError:
        # Their use reports that; before, other changes of the data are reported.
        return None
    return _digest_of_texts(texts) if texts else None


def _digest_of_texts(texts: Sequence[ClassText]) -> str:
    """Return the digest of descriptions, which empty fields that came later leave as it was."""
    content = [dataclasses.asdict(text) for text in texts]
    for each in content:
        for one in (each, *each["others"]):
            for later in ("verb", "noun", "manual"):
                if not one[later]:
                    del one[later]
        if not each["others"]:
            del each["others"]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:DIGITS]


def check_continued(workdir: Path, plan: Plan, dataset: Dataset) -> None:
    """Refuse to go on with the training of a working directory on other data.

    Raises:
        UserError: names what differs.
    """
    there = data_file.read(workdir)
    if not there:
        return
    here = facts_of(plan, dataset)
    _refuse(
        workdir, difference(there, here, (*MEANING, *SAMPLES, TEXTS)), "choose another --workdir"
    )
    _warn(workdir, difference(there, here, ("index",)))


def check_used(
    workdir: Path, plan: Plan, dataset: Dataset, trained_on: Sequence[str] | None = None
) -> None:
    """Refuse to evaluate or export a run with data of another meaning; warn of other samples.

    Args:
        workdir: the run.
        plan: its plan.
        dataset: the data that are there now.
        trained_on: the classes that its checkpoint was trained on, for a run without a record.

    Raises:
        UserError: names what differs.
    """
    there = data_file.read(workdir) or {"trained_on": trained_on and list(trained_on)}
    here = facts_of(plan, dataset)
    advice = f"restore the data in {dataset.directory} and their texts, or train again"
    # Other methods need no descriptions once they are trained.
    keys = (*MEANING, TEXTS) if plan.on_features else MEANING
    _refuse(workdir, difference(there, here, keys), advice)
    _warn(workdir, difference(there, here, SAMPLES))


def check_encoder(workdir: Path, plan: Plan, dataset: Dataset) -> None:
    """Refuse a skeleton encoder that was trained on other data.

    Raises:
        UserError: names what differs.
    """
    problem = dataset.full_problem if plan.shares_encoder else dataset.problem
    there, here = data_file.read(workdir), facts_of(plan, dataset)
    here["training_samples"] = _samples_digest(dataset, problem.train)
    keys = [key for key in MEANING if key not in ("labels", "trained_on")]
    advice = "train an encoder on these data (encoder.checkpoint='')"
    _refuse(workdir, difference(there, here, (*keys, "training_samples")), advice)
    _warn(workdir, difference(there, here, SAMPLES))


def _refuse(workdir: Path, different: str, advice: str) -> None:
    if different:
        raise UserError(f"{workdir} was trained on other data ({different}); {advice}")


def _warn(workdir: Path, different: str) -> None:
    if different and jax.process_index() == 0:
        warning = f"{workdir} was trained on other data ({different})"
        print(f"gapjax: warning: {warning}", file=sys.stderr)
