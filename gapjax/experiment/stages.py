"""The stages of a run: most have one; zero-shot recognition has its encoder and its folds first.

Every stage is a run of its own in a folder of its own, with its own config, checkpoints and scores;
one that is finished is not repeated, and one that was killed goes on.
"""

import copy
from dataclasses import dataclass, field
from pathlib import Path

from ml_collections import ConfigDict

from data_pipelines.errors import UserError
from gapjax import methods
from gapjax.registry import chosen

FOLD_ENCODERS = ("shared", "own")


@dataclass(frozen=True)
class Given:
    """What earlier stages left for a later one.

    Attributes:
        encoder: the working directory, or the published weights, of the frozen encoder.
        features: the folder of cached features.
        folds: the working directories of the folds on which γ is chosen.
    """

    encoder: Path | None = None
    features: Path | None = None
    folds: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One run.

    Attributes:
        workdir: where it writes.
        config: what it is.
        given: what it takes from earlier stages.
    """

    workdir: Path
    config: ConfigDict
    given: Given = field(default_factory=Given)


def needs_encoder(config: ConfigDict) -> bool:
    """Return whether a config's method learns from features of a frozen encoder."""
    return methods.get(config.method.name).learns_from == "features"


def stages(config: ConfigDict, workdir: Path) -> list[Stage]:
    """Return the stages of a run in their order; the last is the run itself.

    Raises:
        UserError: a method of unseen classes has no split, or not the keys it needs.
    """
    if not needs_encoder(config):
        return [Stage(workdir, config)]
    if "zero_shot" not in config or not config.data.zero_shot or config.data.fold:
        raise UserError(
            f"method.name={config.method.name!r} needs data.zero_shot, the keys of a "
            "configs/star_*.py, and no data.fold: its folds are stages of the run"
        )
    chosen("zero_shot.fold_encoder", config.zero_shot.fold_encoder, FOLD_ENCODERS)
    first = [] if config.encoder.checkpoint else [encoder_stage(config, workdir)]
    encoder = Path(config.encoder.checkpoint or workdir / "encoder")
    folds = []
    for number in range(1, config.zero_shot.folds + 1):
        folds += fold_stages(config, workdir / f"fold{number}", number, encoder)
    given = Given(encoder, workdir / "features", tuple(_last_of(folds, config)))
    return [*first, *folds, Stage(workdir, config, given)]


def _last_of(folds: list[Stage], config: ConfigDict) -> list[Path]:
    """Return the folders of the folds themselves, without their encoders'."""
    each = 1 if config.zero_shot.fold_encoder == "shared" else 2
    return [stage.workdir for stage in folds[each - 1 :: each]]


def encoder_stage(config: ConfigDict, workdir: Path) -> Stage:
    """Return the stage that trains the encoder of a config: supervised, on the seen classes.

    It is not split: `mesh.rules` name the parameters of what is trained on its features.
    """
    own = ConfigDict(copy.deepcopy(config.to_dict()))
    own.method = ConfigDict({"name": "supervised"})
    own.train.init_from = ""
    own.optimizer = config.encoder.optimizer.copy_and_resolve_references()
    own.data.repeat = config.encoder.repeat
    own.train.epochs = own.eval.every = config.encoder.epochs
    own.train.batch_size = config.encoder.batch_size
    own.mesh.model, own.mesh.rules = 1, ()
    del own.encoder, own.zero_shot
    return Stage(workdir / "encoder", own)


def fold_stages(config: ConfigDict, workdir: Path, number: int, encoder: Path) -> list[Stage]:
    """Return the stages of one fold: on its own encoder, or on the one that all share."""
    own = ConfigDict(copy.deepcopy(config.to_dict()))
    own.data.fold = number
    own.zero_shot.folds = 0
    if config.zero_shot.fold_encoder == "shared":
        return [Stage(workdir, own, Given(encoder, workdir.parent / "features"))]
    given = Given(workdir / "encoder", workdir / "features")
    return [encoder_stage(own, workdir), Stage(workdir, own, given)]
