"""Every config says what it is, knows its variants, and builds; nothing unknown gets through."""

import dataclasses
import importlib
import json
from pathlib import Path

import pytest

from configs import gap_ucla
from data_pipelines.errors import UserError
from gapjax import registry
from gapjax.experiment.config_dict import choose, new_config, plan_of
from gapjax.experiment.schema import all_keys, flatten, read_flat

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "configs").glob("*.py") if path.stem[0] != "_")
EXPERIMENTS = [name for name in NAMES if not name.startswith("base")]


def module(name: str) -> object:
    return importlib.import_module(f"configs.{name}")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_docstring_says_command_cost_and_expectation(name: str) -> None:
    text = module(name).__doc__
    for base in ("base_gap", "base_star"):
        text += module(base).__doc__ if f"configs/{base}.py" in text else ""
    for word in (f"configs/{name}.py", "Command:", "Cost:", "Expected:", "Variants:"):
        assert word in text, f"configs/{name}.py lacks {word!r}"
    for variant in module(name).VARIANTS:
        assert f"`{variant}`" in text or f":{variant}" in text, (
            f"{name}: {variant} is not described"
        )


@pytest.mark.parametrize(
    ("name", "variant"),
    [(name, variant) for name in EXPERIMENTS for variant in ["", *module(name).VARIANTS]],
)
def test_every_variant_has_only_known_keys(name: str, variant: str) -> None:
    plan = plan_of(module(name).get_config(variant))
    assert read_flat(json.loads(json.dumps(plan.flat()))) == plan


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_there_is_a_smoke_variant(name: str) -> None:
    assert "smoke" in module(name).VARIANTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_unknown_variant_lists_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"no variant 'nonsense' .*smoke"):
        module(name).get_config("smoke,nonsense")


def test_variants_are_applied_from_left_to_right() -> None:
    config = gap_ucla.get_config("bone_motion,released,quick")
    assert config.clips.k == 1
    assert config.clips.k_operator == "released"
    assert config.method.partition == "4_bone_released"
    assert config.method.loss_weight == 1.0
    assert config.train.epochs == 12


def test_an_unknown_key_is_refused_with_a_suggestion() -> None:
    config = new_config()
    with config.unlocked():
        config.optimizer.learning_rat = 1.0
    with pytest.raises(UserError, match=r"learning_rat'; did you mean 'optimizer\.learning_rate'"):
        plan_of(config)


@pytest.mark.parametrize("backbone", registry.choices("gapjax.backbones"))
@pytest.mark.parametrize("method", registry.choices("gapjax.methods"))
def test_every_key_has_a_default_and_a_meaning(backbone: str, method: str) -> None:
    keys = all_keys(backbone=backbone, method=method)
    assert len({key.path for key in keys}) == len(keys)
    for key in keys:
        assert key.default is not dataclasses.MISSING, key.path
        assert key.doc.endswith("."), key.path


def test_the_keys_of_a_part_replace_those_of_another() -> None:
    """What both have is kept where the config set it."""
    config = new_config(method="gap")
    config.backbone.width, config.method.partition = 16, "2"
    choose(config, "backbone", "shift_gcn")
    choose(config, "method", "star")
    assert config.backbone.to_dict() == {
        "name": "shift_gcn",
        "width": 16,
        "stages": (4, 3, 3),
        "shift_gradient": "released",
    }
    assert config.method.partition == "2"
    assert "temperature" not in config.method
    choose(config, "method", "text_regression")
    # GAP's default of this key is another one.
    assert config.method.to_dict() == {"name": "text_regression", "global_text": "label"}


@pytest.mark.parametrize(("section", "name"), [("backbone", "ctr_gnc"), ("method", "gapp")])
def test_an_unknown_part_is_refused(section: str, name: str) -> None:
    with pytest.raises(UserError, match=f"no module '{name}' .*did you mean"):
        choose(new_config(), section, name)


def test_a_missing_key_takes_its_default() -> None:
    plan = read_flat({"backbone.name": "shift_gcn", "train.epochs": 3})
    assert plan.backbone["shift_gradient"] == "released"
    assert plan.train.epochs == 3
    assert plan.train.replicas == 1


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": (1, 2)}, "d": None}) == {"a.b": 1, "a.c": (1, 2), "d": None}


def test_optimizer_rules_are_tuples_in_a_config() -> None:
    config = gap_ucla.get_config()
    config.optimizer.rules = (("^text_encoder/", 0.1), ("scale", 0.0, 0.0))
    rules = plan_of(config).optimizer.rules
    assert [rule.learning_rate for rule in rules] == [0.1, 0.0]
    assert rules[1].weight_decay == 0.0


def test_star_is_trained_as_in_its_release() -> None:
    config = module("star_ntu60").get_config()
    assert config.optimizer.learning_rate == 0.01
    assert config.optimizer.milestones == (10, 20)
    assert (config.train.epochs, config.train.batch_size) == (40, 64)
    assert (config.encoder.epochs, config.encoder.batch_size) == (82, 32)
    assert module("star_pku").get_config().optimizer.milestones == (15, 20)
