"""The linter of descriptions finds what it should, and ranks what is alike."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from data_pipelines.specs.skeletons import PARTS
from gapjax.prompts import lint, rules
from gapjax.prompts.descriptions import TEXTS, ClassText, load_all
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions

MOVES = ("is raised", "swings left", "bends twice", "turns round", "kicks far", "taps lightly")
SHIPPED = sorted(file.stem for file in TEXTS.glob("*.yaml"))
GOOD = ClassText(
    label="wave",
    synonyms=tuple(f"word {i}" for i in range(10)),
    paragraph="A person waves.",
    parts=dict(zip(PARTS, MOVES, strict=True)),
    manual="arm rises, hand swings",
)
OTHER = dataclasses.replace(
    GOOD,
    label="kick",
    synonyms=tuple(f"name {i}" for i in range(10)),
    parts=dict(zip(PARTS, MOVES[::-1], strict=True)),
    paragraph="It kicks.",
    manual="leg swings, foot hits",
)


def change(**fields: object) -> ClassText:
    synonyms = tuple(f"term {i}" for i in range(10))
    other = {"label": "salute", "synonyms": synonyms, "manual": "arm rises, hand stops"}
    return dataclasses.replace(GOOD, **(other | fields))


def moving(**parts: str) -> ClassText:
    """Return a class with other movements of some parts."""
    return change(parts={**GOOD.parts, **parts})


def test_good_texts_have_no_problems() -> None:
    assert list(rules.problems([GOOD, OTHER])) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (change(synonyms=GOOD.synonyms[:9]), "10 synonyms"),
        (change(synonyms=(*change().synonyms[:9], "Salute")), "10 synonyms"),
        (moving(arm="arm swings"), "arm: should continue"),
        (moving(leg="bends."), "leg: should continue"),
        (change(paragraph="now " + "word, " * 35), "73 words and marks"),
        # What parts do that do nothing, and whose movement it is.
        (moving(arm="one arm swings"), "arm: has a second subject, 'one arm': arm one arm swings"),
        (moving(hand="in both persons the palms meet"), "a second subject, 'the palms'"),
        (moving(leg="in one person bends, in the other both knees bend"), "subject, 'both knees'"),
        (moving(arm="on the right his fist swings"), "a second subject, 'his fist'"),
        (moving(foot="rests in place while the comb moves above"), "'while', 'comb', 'above'"),
        (moving(leg="stands straight, unaffected by the wiping"), "'unaffected', 'wiping'"),
        (moving(hip="in one person bends, in the other stays still for the kick"), "'for', 'kick'"),
        (moving(foot="is planted, facing the basin"), "'facing', 'basin'"),
        (moving(foot="does not step, the cup lands beside it"), "'cup', 'lands', 'it'"),
        # Language.
        (moving(arm="makes a arc"), "a or an? makes a arc"),
        (change(paragraph="A person waves an hand."), "a or an? A person waves an hand."),
        (moving(arm="swings in in an arc"), "'in' is there twice"),
        (change(paragraph="The the person waves."), "'The' is there twice"),
        # Atomic movements.
        (
            change(manual="hand opens, it waves"),
            "manual: does not begin with a part of the body: it",
        ),
        (change(manual="hand opens."), "manual: should have no period"),
        (change(manual="hand opens an door"), "a or an? hand opens an door"),
        (change(manual="hand opens, " * 25 + "hand opens"), "81 words and marks"),
        # Names of two classes.
        (change(synonyms=(*change().synonyms[:9], "the Kick")), "'kick' names kick and salute"),
        (change(synonyms=(*change().synonyms[:9], "a name 3")), "'name 3' names kick and salute"),
    ],
)
def test_problems_are_named(text: ClassText, expected: str) -> None:
    (problem,) = rules.problems([OTHER, text])
    assert expected in problem


def test_classes_that_are_alike_are_named() -> None:
    (problem,) = rules.problems([GOOD, change()])
    assert problem == "wave and salute are alike in all parts"
    (problem,) = rules.problems([OTHER, change(manual=OTHER.manual)])
    assert problem == "kick and salute are alike in their manual description"
    (problem,) = rules.problems([OTHER, change(manual="")])
    assert problem == "salute: has no manual, which another class has"


def test_verbs_and_nouns() -> None:
    """All classes have them or none, and no two the same."""
    first, second = (
        dataclasses.replace(text, verb="Wave", noun=noun)
        for text, noun in ((GOOD, "hand"), (OTHER, "foot"))
    )
    assert list(rules.problems([first, second])) == []
    (problem,) = rules.problems([first, dataclasses.replace(second, noun="")])
    assert problem == "kick: has no noun, which another class has"
    (problem,) = rules.problems([first, dataclasses.replace(second, verb="wave", noun="Hand")])
    assert problem == "wave and kick have the same verb and noun, 'wave' and 'hand'"


@pytest.mark.parametrize(
    ("part", "movement"),
    [
        ("head", "faces forward and stays still"),
        ("leg", "in both persons stands straight and stays still"),
        ("arm", "hangs straight down, then bends"),
        ("hand", "on one side closes around an object and holds it"),
        ("arm", "left and right together form an X"),
        ("arm", "on one side swings for an hour like a unicorn"),
        ("leg", "stays low, bent at a right angle"),
    ],
)
def test_what_a_part_may_do(part: str, movement: str) -> None:
    assert list(rules.problems([OTHER, moving(**{part: movement})])) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_texts_have_no_problems(name: str) -> None:
    assert list(rules.problems(load_all(name))) == []


def test_parts_that_do_nothing_share_their_text() -> None:
    """A text that only one class has gives the class away, whatever it says."""
    assert rules.shared([GOOD, change(), OTHER]) == dict.fromkeys(PARTS, 2)
    ntu, pku = (rules.shared(load_all(name)) for name in ("ntu120", "pku_mmd"))
    assert min(ntu[part] for part in ("hip", "leg", "foot")) > 120 // 2
    assert min(pku[part] for part in ("hip", "leg", "foot")) > 51 // 2
    told = "heads of {head}, hips\nof {hip}, legs of {leg} and feet of {foot} share their text"
    assert told.format(**ntu) in (TEXTS.parents[2] / "docs" / "data.md").read_text()


def test_the_most_alike_come_first() -> None:
    near = change(label="beckon", parts={**GOOD.parts, "foot": "stays"})
    pairs = lint.most_alike([GOOD, OTHER, near], TextEmbedder(TextOptions()), 3)
    assert pairs[0][1:] == ("wave", "beckon")
    assert [cosine for cosine, *_ in pairs] == sorted(
        (cosine for cosine, *_ in pairs), reverse=True
    )
    cosine = lint.alikeness([GOOD, OTHER, near], TextEmbedder(TextOptions()))
    np.testing.assert_allclose(np.diagonal(cosine), 1.0, rtol=1e-5)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert lint.main(["nw_ucla", "--pairs=2"]) == 0
    out = capsys.readouterr().out
    assert "10 classes, 0 problems" in out
    assert "share a part's text with another: head 3, hand 0, arm 0, hip 0, leg 2, foot 6" in out
    entries = [dataclasses.asdict(text) for text in (GOOD, change(label="salute"))]
    for entry in entries:
        entry["synonyms"] = list(entry["synonyms"])
        for field in ("others", "verb", "noun"):
            del entry[field]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"classes": entries}))
    assert lint.main([str(tmp_path / "mine.yaml")]) == 1
    assert "wave and salute are alike in all parts" in capsys.readouterr().out
    assert lint.main(["nowhere"]) == 2
    assert capsys.readouterr().err.startswith("gapjax: no file of class descriptions")
