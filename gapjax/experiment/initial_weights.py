"""The weights that training starts from (`train.init_from`): a run's, a bundle's or published ones.

A part of the network is taken where its arrays have the same shapes and mean the same: a classifier
is of its classes, and what is compared to text is of its text encoder and partition.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_pipelines.errors import UserError
from gapjax import backbones, methods
from gapjax.backbones import FromTorch
from gapjax.experiment.data import Dataset, known_labels
from gapjax.experiment.plan import Plan
from gapjax.methods import Variables
from gapjax.nn import torch_weights
from gapjax.nn.adoption import Adoption
from gapjax.nn.torch_weights import Arrays, StateDict
from gapjax.training.step import TrainState
from gapjax.workdir import data_file, weights
from gapjax.workdir.bundle_hub import located
from gapjax.workdir.weights import UNKNOWN, Weights

# Where one of these differs, only what does not depend on the method is taken.
_METHOD_KEYS = (
    *("method.name", "method.partition"),
    *("text.encoder", "text.checkpoint", "text.pooling"),
)
_OF_ANY_METHOD = {"backbone", "classifier"}
# What the clips of a network are; other keys of clips vary them.
_CLIP_KEYS = ("clips.modality", "clips.k", "clips.origin", "clips.scale", "clips.align")


class Start(NamedTuple):
    """What training starts from.

    Attributes:
        variables: kind → part of the network → arrays, as they are there.
        others: the parts that mean another thing here.
        differences: what else differs, in words.
    """

    variables: Variables
    others: frozenset[str] = frozenset()
    differences: Sequence[str] = ()

    def usable(self) -> Variables:
        """Return the variables of the parts that mean the same here."""
        return {
            kind: {name: value for name, value in parts.items() if name not in self.others}
            for kind, parts in self.variables.items()
        }


def start(plan: Plan, dataset: Dataset) -> Start:
    """Return what the training of a plan starts from; nothing if it starts from scratch.

    Raises:
        UserError: the method or the backbone takes no weights, the file or folder is invalid, it is
            of another backbone, or it may have been trained on unseen classes.
    """
    path, spec = located(Path(plan.train.init_from)), methods.get(plan.method.name)
    if path == Path():
        return Start({})
    if spec.from_torch is None:
        raise UserError(
            f"train.init_from: method.name={plan.method.name!r} starts from no weights; those of "
            "its skeleton encoder are encoder.checkpoint"
        )
    if path.is_dir():
        return _of_folder(path, plan, dataset)
    if not path.exists():
        raise UserError(f"train.init_from: there is no workdir, bundle or state dict {str(path)!r}")
    if plan.data.zero_shot and not plan.on_features:
        raise UserError(
            "train.init_from: its weights may know classes that data.zero_shot leaves unseen; "
            "train from scratch, start from a workdir, which knows its classes, or give an encoder "
            "by encoder.checkpoint"
        )
    importer = backbone_importer(plan, "train.init_from")
    return Start(spec.from_torch(StateDict(_arrays(path, path.stat().st_mtime_ns)), importer))


@functools.lru_cache(maxsize=1)
def _arrays(path: Path, modified: int) -> Arrays:
    """Return the arrays of a file; a process reads them again only if it has been modified."""
    del modified
    return torch_weights.read(path)


def trained_on(plan: Plan) -> Sequence[str]:
    """Return the names of the classes that a plan's initial weights know, or `UNKNOWN`."""
    if not plan.train.init_from:
        return ()
    path = located(Path(plan.train.init_from))
    return weights.read(path).trained_on if path.is_dir() else (UNKNOWN,)


def adoption(plan: Plan, dataset: Dataset, state: TrainState) -> Adoption:
    """Return what a training takes of what it starts from.

    Args:
        plan: its plan.
        dataset: its dataset.
        state: its state, or the shapes of it.

    Raises:
        UserError: nothing fits.
    """
    begun = start(plan, dataset)
    params = weights.by_part(state.params)
    statistics = {} if plan.on_features else state.batch_stats
    fresh = {"params": params, "batch_stats": statistics}
    taken = Adoption.of(fresh, begun.variables, begun.others)
    # Of another width, a backbone has a few arrays of the same shapes, such as its scalars.
    few = taken.taken_in("backbone") < taken.new_in("backbone")
    nothing = not taken.taken and not (plan.on_features and _starts_encoder(plan))
    if few or nothing:
        where = ", ".join(begun.differences) or "it is of another network"
        raise UserError(
            f"train.init_from: {plan.train.init_from} does not fit {plan.backbone.name!r} and "
            f"{plan.method.name!r} as they are here ({where}): {taken}; give this run the same "
            "backbone, or train from scratch (train.init_from='')"
        )
    return taken


def require_all(plan: Plan, taken: Adoption, needed: Mapping[str, Any]) -> None:
    """Refuse to evaluate a network that is there in part.

    Args:
        plan: its plan.
        taken: what is taken.
        needed: the parts that scores depend on.

    Raises:
        UserError: one of them would begin anew.
    """
    missing = [part for part in needed if taken.new_in(part)]
    if missing:
        raise UserError(
            f"train.init_from: of {plan.train.init_from}, {', '.join(missing)} would begin anew "
            "here, untrained: it is of other classes, joints or persons, so that there is nothing "
            "to evaluate; train first (--mode=train)"
        )


def line(plan: Plan, dataset: Dataset, taken: Adoption) -> str:
    """Return what is told of a start."""
    differences = start(plan, dataset).differences
    others = f"; what differs: {', '.join(differences)}" if differences else ""
    return f"starts from {plan.train.init_from}: {taken}{others}"


def backbone_importer(plan: Plan, key: str) -> FromTorch:
    """Return the importer of published weights of a backbone, which the config key asks for.

    Raises:
        UserError: it has none.
    """
    importer = backbones.get(plan.backbone.name).from_torch
    if importer is None:
        raise UserError(f"{key}: backbone.name={plan.backbone.name!r} has no published weights")
    return importer


def _of_folder(folder: Path, plan: Plan, dataset: Dataset) -> Start:
    there = weights.read(folder)
    if plan.data.zero_shot:
        _refuse_unseen(folder, there, plan, dataset)
    name = there.config.get("backbone.name")
    if name != plan.backbone.name:
        raise UserError(
            f"train.init_from: {folder} has backbone.name={name!r}, this run has "
            f"{plan.backbone.name!r}; use --config.backbone.name={name}"
        )
    if not plan.on_features and "backbone" not in there.variables["params"]:
        raise UserError(
            f"train.init_from: {folder} has no skeleton encoder; is it {folder / 'encoder'}?"
        )
    variables = dict(there.variables)
    if _starts_encoder(plan):
        # The stage of the skeleton encoder takes it.
        for kind in ("params", "batch_stats"):
            variables[kind] = {
                part: value for part, value in variables[kind].items() if part != "backbone"
            }
    others = frozenset(_others(there, plan, dataset))
    return Start(variables, others, list(_differences(there, plan, dataset)))


def _starts_encoder(plan: Plan) -> bool:
    """Return whether a skeleton encoder starts from the weights of a plan, in its own stage."""
    folder = located(Path(plan.train.init_from)).is_dir()
    return plan.on_features and folder and not plan.encoder.checkpoint


def _refuse_unseen(folder: Path, there: Weights, plan: Plan, dataset: Dataset) -> None:
    seen = {*known_labels(plan, dataset)}
    names = (*dataset.spec.labels, UNKNOWN)
    known = [name for name in names if name in {*there.trained_on} - seen]
    if known:
        raise UserError(
            f"train.init_from: {folder} was trained on classes that are unseen here: "
            f"{', '.join(known)}; start from a run on the seen classes, or from scratch"
        )


def _others(there: Weights, plan: Plan, dataset: Dataset) -> Iterator[str]:
    """Yield the parts of weights that mean another thing in a plan."""
    here, params = plan.flat(), there.variables["params"]
    if any(there.config.get(key) != here.get(key) for key in _METHOD_KEYS):
        yield from params.keys() - _OF_ANY_METHOD
    if list(there.labels) != list(dataset.labels):
        yield from methods.get(plan.method.name).of_classes


def _differences(there: Weights, plan: Plan, dataset: Dataset) -> Iterator[str]:
    """Yield what is another there than here, in words."""
    here, joints = plan.flat(), list(dataset.spec.skeleton.joints)
    keys = [key for key in here if key.startswith("backbone.") or key in _CLIP_KEYS]
    for key in keys:
        before, now = there.config.get(key), here[key]
        now = list(now) if isinstance(now, tuple) else now
        if before != now:
            yield f"{key} is {before} there, {now} here"
    if there.joints and list(there.joints) != joints:
        yield data_file.difference({"joints": there.joints}, {"joints": joints}, ["joints"])
