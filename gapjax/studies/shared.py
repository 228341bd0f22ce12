"""What rows of a study share: frozen skeleton encoders, and the features of them."""

import hashlib
import json
import os
from pathlib import Path

from gapjax.experiment.stages import Stage, stages
from gapjax.studies.reading import Unit
from gapjax.workdir.config_file import EXECUTION_KEYS

# Folders of a study's working directory.
ENCODERS, FEATURES = "encoders", "features"


def link(unit: Unit, workdir: Path) -> None:
    """Let a run find its encoders and its features in folders that equal runs share.

    The links are relative, so that a study may be moved. What is in a place already stays there.
    """
    encoders = _encoders(unit)
    for stage in encoders:
        _link(stage.workdir, workdir / ENCODERS / _digest(stage))
    if unit.plan.cached:
        for folder in {unit.workdir, *(stage.workdir.parent for stage in encoders)}:
            _link(folder / FEATURES, workdir / FEATURES)


def made_by(unit: Unit) -> frozenset[str]:
    """Return digests of what a run makes unless it is there: two runs must not at the same time."""
    if not unit.plan.on_features:
        return frozenset()
    # Features depend on more than their encoder does.
    sections = ("backbone", "clips", "data", "encoder", "seed", "train.precision")
    source = {key: value for key, value in unit.plan.flat().items() if key.startswith(sections)}
    return frozenset([*map(_digest, _encoders(unit)), _sha256(source)])


def _encoders(unit: Unit) -> list[Stage]:
    """Return the stages of a run that train skeleton encoders."""
    run_stages = stages(unit.plan, unit.workdir)
    return [stage for stage in run_stages[:-1] if stage.plan.method.name == "supervised"]


def _digest(stage: Stage) -> str:
    """Return the digest of the config of a stage, as far as it changes results."""
    flat = stage.plan.flat()
    return _sha256({key: flat[key] for key in flat if key not in EXECUTION_KEYS})


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _link(place: Path, target: Path) -> None:
    """Make a link to a folder, unless something is there."""
    target.mkdir(parents=True, exist_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists() and not place.is_symlink():
        place.symlink_to(os.path.relpath(target, place.parent), target_is_directory=True)
