"""The stages of a run. Zero-shot recognition trains its encoder and its folds first.

Each stage is a run in a folder of its own, with its own config, checkpoints and scores. A finished
stage is not repeated, and an interrupted one resumes.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax

from data_pipelines.errors import UserError
from gapjax.experiment import batch_size as batch_sizes
from gapjax.experiment import platform
from gapjax.experiment.data import with_protocol
from gapjax.experiment.plan import Part, Plan
from gapjax.parallel.mesh import split_cpu
from gapjax.workdir.bundle_hub import located
from gapjax.workdir.config_file import is_claimed, read_config


@dataclass(frozen=True)
class Upstream:
    """What a stage takes from earlier ones.

    Attributes:
        encoder: the workdir, or the published weights, of the frozen skeleton encoder.
        features: the folder of cached features.
        folds: the workdirs of the folds on which γ is chosen.
    """

    encoder: Path | None = None
    features: Path | None = None
    folds: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A run of a plan in a working directory of its own."""

    workdir: Path
    plan: Plan
    upstream: Upstream = Upstream()


def stages(plan: Plan, workdir: Path) -> list[Stage]:
    """Return the stages of a run in their order; the last is the run itself.

    The only protocol of a dataset, batch sizes of 0 and the precision `auto` are settled here, and
    the CPU is split into devices.

    Raises:
        UserError: a method that recognizes unseen classes has no split with such classes.
    """
    # First: it has no effect once JAX has opened its devices.
    split_cpu(plan.mesh.cpu_devices)
    plan = batch_sizes.settle(with_protocol(with_precision(plan, workdir)))
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
    fold_workdirs = tuple(fold[-1].workdir for fold in folds)
    last = Stage(workdir, plan, Upstream(encoder, workdir / "features", fold_workdirs))
    return [*first, *itertools.chain(*folds), last]


def named_stages(run_stages: Sequence[Stage]) -> dict[str, Stage]:
    """Return name → stage, without the folds, whose step is like that of the run itself."""
    *earlier, last = run_stages
    kept = {stage.workdir.name: stage for stage in earlier if not stage.plan.data.fold}
    return {**kept, last.plan.method.name: last}


def with_precision(plan: Plan, workdir: Path) -> Plan:
    """Return a plan that has for `auto` the precision of the run there, or this platform's."""
    if plan.train.precision != "auto":
        return plan
    if is_claimed(workdir):
        precision = read_config(workdir).get("train.precision", "float32")
    else:
        precision = platform.settle(plan, jax.default_backend()).train.precision
    return replace(plan, train=replace(plan.train, precision=precision))


def encoder_stage(plan: Plan, workdir: Path) -> Stage:
    """Return the stage that trains a run's encoder: supervised, on the seen classes.

    Its parameters are not split: `mesh.rules` are for the method that learns from its features.
    """
    epochs, batch_size = plan.encoder.epochs, plan.encoder.batch_size
    persons = "present" if plan.encoder.person_merge == "present" else "all"
    start = encoder_start(Path(plan.train.init_from))
    encoder = replace(
        plan,
        method=Part("method", "supervised", (("persons", persons),)),
        optimizer=plan.encoder.optimizer,
        data=replace(plan.data, repeat=plan.encoder.repeat),
        train=replace(plan.train, init_from=start, epochs=epochs, batch_size=batch_size),
        eval=replace(plan.eval, every=epochs),
        mesh=replace(plan.mesh, model=1, rules=()),
    )
    return Stage(workdir, encoder)


def encoder_start(init_from: Path) -> str:
    """Return what the encoder of a run starts from: that of the run, or bundle, that it names.

    Published weights of an encoder are given by `encoder.checkpoint`.
    """
    folder = located(init_from)
    if init_from == Path() or not folder.is_dir():
        return ""
    encoder = folder / "encoder"
    return str(encoder if encoder.is_dir() else init_from)


def fold_stages(plan: Plan, workdir: Path, number: int, encoder: Path) -> list[Stage]:
    """Return the stages of one fold: on its own encoder, or on the one that all share.

    They train from scratch: the weights of `train.init_from` may know their pseudo-unseen classes.
    """
    data = replace(plan.data, fold=number)
    zero_shot = replace(plan.zero_shot, folds=0, gate=False)
    train = replace(plan.train, init_from="")
    fold = replace(plan, data=data, zero_shot=zero_shot, train=train)
    if plan.zero_shot.fold_encoder == "shared":
        return [Stage(workdir, fold, Upstream(encoder, workdir.parent / "features"))]
    encoder = workdir / "encoder"
    upstream = Upstream(encoder, workdir / "features")
    return [encoder_stage(fold, encoder), Stage(workdir, fold, upstream)]
