"""A run as one frozen dataclass, read from its config once.

Checking, counting steps, building and abstract compilation share it; `dataclasses.replace` derives
the plans of a run's earlier stages from it.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from data_pipelines.errors import UserError
from gapjax import methods
from gapjax.experiment.options import (
    DataOptions,
    EncoderOptions,
    EvalOptions,
    MeshOptions,
    TextSection,
    TrainOptions,
    ZeroShotOptions,
)
from gapjax.parallel.partition_rules import PartitionRule
from gapjax.registry import number
from gapjax.training.optimizer import OptimizerOptions, ParameterRule
from gapjax.training.run import Cadence

Built = TypeVar("Built")

# Fields that the dataset or another section decides, and what Flax adds to a module.
NOT_KEYS = {
    *("skeleton", "space", "dtype", "backbone.layout", "backbone.recompute"),
    *("parent", "name", "text.seed"),
}

# Sections without a meaning for a method that learns from clips.
_OF_FEATURES = ("encoder", "zero_shot")


@dataclass(frozen=True)
class Part:
    """The keys of a section whose class is built later, with other arguments besides.

    Attributes:
        section: the section of the config.
        name: the module that the config names; empty where there is only one class.
        values: (key, value) pairs.
    """

    section: str
    name: str
    values: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, key: str) -> Any:
        return dict(self.values)[key]

    def build(self, make: Callable[..., Built], **others: Any) -> Built:
        """Call `make`; begin the message of its UserError with the section."""
        try:
            return make(**dict(self.values), **others)
        except UserError as error:
            prefix = "" if str(error).startswith(f"{self.section}.") else f"{self.section}."
            raise UserError(f"{prefix}{error}") from error


@dataclass(frozen=True)
class Plan:
    """The config of a run or of one of its stages, a field per section.

    `encoder` and `zero_shot` matter only for methods that learn from features.

    Attributes:
        seed: the seed of initialization and of every draw.
    """

    backbone: Part
    method: Part
    data: DataOptions
    clips: Part
    text: TextSection
    optimizer: OptimizerOptions
    train: TrainOptions
    eval: EvalOptions
    mesh: MeshOptions
    encoder: EncoderOptions
    zero_shot: ZeroShotOptions
    seed: int = number(1, most=2**32 - 1)

    @property
    def on_features(self) -> bool:
        """Return whether the method learns from features of a frozen skeleton encoder."""
        return methods.get(self.method.name).learns_from == "features"

    @property
    def cached(self) -> bool:
        """Return whether features are computed once and cached."""
        return self.on_features and self.encoder.features == "cached"

    @property
    def views(self) -> int:
        """Return the number of cached clips of a training sample; 1 without a cache."""
        return self.encoder.views if self.cached else 1

    @property
    def shares_encoder(self) -> bool:
        """Return whether this is a fold that uses the encoder of the run itself."""
        shared = self.on_features and self.zero_shot.fold_encoder == "shared"
        return bool(self.data.fold) and shared

    @property
    def cadence(self) -> Cadence:
        """Return how often the run logs, saves and evaluates."""
        return Cadence(
            steps_per_dispatch=self.train.steps_per_dispatch,
            log_every=self.train.log_every,
            checkpoint_every=self.train.checkpoint_every,
            evaluate_every=self.eval.every,
        )

    def flat(self) -> dict[str, Any]:
        """Return dotted key → value, as in config.json."""
        flat: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            if self.on_features or field.name not in _OF_FEATURES:
                flat |= _flat(getattr(self, field.name), field.name)
        return flat


def _flat(value: Any, path: str) -> dict[str, Any]:
    """Return dotted key → value of a section, as in a config file."""
    if isinstance(value, Part):
        named = {f"{path}.name": value.name} if value.name else {}
        return named | {f"{path}.{key}": inner for key, inner in value.values}
    if dataclasses.is_dataclass(value):
        flat = {}
        for name in (field.name for field in dataclasses.fields(value)):
            if not NOT_KEYS & {name, f"{path}.{name}"}:
                flat |= _flat(getattr(value, name), f"{path}.{name}")
        return flat
    if path.endswith(".rules"):
        return {path: tuple(map(_rule, value))}
    return {path: value}


def _rule(rule: ParameterRule | PartitionRule) -> tuple[Any, ...]:
    """Return a rule as the tuple that it is in a config."""
    if isinstance(rule, PartitionRule):
        return (rule.pattern, *rule.axes)
    decay = () if rule.weight_decay is None else (rule.weight_decay,)
    return (rule.pattern, rule.learning_rate, *decay)
