"""The sections of a config as frozen dataclasses: every key with its type, default and meaning.

Other sections are with what they configure: `clips` is `gapjax.inputs.clips.ClipRecipe`,
`optimizer` is `gapjax.training.optimizer.OptimizerOptions`, `backbone` and `method` are in the
module that they name (`gapjax.experiment.schema` has the whole table).
"""

from dataclasses import dataclass
from typing import ClassVar

from data_pipelines.errors import UserError
from gapjax.nn.axis_order import LAYOUTS
from gapjax.nn.person_merge import MERGES
from gapjax.parallel.partition_rules import PartitionRule
from gapjax.registry import check_choices, number, one_of
from gapjax.text.encoder import TextOptions
from gapjax.training.frozen_encoder import NORMS
from gapjax.training.optimizer import OptimizerOptions


class Section:
    """A section of a config. It checks its choices; `gapjax.experiment.ranges` checks numbers."""

    section: ClassVar[str]

    def __post_init__(self) -> None:
        """Raise UserError for a value that is not among the choices of its field."""
        check_choices(self, f"{self.section}.")


@dataclass(frozen=True)
class DataOptions(Section):
    """Which samples and classes a run learns from, and how they reach the devices.

    Attributes:
        dataset: a module of `data_pipelines.datasets`, or a folder of `data.dir`.
        dir: the folder of converted datasets.
        protocol: an official split of the dataset; empty if it has only one.
        feed: `resident` keeps all frames in device memory; `stream` reads TFRecords.
        resident: how a resident feed places the frames: `replicated` on every device, or `sharded`
            over them.
        repeat: passes over the training samples in one epoch.
        balance: what training visits equally often: `samples`, or `sources`, the datasets of a
            merged one (what the names of samples have before a `/`), as nearly as whole numbers of
            visits allow.
        validation_subjects: training subjects held out for validation.
        cross_validation: folds of the training subjects, of which that of the seed is tested in
            place of the protocol's test samples, and not trained on; 0 for none. Seeds 1 to 5 have
            the five folds of 5.
        zero_shot: a split of the dataset that leaves classes unseen, or `random:COUNT:SEED`; empty
            for none.
        stand_in: whether a few generated samples of the same body, classes, protocols and splits
            take the place of a dataset that is not here; variants `smoke` set it.
        fold: a pseudo-unseen split of the training samples; 0 for none. Runs set it for their
            folds.
    """

    section = "data"
    dataset: str = ""
    dir: str = "data"
    protocol: str = ""
    feed: str = one_of("resident", "stream")
    resident: str = one_of("replicated", "sharded")
    repeat: int = number(1, least=1)
    balance: str = one_of("samples", "sources")
    validation_subjects: int = 0
    cross_validation: int = 0
    zero_shot: str = ""
    stand_in: bool = False
    fold: int = 0


@dataclass(frozen=True)
class TextSection(TextOptions):
    """The text encoder and the class descriptions.

    Attributes:
        file: your own class descriptions; empty for the dataset's.
    """

    file: str = ""


@dataclass(frozen=True)
class TrainOptions(Section):
    """How long and how a run trains.

    Attributes:
        epochs: passes over the training samples, `data.repeat` times each.
        batch_size: samples of a step, on all devices together; 0 to choose it by the number of
            training clips: 8 below 512 of them, 64 from 2,048.
        replicas: parts of a batch that have batch statistics of their own; it divides
            `batch_size`.
        precision: of the computation, `float32` or `bfloat16`; `auto` for bfloat16 on TPUs and
            GPUs, and float32 on CPUs. Parameters are always float32.
        layout: the order of axes within a backbone, which changes no result: `channels_first`
            or `channels_last`; `auto` for `channels_last` on TPUs, else `channels_first`.
        recompute: whether a backbone computes again for its gradient what is cheap, such as
            normalization and ReLU, rather than keep it: less memory, somewhat slower, and the
            same results ([Performance](performance.md)).
        absent_persons: `once` computes what all absent persons of a batch share once, with equal
            results ([Performance](performance.md)); `each` computes every one of them.
        init_from: the workdir of a run, an exported bundle (or its name on the hub,
            hf:OWNER/NAME), or a published state dict (.pt, .npz, .safetensors) to start from; empty
            to train from scratch.
        steps_per_dispatch: steps that one call of the jitted function runs.
        log_every: steps between two lines of metrics; 0 for once an epoch.
        checkpoint_every: steps between two checkpoints; 0 for once an epoch.
    """

    section = "train"
    epochs: int = number(1, least=1)
    batch_size: int = 64
    replicas: int = number(1, least=1)
    precision: str = one_of("auto", "float32", "bfloat16")
    layout: str = one_of("auto", *LAYOUTS)
    recompute: bool = False
    absent_persons: str = one_of("once", "each")
    init_from: str = ""
    steps_per_dispatch: int = number(1, least=1)
    log_every: int = 0
    checkpoint_every: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size % self.replicas:
            raise UserError(
                f"train.replicas={self.replicas} should divide train.batch_size={self.batch_size}"
            )


@dataclass(frozen=True)
class EvalOptions(Section):
    """How often and how a run is evaluated.

    Attributes:
        batch_size: samples that are scored at once, on all devices together.
        every: epochs between two evaluations; the last epoch is always evaluated.
        by_source: whether the samples of each source (`data.balance`) have metrics of their own,
            too.
    """

    section = "eval"
    batch_size: int = number(64, least=1)
    every: int = number(1, least=1)
    by_source: bool = False


@dataclass(frozen=True)
class MeshOptions(Section):
    """The devices and what is split over them.

    Attributes:
        devices: how many devices to use; 0 for all.
        model: neighboring devices that share what the rules split over `model`; batches are split
            over the others.
        rules: parameters that are split, as (pattern, axis of each dimension), where an axis is
            `"data"`, `"model"` or None.
        cpu_devices: devices that JAX sees a CPU as; a step uses as many cores.
    """

    section = "mesh"
    devices: int = 0
    model: int = number(1, least=1)
    rules: tuple[PartitionRule, ...] = ()
    cpu_devices: int = number(1, least=1)


# Shift-GCN's published schedule.
_ENCODER_OPTIMIZER = OptimizerOptions(warmup_epochs=0, milestones=(60, 80), weight_decay=1e-4)


@dataclass(frozen=True)
class EncoderOptions(Section):
    """The frozen skeleton encoder of a method that learns from features.

    Attributes:
        checkpoint: a workdir or a published state dict; empty to train an encoder first.
        trained_on: `seen` states that a published state dict was trained on seen classes alone.
        person_merge: how the features of persons become one person's: the `mean` of all, or of
            those who are `present`, or `released`.
        norm: `frozen` statistics of batch normalization, or `released`: those of each batch, which
            needs `features="fresh"`.
        features: `cached` computes them once; `fresh` computes those of other random clips in every
            step.
        views: cached clips of a training sample: the evaluated one, then random ones.
        repeat: passes over the training samples in one epoch of the encoder's own training.
        epochs: epochs of its training.
        batch_size: samples of a step of its training; 0 as in `train.batch_size`.
        optimizer: how it is trained.
    """

    section = "encoder"
    checkpoint: str = ""
    trained_on: str = one_of("", "seen")
    person_merge: str = one_of(*MERGES)
    norm: str = one_of(*NORMS)
    features: str = one_of("cached", "fresh")
    views: int = number(1, least=1)
    repeat: int = number(1, least=1)
    epochs: int = number(82, least=1)
    batch_size: int = 32
    optimizer: OptimizerOptions = _ENCODER_OPTIMIZER

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.norm, self.features) == ("released", "cached"):
            raise UserError("encoder.norm='released' needs encoder.features='fresh'")


@dataclass(frozen=True)
class ZeroShotOptions(Section):
    """How γ of calibrated stacking is chosen.

    Attributes:
        gamma: the paper's γ, reported beside the chosen one; None for none.
        folds: pseudo-unseen splits of the training samples on which γ is chosen; 0 for none.
        fold_encoder: `shared`: all folds use the run's encoder, which was trained on their
            pseudo-unseen classes, too; or `own`: each fold trains one without them, which takes as
            long as the run's. docs/results.md compares both.
        gate: whether SynSE's gate is fitted to the folds, and reported beside calibrated stacking
            (`gapjax.zero_shot.gate`); needs folds with encoders of their own.
    """

    section = "zero_shot"
    gamma: float | None = None
    folds: int = 3
    fold_encoder: str = one_of("shared", "own")
    gate: bool = False
