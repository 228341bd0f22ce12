"""The stages of a run. Zero-shot recognition trains its encoder and its folds first.

Each stage is a run in a folder of its own, with its own config, checkpoints and scores. A finished
stage is not repeated, and an interrupted one resumes.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from data_pipelines.errors import UserError
from gapjax.experiment.plan import Part, Plan
from gapjax.experiment.schema import defaults
from gapjax.workdir import config_file


@dataclass(frozen=True)
class Upstream:
    """What a stage takes from earlier ones.

    Attributes:
        encoder: the workdir, or the published weights, of the frozen encoder.
        features: the folder of cached features.
        folds: the workdirs of the folds on which γ is chosen.
    """

    encoder: Path | None = None
    features: Path | None = None
    folds: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One run.

    Attributes:
        workdir: where it writes.
        plan: what it is.
        upstream: what it takes from earlier stages.
    """

    workdir: Path
    plan: Plan
    upstream: Upstream = Upstream()

    def is_claimed(self) -> bool:
        """Return whether the workdir belongs to a run."""
        return config_file.is_claimed(self.workdir)

    def compare(self) -> None:
        """Refuse a workdir that is not of this stage.

        Raises:
            UserError: it is of a run of another config, or of none.
        """
        flat = self.plan.flat()
        config_file.compare(self.workdir, flat, defaults(flat))

    def claim(self) -> None:
        """Make the workdir this stage's own, or check that it already is.

        Raises:
            UserError: it belongs to a run of another config.
        """
        flat = self.plan.flat()
        config_file.claim(self.workdir, flat, defaults(flat))


def stages(plan: Plan, workdir: Path) -> list[Stage]:
    """Return the stages of a run in their order; the last is the run itself.

    Raises:
        UserError: a method that recognizes unseen classes has no split with such classes.
    """
    if not plan.on_features:
        return [Stage(workdir, plan)]
    if not plan.data.zero_shot or plan.data.fold:
        raise UserError(
            f"method.name={plan.method.name!r} recognizes unseen classes: set data.zero_shot, and "
            "leave data.fold=0, which the run sets for its folds"
        )
    encoder = Path(plan.encoder.checkpoint or workdir / "encoder")
    first = [] if plan.encoder.checkpoint else [encoder_stage(plan, encoder)]
    folds = [
        fold_stages(plan, workdir / f"fold{number}", number, encoder)
        for number in range(1, plan.zero_shot.folds + 1)
    ]
    scored = tuple(stages[-1].workdir for stages in folds)
    last = Stage(workdir, plan, Upstream(encoder, workdir / "features", scored))
    return [*first, *(stage for stages in folds for stage in stages), last]


def encoder_stage(plan: Plan, workdir: Path) -> Stage:
    """Return the stage that trains a run's encoder: supervised, on the seen classes.

    Its parameters are not split: `mesh.rules` name those of what is trained on its features.
    """
    options = plan.encoder
    train = replace(plan.train, init_from="", epochs=options.epochs, batch_size=options.batch_size)
    encoder = replace(
        plan,
        method=Part("method", "supervised"),
        optimizer=options.optimizer,
        data=replace(plan.data, repeat=options.repeat),
        train=train,
        eval=replace(plan.eval, every=options.epochs),
        mesh=replace(plan.mesh, model=1, rules=()),
    )
    return Stage(workdir, encoder)


def fold_stages(plan: Plan, workdir: Path, number: int, encoder: Path) -> list[Stage]:
    """Return the stages of one fold: on its own encoder, or on the one that all share."""
    fold = replace(
        plan,
        data=replace(plan.data, fold=number),
        zero_shot=replace(plan.zero_shot, folds=0),
    )
    if plan.zero_shot.fold_encoder == "shared":
        return [Stage(workdir, fold, Upstream(encoder, workdir.parent / "features"))]
    own = encoder_stage(fold, workdir / "encoder")
    return [own, Stage(workdir, fold, Upstream(own.workdir, workdir / "features"))]
