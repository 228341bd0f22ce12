"""Rows that several tables of STAR share."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from configs import star_ntu60, star_pku
from gapjax.studies.study import Row

# The datasets of Tables 5, 6 and 7 and Figure 3. Where the paper names no split, these are those of
# Table 5.
DATASETS: Mapping[str, ModuleType] = {"NTU RGB+D 55/5": star_ntu60, "PKU-MMD 46/5": star_pku}


# The methods that the paper compares STAR with, by variant.
BASELINES = {
    "revise": "ReViSE",
    "jpose": "JPoSE",
    "cada_vae": "CADA-VAE",
    "synse": "SynSE",
    "smie": "SMIE",
}

# Table 7: what STAR does without, and the fields of a row that take it away.
COMPONENTS: Mapping[str, Mapping[str, Any]] = {
    "AM": {"variants": "no_attention"},
    "VAP": {"variants": "no_attribute_prompts"},
    "SPP": {"variants": "no_semantic_prompts"},
    "MPCE": {"overrides": {"method.part_weight": 0.0}},
    "SCE": {"overrides": {"method.semantic_weight": 0.0}},
    "GCE": {"overrides": {"method.global_weight": 0.0}},
}


def methods(
    group: str,
    variants: str,
    paper: Mapping[str, float] | None = None,
    **baselines: Mapping[str, float],
) -> tuple[Row, ...]:
    """Return the rows of a split: two references, the paper's baselines, then STAR.

    Args:
        group: the split.
        variants: the variants that select it.
        paper: the paper's numbers of STAR.
        baselines: those of baselines, by variant.
    """
    return (
        Row("Global alignment", variants=f"{variants},global", group=group),
        Row("Linear map", variants=f"{variants},regression", group=group),
        *(
            Row(name, {}, baselines.get(key, {}), variants=f"{variants},{key}", group=group)
            for key, name in BASELINES.items()
        ),
        Row("STAR", {}, paper or {}, variants=variants, group=group),
    )


def on_both(
    name: str,
    overrides: Mapping[str, Any] | None = None,
    paper: tuple[Mapping[str, float], ...] = ({}, {}),
    change: tuple[Mapping[str, float], ...] = ({}, {}),
    **others: Any,
) -> list[Row]:
    """Return a row for each of the `DATASETS`, with the paper's numbers or changes on each."""
    return [
        Row(name, overrides or {}, numbers, points, group=group, config=config, **others)
        for (group, config), numbers, points in zip(DATASETS.items(), paper, change, strict=True)
    ]


def by_dataset(rows: list[list[Row]]) -> tuple[Row, ...]:
    """Return rows of `on_both`, all of a dataset before those of the next."""
    return tuple(row for of_dataset in zip(*rows, strict=True) for row in of_dataset)
