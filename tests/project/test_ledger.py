"""docs/fidelity.md and the variants `paper` and `released` of every config say the same."""

import importlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from ml_collections import ConfigDict

from gapjax.experiment.schema import flatten
from support.commands import ROOT

CONFIGS = {
    "GAP": ("gap_demo", "gap_ntu60", "gap_ntu120", "gap_ucla"),
    "STAR": ("star_demo", "star_ntu60", "star_ntu120", "star_pku", "star_ucla", "star_utd"),
}
CASES = [
    (paper, name, variant, stream)
    for paper, names in CONFIGS.items()
    for name in names
    for variant in ("paper", "released")
    for stream in (("", "bone") if paper == "GAP" else ("",))
]
# What a parenthesis may restrict a value to.
CONDITIONS = {
    "NW-UCLA": lambda config: config.data.dataset == "nw_ucla",
    "PKU-MMD": lambda config: config.data.dataset == "pku_mmd",
    "NTU RGB+D 120": lambda config: config.data.dataset == "ntu120",
    "of NTU)": lambda config: config.data.dataset in ("ntu60", "ntu120"),
    "bone streams": lambda config: config.clips.k == 1,
    "joint streams": lambda config: config.clips.k != 1,
}


class Value(NamedTuple):
    """A value that a row of the ledger lists, and the parenthesis after it."""

    key: str
    value: str
    mark: str


def cells(paper: str) -> list[str]:
    """Return the cells of the ledger that name gapjax's options, of a paper and of the data."""
    text = (ROOT / "docs" / "fidelity.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    rows = [row for title in (paper, "Data") for row in sections[title].splitlines()]
    return [row.strip("| ").split(" | ")[-2] for row in rows if row.startswith("| ")]


def values(paper: str) -> Iterator[Value]:
    """Yield the values in the ledger that a variant sets."""
    for cell in cells(paper):
        for key, listed in re.findall(
            r"`([a-z_]+(?:\.[a-z_]+)+)` = ((?:(?!`[a-z_.]+` = ).)*)", cell
        ):
            for value, mark in re.findall(r"([\w.]+) (\([^()]*`:\w+`[^()]*\))", listed):
                yield Value(key, value, mark)


def is_meant(value: Value, config: ConfigDict, variant: str) -> bool:
    """Return whether a variant sets a value in a config."""
    holds = (holds for name, holds in CONDITIONS.items() if name in value.mark)
    return f"`:{variant}`" in value.mark and all(each(config) for each in holds)


def config_of(name: str, *variants: str) -> tuple[ConfigDict, dict[str, Any]]:
    """Return the config of an experiment, and its keys."""
    module = importlib.import_module(f"configs.{name}")
    config = module.get_config(",".join(filter(None, variants)))
    return config, flatten(config.to_dict())


@pytest.mark.parametrize(("paper", "name", "variant", "stream"), CASES)
def test_variants_set_what_the_ledger_says(
    paper: str, name: str, variant: str, stream: str
) -> None:
    config, keys = config_of(name, variant, stream)
    meant = [each for each in values(paper) if is_meant(each, config, variant)]
    assert len(meant) >= 2
    assert [each for each in meant if str(keys[each.key]) != each.value] == []


@pytest.mark.parametrize(("paper", "name", "variant", "stream"), CASES)
def test_variants_set_nothing_else(paper: str, name: str, variant: str, stream: str) -> None:
    _, plain = config_of(name, stream)
    _, keys = config_of(name, variant, stream)
    changed = {key for key, value in keys.items() if value != plain[key]}
    named = {
        key
        for cell in cells(paper)
        if f"`:{variant}`" in cell
        for key in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", cell)
    }
    assert changed <= named
