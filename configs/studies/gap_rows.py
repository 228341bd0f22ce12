"""Rows that several studies of GAP share."""

from collections.abc import Mapping

from gapjax.studies.study import Row


def whole(text: str) -> dict[str, str]:
    """Return the keys of a text about the whole body alone."""
    return {"method.partition": "global", "method.global_text": text}


# The rows of Table 1a: name → keys.
_PARTITIONS: Mapping[str, Mapping[str, str]] = {
    "None": {"method.partition": "none"},
    "Global": whole("synonym"),
    "Upper, Lower": {"method.partition": "2"},
    "Head, Hand, Hip, Leg": {"method.partition": "4"},
    "Head, Hand, Arm, Hip, Leg, Foot": {"method.partition": "6"},
}


def partitions(paper: Mapping[str, float] | None = None) -> tuple[Row, ...]:
    """Return a row for each partition; parts have no global text (`method.global_text=none`).

    Args:
        paper: the paper's top-1 accuracies, by name.
    """
    numbers = paper or {}
    return tuple(
        Row(name, keys, {"top-1": numbers[name]} if name in numbers else {})
        for name, keys in _PARTITIONS.items()
    )
