"""Rows of the studies of STAR on real skeletons that were measured on a CPU."""

from collections.abc import Mapping

from configs.studies import star_rows
from gapjax.studies.study import Row

# The components of STAR's Table 7, and the key or the variant that takes each away.
_WITHOUT: Mapping[str, str | Mapping[str, object]] = {
    "AM": "no_attention",
    "VAP": "no_attribute_prompts",
    "SPP": "no_semantic_prompts",
    "MPCE": {"method.part_weight": 0.0},
    "SCE": {"method.semantic_weight": 0.0},
    "GCE": {"method.global_weight": 0.0},
}


def split(group: str, zero_shot: str) -> tuple[Row, ...]:
    """Return all rows of a split: STAR, its Tables 6 and 7, references and baselines.

    Args:
        group: what the table calls the split.
        zero_shot: the split, as `data.zero_shot` names it.
    """
    of_split = {"data.zero_shot": zero_shot}

    def row(name: str, how: str | Mapping[str, object] = "") -> Row:
        """Return a row of the split, by variants or by keys."""
        variants, keys = (how, {}) if isinstance(how, str) else ("", how)
        return Row(name, {**of_split, **keys}, variants=variants, group=group)

    return (
        row("STAR"),
        row("STAR, described", "described"),
        row("Global alignment", "global"),
        row("Global alignment, described", "described,global"),
        row("Linear map", "regression"),
        row("Linear map, described", "described,regression"),
        *(row(name, variant) for variant, name in star_rows.BASELINES.items()),
        row("Two parts", {"method.partition": "2"}),
        row("Four parts", {"method.partition": "4"}),
        *(row(f"without {part}", how) for part, how in _WITHOUT.items()),
    )
