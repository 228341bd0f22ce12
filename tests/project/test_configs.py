"""Every config says what it is, knows its variants, and builds; nothing unknown gets through."""

import dataclasses
import importlib
import itertools
import json
import re
from pathlib import Path

import pytest

from configs import gap_ucla
from configs.baselines import VARIANTS
from data_pipelines.errors import UserError
from gapjax import registry
from gapjax.experiment import abstract, build
from gapjax.experiment.config_dict import choose, new_config, plan_of
from gapjax.experiment.schema import all_keys, flatten, read_flat
from gapjax.experiment.stages import stages

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


# As in "110 epochs of 200 steps of 200".
SCHEDULE = re.compile(r"(\d+) epochs\s+of\s+([\d,]+)\s+steps\s+of\s+(\d+)")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_cost_has_a_number_and_its_schedule_is_the_configs(name: str) -> None:
    """The steps of an epoch are those of the published numbers of samples."""
    cost = re.search(r"Cost: .*?\n(?!  )", module(name).__doc__, re.DOTALL)[0]
    assert re.search(r"\d", cost)
    stated = {tuple(int(text.replace(",", "")) for text in each) for each in SCHEDULE.findall(cost)}
    config = module(name).get_config()
    if not stated:
        return
    config.data.dir = "nowhere"
    schedules = set()
    for stage in stages(plan_of(config), Path()):
        dataset = abstract.describe_dataset(stage.plan, abstract.Size())
        if dataset.spec.protocols[stage.plan.data.protocol].counts is None:
            return
        steps = build.train_order(stage.plan, dataset).steps_per_epoch
        schedules.add((stage.plan.train.epochs, steps, stage.plan.train.batch_size))
    assert stated <= schedules


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


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_variants_may_be_combined_in_any_order(name: str) -> None:
    """All pairs, of which those of one subject are refused."""
    make, variants = module(name).get_config, module(name).VARIANTS
    for one, other in itertools.combinations(variants, 2):
        subjects = [getattr(variants[variant], "subject", "") for variant in (one, other)]
        if subjects[0] and subjects[0] == subjects[1]:
            with pytest.raises(UserError, match=f"give one {subjects[0]}"):
                make(f"{other},{one}")
        else:
            assert make(f"{one},{other}") == make(f"{other},{one}")


def test_released_streams_of_gap() -> None:
    config = gap_ucla.get_config("released,quick,bone_motion")
    assert (config.clips.k, config.clips.modality) == (1, "joint_motion")
    assert config.clips.k_operator == "released"
    assert config.method.partition == "4_bone_released"
    assert config.method.loss_weight == 1.0
    assert config.train.epochs == 12
    assert gap_ucla.get_config("released").clips.k == 6
    assert module("gap_demo").get_config("released,bone").method.partition == "4_bone_released"
    assert module("gap_ntu120").get_config("released").clips.absent_person == "copy"
    assert module("gap_ntu60").get_config("no_text,released").method.partition == "none"


GAPS = [name for name in EXPERIMENTS if name.startswith("gap_")]
STARS = [name for name in EXPERIMENTS if name.startswith("star_")]


@pytest.mark.parametrize("name", GAPS)
def test_gap_as_in_its_paper(name: str) -> None:
    """Section 4.2 and 4.3: temperature 0.1, λ 0.8; Eq. 5: hard targets; Eq. 6: K parts."""
    method = module(name).get_config("paper").method
    assert (method.temperature, method.targets, method.average) == ("paper", "paper", "parts")
    assert method.loss_weight == 0.8
    assert module(name).get_config("released").method.temperature == "released"


@pytest.mark.parametrize("name", STARS)
def test_star_as_in_its_paper(name: str) -> None:
    """Section 4.3: eight heads, its rate for the NTU series, the data of Shift-GCN; Eq. 5-7."""
    config = module(name).get_config("paper")
    method = config.method
    assert (method.heads, method.similarity, method.semantic_classes) == (8, "dot", "all")
    assert config.encoder.features == "fresh"
    if "ntu" in name:
        assert config.optimizer.learning_rate == 0.001
        assert config.optimizer.milestones == (20, 30)
        assert config.train.epochs > 30
    released = module(name).get_config("released")
    assert (released.method.heads, released.method.part_text) == (4, "star_released")
    assert released.encoder.person_merge == released.encoder.norm == "released"
    assert (released.clips.absent_person == "copy") == (name == "star_ntu120")


# Joint, bone, joint motion and bone motion, and the table of the paper that has them.
PUBLISHED = {
    "gap_ntu60": ("3", "90.2 joint, 91.2 bone, 88.0 joint motion, 87.8 bone motion"),
    "gap_ntu120": ("4", "85.5 joint, 87.5 bone, 82.3 joint motion, 82.4 bone motion"),
    "gap_ucla": ("2", "94.0 joint, 95.3 bone, 93.5 joint motion, 91.2 bone motion"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(name: str) -> None:
    table, numbers = PUBLISHED[name]
    text = " ".join(module(name).__doc__.split())
    assert f"table {table}." in text
    assert f"paper {numbers}" in text


def test_tables_of_star() -> None:
    for name, tables in {
        "ntu60": "tables 2 and 5",
        "ntu120": "table 3",
        "pku": "tables 4 and 5",
    }.items():
        assert f"(ACM MM 2024), {tables}." in module(f"star_{name}").__doc__


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


def test_baselines_are_trained_as_published() -> None:
    """But for the epochs of those that train in cycles; small data have a rate of their own."""
    configs = {name: module("star_ntu60").get_config(name) for name in VARIANTS}
    for name, config in configs.items():
        assert (config.method.name, config.optimizer.algorithm) == (name, "adam")
        assert config.optimizer.learning_rate == (1e-5 if name == "smie" else 1e-4)
        assert config.zero_shot.gamma is None
        assert module("star_demo").get_config(name).optimizer.learning_rate == 1e-3
    for name, (epochs, batch) in {"revise": (300, 1024), "smie": (100, 128)}.items():
        assert (configs[name].train.epochs, configs[name].train.batch_size) == (epochs, batch)
    assert configs["jpose"].train.epochs == 300
    assert configs["smie"].optimizer.schedule == "cosine"
    assert configs["revise"].optimizer.rules == (("^text/", 1.0, 1e-3),)
    assert module("star_demo").get_config("revise").method.class_text == "description"


def test_the_papers_gamma_is_of_its_network_alone() -> None:
    gammas = {
        variant: module("star_ntu60").get_config(variant).zero_shot.gamma
        for variant in ("", "global", "regression")
    }
    assert gammas == {"": 0.012, "global": 0.012, "regression": None}


@pytest.mark.parametrize("variant", ["cada_vae", "synse"])
@pytest.mark.parametrize(
    ("name", "smallest", "clips", "steps"),
    [
        ("star_ntu60", 30_121, 36_750, 37_884),
        ("star_ntu120", 43_605, 57_774, 43_296),
        ("star_pku", 11_200, 17_120, 48_060),
    ],
)
def test_two_stages_have_steps_for_all_cycles(
    variant: str, name: str, smallest: int, clips: int, steps: int
) -> None:
    """Of the smallest split's clips, in a fold, too; `steps` are the ledger's."""
    config = module(name).get_config(variant)
    assert (config.method.cycle, config.method.cycles) == (1900, 10)
    # A fold has four of five subjects, and not the classes that it takes for unseen.
    fold = int(smallest * 0.77 * 0.8)
    assert config.train.epochs * (fold // config.train.batch_size) > 19_000
    assert config.train.epochs * (clips // config.train.batch_size) == steps


def test_pku_mmd_is_centered() -> None:
    """As NTU RGB+D is; camera coordinates would be turned about the camera."""
    clips = module("star_pku").get_config().clips
    assert (clips.origin, clips.rotation) == ("first_frame", "rigid")
    published = module("star_pku").get_config("frame_wise").clips
    assert (published.origin, published.align) == ("every_frame", "shoulders")
    assert (published.rotation, published.longest) == ("none", 300)


def test_own_data_counts_present_persons_and_the_papers_everybody() -> None:
    for variant in ("", "gap"):
        assert module("own").get_config(variant).method.persons == "present"
    assert module("own").get_config("star").encoder.person_merge == "present"
    for name in set(EXPERIMENTS) - {"own"}:
        config = module(name).get_config()
        assert config.encoder.person_merge == "mean"
        assert config.method.get("persons", "all") == "all"
