"""Texts that a text encoder cannot tell apart: in training, lint and classify."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import yaml

from configs import gap_demo, star_ucla
from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import PARTS
from gapjax import classify
from gapjax.experiment import model
from gapjax.experiment.config_dict import plan_of
from gapjax.experiment.plan import Plan
from gapjax.prompts import lint
from gapjax.prompts.collected import Collected
from gapjax.prompts.descriptions import ClassText, from_name
from gapjax.text import distinct
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions
from support.small_text_models import save_bert, save_clip

AMHARIC = ("መቀመጥ", "መነሳት", "መዝለል ላይ", "ማጨብጨብ")
HASHED = TextEmbedder(TextOptions())


def alike(names: tuple[str, ...], embedder: TextEmbedder = HASHED) -> list[list[str]]:
    return distinct.alike(names, [[name] for name in names], embedder)


def test_words_that_hashing_does_not_know() -> None:
    assert alike(AMHARIC) == [list(AMHARIC)]
    assert alike(("wave", *AMHARIC[:2], "kick")) == [list(AMHARIC[:2])]
    assert alike(("Put on", "put-on", "off")) == [["Put on", "put-on"]]
    assert alike(("wave", "kick", AMHARIC[0])) == []


def test_words_that_a_vocabulary_does_not_know(tmp_path: pathlib.Path) -> None:
    """Their number does not tell them apart: an embedding differs by it, but says nothing."""
    for save, name in ((save_bert, "bert"), (save_clip, "clip")):
        checkpoint = save(tmp_path / name)
        embedder = TextEmbedder(TextOptions(name, checkpoint))
        assert alike(AMHARIC, embedder) == [list(AMHARIC)]
        mixed = ("wave hand", f"wave {AMHARIC[0]}", f"wave {AMHARIC[1]}", "clap")
        assert alike(mixed, embedder) == [list(mixed[1:3])]
    # ASCII needs no tokenizer, and so neither the checkpoint.
    gone = TextEmbedder(TextOptions("bert", str(tmp_path / "gone")))
    assert alike(("wave", "Wave", "kick"), gone) == [["wave", "Wave"]]


def test_most_are_refused_and_few_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("wave", "kick", "bow", "nod", *AMHARIC[:2])
    distinct.require_distinct(names, [[name] for name in names], HASHED)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"hashed cannot tell {AMHARIC[0]!r} and {AMHARIC[1]!r} apart, and 2 of 6" in line
    # Once in a process.
    distinct.require_distinct(names, [[name] for name in names], HASHED)
    distinct.require_distinct(("wave", "kick"), [["wave"], ["kick"]], HASHED)
    assert capsys.readouterr().err == ""
    names = ("wave", *AMHARIC[:2])
    with pytest.raises(UserError, match=f"{AMHARIC[0]!r} and {AMHARIC[1]!r} apart, nor 2 of all 3"):
        distinct.require_distinct(names, [[name] for name in names], HASHED)


def in_english(label: str, number: int) -> ClassText:
    parts = dict.fromkeys(PARTS, f"moves in way {number}")
    return dataclasses.replace(from_name(label), paragraph=f"Way {number}.", parts=parts)


@pytest.mark.parametrize(
    ("plan", "described", "named"),
    [
        (plan_of(gap_demo.get_config("")), True, False),
        (plan_of(star_ucla.get_config("")), False, False),
        (plan_of(star_ucla.get_config("described")), True, False),
    ],
    ids=["gap", "star", "described"],
)
def test_training_needs_what_its_method_compares(plan: Plan, described: bool, named: bool) -> None:
    """Whether descriptions in English help labels in Amharic, and whether labels alone do."""
    names = [from_name(label) for label in AMHARIC]
    texts = [in_english(label, number) for number, label in enumerate(AMHARIC)]
    for is_good, given in ((described, texts), (named, names)):
        if is_good:
            model.require_distinct_classes(plan, given)
        else:
            with pytest.raises(UserError, match=r"cannot tell .* apart.*text\.file"):
                model.require_distinct_classes(plan, given)
    model.require_distinct_classes(plan_of(gap_demo.get_config("no_text")), names)


def test_lint_names_two_classes(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = [in_english(name, number) for number, name in enumerate(AMHARIC[:2])]
    texts = [
        Collected(
            text.label,
            text.synonyms,
            [text.paragraph],
            {part: [movement] for part, movement in text.parts.items()},
        ).entry()
        for text in described
    ]
    path = tmp_path / "texts.yaml"
    path.write_text(yaml.safe_dump({"classes": texts}))
    assert lint.main([str(path)]) == 1
    expected = f"the text encoder hashed cannot tell {AMHARIC[0]!r} and {AMHARIC[1]!r} apart by"
    assert f"{expected} their names\n" in (out := capsys.readouterr().out)
    assert "by their descriptions" not in out
    # Nor is it an error that there is no known word at all.
    path.write_text(yaml.safe_dump({"classes": [{"label": name} for name in AMHARIC[:2]]}))
    assert lint.main([str(path)]) == 1


def test_classify_refuses_them(
    star_bundle: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = np.random.default_rng(0).normal(size=(40, 25, 3)).astype(np.float32)
    np.save(tmp_path / "clip.npy", clip)
    flags = [f"--bundle={star_bundle}", str(tmp_path / "clip.npy"), "--format=json"]
    assert classify.main([*flags, f"--classes={'; '.join(AMHARIC)}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cannot tell {AMHARIC[0]!r} and {AMHARIC[1]!r} apart" in line
    # One of them among others is told from them, by what it lacks.
    assert classify.main([*flags, f"--classes=wave; fly a kite; {AMHARIC[0]}"]) == 0
    (file,) = json.loads(capsys.readouterr().out)
    assert len({entry["score"] for entry in file["classes"]}) == 3
