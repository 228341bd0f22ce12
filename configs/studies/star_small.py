"""Rows of the studies of STAR on small datasets of real skeletons."""

from collections.abc import Mapping
from typing import Any

from configs.studies import star_rows
from gapjax.studies.study import Row


def split(group: str, zero_shot: str) -> tuple[Row, ...]:
    """Return all rows of a split: STAR, its Tables 6 and 7, references and baselines.

    Args:
        group: what the table calls the split.
        zero_shot: the split, as `data.zero_shot` names it.
    """
    of_split = {"data.zero_shot": zero_shot}

    def row(name: str, variants: str = "", overrides: Mapping[str, Any] | None = None) -> Row:
        """Return a row of the split."""
        return Row(name, {**of_split, **(overrides or {})}, variants=variants, group=group)

    return (
        row("STAR"),
        row("STAR, described", "described"),
        row("Global alignment", "global"),
        row("Global alignment, described", "described,global"),
        row("Linear map", "regression"),
        row("Linear map, described", "described,regression"),
        *(row(name, variant) for variant, name in star_rows.BASELINES.items()),
        row("Two parts", overrides={"method.partition": "2"}),
        row("Four parts", overrides={"method.partition": "4"}),
        *(row(f"without {part}", **how) for part, how in star_rows.COMPONENTS.items()),
    )
