"""The files of descriptions are complete and distinct, bad ones are refused, strings are exact."""

import dataclasses
import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import yaml

from configs import gap_ucla
from data_pipelines.datasets import nw_ucla
from data_pipelines.errors import UserError
from data_pipelines.specs import catalog
from data_pipelines.specs.class_texts import MissingTextError
from data_pipelines.specs.skeletons import KINECT20, NTU25, PARTS
from gapjax.experiment import model
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.data import Dataset
from gapjax.methods.star import texts as star_texts
from gapjax.prompts import lint
from gapjax.prompts.descriptions import TEXTS, ClassText, from_name, load_texts
from gapjax.prompts.strings import (
    GLOBAL,
    PART,
    global_strings,
    part_strings,
    part_variants,
    word_strings,
)

NW_UCLA = (
    *("pick up with one hand", "pick up with two hands", "drop trash", "walk around", "sit down"),
    *("stand up", "donning", "doffing", "throw", "carry"),
)
# Recipes with the name of the field that they read.
READ = ("paragraph", "manual")
DRINK = ClassText(
    label="drink water",
    synonyms=("sip", "gulp"),
    paragraph="She drinks.",
    manual="hand grasps the cup, arm lifts it",
    parts={
        "head": "tilts back slightly",
        "hand": "grasps cup",
        "arm": "lifts cup to mouth",
        "hip": "remains stationary",
        "leg": "stands",
        "foot": "is still",
    },
)


def entry(label: str, **changes: Any) -> dict[str, Any]:
    parts = dict.fromkeys(PARTS, f"of {label}")
    return {"label": label, "synonyms": ["a", "b"], "paragraph": "c", "parts": parts} | changes


def write(folder: Path, content: Any) -> str:
    file = folder / "texts.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(file)


def all_labels(file: Path) -> list[str]:
    return [text["label"] for text in yaml.safe_load(file.read_text())["classes"]]


@pytest.mark.parametrize("name", sorted(file.stem for file in TEXTS.glob("*.yaml")))
def test_the_projects_own_texts(name: str) -> None:
    file = TEXTS / f"{name}.yaml"
    assert "Provenance:" in file.read_text()
    texts = load_texts(name, all_labels(file))
    # Several movements of each class, not its label over again.
    assert min(text.manual.count(",") for text in texts) >= 2


def test_several_files(tmp_path: Path) -> None:
    """The first that describes a class counts, in whatever order classes are wanted."""
    both = load_texts("nw_ucla+utd_mhad", ["wave", "throw", "carry"])
    assert [text.label for text in both] == ["wave", "throw", "carry"]
    assert both[1:] == load_texts("nw_ucla", NW_UCLA)[-2:]
    folder = tmp_path / "a+b"
    folder.mkdir()
    mine = write(folder, {"classes": [entry("throw"), entry("nap")]})
    assert load_texts(mine, ["throw", "nap"])[0].paragraph == "c"
    nap, throw, wave = load_texts(f"nw_ucla+utd_mhad+{mine}", ["nap", "throw", "wave"])
    assert (nap.paragraph, throw, wave) == ("c", both[1], both[0])
    with pytest.raises(UserError, match=r"nw_ucla.yaml \+ .*texts.yaml: class 'wave' is not desc"):
        load_texts(f"nw_ucla+{mine}", ["nap", "wave"])
    with pytest.raises(UserError, match=r"no file of class descriptions 'nw_ucl\+utd_mhad'"):
        load_texts("nw_ucl+utd_mhad", ["nap"])


@pytest.mark.parametrize("name", catalog.modules())
def test_every_dataset_is_described(name: str) -> None:
    spec = importlib.import_module(f"data_pipelines.datasets.{name}").SPEC
    assert tuple(text.label for text in load_texts(spec.texts, spec.labels)) == spec.labels


def test_nw_ucla_in_the_order_of_its_ids() -> None:
    texts = load_texts("nw_ucla", NW_UCLA)
    assert tuple(text.label for text in texts) == NW_UCLA
    assert [text.label for text in load_texts("nw_ucla", NW_UCLA[:3])] == list(NW_UCLA[:3])


def test_text_is_put_on_one_line(tmp_path: Path) -> None:
    file = write(tmp_path, {"classes": [entry("wave", paragraph=" two\n lines ")]})
    assert load_texts(file, ["wave"])[0].paragraph == "two lines"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("classes: [", "texts.yaml is not readable YAML: "),
        ("- wave", "texts.yaml: it should have one key, `classes`"),
        ({"classes": [], "more": 1}, "texts.yaml: it should have one key, `classes`"),
        ({"classes": []}, "texts.yaml: `classes` should be a list of descriptions"),
        (
            {"classes": ["wave"]},
            "class 0 should have the fields label, synonyms, paragraph, manual, parts, ",
        ),
        ({"classes": [{"labl": "wave"}]}, "line 2: class 0 lacks the field 'label'"),
        (
            {"classes": [entry("wave") | {"label": None}]},
            "class 0: label is None, it should be a text",
        ),
        (
            {"classes": [entry("wave", paragraf="x")]},
            "class 0 has an unknown field 'paragraf'; did you mean 'paragraph'?",
        ),
        (
            {"classes": [entry("wave", synonyms="hello")]},
            "class 0 (wave): synonyms should be a list of texts",
        ),
        (
            {"classes": [entry("wave", synonyms=["hi", True])]},
            "class 0 (wave): synonyms is True, it should be a text (in quotes if need be)",
        ),
        (
            {"classes": [entry("wave", paragraph=" ")]},
            "class 0 (wave): paragraph is ' ', it should",
        ),
        (
            {"classes": [entry("wave", manual=["arm rises"])]},
            "class 0 (wave): manual is ['arm rises'], it should be a text",
        ),
        (
            {"classes": [entry("clap"), entry("wave", parts=["head"])]},
            "class 1 (wave): parts should map names of parts to their movements",
        ),
        (
            {"classes": [entry("wave", parts=dict.fromkeys(PARTS, "x") | {"foot": ""})]},
            "class 0 (wave): parts: foot is '', it should be a text",
        ),
        (
            {"classes": [entry("wave", paragraph=[])]},
            "class 0 (wave): paragraph is an empty list; give a text, or remove the field",
        ),
        (
            "provenance: {model: m}\nclasses:\n- label: a\n- {label: wave, parts: {arm: [x, 3]}}",
            "line 4: class 1 (wave): parts: arm is 3, it should be a text",
        ),
        (
            {"classes": [entry("wave", verb=True)]},
            "class 0 (wave): verb is True, it should be a text",
        ),
        ({"classes": [entry("wave")]}, "class 'clap' is not described"),
        ({"classes": [entry("wave"), entry("clapp")]}, "'clap' is not described; did you mean"),
        ({"classes": [entry(x) for x in ("wave", "clap", "wave")]}, "'wave' is described 2 times"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: Any, message: str) -> None:
    file = write(tmp_path, content)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load_texts(file, ["wave", "clap"])
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_lists_what_there_is() -> None:
    with pytest.raises(UserError, match=r"'nw_ucl'; did you mean 'nw_ucla'.*\(there are: .*nw_uc"):
        load_texts("nw_ucl", NW_UCLA)


def test_strings_of_a_class() -> None:
    assert global_strings([DRINK], "label") == [["drink water"]]
    assert global_strings([DRINK], "synonym") == [["drink water", "sip", "gulp"]]
    assert global_strings([DRINK], "paragraph") == [["She drinks."]]
    manual = "drink water, hand grasps the cup, arm lifts it"
    assert global_strings([DRINK], "manual") == [[manual]]
    (templates,) = global_strings([DRINK], "template")
    assert templates[0] == "drink water, a video of action"
    assert len({*templates}) == 5
    assert all("drink water" in text for text in templates)
    # As many of each recipe, so that each is drawn as often.
    (mixed,) = global_strings([DRINK], "synonym+template+paragraph")
    assert {*mixed} == {"drink water", "sip", "gulp", "She drinks.", *templates}
    assert (len(mixed), mixed.count("sip"), mixed.count("She drinks.")) == (45, 5, 15)
    with pytest.raises(UserError, match="global_text='synonyms' is not known; did you mean 'syno"):
        global_strings([DRINK], "synonyms")


def test_verb_and_noun_of_a_class(tmp_path: Path) -> None:
    file = write(tmp_path, {"classes": [entry("wave", verb="wave", noun="hand")]})
    assert word_strings(load_texts(file, ["wave"])) == [["wave", "hand"]]
    assert word_strings([from_name("wave")]) == [["wave", "wave"]]
    with pytest.raises(UserError, match="class 'drink water' has no verb in its description"):
        word_strings([DRINK])


def test_several_texts_of_the_same(tmp_path: Path) -> None:
    """The i-th texts belong together; a shorter list starts over, and no string is there twice."""
    parts = {"hand": ["opens", "closes", "opens"], "arm": ["swings", "rests"], "leg": "bends"}
    content = {
        "provenance": {"model": "m"},
        "classes": [entry("a", parts=parts) | {"paragraph": ["b", "c"]}],
    }
    texts = load_texts(write(tmp_path, content), ["a"])
    assert global_strings(texts, "paragraph") == [["b", "c"]]
    pairs = [["a, hand opens, arm swings", "a, hand closes, arm rests"], ["a, leg bends"]]
    assert part_variants(texts, ("hand_arm", "leg"), "plain") == [pairs]
    assert part_strings(texts, ("hand_arm", "leg"), "plain") == [[row[0] for row in pairs]]
    assert texts[0].parts == {"hand": "opens", "arm": "swings", "leg": "bends"}
    assert [one.others for one in texts[0].variants()] == [(), (), ()]
    recipe = {
        "class_text": "paragraph",
        "part_text": "plain",
        "parts": ["arm", "leg"],
        "scale": 1.0,
    }
    lengths = {"a, arm swings": 3.0, "a, arm rests": 5.0, "a, leg bends": 7.0, "b": 1.0, "c": 2.0}
    embedded = star_texts.embed(texts, recipe, lambda rows: np.array([[lengths[s]] for s in rows]))
    assert embedded["part"].tolist() == [[[4.0], [7.0]]]
    assert embedded["label"].tolist() == [[1.5]]
    bad = {**parts, "arm": ["swings", "one arm rests."]}
    texts = load_texts(write(tmp_path, {"classes": [entry("a", parts=bad)]}), ["a"])
    assert "a: arm: has a second subject, 'one arm': arm one arm rests." in lint.problems(texts)


def test_strings_of_parts_are_plain() -> None:
    assert part_strings([DRINK, DRINK], ("head", "hand_arm", "lower"), "plain") == 2 * [
        [
            "drink water, head tilts back slightly",
            "drink water, hand grasps cup, arm lifts cup to mouth",
            "drink water, hip remains stationary, leg stands, foot is still",
        ]
    ]
    with pytest.raises(UserError, match="part_text='star' is not known"):
        part_strings([DRINK], ("head",), "star")
    expected = (
        "no text describes the part 'tail_arm', which reads the texts of tail, arm: class 'drink "
        "water' describes head, hand, arm, hip, leg, foot; describe them, or use"
    )
    with pytest.raises(UserError, match=expected):
        part_strings([DRINK], ("tail_arm",), "plain")


def test_only_what_is_read_is_demanded(tmp_path: Path) -> None:
    file = write(tmp_path, {"classes": [{"label": "wave"}, {"label": "clap"}]})
    texts = load_texts(file, ["clap", "wave"])
    assert global_strings(texts, "synonym") == [["clap"], ["wave"]]
    for recipe, field in (*zip(READ, READ, strict=True), ("description", "parts")):
        with pytest.raises(MissingTextError, match=f"class 'clap' has no {field} in .*`{field}` "):
            global_strings(texts, recipe)
    with pytest.raises(MissingTextError, match="no text describes the part 'upper', which reads"):
        part_strings(texts, ("upper",), "plain")


def test_training_names_the_file_that_lacks_a_text(tmp_path: Path) -> None:
    """The file, the class and the key; a mistake in the config names no file."""
    file = write(tmp_path, {"classes": [{"label": label} for label in NW_UCLA]})
    dataset = Mock(Dataset, labels=NW_UCLA)
    dataset.problem = SimpleNamespace(classes=range(10), unseen_indices=())
    config = gap_ucla.get_config("")
    lacking = "class 'pick up with one hand' has no manual in its description"

    def check(texts: str, partition: str, text: str, expected: str) -> None:
        dataset.spec = dataclasses.replace(nw_ucla.SPEC, texts=texts)
        config.method.update(partition=partition, global_text=text)
        with pytest.raises(UserError, match=expected):
            model.build_method(plan_of(config), dataset)

    check(file, "global", "manual", f"^{re.escape(file)}: {lacking}")
    check(file, "global", "x", "^method.global_text='x' is not known")
    # A class that describes other parts than those that the partition reads.
    wings = [entry(label, parts={"wing": f"beats as in {label}"}) for label in NW_UCLA]
    other = write(tmp_path, {"classes": wings})
    check(other, "4", "label", f"^{re.escape(other)}: no text describes the part 'head'")


def test_parts_of_another_body(tmp_path: Path) -> None:
    """A part has its own text, or those of the parts that its name joins."""
    parts = {"index finger": "bends", "thumb": "rests", "left_wing": "beats"}
    texts = load_texts(write(tmp_path, {"classes": [entry("a", parts=parts)]}), ["a"])
    assert part_strings(texts, ("left_wing", "thumb_index finger"), "plain") == [
        ["a, left wing beats", "a, thumb rests, index finger bends"]
    ]
    assert global_strings(texts, "description") == [
        ["a, index finger bends, left wing beats, thumb rests"]
    ]
    recipe = {"class_text": "label", "part_text": "plain", "parts": ["thumb", "left_wing"]}
    embedded = star_texts.embed(
        texts, recipe | {"scale": 2.0}, lambda strings: np.array([[len(s)] for s in strings])
    )
    assert embedded["part"].tolist() == [[[2.0 * len("a, thumb rests")], [36.0]]]
    named = from_name("a", ("left_wing", "thumb", "hand_arm")).parts
    assert list(named) == ["left_wing", "thumb", "hand", "arm"]
    assert list(lint.problems(texts)) == [
        "a: 10 synonyms are asked for, all different from the label"
    ]


def test_strings_of_parts_are_joined_as_star_released() -> None:
    """Facts D.3: the name, then the part with a colon, as its file has them."""
    assert part_strings([DRINK], ("head", "leg", "foot"), "star_released") == [
        [
            "drink water, Head: Tilts back slightly",
            "drink water, Leg: Stands",
            "drink water, Foot: Is still.",
        ]
    ]


def test_strings_of_parts_are_joined_as_released() -> None:
    """Facts A.4, to the comma."""
    assert part_strings([DRINK], ("head", "hand_arm", "hip", "leg_foot"), "released") == [
        [
            "drink water,head tilts back slightly",
            "drink water hand grasps cup, arm lifts cup to mouth",
            "drink water, hip remains stationary",
            "drink water, leg stands, foot is still.",
        ]
    ]


@pytest.mark.parametrize("skeleton", [NTU25, KINECT20])
@pytest.mark.parametrize("style", PART)
def test_every_partition_has_its_texts(skeleton: Any, style: str) -> None:
    for partition in skeleton.partitions.values():
        (strings,) = part_strings([DRINK], tuple(partition), style)
        assert len(set(strings)) == len(partition)
        words = " ".join(strings).replace(",", " ").replace(":", " ").lower().split()
        assert [words.count(part) for part in PARTS] == [1] * 6


def test_the_tables_name_their_recipes() -> None:
    recipes = ("label", "template", "synonym", "paragraph", "manual", "description")
    assert tuple(GLOBAL) == recipes
    assert tuple(PART) == ("plain", "released", "star_released")


def test_a_description_names_the_label_and_every_part() -> None:
    ((description,),) = global_strings([DRINK], "description")
    assert description == (
        "drink water, head tilts back slightly, hand grasps cup, arm lifts cup to mouth, "
        "hip remains stationary, leg stands, foot is still"
    )
