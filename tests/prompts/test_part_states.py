"""Part states: the list is clean, the nearest are those of the slow search, GAP reads them."""

from pathlib import Path

import numpy as np
import pytest

from data_pipelines.errors import UserError
from data_pipelines.specs.skeletons import PARTS
from gapjax.methods.gap.options import Options
from gapjax.methods.gap.texts import class_strings, head_strings
from gapjax.prompts.part_states import all_states, nearest_states
from gapjax.prompts.rules import movement_problems
from gapjax.prompts.strings import global_strings
from gapjax.text.embedding_cache import TextEmbedder
from gapjax.text.encoder import TextOptions
from support.small_context import CONTEXT, LABELS, encode_text


def slow_search(label: str, count: int) -> list[str]:
    """Return the nearest states by cosine, found one after another."""
    (one,), left, found = encode_text([label]), list(all_states()), []
    for _ in range(count):
        cosines = []
        for state in left:
            (other,) = encode_text([state])
            cosines.append(sum(one * other) / sum(one**2) ** 0.5 / sum(other**2) ** 0.5)
        found.append(left.pop(int(np.argmax(cosines))))
    return found


def test_the_list() -> None:
    """A hundred different states of the six parts, in their order, under the linter's rules."""
    states = all_states()
    assert len(set(states)) == len(states) == 100
    parts, movements = zip(*(state.split(" ", 1) for state in states), strict=True)
    assert tuple(dict.fromkeys(parts)) == PARTS
    assert [list(movement_problems(*each)) for each in zip(parts, movements, strict=True)] == (
        [[]] * 100
    )


@pytest.mark.parametrize("count", [1, 7])
def test_the_nearest_are_those_of_the_slow_search(count: int) -> None:
    """Whatever the lengths of the embeddings, which differ from string to string."""
    found = nearest_states(LABELS, encode_text, count)
    assert found == [slow_search(label, count) for label in LABELS]


def test_what_gap_reads() -> None:
    """The label and its five states for the whole body; classes differ as their labels do."""
    options = Options(global_text="part_states", partition="global")
    strings = head_strings(CONTEXT.descriptions, options, (), encode_text)
    described = [", ".join([label, *slow_search(label, 5)]) for label in LABELS]
    assert strings == {"global": [[string] for string in described]}
    mixed = Options(global_text="paragraph+part_states", partition="global", part_states=2)
    (row, *_) = head_strings(CONTEXT.descriptions, mixed, (), encode_text)["global"]
    assert row == [
        CONTEXT.descriptions[0].paragraph,
        ", ".join([LABELS[0], *slow_search(LABELS[0], 2)]),
    ]
    assert class_strings(CONTEXT.descriptions, options) == [[label] for label in LABELS]
    with pytest.raises(UserError, match=r"global_text='part_states' is not known.*description\)"):
        global_strings(CONTEXT.descriptions, "part_states")


def test_embeddings_are_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the labels and those of the states; the second time nothing is encoded."""
    embedder = TextEmbedder(TextOptions(), tmp_path)
    found = nearest_states(["hand claps"], embedder.embed, 3)
    assert found[0][0] == "hand claps"
    assert len(list(tmp_path.glob("*.npy"))) == 2
    monkeypatch.setattr(TextEmbedder, "load", None)
    assert nearest_states(["hand claps"], embedder.embed, 3) == found
