"""Every number of every key: a bad value is refused in one line that names the key."""

import dataclasses
import math

import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs import catalog
from gapjax.experiment.model import method_options
from gapjax.experiment.schema import Key, all_keys, read_flat
from gapjax.inputs.clips import ClipRecipe

BAD = (-1, -0.5, math.nan, math.inf, 10**20)


def numbers(method: str, backbone: str) -> list[Key]:
    keys = all_keys(method=method, backbone=backbone)
    return [key for key in keys if any(kind in str(key.hint) for kind in ("int", "float"))]


def accept(key: Key, value: object, method: str, backbone: str) -> None:
    """Read a config with one value, and build what has further checks; raise UserError."""
    flat = {"method.name": method, "backbone.name": backbone, key.path: value}
    plan = read_flat(flat)
    spec = catalog.module("nw_ucla").SPEC
    plan.clips.build(ClipRecipe, skeleton=spec.skeleton, space=spec.space)
    method_options(plan)


def refusal(key: Key, value: object, method: str, backbone: str) -> str:
    """Return what is said of a value; nothing if it is valid."""
    try:
        accept(key, value, method, backbone)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("method", "backbone"),
    [
        ("gap", "ctr_gcn"),
        ("star", "shift_gcn"),
        ("part_classification", "st_gcn"),
        ("star", "ctr_baseline"),
    ],
)
def test_a_bad_number_is_refused_or_valid(method: str, backbone: str) -> None:
    keys = numbers(method, backbone)
    assert len(keys) > 30
    for key in keys:
        for bad in BAD:
            for value in (bad, (bad,), (bad, bad)):
                said = refusal(key, value, method, backbone)
                huge = bad == 10**20
                assert key.path in said or (huge and not said), f"{key.path}={value}: {said}"
                assert "\n" not in said


REFUSED = {
    "optimizer.learning_rate": -1.0,
    "optimizer.momentum": 2.0,
    "mesh.devices": -1,
    "clips.train_crop": 0.5,
    "backbone.width": 6,
    "seed": 12345678901234567890,
    "train.epochs": 2.5,
    "data.stand_in": "yes",
    "text.encoder": 3,
    "encoder.optimizer.weight_decay": math.nan,
    "clips.longest": 0,
    "clips.window": 0,
    "clips.eval_crop": 0.0,
    "clips.k": -1,
    "encoder.views": 0,
    "eval.every": 0,
    "zero_shot.folds": -1,
}


@pytest.mark.parametrize("path", REFUSED)
def test_values_that_were_accepted(path: str) -> None:
    (key,) = (key for key in all_keys(method="star") if key.path == path)
    with pytest.raises(UserError, match=path.replace(".", r"\.")):
        accept(key, REFUSED[path], "star", "ctr_gcn")


def test_an_angle_has_the_unit_of_its_rotation() -> None:
    spec = catalog.module("nw_ucla").SPEC
    for rotation, right, wrong in (
        ("rigid", 0.3, 60.0),
        ("view", 60.0, 0.3),
        ("view", 60.0, 200.0),
    ):
        recipe = ClipRecipe(spec.skeleton, rotation=rotation, angle=right)
        with pytest.raises(UserError, match=r"angle=.*(radians|degrees)"):
            dataclasses.replace(recipe, angle=wrong)


def test_none_is_a_value_where_a_key_has_it() -> None:
    assert read_flat({"clips.k": None, "zero_shot.gamma": None}).clips["k"] is None
    with pytest.raises(UserError, match=r"train\.epochs=None"):
        read_flat({"train.epochs": None})
