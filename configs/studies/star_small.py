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


_BACKBONES = {"shift_gcn": "Shift-GCN", "ctr_gcn": "CTR-GCN", "st_gcn": "ST-GCN"}
# What is done in training → overrides.
_TRAINING: Mapping[str, Mapping[str, Any]] = {
    "": {},
    ", random clips in every step": {"encoder.features": "fresh"},
    ", four clips of a sample": {"encoder.views": 4},
    ", three times the epochs": {
        "encoder.epochs": 24,
        "encoder.optimizer.milestones": (18, 21),
    },
}


def encoders(zero_shot: str) -> tuple[Row, ...]:
    """Return rows of a split by skeleton encoder, with more training clips, and trained longer.

    Args:
        zero_shot: the split, as `data.zero_shot` names it.
    """
    return tuple(
        Row(
            f"{name}{training}",
            {"data.zero_shot": zero_shot, "backbone.name": backbone, **overrides},
            group=zero_shot.replace("_", "/"),
        )
        for training, overrides in _TRAINING.items()
        for backbone, name in _BACKBONES.items()
    )
