"""The linter of descriptions finds what it should, and ranks what is alike."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from data_pipelines.specs.skeletons import PARTS
from gapjax.prompts import lint
from gapjax.prompts.descriptions import ClassText
from gapjax.text.embedding import TextEmbedder
from gapjax.text.encoder import TextOptions

MOVES = ("is raised", "swings left", "bends twice", "turns round", "kicks far", "taps lightly")
GOOD = ClassText(
    label="wave",
    synonyms=tuple(f"word {i}" for i in range(10)),
    paragraph="A person waves.",
    parts=dict(zip(PARTS, MOVES, strict=True)),
)
OTHER = dataclasses.replace(
    GOOD, label="kick", parts=dict(zip(PARTS, MOVES[::-1], strict=True)), paragraph="It kicks."
)


def change(**fields: object) -> ClassText:
    return dataclasses.replace(GOOD, **fields)


def test_good_texts_have_no_problems() -> None:
    assert list(lint.problems([GOOD, OTHER])) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (change(synonyms=GOOD.synonyms[:9]), "10 synonyms"),
        (change(synonyms=(*GOOD.synonyms[:9], "Wave")), "10 synonyms"),
        (change(parts={**GOOD.parts, "arm": "arm swings"}), "arm: should continue"),
        (change(parts={**GOOD.parts, "leg": "bends."}), "leg: should continue"),
        (change(paragraph="word " * 71), "73 words and marks"),
        (change(label="salute"), "alike in all parts"),
    ],
)
def test_problems_are_named(text: ClassText, expected: str) -> None:
    others = [GOOD] if "alike" in expected else [OTHER]
    (problem,) = lint.problems([*others, text])
    assert expected in problem


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
    assert "10 classes, 0 problems" in capsys.readouterr().out
    entries = [dataclasses.asdict(text) for text in (GOOD, change(label="salute"))]
    for entry in entries:
        entry["synonyms"] = list(entry["synonyms"])
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"classes": entries}))
    assert lint.main([str(tmp_path / "mine.yaml")]) == 1
    assert "wave and salute are alike in all parts" in capsys.readouterr().out
    assert lint.main(["nowhere"]) == 2
    assert capsys.readouterr().err.startswith("gapjax: no file of class descriptions")
